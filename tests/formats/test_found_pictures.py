"""Which picture tells an image's size: the one that the annotations mean, and none where two may be meant."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from polymask import FormatError, InputError, convert, encode_png
from polymask.formats import ReadOptions, open_annotations
from tests.support.formats import masks, written
from tests.support.oracles import drawn

POINTS = [[1, 1], [4, 1], [4, 3], [1, 3]]
SQUARE = drawn("........", ".###....", ".###....", "........", "........", "........")
ROW = "0 0.125 0.25 0.5 0.25 0.5 0.75 0.125 0.75\n"


def picture(path: Path, size: tuple[int, int] = (8, 6)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(path)
    return path


def labelme(path: Path, image: str) -> Path:
    """A file of labelme's that tells no size."""
    shape = {"label": "cat", "points": POINTS, "shape_type": "polygon"}
    return written(path, {"shapes": [shape], "imagePath": image, "imageData": None})


def coco(path: Path, name: str) -> Path:
    """A COCO file that tells no size."""
    ring = [number for point in POINTS for number in point]
    row = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [ring]}
    image = {"id": 1, "file_name": name}
    return written(path, {"images": [image], "annotations": [row], "categories": [{"id": 1, "name": "cat"}]})


def old_bdd100k(path: Path, name: str) -> Path:
    vertices = [[x, y, "L"] for x, y in POINTS]
    thing = {"category": "area/drivable", "id": 1, "poly2d": vertices}
    return written(path, {"name": name, "frames": [{"timestamp": 1, "objects": [thing]}]})


def yolo(folder: Path, *, below: str = "") -> Path:
    """A dataset of one picture of 8 × 4 px, in a folder of its own beside its YAML file."""
    written(folder.parent / "data.yaml", f"path: {folder.name}\nnames: [cat]\n")
    written(folder / "labels" / below / "a.txt", ROW)
    picture(folder / "images" / below / "a.png", (8, 4))
    return folder


def size_of(path: Path, **options: Any) -> tuple[int, int]:
    (record,) = open_annotations(path, options=ReadOptions(**options))
    return record.frame


@pytest.mark.parametrize("kind", ["yolo", "coco", "bdd100k", "masks below --images"])
def test_of_two_pictures_of_one_stem_and_two_sizes_none_is_taken(tmp_path: Path, kind: str) -> None:
    """Wherever a picture is found by its stem; both are named."""
    options: dict[str, Any] = {}
    if kind == "yolo":
        path = yolo(tmp_path / "set")
        picture(tmp_path / "set/images/a.jpg", (16, 4))
    else:
        path = (old_bdd100k if kind == "bdd100k" else coco)(tmp_path / "a.json", "a")
        folder = tmp_path
        if kind.startswith("masks"):
            folder = tmp_path / "deep/img"
            options["images"] = tmp_path
        picture(folder / "a.png")
        picture(folder / "a.jpg", (16, 6))
    with pytest.raises(InputError, match=r"differ in size: .*a\.jpg and .*a\.png"):
        size_of(path, **options)


@pytest.mark.parametrize("write", [coco, old_bdd100k])
@pytest.mark.parametrize("stored", ["a.png", "a.JPG", "images/a.tif"])
def test_names_without_suffix_and_size(tmp_path: Path, write: Any, stored: str) -> None:
    """Their pictures are found beside, and below `--images`."""
    path = write(tmp_path / "a.json", "a")
    picture(tmp_path / stored)
    assert (next(iter(masks(path).values())) == SQUARE).all()
    elsewhere = write(tmp_path / "elsewhere/b.json", "a")
    assert size_of(elsewhere, images=tmp_path) == (6, 8)


def test_the_picture_that_labelme_opens_tells_the_size(tmp_path: Path) -> None:
    """`imagePath` starts from the JSON file's folder; the JSON file's own name is the image's."""
    picture(tmp_path / "img/pic1.jpg")
    path = labelme(tmp_path / "json/a.json", "..\\img\\pic1.jpg")
    assert size_of(tmp_path) == (6, 8)
    assert size_of(path, images=tmp_path / "img") == (6, 8)
    assert list(masks(path, images=tmp_path / "img")) == ["a.jpg"]


