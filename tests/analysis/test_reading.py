"""Whatever reads annotations takes the same options, as flags and as keyword arguments."""

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from polymask import InputError, LabelError, LabelMap, check, compare, convert, read, stats, verify
from polymask.analysis.masks.mask_sets import open_masks
from polymask.cli.app import cli
from polymask.flag import spelled
from polymask.formats.options import ReadingOptions
from polymask.report.html import preview
from tests.conftest import SAMPLE, Run, coco, square

Write = Callable[..., Path]
READING = ("convert", "check", "stats", "compare", "preview", "verify")


@pytest.mark.parametrize("command", READING)
def test_a_command_that_reads_annotations_takes_every_flag_of_reading(command: str) -> None:
    """One list of flags, made from one dataclass."""
    flags = {flag for param in cli.commands[command].params for flag in param.opts}
    assert {spelled(each.name) for each in fields(ReadingOptions)} <= flags


def pictures(source: Path, folder: Path, **reading: Any) -> dict[str, Callable[[], set[str]]]:
    """The names of the images that each function looks at."""
    page = folder / "page.html"
    return {
        "read": lambda: {record.name for record in read(source, **reading)},
        "stats": lambda: {image.name for image in stats(source, **reading).images},
        "compare": lambda: {f"{name}.png" for name in compare(source, folder / "out", **reading).images},
        "preview": lambda: {facts.name for facts in preview(source, page, **reading).facts},
        "check": lambda: {finding.image for finding in check(source, **reading)},
    }


@pytest.mark.parametrize("function", ["read", "stats", "compare", "preview"])
def test_where_chooses_images(function: str, tmp_path: Path) -> None:
    """By a glob of their names; masks are chosen as their images are."""
    convert(SAMPLE, tmp_path / "out")
    assert pictures(SAMPLE, tmp_path, where=["h*.png", "empty*"])[function]() == {"harbor.png", "empty.png"}
    with pytest.raises(InputError, match=r"--where x\* matches none of 3 images"):
        pictures(SAMPLE, tmp_path, where="x*")[function]()


def test_where_chooses_masks_by_the_names_of_their_images(tmp_path: Path) -> None:
    """`harbor.png` is the picture's name, `harbor` the mask's."""
    convert(SAMPLE, tmp_path / "out")
    for glob in ("harbor.png", "harbor", "h*"):
        assert [image.name for image in stats(tmp_path / "out", where=glob).images] == ["harbor"]
    assert verify(tmp_path / "out", where="h*").images == 1
    assert verify(tmp_path / "out", source=SAMPLE, where="h*").images == 1


def test_check_looks_at_chosen_images_and_labels_only(coco_file: Write) -> None:
    """Findings of the others are not its business."""
    odd = square(-1, 1, 3)
    images = [{"id": n, "file_name": f"{n}.jpg", "height": 6, "width": 8} for n in (1, 2)]
    annotations = [
        {"id": n, "image_id": n, "category_id": 3, "segmentation": [odd], "iscrowd": 0} for n in (1, 2)
    ]
    path = coco_file(images=images, annotations=annotations)
    assert [finding.image for finding in check(path)] == ["1.jpg", "2.jpg"]
    assert [finding.image for finding in check(path, where="2*")] == ["2.jpg"]
    assert check(path, only="dog") == []


def test_only_chooses_labels(coco_file: Write, tmp_path: Path) -> None:
    """Of annotations as if the others were not there; of masks, the others' pixels are background."""
    path = coco_file()
    convert(path, tmp_path / "out")
    assert {i.label for record in read(path, only="cat") for i in record.instances} == {"cat"}
    assert stats(path, only="cat").labels == {"cat": {"instances": 1, "pixels": 9, "images": 1}}
    of_masks = stats(tmp_path / "out", only="cat")
    assert (of_masks.pixels_of("cat"), of_masks.pixels_of("background")) == (7, 48 - 7)
    for wrong in (path, tmp_path / "out"):
        with pytest.raises(LabelError, match="did you mean 'cat'"):
            stats(wrong, only="cats")


@pytest.mark.parametrize("function", READING)
def test_malformed_records_are_left_out_when_asked(
    function: str, coco_file: Write, tmp_path: Path, polymask_command: Run
) -> None:
    """`--skip-invalid` is for every command; `preview` lists such records anyway."""
    convert(coco_file(), tmp_path / "out")
    document = coco()
    document["annotations"][0]["segmentation"] = [[0, 0, float("nan"), 1, 1, 1]]
    (path := tmp_path / "broken.json").write_text(json.dumps(document))
    arguments: dict[str, list[object]] = {
        "convert": [path, tmp_path / "new"],
        "check": [path],
        "stats": [path],
        "compare": [path, tmp_path / "out"],
        "preview": [path, "-o", tmp_path / "page.html"],
        "verify": [tmp_path / "out", "--source", path],
    }
    code = {"preview": 0}.get(function, 2)
    assert polymask_command(function, *arguments[function]).returncode == code
    skipping = {"verify": 5}.get(function, 0)  # the cat is in the mask, not in the source
    assert polymask_command(function, *arguments[function], "--skip-invalid").returncode == skipping


