"""Putting annotation files back: several of them, damaged journals, and what others left in DEST."""

import json
import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from polymask import InputError, NotFound, ProofError, SourceChanged, convert, remove_masks, restore, verify
from polymask.conversion import delete_source as removal
from polymask.conversion.dest.deletion_journal import BACKUP, JOURNAL
from tests.conftest import Run, coco, square, tree

Write = Callable[..., Path]


def ids(path: Path) -> list[int]:
    return [annotation["id"] for annotation in json.loads(path.read_text("utf-8-sig"))["annotations"]]


def files(folder: Path, count: int) -> list[Path]:
    """Annotation files of an image each."""
    paths = [folder / f"{number}.json" for number in range(count)]
    for number, path in enumerate(paths):
        image = {"id": 1, "file_name": f"{number}.jpg", "height": 6, "width": 8}
        path.write_text(json.dumps(coco(images=[image])))
    return paths


def test_a_changed_file_does_not_keep_the_others_from_being_restored(
    tmp_path: Path, polymask_command: Run
) -> None:
    """Of three the second was edited: the others are put back, it is told, with the exit code of its kind."""
    paths, out = files(tmp_path, 3), tmp_path / "out"
    before = [path.read_bytes() for path in paths]
    for path in paths:
        convert(path, out, delete_source=True)
    after = paths[1].read_bytes()
    paths[1].write_bytes(after + b" ")
    done = polymask_command("restore", out, "--dry-run")
    assert (done.returncode, [path.read_bytes() for path in paths].count(after + b" ")) == (4, 1)
    done = polymask_command("restore", out)
    summary = [
        "2 annotation files put back, 0 were there already.",
        f"put back: {paths[2]}",
        f"put back: {paths[0]}",
    ]
    assert (done.returncode, done.stdout.splitlines()) == (4, summary)
    assert str(paths[1]) in done.stderr
    assert [path.read_bytes() == data for path, data in zip(paths, before, strict=True)] == [
        True,
        False,
        True,
    ]
    report = restore(out)
    assert (report.unchanged, report.exit_code, [f.name for f in report.failures]) == (2, 4, [str(paths[1])])
    paths[1].write_bytes(after)  # the edit is taken back
    assert (restore(out).written, paths[1].read_bytes()) == (1, before[1])


def test_of_several_failures_the_worst_gives_the_exit_code(tmp_path: Path) -> None:
    """A changed file is 4, a damaged backup 5."""
    paths, out = files(tmp_path, 3), tmp_path / "out"
    for path in paths:
        convert(path, out, delete_source=True)
    paths[0].write_bytes(b"{}")
    event = json.loads((out / JOURNAL).read_text().splitlines()[2])
    (out / event["backup"]).write_bytes(b"")
    report = restore(out)
    assert (report.exit_code, report.written, report.failed) == (5, 1, 2)


@pytest.mark.parametrize("dry_run", [True, False])
def test_deletions_in_several_runs_are_undone_from_the_last(tmp_path: Path, dry_run: bool) -> None:
    """Each took other images; a dry run tells the same and writes nothing."""
    document = coco(images=[{"id": n, "file_name": f"{n}.jpg", "height": 6, "width": 8} for n in (1, 2)])
    document["annotations"][1]["image_id"] = 2
    path, out = tmp_path / "a.json", tmp_path / "out"
    path.write_text(json.dumps(document))
    before = path.read_bytes()
    for name in ("1*", "2*"):
        convert(path, out, where=[name], delete_source=True)
    left = tree(tmp_path)
    report = restore(out, dry_run=dry_run)
    assert (report.images, report.written) == (1, 1)
    if dry_run:
        assert tree(tmp_path) == left
    else:
        assert path.read_bytes() == before


def _flip(path: Path) -> None:
    """A digit of what is said in the first line that tells of a deletion."""
    text = path.read_bytes()
    assert text.count(b'"polygons": 2') == 1
    path.write_bytes(text.replace(b'"polygons": 2', b'"polygons": 3'))


def _without_line(number: int) -> Callable[[Path], None]:
    def cut(path: Path) -> None:
        lines = path.read_bytes().splitlines(keepends=True)
        del lines[number]
        path.write_bytes(b"".join(lines))

    return cut


