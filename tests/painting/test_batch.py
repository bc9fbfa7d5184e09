"""The kernel's call that paints many images: what it answers, and what it refuses."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polymask import LabelMap, native
from polymask.codecs.painted_png import Encoding
from polymask.formats import open_annotations
from polymask.painting import batch
from polymask.painting.painting import Painting
from polymask.painting.rules import Rules
from polymask.provenance.digest import record_sha256
from polymask.raster.mask_digest import mask_sha256

pytestmark = pytest.mark.skipif(native.compiled is None, reason="the compiled kernel paints many at once")
Options = dict[str, Any]


def ints(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


def call(**changes: Any) -> Any:
    """The kernel's own answer for one image of one ring, some of its arguments changed."""
    row = np.array([[0, 0, 5, 0, batch.RINGS, 0, 15, 0, 0]], np.int64)
    arguments: dict[str, Any] = {
        "text": b"[[0,0,2,0,2,2]]",
        "rows": row,
        "cuts": ints(0, 1),
        "frames": ints(2, 3),
        "names": (b'"a"',),
        "labels": (b'"cat"',),
        "values": ints(7),
        "groups": ints(0),
        "order": ints(0),
        "background": 0,
        "void": -1,
        "owned": True,
        "most": 9,
        "pixel": 1,
        "tell": None,
    }
    module: Any = native.compiled
    return module.batch(*(arguments | changes).values())


def test_one_image_by_hand() -> None:
    """A triangle of three pixels, two in its upper row: what is counted of it, and what its record says."""
    done, empty, _, sums, _, runs, record, counts, shares = call()
    assert (list(done), list(empty), shares) == ([1], [0], b"")
    assert np.frombuffer(sums, np.int64).tolist() == [3, 0]
    assert np.frombuffer(counts, np.int64).tolist() == [0, 7, 3]
    assert [(run >> 48, run & 0xFFFF) for run in np.frombuffer(runs, np.uint64).tolist()] == [
        (7, 2),
        (0, 2),
        (7, 1),
        (0, 1),
    ]
    assert record[:36] == b'["a",[2,3],[[5,"cat",0,false,[[3]]]]'
    assert np.frombuffer(record[37:], np.float64).tolist() == [0, 0, 2, 0, 2, 2]


