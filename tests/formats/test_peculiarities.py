"""Peculiarities of real files whose right answer is known: painted, listed, or refused with a place."""

import json
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polymask import FormatError, InputError, convert, encode_png
from polymask.formats import open_annotations
from tests.formats.test_dialects import (
    CORNERS,
    FLAT,
    POINTS,
    SHARES,
    SQUARE,
    H,
    W,
    coco,
    labelme,
    picture,
    yolo,
)
from tests.support.formats import masks, written

RUNS = "`5020004000000"  # never decoded: the size is wrong, or the text is


def file(document: Any, name: str = "a.json") -> Callable[[Path], Path]:
    text = document if isinstance(document, str) else json.dumps(document)
    return lambda folder: written(folder / name, text)


def changed(**parts: Any) -> Callable[[Path], Path]:
    return file(coco() | parts)


def cvat(*more: str) -> Callable[[Path], Path]:
    polygon = f'<polygon label="cat" points="{POINTS}"/>'
    image = f'<image id="0" name="a.png" width="{W}" height="{H}">{polygon}{"".join(more)}</image>'
    return file(f"<annotations><version>1.1</version>{image}</annotations>", "annotations.xml")


def shapes(*rows: dict[str, Any], **more: Any) -> Callable[[Path], Path]:
    document = {"shapes": rows, "imagePath": "a.png", "imageData": None, "imageHeight": H, "imageWidth": W}
    text = json.dumps(document | more).replace('"NaN"', "NaN")
    return file(text)


def rows_of_yolo(row: str) -> Callable[[Path], Path]:
    return yolo("names: [cat]\n", row, "labels/train/a.txt", "images/train/a.png")


def project_with_sizes_beside(folder: Path) -> Path:
    """Supervisely's `img_info/` and table of colors are no annotations."""
    objects = [{"classTitle": "cat", "geometryType": "polygon", "points": {"exterior": CORNERS}}]
    written(folder / "meta.json", {"classes": [{"title": "cat", "shape": "polygon"}]})
    written(folder / "obj_class_to_machine_color.json", {"cat": [1, 1, 1]})
    written(folder / "ds/img_info/a.png.json", {"id": 5, "name": "a.png", "height": H, "width": W})
    written(folder / "ds/ann/a.png.json", {"size": {"height": H, "width": W}, "objects": objects})
    return folder


def makesense(folder: Path) -> Path:
    """makesense.ai's VGG JSON: regions in an object, rings closed."""
    x, y = zip(*CORNERS, CORNERS[0], strict=True)
    shape = {"name": "polygon", "all_points_x": x, "all_points_y": y}
    regions = {"0": {"shape_attributes": shape, "region_attributes": {"label": "cat"}}}
    picture(folder / "a.png")
    return written(folder / "a.json", {"a.png": {"filename": "a.png", "size": 9, "regions": regions}})


def picture_without_labels(folder: Path) -> Path:
    picture(folder / "images/train/b.png")
    return rows_of_yolo(f"0 {SHARES}\n")(folder)


def days_of_one_name(folder: Path) -> Path:
    for day in ("one", "two"):
        labelme("..\\pictures\\a.png")(folder / day)
    return folder


