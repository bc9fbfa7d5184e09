"""Files as other versions and hands write them: each holds the same square, and is read without an option."""

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from polymask import FormatError
from polymask.formats import open_annotations
from tests.support.formats import FIXTURES, masks, written
from tests.support.oracles import drawn

H, W = 6, 8
SQUARE = drawn("........", ".###....", ".###....", "........", "........", "........")
CORNERS = [(1, 1), (4, 1), (4, 3), (1, 3)]
FLAT = [number for corner in CORNERS for number in corner]
XY = [{"x": x, "y": y} for x, y in CORNERS]
SHARES = " ".join(f"{x / W} {y / H}" for x, y in CORNERS)
PERCENT = [[100 * x / W, 100 * y / H] for x, y in CORNERS]
POINTS = ";".join(f"{x},{y}" for x, y in CORNERS)


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (W, H)).save(path)


def coco(**row: Any) -> dict[str, Any]:
    image = {"id": 1, "file_name": "a.png", "height": H, "width": W}
    rows = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [FLAT]} | row
    return {"images": [image], "categories": [{"id": 1, "name": "cat"}], "annotations": [rows]}


def roboflow_zip_with_spaces(folder: Path) -> Path:
    folder.mkdir()
    with zipfile.ZipFile(folder / "My Harbor v1 (1).zip", "w") as archive:
        archive.writestr("My Harbor.v1i.coco/README.roboflow.txt", "harbor")
        archive.writestr("My Harbor.v1i.coco/train/_annotations.coco.json", json.dumps(coco()))
    return folder / "My Harbor v1 (1).zip"


def cvat_without_subset(folder: Path) -> Path:
    points = POINTS.replace(";", " ; ") + ";"
    polygon = f'<polygon label="cat" points="{points}"/>'
    image = f'<image id="0" name="a.png" width="{W}.0" height="{H}">{polygon}</image>'
    return written(folder / "annotations.xml", f"<annotations><version>1.1</version>{image}</annotations>")


def labelme(image: str) -> Callable[[Path], Path]:
    shape = {"label": "cat", "points": CORNERS, "shape_type": None}
    document = {"shapes": [shape], "imagePath": image, "imageData": None, "imageHeight": H, "imageWidth": W}
    return lambda folder: written(folder / "a.json", document)


def labelbox(text: Callable[[str], str | bytes], name: str = "e.ndjson") -> Callable[[Path], Path]:
    feature = {"feature_id": "f", "name": "cat", "annotation_kind": "ImagePolygon", "polygon": XY}
    row = {
        "data_row": {"id": "d", "external_id": "a.png"},
        "media_attributes": {"height": H, "width": W},
        "projects": {"p": {"labels": [{"annotations": {"objects": [feature]}}]}},
    }
    return lambda folder: written(folder / name, text(json.dumps(row)))


