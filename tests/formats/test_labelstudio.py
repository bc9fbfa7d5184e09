"""Label Studio: percents, turns, brushes, names of images, several annotations."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polymask import FormatError
from polymask.formats import ReadOptions, open_annotations
from polymask.formats.labelstudio import image_name
from tests.support.formats import masks, written
from tests.support.oracles import drawn


def result(kind: str, label: str = "cat", **value: Any) -> dict[str, Any]:
    size = {"original_width": 8, "original_height": 6, "image_rotation": 0}
    return size | {"id": "r", "type": kind, "to_name": "image", "value": value | {kind: [label]}}


def tasks(*results: dict[str, Any], **annotation: Any) -> list[dict[str, Any]]:
    rows = [{"id": 1, "result": list(results), "was_cancelled": False} | annotation]
    return [{"id": 5, "annotations": rows, "predictions": [], "data": {"image": "/data/upload/1/a.png"}}]


SQUARE = drawn("........", ".###....", ".###....", "........", "........", "........")
THIRD = 100 / 6


@pytest.mark.parametrize(
    "one",
    [
        result("polygonlabels", points=[[12.5, THIRD], [50, THIRD], [50, 50], [12.5, 50]], closed=True),
        result("rectanglelabels", x=12.5, y=THIRD, width=37.5, height=2 * THIRD, rotation=0),
        # about its upper left corner: what was right of it is then below
        result("rectanglelabels", x=50, y=THIRD, width=25, height=3 * THIRD, rotation=90),
    ],
)
def test_percents_are_of_the_original_size(tmp_path: Path, one: dict[str, Any]) -> None:
    """Of its width for x, of its height for y."""
    assert (masks(written(tmp_path / "a.json", tasks(one)))["a.png"] == SQUARE).all()


def test_ellipses(tmp_path: Path) -> None:
    """Radii are percents of width and height."""
    one = result("ellipselabels", x=50, y=50, radiusX=25, radiusY=2 * THIRD, rotation=0)
    disk = drawn("........", "...##...", "..####..", "..####..", "...##...", "........")
    assert (masks(written(tmp_path / "a.json", tasks(one)))["a.png"] == disk).all()


def packed(values: np.ndarray, *, repeated: bool) -> list[int]:
    """An rle-pack, either of runs or of values as they are."""
    bits = f"{len(values):032b}{7:05b}" + "".join(f"{width - 1:04b}" for width in (3, 4, 8, 16))
    at = 0
    while at < len(values):
        stop = at + 1
        while repeated and stop < len(values) and values[stop] == values[at]:
            stop += 1
        if not repeated:
            stop = min(at + 8, len(values))
        bits += f"{int(repeated)}{3:02b}{stop - at - 1:016b}" if repeated else f"0{0:02b}{stop - at - 1:03b}"
        bits += "".join(f"{value:08b}" for value in (values[at : at + 1] if repeated else values[at:stop]))
        at = stop
    bits += "0" * (-len(bits) % 8)
    return [int(bits[n : n + 8], 2) for n in range(0, len(bits), 8)]


@pytest.mark.parametrize("repeated", [True, False])
def test_brushes_are_runs_over_rgba(tmp_path: Path, repeated: bool) -> None:
    """Alpha tells the mask; any alpha but 0 counts."""
    rgba = np.zeros((6, 8, 4), np.uint8)
    rgba[..., :3] = np.arange(6 * 8 * 3).reshape(6, 8, 3)
    rgba[1:3, 1:4, 3] = (1, 128, 255)
    one = result("brushlabels", format="rle", rle=packed(rgba.reshape(-1), repeated=repeated))
    assert (masks(written(tmp_path / "a.json", tasks(one)))["a.png"] == SQUARE).all()


@pytest.mark.parametrize(
    ("rle", "message"),
    [
        ([0, 0], "cut off"),
        ([0, 0, 0, 4, 56, 136, 136, 143, 255, 128], "holds 4 values of 8 bits, not 192"),
        ([300], "expected bytes"),
        ([0, 0, 0, 192, 56, 136, 136, 143], "cut off"),
    ],
)
def test_damaged_brushes_are_refused(tmp_path: Path, rle: list[int], message: str) -> None:
    """With their place."""
    path = written(tmp_path / "a.json", tasks(result("brushlabels", format="rle", rle=rle)))
    with pytest.raises(
        FormatError, match=rf"\$\[0\]\.annotations\[0\]\.result\[0\]\.value\.rle: .*{message}"
    ):
        open_annotations(path)


def test_cancelled_annotations_and_texts_are_ignored(tmp_path: Path) -> None:
    """Choices are no regions."""
    choice = {"type": "choices", "value": {"choices": ["x"]}, "original_width": 8, "original_height": 6}
    square = result("rectanglelabels", x=0, y=0, width=50, height=50)
    assert open_annotations(written(tmp_path / "a.json", tasks(choice))).used == {}
    cancelled = tasks(square, was_cancelled=True)
    assert open_annotations(written(tmp_path / "b.json", cancelled)).used == {}


def test_unsupported_results_are_left_alone(tmp_path: Path) -> None:
    """Keypoints, and regions on a picture that was turned in the editor."""
    square = result("rectanglelabels", x=0, y=0, width=50, height=50) | {"image_rotation": 90}
    path = written(tmp_path / "a.json", tasks(result("keypointlabels", x=1, y=1), square))
    assert len(open_annotations(path).unsupported) == 2


def test_a_task_without_results_needs_its_picture(tmp_path: Path) -> None:
    """Nothing else tells its size."""
    annotations = open_annotations(written(tmp_path / "a.json", tasks()))
    with pytest.raises(Exception, match=r"a\.png: no such picture"):
        annotations.decode(0)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ({"image": "/data/upload/3/1f2e-a.jpg"}, "1f2e-a.jpg"),
        ({"image": "https://host/dir/a%20b.jpg?token=x"}, "a b.jpg"),
        ({"image": "/data/local-files/?d=pets/a.jpg"}, "pets/a.jpg"),
        ({"title": "x", "photo": "s3://bucket/dir/a.png"}, "a.png"),
    ],
)
def test_names_come_from_addresses(data: dict[str, Any], name: str) -> None:
    """The last part; of a local file its path."""
    assert image_name(data) == name


@pytest.mark.parametrize(
    ("one", "message"),
    [
        (result("polygonlabels", points=[[0, 0], [1, 1]]), "at least 3 points"),
        (result("polygonlabels") | {"value": {"points": [[0, 0], [9, 9], [0, 9]]}}, "expected one label"),
        (result("rectanglelabels") | {"value": {"x": "wide"}}, r"value\.x: Expected `float`"),
    ],
)
def test_malformed_results_are_refused(tmp_path: Path, one: dict[str, Any], message: str) -> None:
    """With their place; left out when told to."""
    path = written(tmp_path / "a.json", tasks(one))
    with pytest.raises(FormatError, match=message):
        open_annotations(path)
    assert len(open_annotations(path, options=ReadOptions(skip_invalid=True)).skipped) == 1
