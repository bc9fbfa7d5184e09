"""Projects that were moved or copied, or their masks alone: each restores its own file, or says why not."""

import json
import shutil
from pathlib import Path

import pytest

from polymask import NotFound, ProofError, SourceChanged, convert, restore
from polymask.conversion.dest.deletion_journal import BACKUP, JOURNAL
from polymask.provenance.chain import START, sealed
from tests.conftest import Run, coco, tree


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An annotation file of two images whose polygons are deleted, and its masks, in a folder."""
    folder = tmp_path / "e"
    folder.mkdir()
    write(folder / "s.json")
    convert(folder / "s.json", folder / "out", delete_source=True)
    return folder


def write(path: Path) -> bytes:
    images = [{"id": n, "file_name": f"{n}.jpg", "height": 6, "width": 8} for n in (1, 2)]
    document = coco(images=images)
    document["annotations"][1]["image_id"] = 2
    path.write_text(json.dumps(document))
    return path.read_bytes()


def whole(tmp_path: Path) -> bytes:
    return write(tmp_path / "whole.json")


def backup_of(out: Path) -> Path:
    (path,) = (out / BACKUP).iterdir()
    return path


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_copied_project_restores_its_own_file(project: Path, tmp_path: Path, dry_run: bool) -> None:
    """No byte of the original changes; the summary names the file."""
    copy = shutil.copytree(project, tmp_path / "eB")
    original = tree(project)
    report = restore(copy / "out", dry_run=dry_run)
    assert (report.written, tree(project)) == (1, original)
    assert ((copy / "s.json").read_bytes() == whole(tmp_path)) is not dry_run
    assert any(str(copy / "s.json") in note for note in report.notes)
    assert restore(project / "out").written == 1


def test_a_moved_project_restores_its_own_file_beside_a_new_one(project: Path, tmp_path: Path) -> None:
    """Where a project was, another one begins with the same file."""
    moved = project.rename(tmp_path / "eB")
    project.mkdir()
    before = write(project / "s.json")
    assert (restore(moved / "out").written, (moved / "s.json").read_bytes()) == (1, before)
    assert (project / "s.json").read_bytes() == before
    report = restore(moved / "out")
    assert (report.written, report.unchanged) == (0, 1)


def test_masks_that_were_moved_alone_restore_the_file_in_its_place(project: Path, tmp_path: Path) -> None:
    """And the summary tells which that is."""
    out = (project / "out").rename(tmp_path / "masks")
    report = restore(out)
    assert (report.written, (project / "s.json").read_bytes()) == (1, whole(tmp_path))
    assert f"put back: {project / 's.json'}" in report.notes


def test_masks_that_were_moved_alone_leave_a_file_in_another_state(project: Path, tmp_path: Path) -> None:
    out = (project / "out").rename(tmp_path / "masks")
    (project / "s.json").write_text(json.dumps(coco(annotations=[])))
    before = (project / "s.json").read_bytes()
    with pytest.raises(SourceChanged, match=r"s\.json was changed"):
        restore(out)
    assert (project / "s.json").read_bytes() == before


def test_masks_copied_alone_are_refused_and_the_way_out_works(project: Path, tmp_path: Path) -> None:
    """The original's file is not the copy's, in whatever state it is."""
    copy = tmp_path / "elsewhere/out"
    shutil.copytree(project / "out", copy)
    original = tree(project)
    with pytest.raises(NotFound, match="still there") as refusal:
        restore(copy)
    assert tree(project) == original
    assert f"`polymask restore {project / 'out'}`" in str(refusal.value)
    assert f"copy {backup_of(copy)} to {copy.parent / 's.json'}" in str(refusal.value)
    shutil.copy(backup_of(copy), copy.parent / "s.json")
    assert restore(copy).unchanged == 1
    assert restore(project / "out").written == 1


def test_masks_copied_alone_after_a_restoration_expect_no_file(project: Path, tmp_path: Path) -> None:
    restore(project / "out")
    copy = shutil.copytree(project / "out", tmp_path / "elsewhere/out")
    original = tree(project)
    assert (restore(copy).written, tree(project)) == (0, original)


def test_a_copy_of_masks_beside_their_file_means_that_file(project: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(project / "out", project / "out2")
    assert (restore(copy).written, (project / "s.json").read_bytes()) == (1, whole(tmp_path))
    assert restore(project / "out").unchanged == 1


def test_deletions_before_and_after_a_copy_come_back_wholly(tmp_path: Path) -> None:
    """The journal names two paths; both mean the copy's file."""
    project = tmp_path / "e"
    project.mkdir()
    before = write(project / "s.json")
    convert(project / "s.json", project / "out", delete_source=True, where=["1*"])
    copy = shutil.copytree(project, tmp_path / "eB")
    original = tree(project)
    convert(copy / "s.json", copy / "out", delete_source=True, where=["2*"])
    report = restore(copy / "out")
    assert (report.images, report.written, (copy / "s.json").read_bytes()) == (1, 1, before)
    assert tree(project) == original