def yolo(names: str, row: str, labels: str, image: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        written(folder / "data.yaml", names)
        written(folder / labels, row.encode())
        picture(folder / image)
        return folder

    return write


def studio_min(folder: Path) -> Path:
    region = {"points": PERCENT, "polygonlabels": ["cat"], "original_width": W, "original_height": H}
    row = {"id": 1, "image": "/data/upload/1/a.png", "label": [region], "annotator": 1, "annotation_id": 1}
    return written(folder / "min.json", [row])


def darwin(item: dict[str, Any], polygon: dict[str, Any]) -> Callable[[Path], Path]:
    return lambda folder: written(folder / "a.json", item | {"annotations": [{"name": "cat"} | polygon]})


def supervisely(row: dict[str, Any], meta: dict[str, Any]) -> Callable[[Path], Path]:
    points = {"points": {"exterior": CORNERS, "interior": []}, "geometryType": "polygon"}
    document = {"size": {"height": H, "width": W}, "objects": [points | row]}

    def write(folder: Path) -> Path:
        written(folder / "meta.json", {"classes": [{"title": "cat", "shape": "polygon"} | meta]})
        written(folder / "ds/ann/a.png.json", document)
        return folder

    return write


def voc_with_polygon(folder: Path) -> Path:
    size = f"<size><width>{W}</width><height>{H}</height></size>"
    corners = "".join(f"<x{n}>{x}.0</x{n}><y{n}>{y}</y{n}>" for n, (x, y) in enumerate(CORNERS, 1))
    box = "<bndbox><xmin>1.0</xmin><ymin>1.0</ymin><xmax>4.0</xmax><ymax>3.0</ymax></bndbox>"
    row = f"<object><name>cat</name>{box}<polygon>{corners}</polygon></object>"
    return written(folder / "a.xml", f"<annotation><filename>a.png</filename>{size}{row}</annotation>")


DARWIN_2 = {"version": "2.0", "item": {"name": "a.png", "slots": [{"width": W, "height": H}]}}
DARWIN_1 = {"dataset": "harbor", "image": {"width": W, "height": H, "filename": "a.png"}}
DIALECTS: dict[str, Callable[[Path], Path]] = {
    "Roboflow's zip with spaces in its name": roboflow_zip_with_spaces,
    "CVAT without subset, points apart": cvat_without_subset,
    "labelme: backslashes, no type": labelme("..\\pictures\\a.png"),
    "labelme: no path": labelme(""),
    "Labelbox: mark, CRLF, blank lines": labelbox(lambda row: b"\xef\xbb\xbf" + f"{row}\r\n\r\n".encode()),
    "Labelbox: a single row": labelbox(lambda row: row, "e.json"),
    "YOLO: CRLF, spaces at the end": yolo(
        "names:\r\n  - cat\r\n", f"0 {SHARES}   \r\n\r\n", "labels/train/a.txt", "images/train/a.png"
    ),
    "YOLO: keys as text, tabs": yolo(
        "names: {'0': cat}\n", f"0\t{SHARES}\n", "train/labels/a.txt", "train/images/a.PNG"
    ),
    "YOLO: suffixes in capitals": yolo(
        "names: [cat]\n", f"0 {SHARES}\n", "labels/train/a.TXT", "images/train/a.PNG"
    ),
    "JSON-MIN of one": studio_min,
    "Darwin 2: complex polygon of one path": darwin(DARWIN_2, {"polygon": {"paths": [XY]}}),
    "Darwin 1: without an address": darwin(DARWIN_1, {"complex_polygon": {"path": [XY]}}),
    "COCO: the category's id as text": lambda folder: written(folder / "a.json", coco(category_id="1")),
    "COCO: null box, boolean crowd": lambda folder: written(
        folder / "a.json", coco(bbox=None, iscrowd=False)
    ),
    "Supervisely: the class by its id": supervisely({"classId": 7}, {"id": 7}),
    "RectLabel: boxes of floats": voc_with_polygon,
}


@pytest.mark.parametrize("name", DIALECTS)
def test_a_dialect_is_read_without_an_option(tmp_path: Path, name: str) -> None:
    """The one image has the one square, labeled `cat`."""
    path = DIALECTS[name](tmp_path / "in")
    (mask,) = masks(path).values()
    assert (mask == SQUARE).all()
    assert open_annotations(path).used == {"cat": 1}


def test_a_class_that_meta_does_not_have_is_refused(tmp_path: Path) -> None:
    """Of Supervisely's objects without a title."""
    for row, meta in (({"classId": 8}, {"id": 7}), ({}, {"id": 7}), ({"classId": 7}, {})):
        path = supervisely(row, meta)(tmp_path / f"{len(row)}{len(meta)}{row.get('classId')}")
        with pytest.raises(FormatError, match=r"classTitle: .*no title, and no `classId` of a class"):
            open_annotations(path)


CAPITALS = [
    "labelme", "cityscapes", "supervisely", "via", "via-csv", "labelbox", "isat", "labelme-xml", "geojson",
    "bsds-500", "mapillary", "masks",
]  # fmt: skip
NAMED = ("meta", "config", "_classes")  # files whose whole names are fixed


@pytest.mark.parametrize("folder", CAPITALS)
def test_suffixes_may_be_in_capitals(tmp_path: Path, folder: str) -> None:
    """In a folder too, where a file of another spelling would be passed over in silence."""
    shutil.copytree(FIXTURES / folder, tmp_path / "in")
    for file in [file for file in (tmp_path / "in").rglob("*") if file.is_file()]:
        if not file.name.startswith(NAMED) and (file.suffix != ".png" or folder == "masks"):
            file.rename(file.with_suffix(file.suffix.upper()))
    options = {"annotator": "1"} if folder.startswith("bsds") else {}
    expected, read = masks(FIXTURES / folder, **options), masks(tmp_path / "in", **options)
    assert [Path(name).stem for name in read] == [Path(name).stem for name in expected]
    for mask, other in zip(read.values(), expected.values(), strict=True):
        assert (mask == other).all()
