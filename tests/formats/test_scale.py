"""Scale: tasks with polygons, segmentation tasks with a mask and a legend, Nucleus lines."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polymask import FormatError, convert, encode_png
from polymask.codecs.png import encode_color
from polymask.formats import ReadOptions, open_annotations
from tests.support.formats import masks, written
from tests.support.oracles import drawn

POINTS = [{"x": x, "y": y} for x, y in ((1, 1), (4, 1), (4, 3), (1, 3))]
INDEX = drawn("1122", "1122", "4444").astype(np.uint8)
URL = "https://s/t/indexed.png?sig=1"


def task(response: Any, **more: Any) -> dict[str, Any]:
    return {"task_id": "t1", "params": {"attachment": "https://h/d/a%20b.png"}, "response": response} | more


def segments(mapping: Any, **combined: str) -> dict[str, Any]:
    return task({"labelMapping": mapping, "annotations": {"combined": combined}})


def polygon(**more: Any) -> dict[str, Any]:
    return {"type": "polygon", "label": "cat", "vertices": POINTS, "uuid": "u"} | more


def picture(folder: Path, name: str) -> None:
    written(folder / name, encode_png(np.zeros((4, 6), np.uint8)))


@pytest.mark.parametrize("how", ["list", "single", "docs", "lines"])
def test_tasks_in_every_wrapping(tmp_path: Path, how: str) -> None:
    """A list, a single task, the list call's answer, lines; the name is the path of the address."""
    one = task({"annotations": [polygon()]})
    document = {"list": [one], "single": one, "docs": {"docs": [one], "has_more": False}}
    text = document[how] if how in document else f"{json.dumps(one)}\n\n"
    picture(tmp_path, "d/a b.png")
    found = masks(written(tmp_path / "tasks.json", text))
    assert (found["d/a b.png"] == drawn("......", ".###..", ".###..", "......")).all()


def test_what_is_no_polygon_is_counted_or_listed(tmp_path: Path) -> None:
    """Boxes and cuboids are counted; lines, points and ellipses are left alone; nothing is dropped."""
    rest = [{"type": kind, "label": "cat"} for kind in ("box", "cuboid", "line", "point", "ellipse")]
    path = written(tmp_path / "tasks.json", [task({"annotations": [polygon(), *rest]})])
    annotations = open_annotations(path)
    assert (annotations.used, annotations.unsegmented, len(annotations.unsupported)) == ({"cat": 1}, 2, 3)


def test_a_task_without_a_response_is_listed(tmp_path: Path) -> None:
    """It is no image without objects: nobody has looked at it yet."""
    path = written(tmp_path / "tasks.json", [task({"annotations": []}), task(None, status="pending")])
    annotations = open_annotations(path)
    assert len(annotations.names) == 1
    assert [one.name for one in annotations.unsupported] == ["tasks.json: $[1]"]


def test_a_label_may_have_several_segments(tmp_path: Path) -> None:
    """Each index is an instance; one that has no pixel is counted."""
    written(tmp_path / "indexed.png", encode_png(INDEX))
    mapping = {"cat": [{"index": 1}, {"index": 4}], "dog": {"index": 2}, "cow": {"index": 9}}
    path = written(tmp_path / "tasks.json", [segments(mapping, indexedImage=URL)])
    annotations = open_annotations(path)
    assert (annotations.used, annotations.unsegmented) == ({"cat": 2, "dog": 1}, 1)
    assert (masks(path)["d/a b.png"] == drawn("1122", "1122", "1111")).all()


def test_large_indices_come_from_the_extended_mask(tmp_path: Path) -> None:
    """Red is the low byte, then green, then blue."""
    values = np.array([[1, 300], [70_000, 0]], np.uint32)
    rgb = np.dstack([values & 255, values >> 8 & 255, values >> 16]).astype(np.uint8)
    written(tmp_path / "t/extended.png", encode_color(rgb))
    mapping = {"a": {"index": 1}, "b": {"index": 300}, "c": {"index": 70_000}}
    combined = {"indexedImage": URL, "extendedIndexedImage": "https://s/t/extended.png"}
    path = written(tmp_path / "tasks.json", [segments(mapping, **combined)])
    assert (masks(path)["d/a b.png"] == [[1, 2], [3, 0]]).all()


@pytest.mark.parametrize(
    ("mapping", "combined", "message"),
    [
        ({"a": {"index": 1}}, {"indexedImage": "https://s/x.png"}, "beside this file, as 'x.png'"),
        ({"a": {"index": 1}}, {"indexedImage": URL}, r"value 2 \(#000002\) at row 0, column 2 is not in the"),
        (
            {"a": {"index": 1}, "b": {"index": 1}},
            {"indexedImage": URL},
            "the value 1 is there twice",
        ),
        ({"a": {"index": 300}}, {"indexedImage": URL}, "no indexedImage that holds every index"),
        ({"a": {"index": "x"}}, {"indexedImage": URL}, r"labelMapping\.a\[0\]\.index: Expected `int`"),
    ],
)
def test_masks_that_do_not_fit_are_refused(tmp_path: Path, mapping: Any, combined: Any, message: str) -> None:
    """With the place, and where the mask is looked for; what is done then helps."""
    written(tmp_path / "indexed.png", encode_png(INDEX))
    with pytest.raises(FormatError, match=message):
        open_annotations(written(tmp_path / "tasks.json", [segments(mapping, **combined)]))