def test_labelme_without_the_picture_that_it_opens(tmp_path: Path) -> None:
    """The picture of the JSON file's own name serves; but of two that differ none is guessed."""
    path = labelme(tmp_path / "a.json", "pic1.jpg")
    picture(tmp_path / "a.jpg", (9, 9))
    assert size_of(path) == (9, 9)
    picture(tmp_path / "pic1.jpg")
    with pytest.raises(InputError, match=r"differ in size: .*a\.jpg and .*pic1\.jpg"):
        size_of(path)
    (tmp_path / "a.jpg").unlink()
    assert size_of(path) == (6, 8)


def test_labelme_folders_of_one_name_keep_to_themselves(tmp_path: Path) -> None:
    """A picture of the same name in another folder is another image's."""
    for folder, size in (("one", (8, 6)), ("two", (9, 9))):
        labelme(tmp_path / "json" / folder / "a.json", "a.jpg")
        picture(tmp_path / "img" / folder / "a.jpg", size)
    options = ReadOptions(images=tmp_path / "img")
    assert [record.frame for record in open_annotations(tmp_path / "json", options=options)] == [
        (6, 8), (9, 9),
    ]  # fmt: skip


@pytest.mark.parametrize("below", ["", "train"])
@pytest.mark.parametrize("source", [".", "data.yaml", "set", "set/labels"])
def test_yolo_pictures_lie_where_labels_is_images(tmp_path: Path, source: str, below: str) -> None:
    """Whichever part of the dataset SOURCE names: the YAML file beside its folder, or the labels alone."""
    yolo(tmp_path / "set", below=below)
    annotations = open_annotations(tmp_path / source)
    assert annotations.decode(0).frame == (4, 8)
    assert annotations.picture_file(0)


def test_some_images_without_picture_fail_alone(tmp_path: Path) -> None:
    """Though none of those that need their picture has it: the others tell their size."""
    size = {"original_width": 8, "original_height": 6}
    value = {"points": [[12.5, 100 / 6], [50, 100 / 6], [50, 50]], "polygonlabels": ["cat"]}
    region = size | {"type": "polygonlabels", "value": value}
    results = [[region], [], None]  # drawn, submitted empty, never annotated
    tasks = [
        {
            "id": at,
            "data": {"image": f"{at}.png"},
            "annotations": [{"result": found}] if found is not None else [],
        }
        for at, found in enumerate(results)
    ]
    path = written(tmp_path / "in/a.json", tasks)
    report = convert(path, tmp_path / "out")
    assert (report.painted, len(report.failures)) == (1, 2)
    assert all("--images DIR" in failure.reason for failure in report.failures)
    for name in ("1.png", "2.png"):
        picture(tmp_path / "far/off" / name)
    report = convert(path, tmp_path / "out", images=tmp_path / "far")
    assert (report.images, len(report.failures)) == (3, 0)
    written(path, tasks[1:])
    with pytest.raises(InputError, match="2 of 2 images have no picture"):
        convert(path, tmp_path / "none")


def test_an_imagej_zip_with_its_picture_beside(tmp_path: Path) -> None:
    """The zip may be named itself; and a ROI of a picture's name is that picture's."""
    roifile = pytest.importorskip("roifile")
    data = roifile.ImagejRoi.frompoints(np.array(POINTS, np.float32), name="cat").tobytes()
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("0001.roi", data)
    picture(tmp_path / "a.png")
    report = convert(tmp_path / "a.zip", tmp_path / "out")
    assert (report.painted, report.failures) == (1, [])
    for name in ("b.roi", "c.roi"):
        written(tmp_path / "rois" / name, data)
        written(tmp_path / "rois" / f"{name[0]}.png", encode_png(np.zeros((6, 8), np.uint8)))
    assert list(masks(tmp_path / "rois")) == ["b.png", "c.png"]


def test_detectron2s_dicts_are_told_what_they_are(tmp_path: Path) -> None:
    """With what to take in their place, in `check` and in `convert` alike."""
    rows = [{"file_name": "a.png", "height": 6, "width": 8, "image_id": 1, "annotations": []}]
    path = written(tmp_path / "a.json", json.dumps(rows))
    with pytest.raises(FormatError, match=r"Detectron2's dataset dicts.*convert_to_coco_json"):
        open_annotations(path)
