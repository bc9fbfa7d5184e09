"""Mapillary Vistas: polygons, and the order of the classes."""

from pathlib import Path
from typing import Any

import pytest

from polymask import FormatError
from polymask.formats import ReadOptions, open_annotations
from tests.support.formats import masks, written
from tests.support.oracles import drawn

BOX = [[1, 1], [6, 1], [6, 5], [1, 5]]
PLACE = "training/v2.0/polygons/a.json"


def document(*objects: Any, width: Any = 8) -> dict[str, Any]:
    return {"width": width, "height": 6, "objects": list(objects)}


def one(**more: Any) -> dict[str, Any]:
    return {"label": "object--boat", "polygon": BOX} | more


def test_classes_come_from_the_configuration(tmp_path: Path) -> None:
    """In its order, their places as ids, from wherever in the data set is read."""
    names = ("nature--sky", "object--boat")
    labels = [{"name": name, "readable": name, "evaluate": True} for name in names]
    written(tmp_path / "config_v2.0.json", {"labels": labels, "version": "2.0"})
    path = written(tmp_path / PLACE, document(one()))
    for source, name in ((tmp_path, "training/a.jpg"), (path.parent, "a.jpg"), (path, "a.jpg")):
        annotations = open_annotations(source)
        assert annotations.categories == (("nature--sky", 0), ("object--boat", 1))
        assert list(annotations.names) == [name]


def test_later_objects_are_painted_over_earlier_ones(tmp_path: Path) -> None:
    """In file order."""
    over = one(label="sky", polygon=[[4, 0], [8, 0], [8, 3], [4, 3]])
    found = masks(written(tmp_path / "a.json", document(one(), over)))["a.jpg"]
    expected = drawn("....2222", ".1112222", ".1112222", ".11111..", ".11111..", "........")
    assert (found == expected).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (document(one(polygon=BOX[:2])), r"\$\.objects\[0\]\.polygon: a ring has at least 3 points"),
        (document(one(label="")), r"\$\.objects\[0\]\.label: the label is empty"),
        (document(one(polygon=[[1]])), r"polygon\[0\]"),
    ],
)
def test_malformed_objects_are_refused(tmp_path: Path, text: Any, message: str) -> None:
    """With the place; left out when told to."""
    path = written(tmp_path / "a.json", text)
    with pytest.raises(FormatError, match=message):
        open_annotations(path)
    assert len(open_annotations(path, options=ReadOptions(skip_invalid=True)).skipped) == 1


def test_the_configuration_is_no_image(tmp_path: Path) -> None:
    """Alone it has nothing to paint."""
    labels = [{"name": "a", "readable": "A", "evaluate": True}]
    path = written(tmp_path / "config.json", {"labels": labels, "version": "2.0"})
    with pytest.raises(FormatError, match="the configuration"):
        open_annotations(path)
