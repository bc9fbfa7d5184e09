"""Images without a size in the annotations: their pictures give it, in every format."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from PIL import Image

from polymask import InputError, LabelMap, convert, index_mask
from polymask.formats import ReadOptions, open_annotations
from polymask.model import Frame
from tests.support.formats import FIXTURES, masks

SIZED: dict[str, Callable[[Any], list[Any]]] = {  # where a fixture's files hold the two sides
    "cityscapes": lambda document: [document],
    "coco-panoptic": lambda document: document["images"],
    "cvat": lambda root: [image.attrib for image in root.iter("image")],
    "encord": lambda rows: [unit for row in rows for unit in row["data_units"].values()],
    "labelme-xml": lambda root: list(root.iter("imagesize")),
    "mapillary": lambda document: [document],
    "rectlabel-xml": lambda root: list(root.iter("size")),
    "sa1b": lambda document: [document["image"]],
    "supervisely": lambda document: [document["size"]],
}
SIDES = ("height", "width", "imgHeight", "imgWidth", "nrows", "ncols")
named = pytest.mark.parametrize("name", SIZED)


def unsized(name: str, folder: Path, *, how: str) -> Path:
    """A copy of a fixture whose sides are missing, or 0."""
    shutil.copytree(FIXTURES / name, folder)
    for path in folder.rglob("*.json"):
        if not path.name.startswith(("meta", "config")):
            document = json.loads(path.read_text())
            for holder in SIZED[name](document):
                _blank(holder, 0, how=how)
            path.write_text(json.dumps(document))
    for path in folder.rglob("*.xml"):
        tree = ElementTree.parse(path)
        for holder in SIZED[name](tree.getroot()):
            if isinstance(holder, dict):
                _blank(holder, "0", how=how)
            else:
                _blank_children(holder, how=how)
        tree.write(path)
    return folder


def _blank(holder: dict[str, Any], zero: Any, *, how: str) -> None:
    for side in holder.keys() & set(SIDES):
        if how != "missing":
            holder[side] = "0" if how == "text zero" else zero
        else:
            del holder[side]


def _blank_children(element: ElementTree.Element, *, how: str) -> None:
    for child in [child for child in element if child.tag in SIDES]:
        if how != "missing":
            child.text = "0"
        else:
            element.remove(child)


def pictured(folder: Path, frames: dict[str, Frame]) -> Path:
    for name, (height, width) in frames.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (width, height)).save(folder / name)
    return folder


def frames_of(path: Path) -> dict[str, Frame]:
    return {record.name: record.frame for record in open_annotations(path)}


TEXTS: dict[str, Callable[[Any], list[Any]]] = SIZED | {  # of those, the ones whose numbers are JSON's
    "coco-stuff": lambda document: document["images"],
    "darwin": lambda document: document["item"]["slots"],
    "dataloop": lambda document: [document["metadata"]["system"]],
    "datumaro": lambda document: [item["image"] for item in document["items"]],
    "isat": lambda document: [document["info"]],
    "labelme": lambda document: [document],
    "labelstudio": lambda tasks: [row for task in tasks for a in task["annotations"] for row in a["result"]],
}
TEXT_SIDES = {*SIDES, "imageHeight", "imageWidth", "original_height", "original_width", "size"}


def quoted(value: Any) -> Any:
    return [str(number) for number in value] if isinstance(value, list) else str(value)


@pytest.mark.parametrize("name", sorted(set(TEXTS) - {"cvat", "labelme-xml", "rectlabel-xml"}))
def test_sizes_that_are_text_are_read_as_numbers(tmp_path: Path, name: str) -> None:
    """The same frames in every format, and a note with their number; other texts are refused."""
    source = tmp_path / "in"
    shutil.copytree(FIXTURES / name, source)
    documents = [path for path in source.rglob("*.json") if not path.name.startswith(("meta", "config"))]
    for path in documents:
        document = json.loads(path.read_text())
        for holder in TEXTS[name](document):
            holder |= {side: quoted(holder[side]) for side in holder.keys() & TEXT_SIDES}
        path.write_text(json.dumps(document))
    assert frames_of(source) == frames_of(FIXTURES / name)
    assert any("are text, and were read as numbers" in note for note in open_annotations(source).notes)
    for path in documents:
        path.write_text(path.read_text().replace('"12"', '"12 px"').replace('"19"', '"wide"'))
    with pytest.raises(InputError, match=r"a whole number of pixels large, not '|Expected `int"):
        list(open_annotations(source))


@named
@pytest.mark.parametrize("how", ["missing", "zero", "text zero"])
@pytest.mark.parametrize("where", ["beside", "images"])
def test_pictures_give_the_sizes(tmp_path: Path, name: str, how: str, where: str) -> None:
    """Missing or 0, from pictures beside or below `--images`: the same masks as with sizes, and a note."""
    source = unsized(name, tmp_path / "in", how=how)
    frames = frames_of(FIXTURES / name)
    pictures = pictured(source if where == "beside" else tmp_path / "pictures", frames)
    images = pictures if where == "images" else None
    told = "mapillary" if name == "mapillary" and how == "missing" else None  # nothing else shows it
    annotations = open_annotations(source, format=told, options=ReadOptions(images=images))
    assert {record.name: record.frame for record in annotations} == frames
    assert annotations.notes[-1].endswith("have no size in the file: it is taken from their pictures")
    expected = masks(FIXTURES / name)
    labels = LabelMap.from_names(sorted(annotations.used))
    for record in annotations:
        assert (index_mask(record, labels) == expected[record.name]).all()


@pytest.mark.parametrize("name", sorted(set(SIZED) - {"coco-panoptic"}))  # whose masks tell most sizes
def test_a_missing_picture_is_refused_with_the_way_out(tmp_path: Path, name: str) -> None:
    """Before anything is written; the advice works when it is followed."""
    source = unsized(name, tmp_path / "in", how="zero")
    with pytest.raises(InputError, match=r"have no picture .*and it is needed") as refusal:
        convert(source, tmp_path / "out")
    assert refusal.value.advice == "name the folder that holds them with --images DIR"
    assert not (tmp_path / "out").exists()
    pictures = pictured(tmp_path / "pictures", frames_of(FIXTURES / name))
    assert convert(source, tmp_path / "out", images=pictures).exit_code == 0


def test_an_image_without_mask_and_picture_fails_alone(tmp_path: Path) -> None:
    """In COCO panoptic the masks tell the size of the others; the advice works when it is followed."""
    source = unsized("coco-panoptic", tmp_path / "in", how="zero")
    report = convert(source, tmp_path / "out")
    assert [failure.name for failure in report.failures] == ["empty.png"]
    assert "add --images DIR" in report.failures[0].reason
    pictures = pictured(tmp_path / "pictures", frames_of(FIXTURES / "coco-panoptic"))
    assert convert(source, tmp_path / "out", images=pictures).exit_code == 0


def test_masks_of_another_size_than_the_picture_are_refused(tmp_path: Path) -> None:
    """They are compared as soon as the picture is open: never cut off in silence."""
    for name in ("cvat", "encord", "sa1b", "rectlabel-xml", "labelme-xml"):
        source = unsized(name, tmp_path / name, how="zero")
        frames = dict.fromkeys(frames_of(FIXTURES / name), (3, 4))
        pictures = pictured(tmp_path / f"{name}-pictures", frames)
        annotations = open_annotations(source, options=ReadOptions(images=pictures))
        with pytest.raises(InputError, match=r"px"):
            list(annotations)


def test_the_png_of_segments_gives_the_size(tmp_path: Path) -> None:
    """COCO panoptic needs no picture for images with segments."""
    source = unsized("coco-panoptic", tmp_path / "in", how="missing")
    annotations = open_annotations(source)
    assert annotations.sized_by_pictures == [annotations.names.index("empty.png")]
    record = annotations.decode(annotations.names.index("boat.png"))
    assert record.frame == (8, 12)
    assert len(record.instances) == 3


def test_same_names_in_subsets_take_their_own_pictures(tmp_path: Path) -> None:
    """CVAT's images of one name: each has the size of the picture in its subset's folder."""
    images = "".join(
        f'<image name="f.png" subset="{subset}"><box label="a" xtl="0" ytl="0" xbr="1" ybr="1"/></image>'
        for subset in ("Train", "Validation")
    )
    path = tmp_path / "in/annotations.xml"
    path.parent.mkdir()
    path.write_text(f"<annotations>{images}</annotations>")
    frames = {"Train/f.png": (3, 4), "Validation/f.png": (5, 6)}
    pictured(tmp_path / "in/images", frames)
    assert frames_of(path) == frames
    assert convert(path, tmp_path / "out").exit_code == 0