def row(kind: str = "polygon", **more: Any) -> dict[str, Any]:
    return {"label": "cat", "type": kind, "reference_id": "a", "geometry": {"vertices": POINTS}} | more


def test_nucleus_lines_are_gathered_by_item(tmp_path: Path) -> None:
    """Wherever they stand in the file; the picture is the one of that stem; all else as above."""
    rest = [row("box", geometry={"x": 1}), row("line"), row("category", label=""), row(reference_id="b")]
    path = written(tmp_path / "a.jsonl", "".join(json.dumps(one) + "\n" for one in [row(), *rest, row()]))
    for name in ("a.JPG", "b.png"):
        picture(tmp_path, name)
    annotations = open_annotations(path)
    assert list(annotations.names) == ["a.JPG", "b.png"]
    assert annotations.used == {"cat": 3}
    assert (annotations.unsegmented, len(annotations.unsupported)) == (2, 1)


def test_nucleus_masks_have_legends(tmp_path: Path) -> None:
    """The mask tells the frame, so no picture is needed; polygons of the item lie above it, in any order."""
    written(tmp_path / "indexed.png", encode_png(INDEX))
    legend = [{"label": name, "index": value} for value, name in ((1, "a"), (2, "b"), (4, "c"))]
    mask = {"type": "mask", "mask_url": URL, "annotations": legend, "reference_id": "a"}
    for lines in ([mask, row()], [row(), mask]):
        path = written(tmp_path / "a.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
        assert (masks(path)["a"] == drawn("1122", "1444", "3444")).all()


@pytest.mark.parametrize("bad", ["{", '{"reference_id": "a"}', json.dumps(row(label=""))])
def test_a_bad_line_is_named_or_left_out(tmp_path: Path, bad: str) -> None:
    """The others are read when such are left out."""
    path = written(tmp_path / "a.jsonl", f"{json.dumps(row())}\n{bad}\n")
    picture(tmp_path, "a.png")
    with pytest.raises(FormatError, match="line 2"):
        open_annotations(path)
    annotations = open_annotations(path, options=ReadOptions(skip_invalid=True))
    assert (annotations.used, len(annotations.skipped)) == ({"cat": 1}, 1)


def two_files(folder: Path, *rows: dict[str, Any]) -> Path:
    """An item's mask in `masks.jsonl`, its polygons in `annotations.jsonl`, as Nucleus keeps them."""
    written(folder / "indexed.png", encode_png(INDEX))
    legend = [{"label": name, "index": value} for value, name in ((1, "a"), (2, "b"), (4, "c"))]
    mask = {"type": "mask", "mask_url": URL, "annotations": legend, "reference_id": "a"}
    written(folder / "masks.jsonl", json.dumps(mask) + "\n")
    return written(folder / "annotations.jsonl", "".join(json.dumps(one) + "\n" for one in rows)).parent


def test_nucleus_files_of_a_folder_are_one_export(tmp_path: Path) -> None:
    """An item is one image, of the lines of all files; its mask, which covers all, lies below polygons."""
    folder = two_files(tmp_path / "in", row())
    annotations = open_annotations(folder)
    assert list(annotations.names) == ["a"]
    assert annotations.used == {"a": 1, "b": 1, "c": 1, "cat": 1}
    (record,) = annotations
    assert [one.label for one in record.instances] == ["a", "b", "c", "cat"]
    assert record.instances[-1].id == "annotations.jsonl: line 1"
    assert (masks(folder)["a"] == drawn("1122", "1444", "3444")).all()
    convert(folder, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out/masks").rglob("*.png")] == ["a.png"]


def test_a_bad_line_of_several_files_is_named_with_its_file(tmp_path: Path) -> None:
    """The folder and the file; left out, the lines of the other file are read."""
    folder = two_files(tmp_path, row(), row(geometry={"vertices": POINTS[:2]}))
    with pytest.raises(FormatError, match=r"annotations.jsonl: line 2: \$.geometry.vertices"):
        open_annotations(folder)
    annotations = open_annotations(folder, options=ReadOptions(skip_invalid=True))
    assert (annotations.used, len(annotations.skipped)) == ({"a": 1, "b": 1, "c": 1, "cat": 1}, 1)


def test_items_of_different_folders_stay_apart(tmp_path: Path) -> None:
    """Two datasets may name their items alike."""
    for name, label in (("one", "cat"), ("two", "dog")):
        picture(tmp_path / name, "a.png")
        written(tmp_path / name / "a.jsonl", json.dumps(row(label=label)) + "\n")
    annotations = open_annotations(tmp_path)
    assert [[one.label for one in record.instances] for record in annotations] == [["cat"], ["dog"]]
