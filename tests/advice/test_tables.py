"""Advice about what names pixels and rows: tables beside masks, label files, the classes of YOLO."""

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.advice.sites import Case, follows
from tests.advice.test_writing import labeled
from tests.conftest import SAMPLE, coco
from tests.support.formats import FIXTURES, written


@pytest.fixture
def yolo(tmp_path: Path) -> Path:
    """A dataset of YOLO's, whose data.yaml names its classes."""
    return shutil.copytree(FIXTURES / "yolo", tmp_path / "yolo")


@follows("formats/drawing/mask_files: convert the annotations again, with `--to index`")
def test_masks_of_a_label_each_are_made_again_as_index_masks(case: Case) -> None:
    """Those are read."""
    binary, index = case.out, case.out
    case.works("convert", SAMPLE, binary, "--to", "binary")
    case.fails("convert", binary, case.out, "--from", "masks")
    case.works("convert", SAMPLE, index, "--to", "index")
    case.works("convert", index, case.out, "--from", "masks")


def a_mask(case: Case) -> Path:
    """A folder of a mask without a table."""
    shutil.copy(FIXTURES / "masks/train/boat_mask.png", written(case.folder / "masks/a.png", ""))
    return case.folder / "masks"


@follows("formats/drawing/mask_files: advice", "labels/texts/json_labels: take one of the two out")
def test_of_two_names_for_a_value_one_is_taken_out(case: Case) -> None:
    """Of a table beside masks, and of a label file."""
    masks = a_mask(case)
    once = json.dumps({"1": "sea", "2": "boat", "3": "sun"})
    twice = once.replace("}", ', "1": "ship"}')
    table = written(masks / "id2label.json", twice)
    case.fails("convert", masks, case.out, "--from", "masks")
    table.write_text(once)
    case.works("convert", masks, case.out, "--from", "masks")
    source, labels = case.write("a.json", coco()), case.write("labels.json", '{"cat": 1, "cat": 2, "dog": 2}')
    case.fails("convert", source, case.out, "--labels", labels)
    labels.write_text('{"cat": 1, "dog": 2}')
    case.works("convert", source, case.out, "--labels", labels)


@follows("labels/texts/json_labels: keep one of them, and give the other a different name")
def test_of_a_labels_two_values_it_keeps_one(case: Case) -> None:
    """The other is called otherwise."""
    source, labels = case.write("a.json", coco()), case.write("labels.json", {"1": "cat", "2": "cat"})
    case.fails("convert", source, case.out, "--labels", labels)
    case.write("labels.json", {"1": "cat", "2": "dog"})
    case.works("convert", source, case.out, "--labels", labels)


@follows("formats/reading/texts/appearance: f'name one of the archives in it, {archives[0]}'")
def test_of_a_folder_without_a_format_an_archive_or_the_format_is_named(case: Case) -> None:
    """PNGs may be masks, which nothing tells from photos."""
    folder = case.folder / "export"
    folder.mkdir()
    for name, file in (("a.tar", "instances.json"), ("b.tar", "notes.md")):  # the other holds no annotations
        with tarfile.open(folder / name, "w") as archive:
            archive.add(SAMPLE, file)
    done = case.fails("convert", folder, case.out)
    assert done.error
    case.works("convert", folder / done.error.advice.rpartition(", ")[2], case.out)
    masks = a_mask(case)
    done = case.fails("convert", masks, case.out)
    assert done.error
    case.works("convert", masks, case.out, *done.error.advice.split("; ")[1].split(",")[0].split())


def many_labels(count: int) -> dict[str, Any]:
    """The small document, with so many labels, of which each paints."""
    row = coco()["annotations"][0]
    return coco(
        categories=[{"id": number, "name": f"l{number}"} for number in range(1, count + 1)],
        annotations=[row | {"id": number, "category_id": number} for number in range(1, count + 1)],
    )


def fewer(case: Case) -> tuple[object, ...]:
    """The flags of a file of one label, and of a choice of it."""
    return "--labels", case.write("fewer.txt", "l1\n"), "--only", "l1"


@follows("layouts/idd: leave out --instances, use `--ids contiguous`, or list fewer labels")
def test_instance_ids_of_idd_that_do_not_fit_are_numbered_otherwise_or_left_out(case: Case) -> None:
    """Each way by itself; more labels than have instance ids are made fewer."""
    flags = ("--to", "idd")
    high = case.write("high.json", labeled("cat", "dog", ids=(3, 70)))
    case.fails("convert", high, case.out, *flags, "--instances", "--ids", "source")
    case.works("convert", high, case.out, *flags, "--instances", "--ids", "contiguous")
    case.works("convert", high, case.out, *flags, "--ids", "source")
    source = case.write("many.json", many_labels(66))
    case.fails("convert", source, case.out, *flags, "--instances")
    case.works("convert", source, case.out, *flags)
    case.works("convert", source, case.out, *flags, "--instances", *fewer(case))


@follows("layouts/segnet: use `--to index`, or list fewer labels")
def test_more_labels_than_segnet_has_are_fewer_or_go_to_index(case: Case) -> None:
    """256, and a choice of them."""
    source = case.write("a.json", many_labels(256))
    case.fails("convert", source, case.out, "--to", "segnet")
    case.works("convert", source, case.out, "--to", "segnet", *fewer(case))
    case.works("convert", source, case.out, "--to", "index")


@follows("formats/yolo/class_names: name a file with the names of the classes")
def test_classes_without_names_get_them_from_a_file(case: Case, yolo: Path) -> None:
    """One a line, from class 0 on."""
    (yolo / "data.yaml").unlink()
    case.fails("convert", yolo, case.out)
    labels = case.write("names.txt", "boat\nsea\nsun\n")
    case.works("convert", yolo, case.out, "--labels", labels)


@follows(
    "formats/yolo/class_names: export polygons; where the rows are polygons, take `kpt_shape` out of the file"
)
def test_rows_that_are_said_to_be_poses_are_polygons_without_the_word(case: Case, yolo: Path) -> None:
    """As they are here."""
    table = yolo / "data.yaml"
    text = table.read_text()
    table.write_text(f"{text}kpt_shape: [4, 2]\n")
    case.fails("convert", yolo, case.out)
    table.write_text(text)
    case.works("convert", yolo, case.out)


@follows("formats/yolo/class_names: write the name of the class there")
def test_an_empty_line_of_classes_gets_a_name(case: Case, yolo: Path) -> None:
    """In classes.txt, where there is no data.yaml."""
    (yolo / "data.yaml").unlink()
    classes = written(yolo / "classes.txt", "boat\n\nsun\n")
    case.fails("convert", yolo, case.out, told="line 2")
    classes.write_text("boat\nsea\nsun\n")
    case.works("convert", yolo, case.out)
