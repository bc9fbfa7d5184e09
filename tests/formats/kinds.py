"""Every kind of annotation that each format knows, and what becomes of it: drawn by hand, counted here."""

import json
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from polymask import encode_png
from tests.formats.kinds_of_labelbox import LABELBOX_SCENES
from tests.formats.kinds_of_services import SERVICES
from tests.formats.scenes import (
    FIXTURE,
    FLAT,
    RING,
    RUNS,
    XY,
    H,
    Images,
    Outcome,
    Scene,
    W,
    name,
    outcomes,
    picture,
)
from tests.support.formats import FIXTURES, written

# --- COCO

COCO: dict[str, dict[str, Any] | int] = {
    "polygon": {"segmentation": [FLAT]},
    "runs": {"segmentation": RUNS},
    "crowd": {"segmentation": RUNS, "iscrowd": 1},
    "box": {"segmentation": [], "bbox": [1, 1, 4, 4]},
    "box without a word": {"bbox": [1, 1, 4, 4]},
    "keypoints": {"keypoints": [1, 1, 2], "num_keypoints": 1},
    "null": {"segmentation": None},
    "no such category": {"segmentation": [FLAT], "category_id": 99},
    "no such image": {"segmentation": [FLAT], "image_id": 999},
    "odd ring": {"segmentation": [FLAT[:5]]},
    "a number": 7,
}
COCO_OUTCOMES: dict[str, Outcome] = {
    "polygon": "painted",
    "runs": "painted",
    "crowd": "painted",
    "box": ("box", "painted"),
    "box without a word": ("box", "painted"),
    "keypoints": "unsegmented",
    "null": "unsegmented",
    "no such category": "invalid",
    "no such image": "invalid",
    "odd ring": "invalid",
    "a number": "invalid",
}


def coco(path: Path, images: Images) -> Path:
    rows = []
    for image, kinds in enumerate(images):
        for kind in kinds:
            row = COCO[kind]
            shared = {"id": len(rows) + 1, "image_id": image, "category_id": 1}
            rows.append(shared | row if isinstance(row, dict) else row)
    return written(
        path / "a.json",
        {
            "images": [{"id": i, "file_name": name(i), "height": H, "width": W} for i in range(len(images))],
            "categories": [{"id": 1, "name": "cat"}],
            "annotations": rows,
        },
    )


RESULTS: dict[str, Any] = {
    "runs": {"segmentation": RUNS},
    "rings": {"segmentation": [FLAT]},
    "box": {"bbox": [1, 1, 4, 4]},
}


def results(path: Path, images: Images) -> Path:
    rows = [
        {"image_id": image, "category_id": 1, "score": 0.5} | RESULTS[kind]
        for image, kinds in enumerate(images)
        for kind in ["runs", *kinds]
    ]
    return written(path / "a.json", rows)


PANOPTIC = {"segment": 1, "segment without pixels": 2}


def panoptic(path: Path, images: Images) -> Path:
    rows = []
    for image, kinds in enumerate(images):
        segments = [
            {"id": 10 * at + PANOPTIC.get(kind, 3), "category_id": 1} for at, kind in enumerate(kinds)
        ]
        ids = np.zeros((H, W, 3), np.uint8)
        for at, (kind, segment) in enumerate(zip(kinds, segments, strict=True)):
            if kind == "segment":
                ids[at % H, :, 0], ids[at % H, :, 1] = segment["id"] % 256, segment["id"] // 256
        (path / "a").mkdir(exist_ok=True)
        Image.fromarray(ids).save(path / "a" / name(image))
        lost = {"image_id": 999} if "of no image" in kinds else {}
        rows.append({"image_id": image, "file_name": name(image), "segments_info": segments} | lost)
    return written(
        path / "a.json",
        {
            "images": [{"id": i, "file_name": name(i), "height": H, "width": W} for i in range(len(images))],
            "categories": [{"id": 1, "name": "cat"}],
            "annotations": rows,
        },
    )


# --- a file an image

