"""ISAT: layers, background painted over, crowds."""

from pathlib import Path
from typing import Any

import pytest

from polymask import FormatError, index_mask
from polymask.formats import ReadOptions, open_annotations
from tests.support.formats import FIXTURES, LABELS, SCENE, written

BOX = [[1, 1], [6, 1], [6, 5], [1, 5]]


def document(*objects: Any) -> dict[str, Any]:
    info = {"description": "ISAT", "folder": "C:\\x", "name": "a.jpg", "width": 8, "height": 6}
    return {"info": info, "objects": list(objects)}


def one(**more: Any) -> dict[str, Any]:
    return {"category": "cat", "group": 1, "segmentation": BOX, "layer": 1.0, "iscrowd": False} | more


def test_layers_are_painted_from_below() -> None:
    """The window is background that is painted over the boat, though it stands before the sea."""
    records = {record.name: record for record in open_annotations(FIXTURES / "isat")}
    assert (index_mask(records["boat.png"], LABELS) == SCENE).all()
    assert not records["empty.png"].instances


def test_crowds_and_nothing(tmp_path: Path) -> None:
    """`iscrowd` is kept; what has no segmentation is counted."""
    path = written(tmp_path / "d/a.json", document(one(iscrowd=True), one(segmentation=[])))
    annotations = open_annotations(tmp_path)
    (record,) = annotations
    assert (record.name, record.instances[0].crowd, annotations.unsegmented) == ("d/a.jpg", True, 1)
    assert list(open_annotations(path).names) == ["a.jpg"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (one(segmentation=BOX[:2]), r"objects\[0\]\.segmentation: a ring has at least 3 points"),
        (one(category=""), "label is empty"),
        (one(layer="x"), r"objects\[0\]\.layer: Expected `float`"),
    ],
)
def test_malformed_objects_are_refused(tmp_path: Path, row: Any, message: str) -> None:
    """With the place; left out when told to."""
    path = written(tmp_path / "a.json", document(row))
    with pytest.raises(FormatError, match=message):
        open_annotations(path)
    assert len(open_annotations(path, options=ReadOptions(skip_invalid=True)).skipped) == 1
