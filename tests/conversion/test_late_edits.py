"""An edit that is seen late costs a rerun, and never more: the same command, and `restore`, go on."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polymask import SourceChanged, convert, decode_png, restore
from polymask.conversion import delete_source as removal
from polymask.conversion.dest.deletion_journal import CALLED_OFF, Log
from tests.conftest import square

Write = Callable[..., Path]
DRAWN = {"id": 5, "image_id": 1, "category_id": 3, "segmentation": [square(5, 0, 2)], "iscrowd": 0}


def edit(path: Path, change: Callable[[list[Any]], Any]) -> None:
    document = json.loads(path.read_text())
    change(document["annotations"])
    path.write_text(json.dumps(document))


def edited_when(
    monkeypatch: pytest.MonkeyPatch, name: str, path: Path, change: Callable[[list[Any]], Any]
) -> None:
    """Edit the file once, just before a step of the deletion."""
    honest, edits = getattr(removal, name), [change]

    def step(*arguments: Any, **options: Any) -> Any:
        if edits:
            edit(path, edits.pop())
        return honest(*arguments, **options)

    monkeypatch.setattr(removal, name, step)


@pytest.mark.parametrize(
    ("change", "deleted"),
    [(lambda rows: rows.append(DRAWN), 3), (lambda rows: rows.pop(0), 1), (lambda rows: rows.clear(), 0),
     (lambda rows: rows[0].update(segmentation=[square(0, 0, 2)]), 2)],
    ids=["drawn", "erased", "all erased", "moved"],
)  # fmt: skip
@pytest.mark.parametrize("step", ["_clear_stale", "_proven"])
def test_an_edit_while_masks_are_made_costs_a_rerun(
    coco_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Any, deleted: int, step: str
) -> None:
    """The unfinished run's masks follow, whether the edit is seen before or after the file is read again."""
    path, out = coco_file(), tmp_path / "out"
    with monkeypatch.context() as patch:
        edited_when(patch, step, path, change)
        with pytest.raises(SourceChanged, match="run again"):
            convert(path, out, delete_source=True)
    kept = json.loads(path.read_text())["annotations"]
    report = convert(path, out, delete_source=True)
    assert (report.failed, report.deleted) == (0, deleted)
    if deleted:
        restore(out)
        assert json.loads(path.read_text())["annotations"] == kept


def test_a_mask_that_somebody_edits_between_the_two_runs_stays(
    coco_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what the unfinished run wrote, as it wrote it, is replaced."""
    path, out = coco_file(), tmp_path / "out"
    with monkeypatch.context() as patch, pytest.raises(SourceChanged):
        edited_when(patch, "_clear_stale", path, lambda rows: rows.append(DRAWN))
        convert(path, out, delete_source=True)
    (out / "masks/a.png").write_bytes(b"painted by hand")
    assert [failure.name for failure in convert(path, out, delete_source=True).failures] == ["a.jpg"]
    assert (out / "masks/a.png").read_bytes() == b"painted by hand"


def test_masks_of_earlier_runs_are_not_this_runs(
    coco_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A changed source does not replace them unasked."""
    path, out = coco_file(), tmp_path / "out"
    convert(path, out)
    with monkeypatch.context() as patch, pytest.raises(SourceChanged):
        edited_when(patch, "_clear_stale", path, lambda rows: rows.append(DRAWN))
        convert(path, out, delete_source=True)
    assert "--overwrite" in convert(path, out, delete_source=True).failures[0].reason


@pytest.mark.parametrize("is_noted", [True, False])
def test_a_deletion_that_was_called_off_is_nothing_to_restore(
    coco_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_noted: bool
) -> None:
    """An edit between the journal's line and the file: all is there, and `restore` says so; also unnoted."""
    path, out = coco_file(), tmp_path / "out"
    with monkeypatch.context() as patch, pytest.raises(SourceChanged, match="nothing was deleted"):
        edited_when(patch, "_replace", path, lambda rows: rows.append(DRAWN))
        if not is_noted:
            honest = Log.note
            patch.setattr(Log, "note", lambda log, event, **facts: (
                None if event == CALLED_OFF else honest(log, event, **facts)
            ))  # fmt: skip
        convert(path, out, delete_source=True)
    edited = path.read_bytes()
    assert (restore(out).unchanged, path.read_bytes()) == (1, edited)
    assert convert(path, out, delete_source=True).deleted == 3
    assert (restore(out).written, path.read_bytes()) == (1, edited)
    assert decode_png((out / "masks/a.png").read_bytes())[0, 5] == 1