LABELME: dict[str, Any] = {
    "polygon": {"points": RING, "shape_type": "polygon"},
    "rectangle": {"points": [[1, 1], [5, 5]], "shape_type": "rectangle"},
    "circle": {"points": [[4, 4], [6, 4]], "shape_type": "circle"},
    "line": {"points": [[1, 1], [5, 5]], "shape_type": "line"},
    "points": {"points": [[3, 3]], "shape_type": "points"},
    "mask": next(shape for shape in FIXTURE["shapes"] if shape["shape_type"] == "mask"),
    "grouped": {"points": RING, "shape_type": "polygon", "group_id": 7},
    "ignored": {"points": RING, "label": "__ignore__"},
    "background": {"points": RING, "label": "_background_"},
    "cuboid": {"points": RING, "shape_type": "cuboid"},
    "a text": "x",
}


def labelme(path: Path, images: Images) -> Path:
    for image, kinds in enumerate(images):
        shapes = [
            {"label": "cat"} | LABELME[kind] if isinstance(LABELME[kind], dict) else LABELME[kind]
            for kind in kinds
        ]
        document = {"shapes": shapes, "imagePath": name(image), "imageHeight": H, "imageWidth": W}
        if "of no size" in kinds:
            document["imageHeight"] = 0.5
        written(path / f"i{image}.json", document)
    return path


GTFINE: dict[str, Any] = {
    "polygon": {"label": "car"},
    "group": {"label": "cargroup"},
    "unlabeled": {"label": "unlabeled"},
    "license plate": {"label": "license plate"},
    "deleted": {"label": "car", "deleted": 1},
    "two points": {"label": "car", "polygon": RING[:2]},
    "letters": {"label": "car", "polygon": "x"},
}


def gtfine(path: Path, images: Images) -> Path:
    for image, kinds in enumerate(images):
        objects = [{"polygon": RING} | GTFINE[kind] for kind in kinds]
        document = {"imgHeight": H, "imgWidth": W, "objects": objects}
        written(path / f"i{image}_gtFine_polygons.json", document)
    return path


DATALOOP: dict[str, Any] = {
    "segment": {"type": "segment", "coordinates": [XY]},
    "binary": {
        "type": "binary",
        "coordinates": json.loads((FIXTURES / "dataloop/json/boat.json").read_text())["annotations"][2][
            "coordinates"
        ],
    },
    "box": {"type": "box", "coordinates": [XY[0], XY[2]]},
    "turned box": {"type": "box", "coordinates": [XY[0], XY[2]], "angle": 30},
    "point": {"type": "point", "coordinates": XY[0]},
    "polyline": {"type": "polyline", "coordinates": [XY]},
    "ellipse": {"type": "ellipse", "coordinates": {}},
    "cube": {"type": "cube", "coordinates": {}},
    "class": {"type": "class", "coordinates": None},
    "frame of a picture": {"type": "segment", "coordinates": [XY], "metadata": {"system": {"frame": 3}}},
    "no rings": {"type": "segment", "coordinates": []},
    "no label": {"type": "segment", "coordinates": [XY], "label": ""},
}


def dataloop(path: Path, images: Images) -> Path:
    system = {"width": W, "height": H}
    for image, kinds in enumerate(images):
        rows = [{"id": f"{image}-{at}", "label": "cat"} | DATALOOP[kind] for at, kind in enumerate(kinds)]
        document = {"filename": f"/{name(image)}", "metadata": {"system": system}, "annotations": rows}
        written(path / f"i{image}.json", document)
    return path


CVAT = {
    "polygon": '<polygon label="cat" points="1,1;5,1;5,5"/>',
    "box": '<box label="cat" xtl="1" ytl="1" xbr="4" ybr="3"/>',
    "ellipse": '<ellipse label="cat" cx="4" cy="4" rx="2" ry="2"/>',
    "mask": '<mask label="cat" rle="0, 4" left="1" top="1" width="2" height="2"/>',
    "polyline": '<polyline label="cat" points="1,1;5,1"/>',
    "points": '<points label="cat" points="1,1;5,1"/>',
    "cuboid": '<cuboid label="cat" xtl1="1"/>',
    "skeleton": '<skeleton label="cat"><points label="1" points="1,1"/></skeleton>',
    "tag": '<tag label="cat"/>',
    "no label": '<polygon points="1,1;5,1;5,5"/>',
    "no such shape": '<blob label="cat"/>',
}


