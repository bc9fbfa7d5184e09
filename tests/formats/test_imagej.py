"""ImageJ ROIs: zips, folders and files; kinds of ROI; names that tell no class."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polymask import FormatError, InputError, encode_png
from polymask.formats import ReadOptions, open_annotations
from tests.support.formats import masks, written
from tests.support.oracles import drawn

roifile = pytest.importorskip("roifile")
BOX = [(1, 1), (6, 1), (6, 5), (1, 5)]
SQUARE = drawn("........", ".#####..", ".#####..", ".#####..", ".#####..", "........")


def roi(points: Any = BOX, name: str = "cat", **more: Any) -> bytes:
    made = roifile.ImagejRoi.frompoints(np.array(points, np.float32), name=name)
    for key, value in more.items():
        setattr(made, key, value)
    return made.tobytes()


def box(kind: str, left: int, top: int, right: int, bottom: int, **more: Any) -> bytes:
    made = roifile.ImagejRoi(roitype=roifile.ROI_TYPE[kind], name=more.pop("name", "cat"))
    for key, value in {"left": left, "top": top, "right": right, "bottom": bottom, **more}.items():
        setattr(made, key, value)
    return made.tobytes()


def composite(*path: float) -> bytes:
    more = {"multi_coordinates": np.array(path, np.float32), "shape_roi_size": len(path)}
    return box("RECT", 1, 1, 6, 5, **more)


def zipped(path: Path, *rois: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for number, data in enumerate(rois):
            archive.writestr(f"{number:04}.roi", data)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    written(tmp_path / "a.png", encode_png(np.zeros((6, 8), np.uint8)))
    return tmp_path


def test_a_zip_a_folder_and_a_file_are_a_picture_each(folder: Path) -> None:
    """Of their own names, which the picture has beside them or below `--images`."""
    path = zipped(folder / "a.zip", roi())
    assert (masks(path)["a.png"] == SQUARE).all()
    assert (masks(folder)["a.png"] == SQUARE).all()
    path.unlink()
    for file in ("a/0001.roi", "a.roi"):
        alone = written(folder / "in" / file, roi())
        source = alone.parent if file[1] == "/" else alone
        assert (masks(source, images=folder)["a.png"] == SQUARE).all()
    zipped(folder / "other.zip", roi())
    with pytest.raises(InputError, match=r"no picture 'other'.*--images"):
        list(open_annotations(folder / "other.zip"))


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (lambda: box("RECT", 1, 1, 6, 5), SQUARE),
        (
            lambda: box("OVAL", 1, 1, 4, 4),
            drawn("........", ".###....", ".###....", ".###....", "........", "........"),
        ),
        (
            lambda: composite(0, 1, 1, 1, 6, 1, 1, 6, 5, 1, 1, 5, 4, 0, 2, 2, 1, 2, 4, 1, 4, 4, 1, 4, 2, 4),
            drawn("........", ".#####..", ".#..##..", ".#..##..", ".#####..", "........"),
        ),
    ],
)
def test_kinds_of_areas(folder: Path, data: Any, rows: np.ndarray) -> None:
    """Rectangles, ovals, and composites with holes."""
    found = masks(zipped(folder / "a.zip", data()))["a.png"]
    assert (found == rows).all()


def test_what_is_no_area_of_the_picture_is_listed(folder: Path) -> None:
    """Lines, points, other slices, rounded corners, curves; nothing is dropped."""
    kinds = [roi(roitype=roifile.ROI_TYPE[kind]) for kind in ("POLYLINE", "POINT", "FREELINE", "ANGLE")]
    rest = [roi(position=3), box("RECT", 1, 1, 6, 5, rounded_rect_arc_size=4)]
    rest.append(composite(0, 1, 1, 3, 6, 1, 1, 6, 5, 1, 4))
    annotations = open_annotations(zipped(folder / "a.zip", roi(), *kinds, *rest))
    assert (annotations.used, len(annotations.unsupported)) == ({"cat": 1}, 7)


def test_names_that_the_manager_gave_are_no_labels(folder: Path) -> None:
    """They become `object`, or the default label."""
    path = zipped(folder / "a.zip", roi(name="0012-0345"), roi(name="0001-0012-0345"), roi(name=""), roi())
    assert open_annotations(path).used == {"object": 3, "cat": 1}
    assert open_annotations(path, options=ReadOptions(default_label="x")).used == {"x": 3, "cat": 1}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (lambda: b"Iout" + b"\0" * 9, r"0000\.roi: no ROI that can be read"),
        (lambda: roi()[:70], "no ROI that can be read"),
        (lambda: roi(BOX[:2]), "a ring has at least 3 points"),
        (lambda: composite(0, 1, 1, 9, 9, 9), "a composite whose path is broken"),
    ],
)
def test_malformed_rois_are_refused(folder: Path, data: Any, message: str) -> None:
    """With their names; left out when told to."""
    path = zipped(folder / "a.zip", data())
    with pytest.raises(FormatError, match=message):
        open_annotations(path)
    assert len(open_annotations(path, options=ReadOptions(skip_invalid=True)).skipped) == 1
