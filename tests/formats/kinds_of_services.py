"""The kinds of the formats of labeling services and of science: what each knows, and what becomes of it."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest

from polymask import encode_png
from polymask.codecs.png import encode_color
from tests.formats.scenes import FLAT, RING, RUNS, XY, H, Images, Scene, W, name, outcomes, picture
from tests.support.formats import written

SHARES = [[x / W, y / H] for x, y in RING]
LEGEND_COLORS = np.array([[0, 0, 0], *[[n, 1, 2] for n in range(1, 200)]], np.uint8)


def codes(kinds: Any, *painted: str) -> tuple[np.ndarray, list[int]]:
    """A mask with a row for each kind that is painted, and the number of each kind."""
    values = np.zeros((H, W), np.uint8)
    for at, kind in enumerate(kinds):
        if kind in painted:
            values[at] = at + 1
    return values, [at + 1 for at, _ in enumerate(kinds)]


# --- Scale

TASK: dict[str, Any] = {
    "polygon": {"type": "polygon", "vertices": XY},
    "box": {"type": "box", "left": 1, "top": 1, "width": 3, "height": 3},
    "turned box": {"type": "box", "vertices": XY, "rotation": 0.1},
    "cuboid": {"type": "cuboid"},
    "line": {"type": "line", "vertices": XY},
    "ellipse": {"type": "ellipse", "vertices": XY},
    "no label": {"vertices": XY, "label": ""},
    "two points": {"vertices": XY[:2]},
    "a number": 7,
}


def scale(path: Path, images: Images) -> Path:
    tasks = []
    for image, kinds in enumerate(images):
        picture(path / name(image))
        plain = [TASK[kind] for kind in kinds if kind in TASK]
        rows = [{"label": "cat"} | row if isinstance(row, dict) else row for row in plain]
        task = {"task_id": f"t{image}", "params": {"attachment": f"https://host/{name(image)}"}}
        tasks.append(task | {"response": {"annotations": rows}})
        tasks += [task | {"status": "pending"} for kind in kinds if kind == "waiting"]
    return written(path / "tasks.json", tasks)


def scale_segments(path: Path, images: Images) -> Path:
    tasks = []
    for image, kinds in enumerate(images):
        values, numbers = codes(kinds, "segment")
        written(path / f"masks/{name(image)}", encode_png(values))
        response = {
            "labelMapping": {f"label {at}": {"index": number} for at, number in enumerate(numbers)},
            "annotations": {"combined": {"indexedImage": f"https://host/masks/{name(image)}"}},
        }
        params = {"attachment": f"https://host/{name(image)}"}
        tasks.append({"task_id": f"t{image}", "params": params, "response": response})
    return written(path / "tasks.json", tasks)


ONE = [{"label": "a", "index": 1}]
NUCLEUS: dict[str, Any] = {
    "polygon": {"type": "polygon", "geometry": {"vertices": XY}},
    "box": {"type": "box", "geometry": {"x": 1, "y": 1, "width": 3, "height": 3}},
    "cuboid": {"type": "cuboid"},
    "line": {"type": "line", "geometry": {"vertices": XY}},
    "category": {"type": "category"},
    "mask": {"type": "segmentation", "mask_url": "s3://m/one.png", "annotations": ONE},
    "stray mask": {"type": "segmentation", "mask_url": "s3://m/none.png", "annotations": ONE},
    "no label": {"type": "polygon", "geometry": {"vertices": XY}, "label": ""},
    "no type": {"label": "cat"},
}  # fmt: skip


def nucleus(path: Path, images: Images) -> Path:
    rows = []
    written(path / "one.png", encode_png(np.eye(H, W, dtype=np.uint8)))
    for image, kinds in enumerate(images):
        picture(path / name(image))
        shared = {"label": "cat", "reference_id": f"i{image}"}
        rows += [shared | {"type": "category"}, *(shared | NUCLEUS[kind] for kind in kinds)]
    return written(path / "a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))


# --- Playment


def points(ring: list[list[float]]) -> dict[str, Any]:
    return {f"p{number}": {"x": x, "y": y} for number, (x, y) in enumerate(ring, 1)}


PLAYMENT: dict[str, Any] = {
    "polygon": ("polygons", {"points": points(SHARES)}),
    "rectangle": ("rectangles", {"points": points([SHARES[0], SHARES[2]])}),
    "cuboid": ("cuboids", {}),
    "line": ("lines", {}),
    "landmark": ("landmarks", {}),
    "two points": ("polygons", {"points": points(SHARES[:2])}),
    "pixels": ("polygons", {"points": points([[9, 9], [30, 9], [30, 30]])}),
}


def playment(path: Path, images: Images) -> Path:
    jobs = []
    for image, kinds in enumerate(images):
        picture(path / name(image))
        response: dict[str, Any] = {}
        for kind in kinds:
            group, row = PLAYMENT[kind]
            response.setdefault(group, {"data": []})["data"].append({"label": "cat"} | row)
        jobs.append({"image_url": f"https://host/{name(image)}", "maker_response": response})
    return written(path / "jobs.json", jobs)


def playment_raster(path: Path, images: Images) -> Path:
    jobs = []
    for image, kinds in enumerate(images):
        values, numbers = codes(kinds, "segment")
        written(path / f"masks/{name(image)}", encode_color(LEGEND_COLORS[values]))
        legend = {f"#{LEGEND_COLORS[number].tobytes().hex()}": f"cat # {number}" for number in numbers}
        raster = {"data": {"url": f"https://host/masks/{name(image)}", "legend": legend}}
        jobs.append({"image_url": f"https://host/{name(image)}", "maker_response": {"raster": raster}})
    return written(path / "jobs.json", jobs)


# --- XML

CORNERS = "".join(f"<x{n}>{x}</x{n}><y{n}>{y}</y{n}>" for n, (x, y) in enumerate(RING, 1))
BNDBOX = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>4</xmax><ymax>3</ymax></bndbox>"
RECTLABEL = {
    "polygon": f"<polygon>{CORNERS}</polygon>",
    "pixels": "<pixels><id>0</id></pixels>",
    "box": BNDBOX,
    "box and polygon": f"{BNDBOX}<polygon>{CORNERS}</polygon>",
    "line": "<line><x1>1</x1></line>",
    "keypoints": "<keypoints/>",
    "nothing": "",
    "no pixels": "<pixels><id>9</id></pixels>",
}


def rectlabel(path: Path, images: Images) -> Path:
    for image, kinds in enumerate(images):
        written(path / f"i{image}_pixels0.png", encode_png(np.eye(H, W, dtype=np.uint8)))
        objects = "".join(f"<object><name>cat</name>{RECTLABEL[kind]}</object>" for kind in kinds)
        size = f"<size><width>{W}</width><height>{H}</height></size>"
        text = f"<annotation><filename>{name(image)}</filename>{size}{objects}</annotation>"
        written(path / f"i{image}.xml", text)
    return path


OUTLINE = f"<polygon>{''.join(f'<pt><x>{x}</x><y>{y}</y></pt>' for x, y in RING)}</polygon>"
LABELME_XML = {
    "polygon": f"<name>cat</name>{OUTLINE}",
    "mask": "<name>cat</name><segm><mask>one.png</mask></segm>",
    "box": f"<name>cat</name><type>bounding_box</type>{OUTLINE}",
    "deleted": f"<name>cat</name><deleted>1</deleted>{OUTLINE}",
    "no name": OUTLINE,
    "nothing": "<name>cat</name>",
}


def labelme_xml(path: Path, images: Images) -> Path:
    written(path / "one.png", encode_png(np.eye(H, W, dtype=np.uint8)))
    for image, kinds in enumerate(images):
        objects = "".join(f"<object>{LABELME_XML[kind]}</object>" for kind in kinds)
        size = f"<imagesize><nrows>{H}</nrows><ncols>{W}</ncols></imagesize>"
        text = f"<annotation><filename>{name(image)}</filename>{size}{objects}</annotation>"
        written(path / f"i{image}.xml", text)
    return path


# --- JSON, a file an image

GEOJSON: dict[str, Any] = {
    "polygon": {"type": "Polygon", "coordinates": [RING]},
    "multipolygon": {"type": "MultiPolygon", "coordinates": [[RING], [RING]]},
    "nothing": None,
    "no polygons": {"type": "MultiPolygon", "coordinates": []},
    "point": {"type": "Point", "coordinates": [1, 1]},
    "line": {"type": "LineString", "coordinates": RING},
    "another plane": {"type": "Polygon", "coordinates": [RING], "plane": {"z": 3}},
    "two points": {"type": "Polygon", "coordinates": [RING[:2]]},
}


def geojson(path: Path, images: Images) -> Path:
    for image, kinds in enumerate(images):
        picture(path / name(image))
        features = [{"type": "Feature", "geometry": GEOJSON[kind], "properties": {}} for kind in kinds]
        written(path / f"i{image}.geojson", {"type": "FeatureCollection", "features": features})
    return path


MAPILLARY: dict[str, Any] = {
    "polygon": {"label": "cat", "polygon": RING},
    "no label": {"label": "", "polygon": RING},
    "two points": {"label": "cat", "polygon": RING[:2]},
    "a number": 7,
}


def mapillary(path: Path, images: Images) -> Path:
    for image, kinds in enumerate(images):
        document = {"width": W, "height": H, "objects": [MAPILLARY[kind] for kind in kinds]}
        written(path / f"i{image}.json", document | ({"width": 0.5} if "of no size" in kinds else {}))
    return path


ISAT: dict[str, Any] = {
    "polygon": {"segmentation": RING},
    "crowd": {"segmentation": RING, "iscrowd": True},
    "nothing": {"segmentation": []},
    "no category": {"segmentation": RING, "category": ""},
    "two points": {"segmentation": RING[:2]},
}


def isat(path: Path, images: Images) -> Path:
    for image, kinds in enumerate(images):
        info = {"name": name(image), "width": W, "height": H}
        objects = [{"category": "cat"} | ISAT[kind] for kind in kinds]
        written(path / f"i{image}.json", {"info": info, "objects": objects})
    return path


DARWIN: dict[str, Any] = {
    "polygon": {"polygon": {"paths": [XY]}},
    "polygon and box": {"polygon": {"paths": [XY]}, "bounding_box": {"x": 1}},
    "ellipse": {"ellipse": {"center": {"x": 4, "y": 4}, "radius": {"x": 2, "y": 2}}},
    "mask": {"mask": {}},
    "mask without pixels": {"mask": {}},
    "box": {"bounding_box": {"x": 1, "y": 1, "w": 3, "h": 3}},
    "tag": {"tag": {}},
    "line": {"line": {"path": XY}},
    "turned": {"ellipse": {"center": XY[0], "radius": XY[1], "angle": 0.5}},
    "of a video": {"frames": {"0": {}}},
    "no label": {"polygon": {"paths": [XY]}, "name": ""},
    "cloud": {"cloud": {}},
    "a number": 7,
}


def darwin(path: Path, images: Images) -> Path:
    for image, kinds in enumerate(images):
        values, numbers = codes(kinds, "mask", "pixels without a mask")
        rows: list[Any] = []
        ids = {}
        for kind, number in zip(kinds, numbers, strict=True):
            key = f"k{number}"
            if kind in ("mask", "pixels without a mask"):
                ids[key] = number
            row = DARWIN.get(kind)
            rows += (
                [] if row is None else [{"id": key, "name": "cat"} | row if isinstance(row, dict) else row]
            )
        runs = [number for value in values.reshape(-1).tolist() for number in (value, 1)]
        raster = {"dense_rle": runs, "mask_annotation_ids_mapping": ids}
        rows += [{"id": "r", "name": "__raster_layer__", "raster_layer": raster}] if ids else []
        item = {"name": name(image), "slots": [{"slot_name": "0", "width": W, "height": H}]}
        written(path / f"i{image}.json", {"version": "2.0", "item": item, "annotations": rows})
    return path


# --- JSON, a list of images

BDD: dict[str, Any] = {
    "polygon": {"poly2d": [{"vertices": RING, "types": "LLLL", "closed": True}]},
    "runs": {"rle": RUNS},
    "box": {"box2d": {"x1": 1, "y1": 1, "x2": 4, "y2": 3}},
    "box and polygon": {"box2d": {"x1": 1}, "poly2d": [{"vertices": RING}]},
    "cuboid": {"box3d": {}},
    "nothing": {},
    "lane": {"poly2d": [{"vertices": RING, "closed": False}]},
    "graph": {"graph": {}},
    "no category": {"poly2d": [{"vertices": RING}], "category": ""},
    "two points": {"poly2d": [{"vertices": RING[:2]}]},
}


def bdd100k(path: Path, images: Images) -> Path:
    frames = [
        {"name": name(image), "labels": [{"category": "cat"} | BDD[kind] for kind in kinds]}
        for image, kinds in enumerate(images)
    ]
    size = {"imageSize": {"width": W, "height": H}}
    return written(path / "labels.json", {"frames": frames, "config": size})


BDD_OLD: dict[str, Any] = {
    "polygon": {"poly2d": [[x, y, "L"] for x, y in RING]},
    "box": {"box2d": {"x1": 1, "y1": 1, "x2": 4, "y2": 3}},
    "lane": {"poly2d": [[x, y, "L"] for x, y in RING], "category": "lane/single"},
    "two points": {"poly2d": [[1, 1, "L"], [2, 2, "L"]]},
}


def bdd100k_old(path: Path, images: Images) -> Path:
    for image, kinds in enumerate(images):
        picture(path / name(image))
        objects = [{"category": "cat"} | BDD_OLD[kind] for kind in kinds]
        written(path / f"i{image}.json", {"name": name(image), "frames": [{"objects": objects}]})
    return path


ENCORD: dict[str, Any] = {
    "polygon": {"shape": "polygon", "polygons": [[[number for point in SHARES for number in point]]]},
    "older polygon": {
        "shape": "polygon", "polygon": {str(n): {"x": x, "y": y} for n, (x, y) in enumerate(SHARES)},
    },
    "bitmask": {
        "shape": "bitmask", "bitmask": {"top": 1, "left": 2, "width": 2, "height": 2, "rleString": "121"},
    },
    "box": {"shape": "bounding_box", "boundingBox": {"x": 0.1, "y": 0.1, "w": 0.5, "h": 0.5}},
    "turned box": {
        "shape": "rotatable_bounding_box",
        "rotatableBoundingBox": {"x": 0.1, "y": 0.1, "w": 0.5, "h": 0.5, "theta": 30.0},
    },
    "cuboid": {"shape": "cuboid_2d"},
    "line": {"shape": "polyline"},
    "skeleton": {"shape": "skeleton"},
    "no name": {"shape": "polygon", "polygons": [[FLAT]], "name": ""},
    "pixels": {"shape": "polygon", "polygons": [[[9, 9, 99, 9, 99, 99]]]},
}  # fmt: skip


def encord(path: Path, images: Images) -> Path:
    rows = []
    for image, kinds in enumerate(images):
        objects = [{"name": "cat"} | ENCORD[kind] for kind in kinds if kind in ENCORD]
        count = list(kinds).count
        labels = {"objects": objects, "classifications": [{"name": "x"}] * count("classification")}
        unit = {"data_title": name(image), "height": H, "width": W, "labels": labels}
        frame = {
            "objects": [{"name": "cat"}] * count("of a video"),
            "classifications": [{}] * count("of a frame"),
        }
        video = {"data_title": "a.mp4", "labels": {"0": frame}}
        rows.append({"data_units": {f"u{image}": unit, f"v{image}": video}})
    return written(path / "labels.json", rows)


VIA_CSV = {
    "polygon": {"name": "polygon", "all_points_x": [1, 5, 5], "all_points_y": [1, 1, 5]},
    "rect": {"name": "rect", "x": 1, "y": 1, "width": 3, "height": 3},
    "polyline": {"name": "polyline", "all_points_x": [1, 5], "all_points_y": [1, 1]},
    "point": {"name": "point", "cx": 1, "cy": 1},
    "no such shape": {"name": "blob"},
}


def via_csv(path: Path, images: Images) -> Path:
    lines = ["filename,region_shape_attributes,region_attributes"]
    for image, kinds in enumerate(images):
        picture(path / name(image))
        lines.append(f"{name(image)},{{}},{{}}")
        for kind in kinds:
            shape = json.dumps(VIA_CSV[kind]).replace('"', '""')
            lines.append(f'{name(image)},"{shape}","{{""label"":""cat""}}"')
    return written(path / "a.csv", "\n".join(lines) + "\n")


VIA_3_CSV: dict[str, tuple[str, str]] = {  # spatial and temporal coordinates
    "polygon": ("[7,1,1,5,1,5,5]", "[]"),
    "rect": ("[2,1,1,3,3]", "[]"),
    "point": ("[1,1,1]", "[]"),
    "of a moment": ("[2,1,1,3,3]", "[0.5]"),
    "no such shape": ("[12,1,1]", "[]"),
}


def via_3_csv(path: Path, images: Images) -> Path:
    lines = [
        "# Exported using VGG Image Annotator (http://www.robots.ox.ac.uk/~vgg/software/via)",
        '# ATTRIBUTE = {"1":{"aname":"kind","type":4,"options":{"0":"cat"}}}',
        "# CSV_HEADER = metadata_id,file_list,flags,temporal_coordinates,spatial_coordinates,metadata",
    ]
    for image, kinds in enumerate(images):
        picture(path / name(image))
        cells = [VIA_3_CSV[kind] for kind in kinds] + [("[]", "[]")]  # the last is of the whole image
        for at, (xy, z) in enumerate(cells):
            lines.append(f'"{image}_{at}","[""{name(image)}""]",0,"{z}","{xy}","{{""1"":""0""}}"')
    return written(path / "a.csv", "\n".join(lines) + "\n")


# --- pixels, and what libraries read


def bsds(path: Path, images: Images) -> Path:
    for image, kinds in enumerate(images):
        head = f"format ascii cr\nimage {image}\nuser 7\nwidth {W}\nheight {H}\ndata\n"
        rows = [f"{row + 1 if row < len(kinds) else 0} {row} 0 {W - 1}\n" for row in range(H)]
        written(path / f"i{image}.seg", head + "".join(rows))
    return path


WAYMO = {"car": 2, "sky": 26, "undefined": 0}


def waymo(path: Path, images: Images) -> Path:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    pngs = []
    for kinds in images:
        values = np.zeros((H, W), np.uint16)
        for at, kind in enumerate(kinds):
            values[at] = WAYMO[kind] * 1000 + at + 1
        pngs.append(encode_png(values))
    table = {
        "key.segment_context_name": [f"i{image}" for image, _ in enumerate(images)],
        "key.frame_timestamp_micros": [17] * len(images),
        "key.camera_name": [1] * len(images),
        "[CameraSegmentationLabelComponent].panoptic_label_divisor": [1000] * len(images),
        "[CameraSegmentationLabelComponent].panoptic_label": pngs,
    }
    data = BytesIO()
    parquet.write_table(arrow.table(table), data)
    return written(path / "a.parquet", data.getvalue())


def _roi(kind: str) -> bytes:
    roifile = pytest.importorskip("roifile")
    if kind == "broken":
        return b"Iout"
    if kind == "polygon":
        return bytes(roifile.ImagejRoi.frompoints(np.array(RING, np.float32), name="cat").tobytes())
    roi = roifile.ImagejRoi(roitype=roifile.ROI_TYPE[kind.upper()], name="cat")
    roi.left, roi.top, roi.right, roi.bottom = 1, 1, 5, 5
    roi.x1, roi.y1, roi.x2, roi.y2 = 1, 1, 5, 5
    return bytes(roi.tobytes())


def imagej(path: Path, images: Images) -> Path:
    for image, kinds in enumerate(images):
        picture(path / name(image))
        with ZipFile(path / f"i{image}.zip", "w") as archive:
            for number, kind in enumerate(kinds):
                archive.writestr(f"{number:04}.roi", _roi(kind))
    return path


CONTOURS: dict[str, Any] = {
    "contour": ("CLOSED_PLANAR", RING, "cat"),
    "part": ("CLOSED_PLANAR", RING, "parts"),
    "point": ("POINT", RING[:1], "cat"),
    "open": ("OPEN_PLANAR", RING, "cat"),
    "elsewhere": ("CLOSED_PLANAR", RING, "cat"),
    "two points": ("CLOSED_PLANAR", RING[:2], "cat"),
    "no name": ("CLOSED_PLANAR", RING, ""),
}


def dicom(path: Path, images: Images) -> Path:
    from tests.formats.test_dicom import SETS, ct, elements, stored

    regions: dict[int, tuple[str, list[Any]]] = {}
    for image, kinds in enumerate(images):
        place = {"ImagePositionPatient": [0, 0, 3 * image], "Rows": H, "Columns": W}
        written(path / f"i{image}.dcm", ct(image, **place))
        for kind in kinds:
            geometry, ring, label = CONTOURS[kind]
            contour = elements(ContourGeometricType=geometry)
            contour.ContourData = [number for x, y in ring for number in (x, y, 3 * image)]
            there = 99 if kind == "elsewhere" else image
            contour.ContourImageSequence = [elements(ReferencedSOPInstanceUID=f"1.2.{there}")]
            number = 1 if kind == "part" else len(regions) + 2
            regions.setdefault(number, (label, []))[1].append(contour)
    names = [elements(ROINumber=number, ROIName=label) for number, (label, _) in regions.items()]
    drawn = [
        elements(ReferencedROINumber=number, ContourSequence=contours)
        for number, (_, contours) in regions.items()
    ]
    sets = stored(SETS, "999", StructureSetROISequence=names, ROIContourSequence=drawn)
    written(path / "rs.dcm", sets)
    return path


SERVICES = {
    "scale": Scene(
        "scale",
        outcomes(
            TASK, box=("box", "painted"), turned_box=("box", "painted"), cuboid="unsegmented",
            line="unsupported", ellipse="unsupported", no_label="invalid", two_points="invalid",
            a_number="invalid", waiting="unsupported",
        ),
        scale,
    ),
    "scale segments": Scene(
        "scale", {"segment": "painted", "without pixels": "unsegmented"}, scale_segments
    ),
    "nucleus": Scene(
        "scale",
        outcomes(
            NUCLEUS, box=("box", "painted"), cuboid="unsegmented", line="unsupported", category="tag",
            stray_mask="invalid", no_label="invalid", no_type="invalid",
        ),
        nucleus,
        besides="tag",
    ),
    "playment": Scene(
        "playment",
        outcomes(
            PLAYMENT, rectangle=("box", "painted"), cuboid="unsegmented", line="unsupported",
            landmark="unsupported", two_points="invalid", pixels="invalid",
        ),
        playment,
    ),
    "playment raster": Scene(
        "playment", {"segment": "painted", "without pixels": "unsegmented"}, playment_raster
    ),
    "rectlabel": Scene(
        "rectlabel",
        outcomes(
            RECTLABEL, box=("box", "painted"), line="unsupported", keypoints="unsupported",
            nothing="invalid", no_pixels="invalid",
        ),
        rectlabel,
    ),
    "labelme-xml": Scene(
        "labelme-xml",
        outcomes(
            LABELME_XML, box=("box", "painted"), deleted="withdrawn", no_name="invalid", nothing="invalid"
        ),
        labelme_xml,
    ),
    "geojson": Scene(
        "geojson",
        outcomes(
            GEOJSON, nothing="unsegmented", no_polygons="unsegmented", point="unsupported",
            line="unsupported", another_plane="unsupported", two_points="invalid",
        ),
        geojson,
    ),
    "mapillary": Scene(
        "mapillary",
        outcomes(MAPILLARY, no_label="invalid", two_points="invalid", a_number="invalid"),
        mapillary,
    ),
    "isat": Scene(
        "isat", outcomes(ISAT, nothing="unsegmented", no_category="invalid", two_points="invalid"), isat
    ),
    "darwin": Scene(
        "darwin",
        outcomes(
            DARWIN, mask_without_pixels="unsegmented", box=("box", "painted"), tag="tag", line="unsupported",
            turned="unsupported", of_a_video="unsupported", no_label="invalid", cloud="invalid",
            a_number="invalid", pixels_without_a_mask="unsupported",
        ),
        darwin,
    ),
    "bdd100k": Scene(
        "bdd100k",
        outcomes(
            BDD, box=("box", "painted"), cuboid="unsegmented", nothing="unsegmented", lane="unsupported",
            graph="unsupported", no_category="invalid", two_points="invalid",
        ),
        bdd100k,
    ),
    "bdd100k older": Scene(
        "bdd100k",
        outcomes(BDD_OLD, box=("box", "painted"), lane="unsupported", two_points="invalid"),
        bdd100k_old,
    ),
    "encord": Scene(
        "encord",
        outcomes(
            ENCORD, box=("box", "painted"), turned_box=("unsegmented", "unsupported"), cuboid="unsegmented",
            line="unsupported", skeleton="unsupported", no_name="invalid", pixels="invalid",
            classification="tag", of_a_video="unsupported", of_a_frame="tag",
        ),
        encord,
    ),
    "via-csv": Scene(
        "via-csv",
        outcomes(VIA_CSV, polyline="unsupported", point="unsupported", no_such_shape="invalid"),
        via_csv,
    ),
    "via-csv 3": Scene(
        "via-csv",
        outcomes(VIA_3_CSV, point="unsupported", of_a_moment="unsupported", no_such_shape="invalid"),
        via_3_csv,
        besides="tag",
    ),
    "bsds": Scene("bsds", {"segment": "painted"}, bsds),
    "waymo": Scene("waymo", outcomes(WAYMO, undefined="undrawn"), waymo),
    "imagej": Scene(
        "imagej",
        {
            "polygon": "painted", "rect": "painted", "oval": "painted",
            "line": "unsupported", "point": "unsupported", "broken": "invalid",
        },
        imagej,
        {"from_": "imagej"},
    ),
    "dicom": Scene(
        "dicom",
        outcomes(
            CONTOURS, part="grouped", point="unsupported", open="unsupported", elsewhere="unsupported",
            two_points="invalid", no_name="invalid",
        ),
        dicom,
    ),
}  # fmt: skip