def cvat(path: Path, images: Images) -> Path:
    rows = []
    for image, kinds in enumerate(images):
        width = "x" if "of no size" in kinds else W
        shapes = "".join(CVAT[kind] for kind in kinds)
        rows.append(f'<image id="{image}" name="{name(image)}" width="{width}" height="{H}">{shapes}</image>')
    return written(path / "a.xml", f"<annotations><version>1.1</version>{''.join(rows)}</annotations>")


YOLO = {
    "polygon": "0 0.1 0.1 0.5 0.1 0.5 0.5",
    "box": "0 0.5 0.5 0.2 0.2",
    "no such class": "9 0.1 0.1 0.5 0.1 0.5 0.5",
    "odd": "0 0.1 0.1 0.5 0.1 0.5 0.5 0.5",
    "letters": "cat 0.1 0.1",
    "in pixels": "0 1 1 5 1 5 5",
    "float class": "0.0 0.1 0.1 0.5 0.1 0.5 0.5",
}


def yolo(path: Path, images: Images) -> Path:
    written(path / "data.yaml", "names: [cat]\n")
    for image, kinds in enumerate(images):
        picture(path / "images" / name(image))
        written(path / f"labels/i{image}.txt", "".join(f"{YOLO[kind]}\n\n" for kind in kinds))
    return path


SUPERVISELY_BITMAP = json.loads((FIXTURES / "supervisely/harbor/ann/boat.png.json").read_text())["objects"][2]
SUPERVISELY: dict[str, Any] = {
    "polygon": {"geometryType": "polygon", "points": {"exterior": RING, "interior": []}},
    "alpha mask": SUPERVISELY_BITMAP | {"geometryType": "alpha_mask"},
    "bitmap": SUPERVISELY_BITMAP,
    "rectangle": {"geometryType": "rectangle", "points": {"exterior": [[1, 1], [5, 5]], "interior": []}},
    "point": {"geometryType": "point", "points": {"exterior": [[1, 1]], "interior": []}},
    "graph": {"geometryType": "graph", "nodes": {}},
    "cuboid": {"geometryType": "cuboid"},
    "line": {"geometryType": "line", "points": {"exterior": RING[:2], "interior": []}},
    "multipolygon": {"geometryType": "multipolygon", "parts": [{"exterior": RING}, {"exterior": RING}]},
    "turned box": {"geometryType": "oriented_bbox", "points": RING[:2], "angle": 0.2},
    "two points": {"geometryType": "polygon", "points": {"exterior": RING[:2]}},
    "no such shape": {"geometryType": "blob"},
}


def supervisely(path: Path, images: Images) -> Path:
    for image, kinds in enumerate(images):
        objects = [
            {"classTitle": "cat", "id": at} | SUPERVISELY[kind]
            for at, kind in enumerate(kinds)
            if kind != "tag"
        ]
        tags = [{"name": "sunny"} for kind in kinds if kind == "tag"]
        document = {"size": {"height": H, "width": W}, "objects": objects, "tags": tags}
        written(path / f"ds/ann/{name(image)}.json", document)
    return path


# --- a list of images

PIXELS = "data:image/png;base64," + b64encode(encode_png(np.eye(H, W, dtype=np.uint8))).decode()
STUDIO: dict[str, Any] = {
    "polygon": {"type": "polygonlabels", "value": {"points": [[10, 10], [50, 10], [50, 50]]}},
    "rectangle": {"type": "rectanglelabels", "value": {"x": 10, "y": 10, "width": 30, "height": 30}},
    "ellipse": {"type": "ellipselabels", "value": {"x": 50, "y": 50, "radiusX": 20, "radiusY": 20}},
    "bitmask": {"type": "bitmasklabels", "value": {"imageDataURL": PIXELS}},
    "rectangle of points": {"type": "rectanglelabels", "value": {"points": [[10, 10], [50, 10], [50, 50]]}},
    "keypoint": {"type": "keypointlabels", "value": {"x": 50, "y": 50}},
    "video": {"type": "videorectangle", "value": {"sequence": []}},
    "vector": {
        "type": "vectorlabels",
        "value": {"closed": True, "vertices": [{"x": 10, "y": 10}, {"x": 50, "y": 10}, {"x": 50, "y": 50}]},
    },
    "open vector": {"type": "vectorlabels", "value": {"vertices": [{"x": 10, "y": 10}, {"x": 50, "y": 10}]}},
    "turned": {"type": "rectanglelabels", "value": {"x": 10, "y": 10}, "image_rotation": 90},
    "choices": {"type": "choices", "value": {"choices": ["sunny"]}},
    "text": {"type": "textarea", "value": {"text": ["a"]}},
    "relation": {"type": "relation", "from_id": "a", "to_id": "b"},
    "no label": {
        "type": "polygonlabels",
        "value": {"points": [[10, 10], [50, 10], [50, 50]], "polygonlabels": []},
    },
}
_ELSEWHERE = {"cancelled": "polygon", "predicted": "polygon", "drafted": "polygon"}


