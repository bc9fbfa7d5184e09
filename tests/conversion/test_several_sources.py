"""Two annotation files, one DEST: the second never takes the masks of the first away unasked."""

import json
from pathlib import Path

import pytest

from polymask import convert, verify
from tests.conftest import tree

FIRST, SECOND = [1, 1, 5, 1, 5, 4, 1, 4], [2, 0, 7, 5, 0, 5]


def annotations(path: Path, label: str, points: list[int]) -> Path:
    """A COCO file with one polygon of a label; both files declare both labels."""
    labels = ("cat", "dog")
    row = {"id": 1, "image_id": 1, "category_id": 1 + labels.index(label), "segmentation": [points]}
    document = {
        "images": [{"id": 1, "file_name": "a.png", "height": 6, "width": 8}],
        "categories": [{"id": n, "name": name} for n, name in enumerate(labels, 1)],
        "annotations": [row],
    }
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize("layout", ["index", "binary", "dataloop", "coco", "onehot"])
@pytest.mark.parametrize("label", ["cat", "dog"])
def test_a_second_file_takes_no_mask_away_unasked(tmp_path: Path, layout: str, label: str) -> None:
    """Of the same label or another: the image fails, and what lies there stays; --overwrite replaces it."""
    dest = tmp_path / "out"
    convert(annotations(tmp_path / "first.json", "cat", FIRST), dest, to=layout)
    before = tree(dest)
    second = annotations(tmp_path / "second.json", label, SECOND)
    report = convert(second, dest, to=layout)
    assert (report.written, report.failed, report.exit_code) == (0, 1, 1)
    assert "--overwrite" in report.failures[0].reason
    assert tree(dest) == before
    assert convert(second, dest, to=layout, overwrite=True).failures == []
    assert convert(second, dest, to=layout).unchanged == 1
    assert verify(dest, source=second).failed == 0
