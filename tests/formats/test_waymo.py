"""Waymo: panoptic PNGs in Parquet, their types, and a library that may be missing."""

import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from polymask import FormatError, InputError, LimitError, Limits, convert, decode_png, encode_png
from polymask.formats import ReadOptions, open_annotations
from tests.support.formats import FIXTURES, SCENE, written

COMPONENT = "[CameraSegmentationLabelComponent]."


def table(codes: Any, *, divisor: int = 1000, png: bytes | None = None, **more: Any) -> bytes:
    png = encode_png(np.array(codes, np.uint16)) if png is None else png
    columns = {
        "key.segment_context_name": ["s"],
        "key.frame_timestamp_micros": [17],
        "key.camera_name": [4],
        f"{COMPONENT}panoptic_label_divisor": [divisor],
        f"{COMPONENT}panoptic_label": [png],
    } | more
    data = BytesIO()
    parquet.write_table(pa.table({key: value for key, value in columns.items() if value}), data)
    return data.getvalue()


def test_types_are_painted_with_their_numbers(tmp_path: Path) -> None:
    """With the ids of the source; a row is an image, named by segment, time and camera; 0 is background."""
    source = FIXTURES / "waymo"
    convert(source, tmp_path, ids="source")
    name = "1510593600000000_FRONT"
    mask = decode_png((tmp_path / f"masks/harbor/{name}.png").read_bytes())
    assert (mask == np.array([0, 2, 26, 25])[SCENE]).all()  # 1 boat: a car; 2 sea: ground; 3 sun: the sky
    assert not decode_png((tmp_path / f"masks/harbor/{name}_LEFT.png").read_bytes()).any()
    annotations = open_annotations(source)
    assert dict(annotations.categories)["static"] == 28
    assert annotations.used == {"car": 1, "ground": 1, "sky": 1}


def test_each_instance_is_told_apart(tmp_path: Path) -> None:
    """By the divisor of its row."""
    (record,) = open_annotations(written(tmp_path / "a.parquet", table([[21, 22, 30]], divisor=10)))
    assert record.name == "s/17_SIDE_LEFT.jpg"
    assert [(one.id, one.label) for one in record.instances] == [(21, "car"), (22, "car"), (30, "truck")]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (lambda: table([[29_000]]), "row 0.panoptic_label: the value 29000 has no type: 29 is above 28"),
        (lambda: table([[1]], divisor=0), "panoptic_label_divisor: 0 is no divisor"),
        (lambda: table([[1]], png=b"x"), "panoptic_label: .*PNG"),
        (lambda: table([[1]], **{"key.camera_name": None}), "no column 'key.camera_name'"),
        (lambda: table([[1]])[:-9], "no Parquet that can be read"),
        (lambda: table([[1]], **{"key.segment_context_name": [3]}), "Expected `str`"),
    ],
)
def test_other_tables_are_refused(tmp_path: Path, data: Any, message: str) -> None:
    """With the row and the column."""
    with pytest.raises(FormatError, match=message):
        open_annotations(written(tmp_path / "a.parquet", data()))


def test_what_a_table_unpacks_to_is_bounded(tmp_path: Path) -> None:
    """By the limit on files that are read whole."""
    path = written(tmp_path / "a.parquet", table([[1]], png=bytes(10**6)))
    assert path.stat().st_size < 10**5
    with pytest.raises(LimitError, match="--max-bytes"):
        open_annotations(path, options=ReadOptions(limits=Limits(max_bytes=10**5)))


def test_a_missing_library_is_asked_for_by_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The format is told all the same."""
    for name in ("pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError, match=r"needs pyarrow; pip install 'polymask\[waymo\]'"):
        open_annotations(FIXTURES / "waymo")
