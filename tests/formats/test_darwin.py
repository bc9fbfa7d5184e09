"""V7 Darwin: paths, raster layers, what is counted and what is left alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polymask import FormatError, encode_png
from polymask.formats import ReadOptions, open_annotations
from tests.support.formats import masks, written
from tests.support.oracles import drawn

BOX = [{"x": x, "y": y} for x, y in ((1, 1), (6, 1), (6, 5), (1, 5))]
HOLE = [{"x": x, "y": y} for x, y in ((2, 2), (4, 2), (4, 4), (2, 4))]
FAR = [{"x": x, "y": y} for x, y in ((6, 5), (8, 5), (8, 6), (6, 6))]


def document(*annotations: Any, slots: int = 1, **slot: Any) -> dict[str, Any]:
    all_slots = [{"slot_name": str(n), "type": "image", "width": 8, "height": 6} | slot for n in range(slots)]
    item = {"name": "a.png", "path": "/d", "slots": all_slots}
    return {"version": "2.0", "item": item, "annotations": list(annotations)}


def one(**shape: Any) -> dict[str, Any]:
    return {"id": "i", "name": "cat", "slot_names": ["0"]} | shape


def polygon(*paths: Any) -> dict[str, Any]:
    return one(polygon={"paths": list(paths)})


def raster(dense_rle: Any, **mapping: int) -> dict[str, Any]:
    layer = {"dense_rle": dense_rle, "mask_annotation_ids_mapping": mapping, "total_pixels": 48}
    return one(id="r", name="__raster_layer__", raster_layer=layer)


def test_paths_are_filled_even_odd(tmp_path: Path) -> None:
    """A path inside another is a hole, one outside a part; the item's path is the image's folder."""
    found = masks(written(tmp_path / "a.json", document(polygon(BOX, HOLE, FAR))))
    expected = drawn("........", ".#####..", ".#..##..", ".#..##..", ".#####..", "......##")
    assert (found["d/a.png"] == expected).all()


def test_masks_are_numbers_of_the_raster_layer(tmp_path: Path) -> None:
    """Runs along the rows; painted where the mask stands, wherever the layer stands."""
    layer = raster([0, 9, 7, 3, 5, 2, 0, 34], m=7, n=5)
    rows = [layer, one(id="m", mask={}), polygon(BOX[:2] + HOLE[2:]), one(id="n", name="dog", mask={})]
    found = masks(written(tmp_path / "a.json", document(*rows)))["d/a.png"]
    assert found[1].tolist() == [0, 1, 1, 1, 2, 2, 0, 0]


def test_what_is_no_area_is_counted_or_listed(tmp_path: Path) -> None:
    """Boxes, tags and absent masks are counted; the rest is left alone; nothing is dropped."""
    ellipse = {"center": {"x": 1, "y": 1}, "radius": {"x": 1, "y": 1}, "angle": 0.5}
    kinds = ("line", "keypoint", "skeleton", "cuboid")
    rest = [one(**{kind: {}}) for kind in kinds] + [one(ellipse=ellipse), one(frames={"0": {}})]
    other = polygon(BOX) | {"slot_names": ["1"]}
    rows = [polygon(BOX), one(bounding_box={"x": 1}), one(mask={}), one(tag={}), other, *rest]
    annotations = open_annotations(written(tmp_path / "a.json", document(*rows, slots=2)))
    assert (annotations.used, annotations.unsegmented, len(annotations.unsupported)) == ({"cat": 1}, 3, 7)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (polygon(BOX[:2]), r"annotations\[0\]\.polygon: a ring has at least 3 points, not 2"),
        (polygon(), "at least 3 points, not 0"),
        (raster([0, 48, 1], m=1), r"raster_layer\.dense_rle: expected pairs"),
        (raster([0, 40], m=1), "runs of 40 px in an image of 6 × 8"),
        (raster([0, 40, 3, 8], m=1), "the number 3 is no mask's"),
        (raster([0, 48], m=1, n=1), "a number is there twice, or 0"),
        (one(cloud={}), r"annotations\[0\]: no shape that is read: cloud"),
        (one(name="", polygon={"paths": [BOX]}), "label is empty"),
    ],
)
def test_malformed_annotations_are_refused(tmp_path: Path, row: Any, message: str) -> None:
    """With the place; left out when told to."""
    path = written(tmp_path / "a.json", document(row))
    with pytest.raises(FormatError, match=message):
        open_annotations(path)
    assert len(open_annotations(path, options=ReadOptions(skip_invalid=True)).skipped) == 1


def test_the_picture_tells_the_size_where_the_file_does_not(tmp_path: Path) -> None:
    """Of the raster layer too, whose runs then have to be as many."""
    written(tmp_path / "d/a.png", encode_png(np.zeros((6, 8), np.uint8)))
    rows = [raster([0, 9, 1, 39], m=1), one(id="m", mask={})]
    path = written(tmp_path / "a.json", document(*rows, width=None))
    assert masks(path)["d/a.png"].sum() == 39
    written(tmp_path / "d/a.png", encode_png(np.zeros((5, 8), np.uint8)))
    with pytest.raises(FormatError, match="runs of 48 px in an image of 5 × 8"):
        masks(path)