def labelstudio(path: Path, images: Images) -> Path:
    size = {"original_width": W, "original_height": H}

    def rows(kinds: Sequence[str]) -> list[dict[str, Any]]:
        made = []
        for kind in kinds:
            row = STUDIO[kind]
            made.append(size | row | {"value": {row["type"]: ["cat"]} | row.get("value", {})})
        return made

    tasks = []
    for image, kinds in enumerate(images):
        picture(path / "pictures" / name(image))
        plain = [kind for kind in kinds if kind in STUDIO]
        apart = {key: [of] * list(kinds).count(key) for key, of in _ELSEWHERE.items()}
        parted = [
            size | {"id": f"r{at}", "type": of, "value": {"points": [[10, 10], [50, 10], [50, 50]]} | labels}
            for at, kind in enumerate(kinds)
            if kind in ("named apart", "keypoint named apart")
            for of, labels in (
                ("polygon" if kind == "named apart" else "keypoint", {}),
                ("labels", {"labels": ["cat"]}),
            )
        ]
        annotations = [
            {"result": rows(plain) + parted},
            {"result": rows(apart["cancelled"]), "was_cancelled": True},
        ]
        predictions: list[Any] = [{"result": rows(apart["predicted"]), "score": 0.5}, 17]
        tasks.append(
            {
                "id": image,
                "annotations": annotations,
                "predictions": predictions,
                "drafts": [{"result": rows(apart["drafted"])}, 18],
                "data": {"image": f"/data/upload/1/{name(image)}"},
            }
        )
    return written(path / "a.json", tasks)


MINIMAL = {
    "polygon": {"points": [[10, 10], [50, 10], [50, 50]], "polygonlabels": ["cat"]},
    "labels": {"points": [[10, 10], [50, 10], [50, 50]], "labels": ["cat"]},
    "no label": {"points": [[10, 10], [50, 10], [50, 60]]},
    "keypoint": {"x": 50, "y": 50, "width": 1, "keypointlabels": ["cat"]},
    "choices": {"choices": ["sunny", "cold"]},
    "rectangle of points": {"points": [[10, 10]], "rectanglelabels": ["cat"]},
}


def labelstudio_minimal(path: Path, images: Images) -> Path:
    """A row for every annotation, as if each were another person's."""
    rows = []
    for image, kinds in enumerate(images):
        picture(path / "pictures" / name(image))
        head = {"id": image, "image": f"/data/{name(image)}", "annotator": 1, "annotation_id": 2}
        rows.append(head)
        rows += [head | {"tag": [MINIMAL[kind]]} for kind in kinds]
    return written(path / "a.json", rows)


DATUMARO: dict[str, Any] = {
    "polygon": {"type": "polygon", "points": FLAT},
    "mask": {"type": "mask", "rle": RUNS},
    "ellipse": {"type": "ellipse", "points": [1, 1, 5, 5]},
    "bbox": {"type": "bbox", "bbox": [1, 1, 4, 4]},
    "points": {"type": "points", "points": [1, 1]},
    "cuboid": {"type": "cuboid_3d"},
    "label": {"type": "label"},
    "caption": {"type": "caption"},
    "polyline": {"type": "polyline", "points": [1, 1, 5, 5]},
    "no such label": {"type": "polygon", "points": FLAT, "label_id": 9},
    "no runs": {"type": "mask"},
}


def datumaro(path: Path, images: Images) -> Path:
    items = [
        {
            "id": f"i{image}",
            "annotations": [{"label_id": 0} | DATUMARO[kind] for kind in kinds],
            "image": {"path": name(image), "size": [H, W]},
        }
        for image, kinds in enumerate(images)
    ]
    return written(path / "a.json", {"categories": {"label": {"labels": [{"name": "cat"}]}}, "items": items})