CAT = {"id": 1, "name": "cat"}
SHAPE = {"label": "cat", "points": CORNERS, "shape_type": "polygon"}
LARGE = 123456789012345678901234567890
ROW = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [FLAT]}
PAINTED: dict[str, Callable[[Path], Path]] = {
    "COCO: ids beyond 64 bits": file(
        {
            "images": [{"id": LARGE, "file_name": "a.png", "height": H, "width": W}],
            "categories": [{"id": LARGE + 1, "name": "cat"}],
            "annotations": [ROW | {"image_id": LARGE, "category_id": LARGE + 1}],
        }
    ),
    "COCO: a category listed twice by name": changed(categories=[CAT, {"id": 0, "name": "cat"}]),
    "COCO Annotator: an annotation begun and left empty": changed(
        annotations=[ROW, ROW | {"id": 2, "segmentation": [], "bbox": [0, 0, 0, 0], "isbbox": False}]
    ),
    "COCO: points in pairs": changed(annotations=[ROW | {"segmentation": [CORNERS]}]),
    "COCO: mark and CRLF": lambda folder: written(
        folder / "a.json", b"\xef\xbb\xbf" + json.dumps(coco(), indent=1).replace("\n", "\r\n").encode()
    ),
    "X-AnyLabeling: nulls": shapes(
        SHAPE | {"group_id": None, "description": None, "flags": None}, flags=None
    ),
    "Supervisely: sizes beside": project_with_sizes_beside,
    "makesense.ai": makesense,
    "YOLO: a picture without labels": picture_without_labels,
}
REFUSED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "COCO: nested once too deep": (
        changed(annotations=[ROW | {"segmentation": [[FLAT]]}]), r"segmentation\[0\]\[0\].*got `array`"
    ),
    "COCO: a segmentation as text": (
        changed(annotations=[ROW | {"segmentation": str([FLAT])}]), r"segmentation.*got `str`"
    ),
    "COCO: no category": (
        changed(annotations=[ROW | {"category_id": None}]), r"category_id.*--default-label NAME"
    ),
    "COCO: bytes of Python as text": (
        changed(annotations=[ROW | {"segmentation": {"size": [H, W], "counts": f"b'{RUNS}'"}}]),
        r"does not belong into a compressed RLE",
    ),
    "COCO: sides of runs swapped": (
        changed(annotations=[ROW | {"segmentation": {"size": [W, H], "counts": RUNS}}]),
        r"runs of 6 × 8 px in an image of 8 × 6|runs of 8 × 6 px in an image of 6 × 8",
    ),
    "COCO: annotations of an image that is gone": (
        changed(annotations=[ROW, ROW | {"id": 2, "image_id": 77}]),
        r"annotations\[1\]\.image_id: no image has the id 77",
    ),
    "labelme: not a number": (
        shapes(SHAPE, SHAPE | {"points": [[1, 1], ["NaN", 4], [3, 6]]}), r"shapes\[1\]\.points\[1\]\[0\]"
    ),
    "labelme: two points": (shapes(SHAPE | {"points": CORNERS[:2]}), "at least 3 points, not 2"),
    "labelme: other JSON beside": (
        lambda folder: written(shapes(SHAPE)(folder).parent / "classes.json", ["cat"]).parent,
        r"classes\.json: .*Expected `object`, got `array`",
    ),
    "CVAT: a polygon of two points": (
        cvat('<polygon label="cat" points="5.00,4.00;5.00,4.00"/>'), "at least 3 points, not 2"
    ),
    "YOLO: commas": (rows_of_yolo(f"0, {SHARES.replace(' ', ', ')}\n"), "not `class x y x y"),
    "YOLO: a confidence at the end": (
        rows_of_yolo(f"0 {SHARES} 0.912\n"), "9 numbers after the class.*predict without save_conf"
    ),
    "YOLO: a box among polygons": (rows_of_yolo(f"0 {SHARES}\n0 .5 .5 .2 .2\n"), "--boxes paints boxes"),
}  # fmt: skip


@pytest.mark.parametrize("name", PAINTED)
def test_what_is_certain_is_painted(tmp_path: Path, name: str) -> None:
    """The one square, and nothing is reported as left out but what is empty."""
    path = PAINTED[name](tmp_path / "in")
    (mask,) = masks(path).values()
    assert (mask == SQUARE).all()
    assert not open_annotations(path).skipped


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_is_refused_with_its_place(tmp_path: Path, name: str) -> None:
    """It names the file and the record, and a way out."""
    write, message = REFUSED[name]
    with pytest.raises(FormatError, match=message) as refusal:
        open_annotations(write(tmp_path / "in"))
    assert "--skip-invalid" in str(refusal.value)
    assert str(tmp_path / "in") in str(refusal.value)


def test_keypoints_alone_paint_nothing_which_is_told(tmp_path: Path) -> None:
    """The run exits 1, and says what there was."""
    row = {key: value for key, value in ROW.items() if key != "segmentation"}
    source = changed(annotations=[row | {"keypoints": [1, 1, 2], "num_keypoints": 1}])(tmp_path / "in")
    report = convert(source, tmp_path / "out")
    assert (report.exit_code, report.unsegmented) == (1, 1)
    assert report.nothing_painted


def test_a_skeleton_is_listed_and_the_polygon_beside_it_painted(tmp_path: Path) -> None:
    """CVAT's labels of skeletons are labels like others, which nothing paints."""
    point = '<points label="head" outside="0" points="3.0,3.0"></points>'
    source = cvat(f'<skeleton label="pose">{point}</skeleton>')(tmp_path / "in")
    annotations = open_annotations(source)
    assert annotations.used == {"cat": 1}
    assert "skeleton" in annotations.unsupported[0].reason
    assert convert(source, tmp_path / "out").exit_code == 1


def test_days_of_one_name_stay_apart(tmp_path: Path) -> None:
    """labelme's image is where its JSON is, whatever `imagePath` says."""
    assert list(open_annotations(days_of_one_name(tmp_path / "in")).names) == ["one/a.png", "two/a.png"]


def test_two_images_of_one_name_are_refused_with_what_parts_them(tmp_path: Path) -> None:
    """Of COCO, which knows no subset: the refusal names both ways out."""
    images = [coco()["images"][0] | {"id": at} for at in (1, 2)]
    with pytest.raises(InputError, match=r"two images named 'a.png'.*write a folder before the name of each"):
        convert(changed(images=images)(tmp_path / "in"), tmp_path / "out")


def test_a_mask_of_labelme_is_painted_from_its_corner(tmp_path: Path) -> None:
    """In gray of 0 and 255, or of 0 and 1."""
    for value in (1, 255):
        data = b64encode(encode_png(np.full((2, 3), value, np.uint8))).decode()
        row = {"label": "cat", "points": [[1, 1], [3, 2]], "shape_type": "mask", "mask": data}
        (mask,) = masks(shapes(row)(tmp_path / str(value))).values()
        assert (mask == SQUARE).all()