DAMAGES: dict[str, Callable[[Path], Any]] = {
    "a byte": _flip,
    "the last line": _without_line(-1),
    "the line of the deletion": _without_line(1),
    "the deletion and all behind it": lambda path: path.write_bytes(
        path.read_bytes().splitlines()[0] + b"\n"
    ),
    "all of it": lambda path: path.write_bytes(b""),
    "the file": Path.unlink,
    "the folder": lambda path: [path.unlink(), *(one.unlink() for one in path.parent.glob("*/*"))],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_or_missing_journal_is_told_and_never_restores_less_in_silence(
    coco_file: Write, tmp_path: Path, damage: str
) -> None:
    """Also where a run has been since: an exit code of 5 that names the journal, and no file is touched."""
    path, out = coco_file(), tmp_path / "out"
    before = path.read_bytes()
    convert(path, out, delete_source=True)
    DAMAGES[damage](out / JOURNAL)
    with pytest.raises(ProofError, match=r"journal\.jsonl is (damaged|missing)") as refusal:
        restore(out)
    assert (refusal.value.exit_code, ids(path)) == (5, [])
    if damage not in ("the file", "the folder"):
        with pytest.raises(ProofError, match="is damaged"):
            convert(path, out, delete_source=True)
        (out / JOURNAL).rename(tmp_path / "away")  # as the message says
    with pytest.raises(ProofError, match=r"journal\.jsonl is missing.*put them back by hand"):
        convert(path, out, delete_source=True)
    for backup in (out / BACKUP).glob("*.json"):
        path.write_bytes(backup.read_bytes())  # as the message says
        assert convert(path, out, delete_source=True).deleted == 2
        assert (restore(out).written, path.read_bytes()) == (1, before)


def test_a_run_that_was_killed_before_it_deleted_leaves_nothing_to_restore(
    coco_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its backup is there, and its journal says that nothing was deleted."""

    def dies(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    path, out = coco_file(), tmp_path / "out"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(removal, "replace_file", dies)
        convert(path, out, delete_source=True)
    assert (restore(out).unchanged, ids(path)) == (1, [1, 2])


def test_new_instances_join_the_deleted_ones_as_the_message_says(coco_file: Write, tmp_path: Path) -> None:
    """In another DEST; or merged by hand with the backup that restore names, and overwritten."""
    path, out = coco_file(), tmp_path / "out"
    convert(path, out, delete_source=True)
    drawn = {"id": 5, "image_id": 1, "category_id": 3, "segmentation": [square(5, 0, 2)]}
    path.write_text(json.dumps(coco(annotations=[drawn])))
    assert "choose another DEST" in convert(path, out, delete_source=True).failures[0].reason
    assert convert(path, tmp_path / "other").failed == 0
    with pytest.raises(SourceChanged, match="by hand") as refusal:
        restore(out)
    backup = json.loads(Path(str(refusal.value).split("merge it with ")[1].split(" by hand")[0]).read_text())
    path.write_text(json.dumps(backup | {"annotations": [*backup["annotations"], drawn]}))
    report = convert(path, out, delete_source=True, overwrite=True)
    assert (report.deleted, ids(path), report.failed) == (3, [], 0)


def test_what_others_have_in_dest_is_theirs(coco_file: Write, tmp_path: Path) -> None:
    """Files called as those of earlier builds are neither added to nor called damaged, nor removed."""
    path, out = coco_file(), tmp_path / "out"
    theirs = {
        "journal.jsonl": b'{"event": "deleting", "what": "lunch"}\n',
        "backup/mine.json": b"{}",
        ".polymask/mine.tmp": b"half",
        ".polymask/backup/notes.txt": b"mine",
    }
    for name, data in theirs.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(data)
    before = path.read_bytes()
    with pytest.raises(NotFound, match="nothing was deleted"):
        restore(out)
    assert convert(path, out, delete_source=True).deleted == 2
    assert (restore(out).written, path.read_bytes()) == (1, before)
    assert {name: (out / name).read_bytes() for name in theirs} == theirs


@pytest.mark.parametrize("name", ["journal.jsonl", "backup/a.json", ".polymask.json"])
def test_a_source_in_dest_is_a_source_like_others(tmp_path: Path, name: str) -> None:
    """Whatever it is called; among our own files it is refused."""
    out = tmp_path / "out"
    path = out / name
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(coco()))
    before = path.read_bytes()
    assert convert(path, out, delete_source=True).deleted == 2
    assert (restore(out).written, path.read_bytes()) == (1, before)
    inside = out / ".polymask" / "a.json"
    inside.write_bytes(before)
    with pytest.raises(InputError, match="polymask's own"):
        convert(inside, out, delete_source=True)
    assert inside.read_bytes() == before


def _earlier(out: Path, path: Path, after: bytes) -> None:
    """A folder as an earlier build leaves it: journal and backup in DEST itself, without digests."""
    before = path.read_bytes()
    digests = {"before": sha256(before).hexdigest(), "after": sha256(after).hexdigest()}
    kept = f"backup/{digests['before']}.json"
    (out / "backup").mkdir(parents=True)
    (out / kept).write_bytes(before)
    line = {"event": "deleting", "source": str(path), "backup": kept, **digests, "polygons": 2}
    (out / "journal.jsonl").write_text(json.dumps(line) + "\n")
    path.write_bytes(after)


def test_what_earlier_builds_deleted_is_restored(coco_file: Write, tmp_path: Path) -> None:
    """Below what this build deletes from the same file since."""
    path, out = coco_file(), tmp_path / "out"
    before = path.read_bytes()
    _earlier(out, path, json.dumps(coco(annotations=coco()["annotations"][:1])).encode())
    assert convert(path, out, delete_source=True).deleted == 1
    assert (restore(out).written, path.read_bytes()) == (1, before)
    assert restore(out).unchanged == 1


def test_a_journal_whose_lines_were_linked_otherwise_is_read(coco_file: Write, tmp_path: Path) -> None:
    """As builds between two releases sealed it; a changed line of it is damage all the same."""
    path, out = coco_file(), tmp_path / "out"
    before = path.read_bytes()
    convert(path, out, delete_source=True)
    rows = [json.loads(line) for line in (out / JOURNAL).read_text().splitlines()]
    digest, lines = "", list[str]()
    for row in rows:
        del row["sha256"]
        digest = sha256(f"{digest} {json.dumps(row, sort_keys=True)}".encode()).hexdigest()
        lines.append(json.dumps(row | {"sha256": digest}) + "\n")
    (out / JOURNAL).write_text("".join(lines).replace("deleting", "Deleting"))
    with pytest.raises(ProofError, match="is damaged"):
        restore(out)
    (out / JOURNAL).write_text("".join(lines))
    assert (restore(out).written, path.read_bytes()) == (1, before)


@pytest.mark.parametrize("text", [None, b"", b"x\n"])
def test_an_earlier_builds_journal_that_is_lost_is_told(
    coco_file: Write, tmp_path: Path, text: bytes | None
) -> None:
    """Its backups, which are named by what they hold, tell that there was one."""
    path, out = coco_file(), tmp_path / "out"
    _earlier(out, path, json.dumps(coco(annotations=[])).encode())
    (out / "journal.jsonl").unlink() if text is None else (out / "journal.jsonl").write_bytes(text)
    with pytest.raises(ProofError, match=r"journal\.jsonl is (missing|damaged)"):
        restore(out)


def test_a_run_after_a_lost_journal_does_not_hide_what_else_it_held(coco_file: Write, tmp_path: Path) -> None:
    """One file was put back by hand and is converted again; restoring names the backup of the other."""
    first, second, out = coco_file(), tmp_path / "second.json", tmp_path / "out"
    second.write_text(json.dumps(coco(images=[coco()["images"][0] | {"file_name": "b.jpg"}])))
    before = {path: path.read_bytes() for path in (first, second)}
    for path in before:
        convert(path, out, delete_source=True)
    (out / JOURNAL).unlink()
    second.write_bytes(before[second])
    assert convert(second, out, delete_source=True).deleted == 2
    report = restore(out)
    assert (report.exit_code, second.read_bytes()) == (5, before[second])
    assert f"{sha256(before[first]).hexdigest()}.json" in report.failures[0].reason


def test_what_deleting_will_need_is_tried_before_the_first_write(tmp_path: Path) -> None:
    """A list of results cannot be put back as a file; nothing is written for it."""
    rows = [{"image_id": 1, "category_id": 3, "segmentation": {"size": [6, 8], "counts": [0, 2, 46]}}]
    rows.append({"image_id": 1, "category_id": 3, "segmentation": [square(1, 1, 3)]})  # type: ignore[dict-item]
    path = tmp_path / "results.json"
    path.write_text(json.dumps(rows))
    with pytest.raises(InputError, match="with `images` and `annotations`"):
        convert(path, tmp_path / "out", delete_source=True)
    assert not (tmp_path / "out").exists()


ODD: dict[str, Callable[[bytes], bytes]] = {
    "a byte order mark": lambda data: b"\xef\xbb\xbf" + data,
    "a score that is none": lambda data: data.replace(b'"iscrowd"', b'"score": NaN, "iscrowd"'),
    "numbers that are none": lambda data: data[:-1] + b', "x": NaN, "y": [-Infinity, 1' + b"0" * 40 + b"]}",
    "info twice": lambda data: data[:-1] + b', "info": "NaN", "info": {"annotations": []}}',
    "white space": lambda data: data.replace(b",", b" ,\r\n\t").replace(b":", b" : ") + b"\n\n",
    "escapes": lambda data: data.replace(b'"annotations"', b'"annot\\u0061tions"').replace(b"dog", b'\\"[{,'),
}  # fmt: skip


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_file_is_rewritten_and_put_back(coco_file: Write, tmp_path: Path, odd: str) -> None:
    """What is not deleted stays as it is written, byte for byte, and so does all once it is restored."""
    box = {"id": 7, "image_id": 1, "category_id": 3, "bbox": [1, 1, 2, 2]}
    annotations = [box, *coco()["annotations"], box | {"id": 8}]
    path, out = coco_file(annotations=annotations), tmp_path / "out"
    before = ODD[odd](path.read_bytes())
    path.write_bytes(before)
    report = convert(path, out, delete_source=True)
    after = path.read_bytes()
    assert (report.deleted, report.failed, len(after) < len(before)) == (2, 0, True)
    start = next(at for at, (one, other) in enumerate(zip(before, after, strict=False)) if one != other)
    assert before.endswith(after[start:])  # one piece is cut out, and nothing put in
    assert (restore(out).written, path.read_bytes()) == (1, before)


def test_paths_of_any_bytes_are_noted_and_found_again(tmp_path: Path, polymask_command: Run) -> None:
    """Of the source and of DEST: file systems know no encoding."""
    folder = tmp_path / os.fsdecode(b"d\xff")
    folder.mkdir()
    path, out = folder / os.fsdecode(b"\xe4.json"), folder / os.fsdecode(b"o\xfe")
    path.write_text(json.dumps(coco()))
    before = path.read_bytes()
    done = polymask_command("convert", path, out, "--delete-source", "--json")
    assert (done.returncode, json.loads(done.stdout)["deleted"]) == (0, 2)
    assert polymask_command("restore", out).returncode == 0
    assert path.read_bytes() == before


def test_a_replaced_file_keeps_mode_owner_and_attributes(coco_file: Write, tmp_path: Path) -> None:
    """After deleting and after restoring; its backup is no more readable than the file."""
    path, out = coco_file(), tmp_path / "out"
    path.chmod(0o600)
    if os.geteuid() == 0:
        os.chown(path, 4321, 8765)
    try:
        os.setxattr(path, "user.note", b"keep me")
    except OSError:
        pytest.skip("no extended attributes here")
    facts = path.stat()
    for act in (lambda: convert(path, out, delete_source=True), lambda: restore(out)):
        assert not any("could not be kept" in note for note in act().notes)
        now = path.stat()
        assert (now.st_mode, now.st_uid, now.st_gid) == (facts.st_mode, facts.st_uid, facts.st_gid)
        assert os.getxattr(path, "user.note") == b"keep me"
    (backup,) = (out / BACKUP).iterdir()
    assert backup.stat().st_mode & 0o777 == 0o600


def test_what_could_not_be_kept_is_told(
    coco_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of somebody else's that this user may replace, but not give away."""
    path = coco_file()
    os.setxattr(path, "user.note", b"keep me")

    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    honest = os.fstat
    monkeypatch.setattr(os, "fchown", refused)
    monkeypatch.setattr(os, "setxattr", refused)
    monkeypatch.setattr(os, "fstat", lambda fd: os.stat_result([*honest(fd)[:4], 77, *honest(fd)[5:10]], {}))
    notes = convert(path, tmp_path / "out", delete_source=True).notes
    assert [note.partition(", but ")[2] for note in notes[:-1]] == [
        f"its owner ({os.getuid()}:{os.getgid()}) could not be kept",
        "its attribute user.note could not be kept",
    ]


@pytest.mark.parametrize("folder", ["", "annotations"])
def test_after_a_damaged_journal_was_moved_away_all_goes_on(
    coco_file: Write, tmp_path: Path, folder: str
) -> None:
    """The advice is followed to its end: once the file is back, nothing is in the way."""
    (tmp_path / folder).mkdir(exist_ok=True)
    path, out = coco_file().rename(tmp_path / folder / "a.json"), tmp_path / "out"
    before = path.read_bytes()
    convert(path, out, delete_source=True)
    _flip(out / JOURNAL)
    with pytest.raises(ProofError, match=r"put them back by hand.* then move the journal away"):
        restore(out)
    (out / JOURNAL).rename(tmp_path / "away")
    for command in (restore, verify, remove_masks):
        with pytest.raises(ProofError, match="is missing"):
            command(out)  # the polygons are deleted still
    path.write_bytes(before)
    report = restore(out)
    assert (report.exit_code, report.unchanged, path.read_bytes()) == (0, 1, before)
    assert any("journal.jsonl is missing" in note for note in report.notes)
    verified = verify(out)
    assert (verified.exit_code, any("journal.jsonl is missing" in note for note in verified.notes)) == (
        0,
        True,
    )
    assert remove_masks(out).retracted == 1


def test_a_file_that_was_not_put_back_by_hand_is_told(tmp_path: Path) -> None:
    """Of two whose journal is gone, the error names the backup of the other alone."""
    paths, out = files(tmp_path, 2), tmp_path / "out"
    before = [path.read_bytes() for path in paths]
    for path in paths:
        convert(path, out, delete_source=True)
    (out / JOURNAL).unlink()
    paths[0].write_bytes(before[0])
    for command in (restore, verify, remove_masks):
        with pytest.raises(ProofError, match=sha256(before[1]).hexdigest()) as refusal:
            command(out)
        assert sha256(before[0]).hexdigest() not in str(refusal.value)


def test_a_folder_without_deletions_is_wrong_input(coco_file: Write, tmp_path: Path) -> None:
    """Exit code 2: no disk or service failed."""
    convert(coco_file(), tmp_path / "out")
    with pytest.raises(NotFound, match="nothing was deleted") as refusal:
        restore(tmp_path / "out")
    assert refusal.value.exit_code == 2


def test_what_was_put_back_and_edited_is_converted_with_overwrite_as_the_advice_says(
    tmp_path: Path,
) -> None:
    """Also where the run before deleted the polygons of another image from the same file."""
    first = coco()["images"][0]
    annotation = coco()["annotations"][0] | {"image_id": first["id"]}
    content = coco(
        images=[first, first | {"id": 77, "file_name": "b.jpg"}],
        annotations=[annotation | {"id": 1}, annotation | {"id": 2}, annotation | {"id": 3, "image_id": 77}],
    )
    path, out = tmp_path / "a.json", tmp_path / "out"
    path.write_text(json.dumps(content))
    convert(path, out, delete_source=True)
    restore(out)
    content["annotations"][0]["segmentation"] = [square(0, 0, 2)]
    del content["annotations"][1]
    path.write_text(json.dumps(content))
    edited = path.read_bytes()
    report = convert(path, out, delete_source=True)
    assert (report.deleted, "pass --overwrite" in report.failures[0].reason) == (1, True)
    report = convert(path, out, delete_source=True, overwrite=True)
    assert (report.deleted, report.failures, ids(path)) == (1, [], [])
    assert restore(out).written == 1
    assert path.read_bytes() == edited


def test_new_polygons_beside_deleted_ones_are_still_refused_with_overwrite(tmp_path: Path) -> None:
    """The file lacks what its backup has of the image: these are in no other place than the mask."""
    path, out = tmp_path / "a.json", tmp_path / "out"
    path.write_text(json.dumps(coco()))
    convert(path, out, delete_source=True)
    added = coco()["annotations"][0] | {"id": 99, "segmentation": [square(0, 0, 2)]}
    path.write_text(json.dumps(coco(annotations=[added])))
    report = convert(path, out, delete_source=True, overwrite=True)
    assert (report.deleted, "lacks instances" in report.failures[0].reason) == (0, True)