SA1B: dict[str, Any] = {
    "runs": {"segmentation": RUNS},
    "rings": {"segmentation": [FLAT]},
    "box": {"segmentation": [], "bbox": [1, 1, 4, 4]},
    "nothing": {"segmentation": None},
    "odd ring": {"segmentation": [FLAT[:5]]},
}


def sa1b(path: Path, images: Images) -> Path:
    for image, kinds in enumerate(images):
        head = {"image_id": image, "file_name": name(image), "height": H, "width": W}
        rows = [{"id": at} | SA1B[kind] for at, kind in enumerate(kinds)]
        written(path / f"i{image}.json", {"image": head, "annotations": rows})
    return path


def masks(path: Path, images: Images) -> Path:
    """A mask holds a label once, so kinds that come again are no other annotation."""
    values = {"label": 1, "another": 2, "void": 255}
    for image, kinds in enumerate(images):
        mask = np.zeros((H, W), np.uint8)
        for at, kind in enumerate(dict.fromkeys(kinds)):
            mask[at] = values[kind]
        (path / "SegmentationClass").mkdir(exist_ok=True)
        palette = Image.fromarray(mask, "P")
        palette.putpalette(bytes(range(256)) * 3)
        palette.save(path / "SegmentationClass" / name(image))
    return path


def objects(path: Path, images: Images) -> Path:
    """Beside VOC's labels, each object has a number of its own."""
    for image, kinds in enumerate(images):
        labels, numbers = np.zeros((2, H, W), np.uint8)
        for at, kind in enumerate(kinds):
            labels[at], numbers[at] = {"label": 1, "another": 2}[kind], at + 1
        for folder, mask in (("SegmentationClass", labels), ("SegmentationObject", numbers)):
            (path / folder).mkdir(exist_ok=True)
            (path / folder / name(image)).write_bytes(encode_png(mask))
    written(path / "class_names.txt", "cat\ndog\n")
    return path


def camvid(path: Path, images: Images) -> Path:
    colors = {"label": (1, 2, 3), "another": (4, 5, 6), "void": (7, 8, 9)}
    written(path / "label_colors.txt", "0 0 0 background\n1 2 3 cat\n4 5 6 dog\n7 8 9 Void\n")
    (path / "trainannot").mkdir()
    for image, kinds in enumerate(images):
        mask = np.zeros((H, W, 3), np.uint8)
        for at, kind in enumerate(dict.fromkeys(kinds)):
            mask[at] = colors[kind]
        Image.fromarray(mask).save(path / "trainannot" / name(image))
    return path


def roboflow(path: Path, images: Images) -> Path:
    written(path / "train/_classes.csv", "Pixel Value, Class\n0, background\n1, cat\n2, dog\n")
    for image, kinds in enumerate(images):
        mask = np.zeros((H, W), np.uint8)
        for at, kind in enumerate(dict.fromkeys(kinds)):
            mask[at] = {"label": 1, "another": 2, "background": 0}[kind]
        (path / f"train/i{image}_mask.png").write_bytes(encode_png(mask))
    return path


SEGMENTS: dict[str, Any] = {
    "polygon": {"type": "polygon", "points": RING},
    "box": {"type": "bbox", "points": [[1, 1], [5, 4]]},
    "line": {"type": "polyline", "points": RING},
    "no such category": {"type": "polygon", "points": RING, "category_id": 9},
    "letters": {"type": "polygon", "points": "x"},
}


def segments(path: Path, images: Images) -> Path:
    """Polygons; another label set beside, which has an object too."""
    samples = []
    for image, kinds in enumerate(images):
        picture(path / name(image))
        rows = [{"id": at, "category_id": 1} | SEGMENTS[kind] for at, kind in enumerate(kinds, 1)]
        sets = {"ground-truth": rows, "model": [{"id": 1, "category_id": 1}]}
        labels = {key: {"attributes": {"annotations": value}} for key, value in sets.items()}
        samples.append({"name": name(image), "labels": labels})
    categories = [{"name": "cat", "id": 1}]
    dataset = {"task_attributes": {"categories": categories}, "samples": samples}
    return written(path / "release.json", {"dataset": dataset})