WRONG: dict[str, Options] = {
    "a text that ends before": {"text": b"[[0,0,2,0,2,2]"},
    "no such label": {"labels": ()},
    "no name": {"names": ()},
    "cuts behind the rows": {"cuts": ints(0, 2)},
    "cuts that leave rows out": {"cuts": ints(0, 0)},
    "a frame without pixels": {"frames": ints(0, 3)},
    "a value that a byte does not hold": {"values": ints(256)},
    "a background that a byte does not hold": {"background": 256},
    "a void below none": {"void": -2},
    "no such group": {"groups": ints(65536)},
    "an order of others": {"order": ints(1)},
    "three bytes a pixel": {"pixel": 3},
    "rows of other columns": {"rows": ints(1, 2, 3)},
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_calls_are_refused(name: str) -> None:
    """The kernel reads and writes nothing outside of what it is handed."""
    with pytest.raises(ValueError, match=r"do not fit|item size"):
        call(**WRONG[name])


@pytest.mark.parametrize(
    "changes",
    [
        {"text": b"[[0,0,2,0,2,x]]"},
        {"text": b"[[0,0,2,0,2222]"},
        {"text": b"{}             "},
        {"frames": ints(2**31, 1)},
        {"frames": ints(2**40, 2**40)},
    ],
    ids=str,
)
def test_what_is_not_certain_is_left_alone(changes: Options) -> None:
    """It is not done, and nothing is told of it."""
    done, _, ends, sums, *others = call(**changes)
    assert list(done) == [0]
    assert np.frombuffer(ends, np.int64).tolist() == [0, 0, 0]
    assert not any(sums)
    assert others == [b""] * 5


def test_the_rows_of_an_image_are_numbered_from_its_first(coco_file: Callable[..., Path]) -> None:
    """`first` turns the order around within each image."""
    table = open_annotations(coco_file()).table
    assert table is not None
    painter = batch.BatchPainter(
        table,
        LabelMap.from_names(["cat", "dog"]),
        Rules(overlap="first"),
        encoding=Encoding(),
        most_pairs=9,
    )
    assert painter._order(ints(0, 2, 2, 5)).tolist() == [1, 0, 2, 1, 0]


def test_an_image_that_is_declined_late_leaves_its_neighbors_as_they_are() -> None:
    """Its labels share more pixels than may be counted: its PNG and runs were begun, and are left out."""
    rows = np.array([[i, 0, 5, 0, batch.RINGS, 0, 15, 0, 0] for i in (0, 1, 1, 2)], np.int64)
    several = {
        "rows": rows,
        "names": (b'"a"',) * 3,
        "frames": ints(2, 3, 2, 3, 2, 3),
        "cuts": ints(0, 1, 3, 4),
    }
    done, _, ends, _, *streams = call(
        **several, values=ints(7, 7, 8, 7), groups=ints(0, 0, 1, 0), order=ints(0, 0, 1, 0), most=0
    )
    _, _, _, _, *alone = call()
    assert list(done) == [1, 0, 1]
    assert [stream[: len(part)] for stream, part in zip(streams[:3], alone, strict=False)] == alone[:3]
    assert [stream[len(part) :] for stream, part in zip(streams[:3], alone, strict=False)] == alone[:3]
    assert np.frombuffer(ends, np.int64).reshape(3, 3)[1].tolist() == [len(part) for part in alone[:3]]


def test_an_image_told_band_by_band_has_the_file_and_the_digest_of_its_whole(
    coco_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """More spans than are held are drawn, merged and told a band of rows at a time, between small images."""
    monkeypatch.setattr(batch, "WORK", 1 << 40)  # all images in one call
    tall, small = 860_000, [[0, 0, 3, 0, 3, 3]]
    parts = [[0, 5, 3, 5, 0, tall], [1, 7, 6, 7, 5, tall]]  # which overlap
    shapes = [
        [[1, 0, 6, tall - 9, 1, tall - 9]],
        parts,
        [[3, tall, 5, 9, 6, tall / 2]],
        [[0, 9, 2, 9, 2, 11]],
    ]
    runs = {"size": [tall, 6], "counts": [tall - 4, 5, 2 * tall, 7, 3 * tall - 8]}
    path = coco_file(
        images=[
            {"id": i, "file_name": f"{i}.jpg", "height": (tall if i == 1 else 4), "width": 6}
            for i in range(3)
        ],
        annotations=[
            {"id": i, "image_id": image, "category_id": (3, 7)[i % 2], "segmentation": shape}
            for i, (image, shape) in enumerate(
                [(0, small), *((1, shape) for shape in (*shapes, runs)), (2, small)]
            )
        ],
    )
    annotations = open_annotations(path)
    labels, rules = LabelMap.from_names(["cat", "dog"]), Rules(overlap="void")
    assert annotations.table is not None
    painter = batch.BatchPainter(annotations.table, labels, rules, encoding=Encoding(), most_pairs=9)
    (painted,) = painter.paint([0, 1, 2])
    assert list(painted.is_painted) == [1, 1, 1]
    for index in range(3):
        record = annotations.decode(index)
        whole, image = Painting(record, labels, rules), painted.image(index)
        assert (len(whole.spans.table) > 2 << 20) == (index == 1)
        assert image.png == Encoding().encode(whole.painted)
        assert image.mask_sha256 == mask_sha256(whole.painted)
        assert image.record_sha256 == record_sha256(record)
        assert painted.sums[index].tolist() == [whole.labeled_pixels, whole.contested_pixels]