def test_what_was_drawn_between_two_deletions_is_no_silent_loss(
    project: Path, tmp_path: Path, polymask_command: Run
) -> None:
    """The last deletion is undone, the one before told with its backup, and merging that by hand ends it."""
    copy = shutil.copytree(project, tmp_path / "eB")
    first = backup_of(copy / "out")
    document = json.loads((copy / "s.json").read_text())
    document["images"].append({"id": 3, "file_name": "3.jpg", "height": 6, "width": 8})
    drawn = coco()["annotations"][0] | {"id": 9, "image_id": 3}
    document["annotations"].append(drawn)
    (copy / "s.json").write_text(json.dumps(document))
    assert convert(copy / "s.json", copy / "out", delete_source=True, overwrite=True).deleted == 1
    done = polymask_command("restore", copy / "out")
    assert done.returncode == 4
    assert f"merge it with {first} by hand" in done.stderr
    document["annotations"] += json.loads(first.read_text())["annotations"]
    (copy / "s.json").write_text(json.dumps(document))
    assert restore(copy / "out").unchanged == 1


def _as_an_earlier_build(out: Path) -> None:
    """A journal that does not tell where the folder was."""
    tip, text = START, b""
    for line in map(json.loads, (out / JOURNAL).read_text().splitlines()):
        row = {name: value for name, value in line.items() if name not in ("sha256", "dest", "relative")}
        tip, sealed_line = sealed(tip, row)
        text += sealed_line
    (out / JOURNAL).write_bytes(text)


def test_an_earlier_builds_journal_is_read_in_its_place(project: Path, tmp_path: Path) -> None:
    _as_an_earlier_build(project / "out")
    assert (restore(project / "out").written, (project / "s.json").read_bytes()) == (1, whole(tmp_path))


def test_an_earlier_builds_journal_in_a_copy_is_refused_and_the_way_out_works(
    project: Path, tmp_path: Path
) -> None:
    """It cannot tell which of two files is meant, so it touches neither."""
    _as_an_earlier_build(project / "out")
    copy = shutil.copytree(project, tmp_path / "eB")
    files = tree(tmp_path)
    with pytest.raises(SourceChanged, match=r"e/s\.json, or .*eB/s\.json") as refusal:
        restore(copy / "out")
    assert tree(tmp_path) == files
    assert f"copy {backup_of(copy / 'out')} by hand" in str(refusal.value)
    shutil.copy(backup_of(copy / "out"), copy / "s.json")
    assert restore(copy / "out").unchanged == 1
    assert restore(project / "out").written == 1


@pytest.mark.parametrize("name", ["dest", "relative"])
def test_places_that_no_run_notes_are_damage(project: Path, name: str) -> None:
    """The folder may come from elsewhere: what the journal says is looked at before it is used."""
    rows = [json.loads(line) for line in (project / "out" / JOURNAL).read_text().splitlines()]
    tip, text = START, b""
    for row in rows:
        del row["sha256"]
        if row["event"] == "deleting":
            row[name] = "a\0b"
        tip, line = sealed(tip, row)
        text += line
    (project / "out" / JOURNAL).write_bytes(text)
    with pytest.raises(ProofError, match="is damaged"):
        restore(project / "out")