def id_masks(path: Path, images: Images) -> Path:
    """As cityscapesScripts make them: 26 is a car, 7 a road; 26002 the third car."""
    for image, kinds in enumerate(images):
        ids = np.zeros((H, W), np.uint8)
        numbers = np.zeros((H, W), np.uint16)
        for at, kind in enumerate(kinds):
            ids[at] = 7 if kind == "road" else 26
            numbers[at] = 26_000 + at if kind == "car" else ids[at]
        (path / f"i{image}_gtFine_labelIds.png").write_bytes(encode_png(ids))
        (path / f"i{image}_gtFine_instanceIds.png").write_bytes(encode_png(numbers))
    return path


VIA: dict[str, Any] = {
    "polygon": {"name": "polygon", "all_points_x": [1, 5, 5], "all_points_y": [1, 1, 5]},
    "rect": {"name": "rect", "x": 1, "y": 1, "width": 3, "height": 3},
    "circle": {"name": "circle", "cx": 4, "cy": 4, "r": 2},
    "ellipse": {"name": "ellipse", "cx": 4, "cy": 4, "rx": 2, "ry": 2},
    "closed": {"name": "polyline", "all_points_x": [1, 5, 5, 1], "all_points_y": [1, 1, 5, 1]},
    "polyline": {"name": "polyline", "all_points_x": [1, 5], "all_points_y": [1, 1]},
    "point": {"name": "point", "cx": 1, "cy": 1},
    "no such shape": {"name": "blob"},
}


def via(path: Path, images: Images) -> Path:
    document = {}
    for image, kinds in enumerate(images):
        picture(path / name(image))
        regions = [{"shape_attributes": VIA[kind], "region_attributes": {"label": "cat"}} for kind in kinds]
        document[name(image)] = {"filename": name(image), "regions": regions}
    return written(path / "a.json", document)


VIA_3: dict[str, dict[str, Any]] = {
    "rect": {"xy": [2, 1, 1, 4, 4]},
    "circle": {"xy": [3, 4, 4, 2]},
    "ellipse": {"xy": [4, 4, 4, 2, 2]},
    "closed": {"xy": [6, 1, 1, 5, 1, 5, 5, 1, 1]},
    "polygon": {"xy": [7, *FLAT]},
    "point": {"xy": [1, 1, 1]},
    "line": {"xy": [5, 1, 1, 5, 5]},
    "polyline": {"xy": [6, 1, 1, 5, 1, 5, 5]},
    "extreme rectangle": {"xy": [8, 1, 1, 5, 1, 5, 5, 1, 5]},
    "extreme circle": {"xy": [9, 1, 1, 5, 1, 5, 5]},
    "of a moment": {"xy": [2, 1, 1, 4, 4], "z": [0.5]},
    "of the image": {"xy": [], "av": {"1": "1"}},
    "no such shape": {"xy": [12, 1, 1]},
}


def via_3(path: Path, images: Images) -> Path:
    metadata, keys = {}, [str(image) for image in range(len(images))]
    for image, kinds in enumerate(images):
        picture(path / name(image))
        for at, kind in enumerate(kinds):
            metadata[f"{image}_{at}"] = {"vid": str(image), "z": [], "av": {"1": "1"}} | VIA_3[kind]
    return written(
        path / "a.json",
        {
            "project": {"vid_list": keys},
            "attribute": {"1": {"aname": "kind", "type": 4, "options": {"1": "cat"}}},
            "file": {key: {"fid": key, "fname": name(int(key)), "type": 2} for key in keys},
            "view": {key: {"fid_list": [key]} for key in keys},
            "metadata": metadata,
        },
    )


