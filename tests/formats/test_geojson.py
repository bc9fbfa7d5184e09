"""GeoJSON: holes, parts, classifications, what is no polygon, what is a map."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polymask import FormatError, InputError, encode_png
from polymask.formats import ReadOptions, open_annotations
from tests.support.formats import masks, written
from tests.support.oracles import drawn

BOX = [[1, 1], [6, 1], [6, 5], [1, 5], [1, 1]]
HOLE = [[2, 2], [2, 4], [4, 4], [4, 2], [2, 2]]
FAR = [[6, 5], [8, 5], [8, 6], [6, 6], [6, 5]]


def feature(kind: str = "Polygon", coordinates: Any = (BOX,), name: str | None = "cat", **more: Any) -> Any:
    properties = {"objectType": "annotation"} | ({"classification": {"name": name}} if name else {})
    geometry = {"type": kind, "coordinates": coordinates} | more
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def collection(*features: Any, **more: Any) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features)} | more


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    written(tmp_path / "a.png", encode_png(np.zeros((6, 8), np.uint8)))
    return tmp_path


@pytest.mark.parametrize("wrapped", ["collection", "list", "feature"])
def test_parts_and_holes(folder: Path, wrapped: str) -> None:
    """In every wrapping QuPath writes; heights are passed over."""
    one = feature("MultiPolygon", [[[[*point, 7.5] for point in BOX], HOLE], [FAR]])
    document = {"collection": collection(one), "list": [one], "feature": one}[wrapped]
    found = masks(written(folder / "a.geojson", document))["a.png"]
    assert (found == drawn("........", ".#####..", ".#..##..", ".#..##..", ".#####..", "......##")).all()


def test_labels(folder: Path) -> None:
    """Classification, derived classifications as QuPath shows them, none."""
    derived = feature()
    derived["properties"]["classification"] = {"names": ["Tumor", "Positive"], "color": [1, 2, 3]}
    path = written(folder / "a.geojson", collection(feature(), derived, feature(name=None)))
    assert open_annotations(path).used == {"cat": 1, "Tumor: Positive": 1, "object": 1}
    assert "x" in open_annotations(path, options=ReadOptions(default_label="x")).used


def test_what_is_no_polygon_is_counted_or_listed(folder: Path) -> None:
    """Nothing is dropped: lines, points, collections, other planes; nothing and no geometry are counted."""
    kinds = ("Point", "MultiPoint", "LineString", "MultiLineString", "GeometryCollection")
    rest = [feature(kind, [1, 2]) for kind in kinds]
    deep = feature(plane={"c": -1, "z": 2, "t": 0})
    nothing = [feature("Polygon", []), feature("MultiPolygon", []), {"type": "Feature", "geometry": None}]
    path = written(folder / "a.geojson", collection(feature(), *rest, deep, *nothing))
    annotations = open_annotations(path)
    assert (annotations.used, annotations.unsegmented, len(annotations.unsupported)) == ({"cat": 1}, 3, 6)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (collection(feature(coordinates=[BOX[:2]])), r"features\[0\]\.geometry\.coordinates: a ring has at"),
        (collection(feature("MultiPolygon", [[BOX], [[]]])), r"coordinates\[1\]: a ring has at least"),
        (collection(feature(coordinates=[[[1]]])), r"a position is x and y, not \[1\.0\]"),
        (collection(feature(coordinates=[["x"]])), r"coordinates\[0\]\[0\]: Expected `array`"),
    ],
)
def test_malformed_files_are_refused(folder: Path, document: Any, message: str) -> None:
    """With the place."""
    with pytest.raises(FormatError, match=message):
        open_annotations(written(folder / "a.geojson", document))


def test_the_picture_tells_the_size(tmp_path: Path) -> None:
    """Beside the file or below `--images`, of the same name; without it nothing can be drawn."""
    path = written(tmp_path / "in/a.ome.tif.geojson", collection(feature()))
    with pytest.raises(InputError, match=r"no picture 'a\.ome.tif'.*--images"):
        list(open_annotations(path))
    written(tmp_path / "b/a.ome.tif", encode_png(np.zeros((6, 8), np.uint8)))
    assert list(masks(path, images=tmp_path / "b")) == ["a.ome.tif"]


@pytest.mark.parametrize(
    ("attribute", "used", "notes"),
    [
        (None, {"cat": 1, "object": 2}, 1),
        ("kind", {"dog": 1, "fish": 1, "7": 1}, 0),
        ("classification", {"cat": 1, "object": 2}, 1),
    ],
)
def test_the_label_may_be_any_property(
    folder: Path, attribute: str | None, used: dict[str, int], notes: int
) -> None:
    """`--label-attribute` names it; features that would be `object` without it are told."""
    rows = [feature(name="cat"), feature(name=None), feature(name=None)]
    for row, kind in zip(rows, ("dog", "fish", 7), strict=True):
        row["properties"]["kind"] = kind
    path = written(folder / "a.geojson", collection(*rows))
    annotations = open_annotations(path, options=ReadOptions(label_attribute=attribute))
    assert annotations.used == used
    assert len([note for note in annotations.notes if "--label-attribute" in note]) == notes


def test_a_feature_without_the_chosen_property(folder: Path) -> None:
    """It is refused, or gets the default label."""
    path = written(folder / "a.geojson", collection(feature(name=None)))
    with pytest.raises(FormatError, match=r"\.properties: it has no 'kind'"):
        open_annotations(path, options=ReadOptions(label_attribute="kind"))
    options = ReadOptions(label_attribute="kind", default_label="thing")
    assert open_annotations(path, options=options).used == {"thing": 1}


def test_a_classification_may_be_its_name_alone(folder: Path) -> None:
    row = feature(name=None)
    row["properties"]["classification"] = "cat"
    assert open_annotations(written(folder / "a.geojson", collection(row))).used == {"cat": 1}


def test_features_without_properties_are_no_surprise(folder: Path) -> None:
    """There is nothing else to take the label from, so nothing is told."""
    row = feature() | {"properties": None}
    annotations = open_annotations(written(folder / "a.geojson", collection(row)))
    assert (annotations.used, annotations.notes) == ({"object": 1}, ())
