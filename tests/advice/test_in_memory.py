"""Advice that only who hands in shapes, records and pictures from memory meets."""

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import shapely

from polymask import ImageRecord, Instance, Polygon, PolymaskError, convert, index_mask, overlay, rasterize
from tests.advice.sites import Case, follows
from tests.conftest import SAMPLE

FRAME = (4, 6)
SQUARE = [(1, 1), (3, 1), (3, 3), (1, 3)]
RECORD = ImageRecord(1, "a.jpg", FRAME, (Instance(1, "cat", Polygon(SQUARE)),))


def refused(shapes: Any) -> None:
    with pytest.raises(PolymaskError):
        rasterize(shapes, FRAME)


@follows(
    "raster/exchange/geojson: _ADVICE",
    "raster/exchange/geojson: leave it out",
    "raster/exchange/shapes: it is rasterized already",
    "raster/exchange/shapes: x and y in turn",
)
def test_shapes_become_polygons_as_told() -> None:
    """Points by their buffer, features without the empty ones, masks as they are, numbers in pairs."""
    refused(shapely.Point(2, 2))
    assert rasterize(shapely.Point(2, 2).buffer(1), FRAME).any()
    features: list[dict[str, Any]] = [{"type": "Feature", "geometry": None}]
    refused({"type": "FeatureCollection", "features": features})
    assert not rasterize({"type": "FeatureCollection", "features": features[1:]}, FRAME).any()
    mask = rasterize(SQUARE, FRAME)
    refused(mask)
    array = np.array(SQUARE).reshape(-1)
    refused(array)
    assert (rasterize(array.reshape(-1, 2), FRAME) == mask).all()


@follows("painting/masks: cut it off at the frame's edge", "layouts/overlay: make it uint8")
def test_windows_and_pictures_are_made_as_told() -> None:
    """A window ends with the frame; an array of floats becomes bytes."""
    with pytest.raises(PolymaskError):
        index_mask(RECORD, ["cat"], window=(2, 2, 4, 4))
    assert index_mask(RECORD, ["cat"], window=(2, 2, 2, 4)).shape == (2, 4)
    picture = np.full((*FRAME, 3), 0.5)
    with pytest.raises(PolymaskError):
        overlay(RECORD, picture)
    assert overlay(RECORD, (255 * picture).astype(np.uint8)).shape == (*FRAME, 3)


@follows(
    "conversion/planning/of_records: {way} the path of a file",
    "conversion/planning/of_records: use workers=… or a ThreadPoolExecutor",
    "formats/in_memory: hand in a list of ImageRecord",
    "formats/in_memory: make one: ImageRecord(id, name, (height, width), instances)",
    "formats/in_memory: leave {option.name} out",
)
def test_records_are_handed_in_as_told(case: Case) -> None:
    """What takes a file gets its path; threads share memory; a source is a list of records."""
    out = case.out
    for options in ({"delete_source": True}, {"boxes": True}, {"scheduler": "tcp://127.0.0.1:1"}):
        with pytest.raises(PolymaskError):
            convert([RECORD], out, **options)
    with ProcessPoolExecutor(1) as processes, pytest.raises(PolymaskError):
        convert([RECORD], out, executor=processes)
    for source in (7, ["a.jpg"]):
        with pytest.raises(PolymaskError):
            convert(source, out)  # type: ignore[arg-type]
    with ThreadPoolExecutor(1) as threads:
        assert convert([RECORD], out, executor=threads, workers=1).written == 1
    assert convert([ImageRecord(2, "b.jpg", FRAME, [])], out, labels=["cat"]).failed == 0
    assert convert(SAMPLE, out / "sample", boxes=True).failed == 0