SCENES = SERVICES | LABELBOX_SCENES | {
    "coco": Scene("coco", COCO_OUTCOMES, coco),
    "coco results": Scene(
        "coco",
        outcomes(RESULTS, box=("box", "painted")),
        results,
        {"from_": "coco"},
        besides="painted",
    ),
    "coco-panoptic": Scene("coco-panoptic", outcomes(PANOPTIC, of_no_image="spoils"), panoptic),
    "labelme": Scene(
        "labelme", outcomes(LABELME, grouped="grouped", cuboid="unsupported", a_text="invalid"), labelme
    ),
    "cityscapes": Scene(
        "cityscapes",
        outcomes(
            GTFINE, license_plate="undrawn", deleted="withdrawn", two_points="unsegmented", letters="invalid"
        ),
        gtfine,
    ),
    "idd": Scene(
        "idd",
        outcomes(GTFINE, deleted="withdrawn", two_points="unsegmented", letters="invalid"),
        gtfine,
        {"from_": "idd"},
    ),
    "dataloop": Scene(
        "dataloop",
        outcomes(
            DATALOOP, box=("box", "painted"), turned_box=("unsegmented", "unsupported"), point="unsegmented",
            polyline="unsegmented", ellipse="unsegmented", cube="unsegmented",
            no_rings="invalid", no_label="invalid", **{"class": "tag"},
        ),
        dataloop,
    ),
    "cvat": Scene(
        "cvat",
        outcomes(
            CVAT, polyline="unsupported", points="unsupported", cuboid="unsupported", skeleton="unsupported",
            tag="tag", no_label="invalid", no_such_shape="invalid",
        ),
        cvat,
    ),
    "yolo": Scene(
        "yolo",
        outcomes(
            YOLO, box=("invalid", "painted"), no_such_class="invalid", odd="invalid", letters="invalid",
            in_pixels="invalid",
        ),
        yolo,
    ),
    "supervisely": Scene(
        "supervisely",
        outcomes(
            SUPERVISELY, rectangle=("box", "painted"), point="unsegmented", graph="unsegmented",
            cuboid="unsegmented", turned_box=("box", "painted"), line="unsupported",
            no_such_shape="unsupported", two_points="invalid", tag="tag",
        ),
        supervisely,
    ),
    "labelstudio": Scene(
        "labelstudio",
        outcomes(
            STUDIO, keypoint="unsupported", video="unsupported", open_vector="unsupported",
            turned="unsupported", choices="tag", text="tag", relation="tag",
            no_label="invalid", rectangle_of_points="invalid",
            named_apart="painted joined", keypoint_named_apart="unsupported unsupported",
            cancelled="withdrawn", predicted="prediction", drafted="draft",
        ),
        labelstudio,
        {"images": "pictures"},
    ),
    "labelstudio json-min": Scene(
        "labelstudio",
        outcomes(
            MINIMAL, no_label="invalid", keypoint="unsupported", choices="tag", rectangle_of_points="invalid"
        ),
        labelstudio_minimal,
        {"images": "pictures"},
    ),
    "datumaro": Scene(
        "datumaro",
        outcomes(
            DATUMARO, bbox=("box", "painted"), points="unsegmented", cuboid="unsegmented", label="tag",
            caption="tag", polyline="unsupported", no_such_label="invalid", no_runs="invalid",
        ),
        datumaro,
    ),
    "sa1b": Scene(
        "sa1b", outcomes(SA1B, box=("box", "painted"), nothing="unsegmented", odd_ring="invalid"), sa1b
    ),
    "voc": Scene("voc", {"label": "once", "another": "once", "void": "once"}, masks),
    "voc objects": Scene(
        "voc", {"label": "painted", "another": "painted"}, objects, options={"from_": "voc"}
    ),
    "camvid": Scene("camvid", {"label": "once", "another": "once", "void": "once"}, camvid),
    "masks": Scene("masks", {"label": "once", "another": "once", "background": ""}, roboflow),
    "segmentsai": Scene(
        "segmentsai",
        outcomes(
            SEGMENTS,
            box=("box", "painted"),
            line="unsupported",
            no_such_category="invalid",
            letters="invalid",
        ),
        segments,
        besides="annotator",
    ),
    "masks of scripts": Scene("masks", {"car": "painted", "group": "once", "road": "once"}, id_masks),
    "via": Scene(
        "via", outcomes(VIA, polyline="unsupported", point="unsupported", no_such_shape="invalid"), via
    ),
    "via 3": Scene(
        "via",
        outcomes(
            VIA_3, point="unsupported", line="unsupported", polyline="unsupported",
            extreme_rectangle="unsupported", extreme_circle="unsupported", of_a_moment="unsupported",
            of_the_image="tag", no_such_shape="invalid",
        ),
        via_3,
    ),
}  # fmt: skip