@pytest.mark.parametrize(
    "labels", [["cat", "dog"], {"cat": 1, "dog": 2}, "file", LabelMap.from_names(["cat", "dog"])]
)
def test_labels_are_a_path_a_map_names_or_values(labels: Any, coco_file: Write, tmp_path: Path) -> None:
    """Everywhere the same."""
    path = coco_file()
    if labels == "file":
        (labels := tmp_path / "labels.txt").write_text("cat\ndog\n")
    expected = stats(path).labels
    assert convert(path, tmp_path / "out", labels=labels).written == 1
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "a.png").write_bytes((tmp_path / "out" / "masks" / "a.png").read_bytes())
    assert stats(path, labels=labels).labels == expected
    assert dict(compare(path, tmp_path / "bare", labels)) == {"cat": 1, "dog": 1}
    assert open_masks(tmp_path / "bare", labels=labels).label_map.names == ("cat", "dog")  # type: ignore[union-attr]
    assert verify(tmp_path / "bare", source=path, labels=labels).unchanged == 1
    assert preview(path, tmp_path / "page.html", labels=labels).label_map.names == ("cat", "dog")
    assert check(path, labels=labels) == []


def test_check_lists_labels_that_the_label_map_lacks(coco_file: Write) -> None:
    """`convert` would refuse them."""
    (finding,) = check(coco_file(), labels=["cat"])
    assert (finding.kind, finding.message) == (
        "unknown-label",
        "label 'dog' is not in the label map (1 instances)",
    )


def test_what_is_no_labels_is_refused(coco_file: Write) -> None:
    """With what labels are."""
    for wrong in (5, [5], [b"cat"]):
        with pytest.raises(LabelError, match=r"labels are a path, a LabelMap, names, or \{name: value\}"):
            stats(coco_file(), labels=wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("function", ["read", "stats", "compare", "preview", "check"])
def test_a_misspelled_option_is_an_error_with_the_nearest(function: str, tmp_path: Path) -> None:
    """Of any function."""
    with pytest.raises(InputError, match=r"no option 'annotators'; did you mean 'annotator'\?"):
        pictures(SAMPLE, tmp_path, annotators="x")[function]()


@pytest.mark.parametrize("function", ["read", "stats", "check"])
def test_dataloops_annotations_are_chosen_everywhere(function: str, tmp_path: Path) -> None:
    """A model's annotation is skipped unless it is asked for."""
    ring = [{"x": x, "y": y} for x, y in ((1, 1), (4, 1), (4, 4), (1, 4))]
    row = {
        "id": "1",
        "type": "segment",
        "label": "cat",
        "coordinates": [ring],
        "metadata": {"user": {"model": {"name": "yolo", "confidence": 0.9}}},
    }
    item = {
        "filename": "/a.jpg",
        "name": "a.jpg",
        "metadata": {"system": {"height": 6, "width": 8}},
        "annotations": [row],
    }
    (path := tmp_path / "a.json").write_text(json.dumps(item))
    painted = {
        "read": lambda **reading: sum(len(record.instances) for record in read(path, **reading)),
        "stats": lambda **reading: sum(sum(i.instances.values()) for i in stats(path, **reading).images),
        "check": lambda **reading: int("nothing-painted" not in [f.kind for f in check(path, **reading)]),
    }[function]
    assert (painted(), painted(predictions="keep")) == (0, 1)
    assert painted(predictions="keep", min_confidence=0.95) == 0


def test_pictures_are_needed_of_chosen_images_only(tmp_path: Path) -> None:
    """Each chosen image has the size of its own picture; what is not chosen may lack one."""
    folder = tmp_path / "yolo"
    copytree("fixtures/yolo", folder)
    (folder / "labels/train/another.txt").write_text("")
    with pytest.raises(InputError, match="1 of 3 images have no picture"):
        stats(folder)
    sizes = {record.name: record.frame for record in read(folder, where="*boat*")}
    assert sizes == {image.name: image.frame for image in stats(folder, where="*boat*").images}
    assert sizes == {record.name: record.frame for record in read("fixtures/yolo") if "boat" in record.name}
