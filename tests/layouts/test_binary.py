"""One mask a label, 0 and 255; masks may overlap."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from polymask import LabelError, convert, decode_png
from tests.conftest import coco, tree
from tests.oracles import drawn

Write = Callable[..., Path]


def test_each_label_keeps_its_own_mask(coco_file: Write, tmp_path: Path) -> None:
    """The cat keeps the pixels it shares with the dog; the report counts both."""
    report = convert(coco_file(), tmp_path / "out", to="binary")
    cat, dog = (decode_png((tmp_path / f"out/masks/a/{name}.png").read_bytes()) for name in ("cat", "dog"))
    assert (cat == 255 * drawn("........", ".###....", ".###....", ".###....", "........", "........")).all()
    assert (np.flatnonzero(cat & dog) == [19, 27]).all()
    assert report.labels["cat"]["pixels"] == 9


def test_an_image_without_instances_has_a_line_and_no_masks(coco_file: Write, tmp_path: Path) -> None:
    """Nothing to draw, but the image is told of."""
    convert(coco_file(annotations=[]), tmp_path / "out", to="binary")
    assert list(tree(tmp_path / "out")) == ["id2label.json", "labels.json", "manifest.jsonl"]
    assert '"labels": {}' in (tmp_path / "out/manifest.jsonl").read_text()


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
