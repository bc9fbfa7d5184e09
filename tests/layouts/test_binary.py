"""One mask a label, 0 and 255; masks may overlap."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polymask import InputError, LabelError, convert, decode_png
from tests.conftest import coco, square, tree
from tests.support.oracles import drawn

Write = Callable[..., Path]


def test_each_label_keeps_its_own_mask(coco_file: Write, tmp_path: Path) -> None:
    """The cat keeps the pixels it shares with the dog; the report counts both."""
    report = convert(coco_file(), tmp_path / "out", to="binary")
    cat, dog = (decode_png((tmp_path / f"out/masks/a/{name}.png").read_bytes()) for name in ("cat", "dog"))
    assert (cat == 255 * drawn("........", ".###....", ".###....", ".###....", "........", "........")).all()
    assert (np.flatnonzero(cat & dog) == [19, 27]).all()
    assert report.labels["cat"]["pixels"] == 9


@pytest.mark.parametrize("layout", ["binary", "coco", "dataloop"])
@pytest.mark.parametrize(
    "options",
    [
        {"border": 3},
        {"instances": True},
        {"overlap": "error"},
        {"overlap": "priority", "priority": ["cat"]},
        {"crowd": "void"},
    ],
    ids=str,
)
def test_options_without_effect_are_refused(
    coco_file: Write, tmp_path: Path, layout: str, options: dict[str, Any]
) -> None:
    """An option that only an index mask honors is not accepted, and never recorded as if it had worked."""
    with pytest.raises(InputError, match=f"--{next(iter(options))} has no effect on the layout `{layout}`"):
        convert(coco_file(), tmp_path / "out", to=layout, **options)
    assert not (tmp_path / "out").exists()


def test_nobody_wins_where_each_label_keeps_its_own_mask(coco_file: Write, tmp_path: Path) -> None:
    """The report names the shared pixels, and no winner."""
    (conflict,) = convert(coco_file(), tmp_path / "out", to="binary").conflicts
    assert (conflict.pixels, conflict.winner) == (2, None)


@pytest.mark.parametrize("layout", ["binary", "index"])
def test_an_instance_that_paints_nothing_is_counted(coco_file: Write, tmp_path: Path, layout: str) -> None:
    """With its label, and with no pixels."""
    outside = {"id": 9, "image_id": 1, "category_id": 7, "segmentation": [square(50, 50, 3)]}
    report = convert(coco_file(annotations=[outside]), tmp_path / "out", to=layout)
    assert (report.instances, report.labels["dog"]) == (1, {"instances": 1, "pixels": 0})


def test_an_image_without_instances_has_a_line_and_no_masks(coco_file: Write, tmp_path: Path) -> None:
    """Nothing to draw, but the image is told of."""
    convert(coco_file(annotations=[]), tmp_path / "out", to="binary")
    assert list(tree(tmp_path / "out")) == ["id2label.json", "labels.json", "manifest.jsonl"]
    assert '"labels":{}' in (tmp_path / "out/manifest.jsonl").read_text()


@pytest.mark.parametrize("names", [("a/b", "c"), ("..", "c"), ("Cat", "cat"), ("c" * 252, "d")])
def test_labels_that_are_no_file_names_are_refused(
    coco_file: Write, tmp_path: Path, names: tuple[str, str]
) -> None:
    """The way out is a label file."""
    categories = [{"id": number, "name": name} for number, name in zip((3, 7), names, strict=True)]
    with pytest.raises(LabelError, match="--labels"):
        convert(coco_file(categories=categories), tmp_path / "out", to="binary")
    assert not (tmp_path / "out").exists()


def test_the_sample_document_is_what_these_tests_say() -> None:
    """Guards the numbers above."""
    assert [annotation["category_id"] for annotation in coco()["annotations"]] == [3, 7]
