"""BSDS: segments by number, of `.seg` and `.mat` files; whose drawing is read; MATLAB 5 files."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polymask import FormatError, InputError, LabelMap, convert, decode_png, index_mask
from polymask.formats import ReadOptions, open_annotations
from polymask.formats.bsds.matlab import variables
from polymask.formats.reading.refusals import Malformed
from polymask.limits import Limits
from tests.conftest import Run
from tests.support.formats import FIXTURES, written
from tests.support.oracles import drawn

HEAD = "format ascii cr\nimage a\nuser {user}\nwidth 4\nheight 2\n{more}data\n"
ROWS = "0 0 0 1\n2 0 2 3\n3 1 0 3\n"
NUMBERS = LabelMap.from_values({"1": 1, "2": 2, "3": 3, "4": 4})
# 0 the sky, 1 the sea, 2 the boat, 3 the sun
NUMBERED = drawn(
    "............",
    ".........33.",
    "..222222.33.",
    "..22..22....",
    "..22..22....",
    "112222221111",
    "111111111111",
    "111111111111",
)


def seg(rows: str = ROWS, user: int = 7, more: str = "") -> str:
    return HEAD.format(user=user, more=more) + rows


def mat(value: Any, name: str = "groundTruth", **options: Any) -> bytes:
    scipy_io = pytest.importorskip("scipy.io")
    data = BytesIO()
    scipy_io.savemat(data, {name: value}, **options)
    return data.getvalue()


def cells(*values: Any) -> np.ndarray:
    drawings = np.empty((1, len(values)), object)
    for at, value in enumerate(values):
        drawings[0, at] = {"Segmentation": value}
    return drawings


def test_segments_are_painted_with_their_numbers(tmp_path: Path) -> None:
    """By default, in both kinds of file: those of `.mat` files count from 1."""
    for source, annotator, more in (("bsds", None, 0), ("bsds-500", "1", 1)):
        convert(FIXTURES / source, tmp_path / source, annotator=annotator)
        (mask,) = (tmp_path / source / "masks").rglob("*.png")
        assert (decode_png(mask.read_bytes()) == NUMBERED + more).all()


def test_the_second_person_drew_something_else() -> None:
    """A place in `.mat` files chooses the person; what the others drew is counted."""
    annotations = open_annotations(FIXTURES / "bsds-500", options=ReadOptions(annotator="2"))
    assert annotations.ledger
    assert (annotations.ledger.declared, annotations.ledger.count("annotator")) == (6, 4)
    (record,) = annotations
    assert (index_mask(record, NUMBERS) == (NUMBERED > 0) + 1).all()
    assert record.name == "test/boat.jpg"


def test_the_annotator_has_to_be_chosen(tmp_path: Path, polymask_command: Run) -> None:
    """Only where several drew one image; the message names them, and the flag works when it is followed."""
    for user in (7, 12):
        written(tmp_path / f"in/{user}/a.seg", seg(user=user))
    with pytest.raises(InputError, match=r"several people drew 'a.jpg' \(7, 12\).*--annotator"):
        open_annotations(tmp_path / "in")
    with pytest.raises(InputError, match="no annotator '9'; there are: 7, 12"):
        open_annotations(tmp_path / "in", options=ReadOptions(annotator="9"))
    for command in (["check", tmp_path / "in"], ["convert", tmp_path / "in", tmp_path / "out"]):
        assert polymask_command(*command).returncode == 2
        assert polymask_command(*command, "--annotator", 12).returncode == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (seg("0 0 0 1\n"), "data: a pixel lies in no segment, or in two"),
        (seg(ROWS + "1 1 0 0\n"), "a pixel lies in no segment, or in two"),
        (seg(ROWS + "1 2 0 0\n"), r"data, row 4: \[1, 2, 0, 0\] does not lie in 2 × 4 px"),
        (seg(ROWS + "-1 0 0 0\n"), "row 4"),
        (seg(ROWS + "1 1 0\n"), "rows of four whole numbers"),
        (seg("a b c d"), "rows of four whole numbers"),
        (seg("9" * 30 + " 0 0 0\n"), "rows of four whole numbers"),
        (seg(more="flipflop 1\n"), "the picture was turned"),
        (seg().replace("width 4", "width x"), "expected rows|number"),
        (seg().replace("user 7\n", ""), "the head has no `user`"),
        ("format ascii cr\nwidth 4\n", "no head that ends with `data`"),
    ],
)
def test_malformed_seg_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    """With the place; left out of a folder when told to."""
    written(tmp_path / "a.seg", text)
    written(tmp_path / "b.seg", seg())
    with pytest.raises(FormatError, match=message):
        open_annotations(tmp_path)
    annotations = open_annotations(tmp_path, options=ReadOptions(skip_invalid=True))
    assert (list(annotations.names), len(annotations.skipped)) == (["b.jpg"], 1)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("dtype", ["u1", "u2", "i4", "f8"])
def test_mat_files_as_scipy_writes_them(tmp_path: Path, dtype: str, compressed: bool) -> None:
    """Compressed or not, of any kind of number."""
    values = np.array([[1, 2, 2], [3, 1, 200]], dtype)
    path = written(tmp_path / "a.mat", mat(cells(values), do_compression=compressed))
    (record,) = open_annotations(path)
    assert (index_mask(record, LabelMap.from_values({str(n): n for n in range(1, 201)})) == values).all()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (lambda: mat(cells(np.array([[0.5]]))), "whole numbers from 0"),
        (lambda: mat(cells(np.array([[-1]]))), "whole numbers from 0"),
        (lambda: mat(cells([[[1]]])), "no matrix 'Segmentation'"),
        (lambda: mat(np.eye(2)), "no cell array 'groundTruth'"),
        (lambda: mat(cells(np.eye(2)), "other"), "no cell array 'groundTruth'"),
        (lambda: mat(cells(np.eye(9)))[:-40], "cut off"),
        (lambda: mat(cells(np.zeros((4000, 4000))), do_compression=True), "unpack to more than"),
        (lambda: b"MATLAB 5.0 MAT-file".ljust(200), "its byte order is not stated"),
    ],
)
def test_malformed_mat_files_are_refused(tmp_path: Path, data: Any, message: str) -> None:
    """Never a crash."""
    path = written(tmp_path / "a.mat", data())
    with pytest.raises(FormatError, match=message):
        open_annotations(path)


def test_newer_mat_files_are_refused() -> None:
    """With the way out: they are HDF5."""
    with pytest.raises(Malformed, match="-v7"):
        list(variables(b"MATLAB 7.3 MAT-file", Limits()))
