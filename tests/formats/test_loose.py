"""What tools write loosely beside their format: sizes as text, byte order marks, names with dots."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from polymask import FormatError, convert, encode_png
from polymask.formats import open_annotations, sniffed
from polymask.formats.reading.content import Content
from tests.support.formats import FIXTURES, LABELS, masks, written
from tests.support.oracles import drawn

POINTS = [[1, 1], [4, 1], [4, 3], [1, 3]]
RING = [number for point in POINTS for number in point]
SQUARE = drawn("........", ".###....", ".###....", "........", "........", "........")
BOM = b"\xef\xbb\xbf"


def labelme(height: Any, width: Any) -> dict[str, Any]:
    shape = {"label": "cat", "points": POINTS, "shape_type": "polygon"}
    return {"shapes": [shape], "imagePath": "a.png", "imageHeight": height, "imageWidth": width}


def coco(height: Any, width: Any) -> dict[str, Any]:
    return {
        "images": [{"id": 1, "file_name": "a.png", "height": height, "width": width}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [RING]}],
        "categories": [{"id": 1, "name": "cat"}],
    }


def bdd100k(height: Any, width: Any) -> list[dict[str, Any]]:
    poly = {"vertices": POINTS, "types": "LLLL", "closed": True}
    labels = [{"id": "1", "category": "cat", "poly2d": [poly]}]
    return [{"name": "a.png", "labels": labels, "size": {"height": height, "width": width}}]


def isat(height: Any, width: Any) -> dict[str, Any]:
    thing = {"category": "cat", "group": 1, "segmentation": POINTS, "layer": 1}
    info = {"description": "ISAT", "name": "a.png", "height": height, "width": width}
    return {"info": info, "objects": [thing]}


def darwin(height: Any, width: Any, name: str = "a.png") -> dict[str, Any]:
    path = [{"x": x, "y": y} for x, y in POINTS]
    slot = {"slot_name": "0", "height": height, "width": width}
    annotation = {"id": "1", "name": "cat", "polygon": {"paths": [path]}}
    return {"item": {"name": name, "path": "/", "slots": [slot]}, "annotations": [annotation]}


DOCUMENTS = [labelme, coco, bdd100k, isat, darwin]


@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("size", [("6", "8"), ("6.0", 8), (6, " 8 ")])
def test_sizes_may_be_text(tmp_path: Path, document: Any, size: tuple[Any, Any]) -> None:
    """They are read as numbers, as ids are, and a note counts them."""
    path = written(tmp_path / "a.json", document(*size))
    assert (masks(path)["a.png"] == SQUARE).all()
    assert "the sizes of 1 images are text, and were read as numbers" in open_annotations(path).notes


@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("height", ["six", "-6", "6.5", "NaN", "1e3", ""])
def test_other_texts_are_no_size(tmp_path: Path, document: Any, height: str) -> None:
    with pytest.raises(FormatError):
        open_annotations(written(tmp_path / "a.json", document(height, 8)))


def test_a_byte_order_mark_is_no_part_of_a_table(tmp_path: Path) -> None:
    """CVAT's label map, YOLO's YAML, rows and list of classes are recognized and read with it."""
    table = "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncat:128,0,0::\n"
    written(tmp_path / "voc/labelmap.txt", BOM + table.encode())
    colors = np.zeros((6, 8, 3), np.uint8)
    colors[SQUARE == 1] = (128, 0, 0)
    (tmp_path / "voc/SegmentationClass").mkdir()
    Image.fromarray(colors).save(tmp_path / "voc/SegmentationClass/a.png")
    assert (masks(tmp_path / "voc")["a.png"] == SQUARE).all()
    row = b"0 0.125 0.25 0.5 0.25 0.5 0.75 0.125 0.75\n"
    for name, names in (("data.yaml", b"names: [cat]\n"), ("classes.txt", b"cat\n")):
        folder = tmp_path / name.partition(".")[0]
        written(folder / name, BOM + names)
        written(folder / "labels/a.txt", BOM + row)
        written(folder / "images/a.png", encode_png(np.zeros((4, 8), np.uint8)))
        assert open_annotations(folder).used == {"cat": 1}
    assert sniffed(Content(tmp_path / "data/labels/a.txt")) == "yolo"


def cvat(path: Path, *names: str) -> Path:
    shape = '<polygon label="cat" points="1,1;4,1;4,3;1,3"/>'
    head = '<image id="{}" name="{}" width="8" height="6">'
    images = "".join(head.format(at, name) + f"{shape}</image>" for at, name in enumerate(names))
    return written(path, f"<annotations><version>1.1</version>{images}</annotations>")


def test_images_that_differ_behind_a_dot_have_masks_of_their_own(tmp_path: Path) -> None:
    """A frame's number is no suffix: CVAT's and Darwin's images of such names do not collide."""
    report = convert(cvat(tmp_path / "a.xml", "frame.0001", "frame.0002"), tmp_path / "cvat")
    assert report.written == 2
    assert sorted(path.name for path in (tmp_path / "cvat/masks").iterdir()) == [
        "frame.0001.png", "frame.0002.png",
    ]  # fmt: skip
    for number in (1, 2):
        written(tmp_path / f"darwin/{number}.json", darwin(6, 8, name=f"scan.{number}"))
    convert(tmp_path / "darwin", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out/masks").iterdir()) == ["scan.1.png", "scan.2.png"]


def _texts(document: Any, *keys: str, of: type = str) -> Any:
    """The document with the whole numbers at these keys as text, or as floats."""
    if isinstance(document, list):
        return [_texts(part, *keys, of=of) for part in document]
    if isinstance(document, dict):
        return {
            key: of(part) if key in keys and type(part) is int else _texts(part, *keys, of=of)
            for key, part in document.items()
        }
    return document


IDS = {  # where a fixture holds ids that are whole numbers by its format
    "coco-panoptic": ("panoptic.json", ("id", "category_id", "image_id")),
    "datumaro": ("annotations/default.json", ("label_id",)),
    "segmentsai": ("release.json", ("category_id",)),
    "supervisely": ("meta.json", ("id",)),
}


@pytest.mark.parametrize("of", [str, float])
@pytest.mark.parametrize("name", IDS)
def test_ids_may_be_text_or_floats(tmp_path: Path, name: str, of: type) -> None:
    """Text is told of where it is an annotation's; a whole number as a float is no other id."""
    shutil.copytree(FIXTURES / name, tmp_path / "in")
    file, keys = IDS[name]
    path = tmp_path / "in" / file
    path.write_text(json.dumps(_texts(json.loads(path.read_text()), *keys, of=of)))
    plain, loose = open_annotations(FIXTURES / name), open_annotations(tmp_path / "in")
    assert (loose.used, dict(loose.categories)) == (plain.used, dict(plain.categories))
    expected, read = masks(FIXTURES / name, LABELS), masks(tmp_path / "in", LABELS)
    assert all((read[image] == expected[image]).all() for image in expected)
    told = any("ids are text where others are numbers" in note for note in loose.notes)
    assert told == (of is str and name != "supervisely")


@pytest.mark.parametrize("value", ["x", 1.5, True, "1.5", [1]])
def test_other_values_are_no_ids(tmp_path: Path, value: Any) -> None:
    """They are refused with their place."""
    document = json.loads((FIXTURES / "datumaro/annotations/default.json").read_text())
    document["items"][0]["annotations"][0]["label_id"] = value
    with pytest.raises(FormatError, match=r"annotations\[0\]\.label_id: .*Expected `int"):
        open_annotations(written(tmp_path / "a.json", document))
