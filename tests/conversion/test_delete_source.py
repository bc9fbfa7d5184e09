"""Deleting local polygons that stored masks prove, and putting them back byte for byte."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from polymask import (
    FormatError,
    InputError,
    NotFound,
    Polygon,
    PolymaskError,
    ProofError,
    SourceChanged,
    Unavailable,
    convert,
    decode_png,
    restore,
    verify,
)
from polymask.conversion import delete_source as removal
from polymask.conversion.dest.deletion_journal import BACKUP, JOURNAL, Log, temporary_name
from polymask.conversion.planning import rehearsal
from polymask.conversion.undoing.restore import restore_folder
from polymask.formats import Annotations, open_annotations
from polymask.painting.painting import Painting
from polymask.storage.local_disk import durable
from polymask.storage.local_disk.durable import make_lasting, replace_file
from polymask.storage.remote.urls import Location, located
from polymask.storage.roots.local import Root
from tests.conftest import coco, square, tree

Write = Callable[..., Path]
RUNS = {"id": 9, "image_id": 1, "category_id": 3, "segmentation": {"size": [6, 8], "counts": [0, 2, 46]}}


def masks(out: Path) -> dict[str, bytes]:
    return {name: data for name, data in tree(out).items() if name.startswith("masks")}


def kept(path: Path) -> list[object]:
    return [annotation["id"] for annotation in json.loads(path.read_text())["annotations"]]


def test_proven_polygons_go_and_everything_else_stays(coco_file: Write, tmp_path: Path) -> None:
    """Runs, boxes, other keys and the order of what is left are untouched; masks are as before."""
    box = {"id": 8, "image_id": 1, "category_id": 3, "bbox": [1, 1, 2, 2]}
    path = coco_file(annotations=[box, *coco()["annotations"], RUNS], info={"year": 2026})
    convert(path, tmp_path / "plain")
    report = convert(path, tmp_path / "out", delete_source=True)
    assert (report.deleted, kept(path)) == (2, [8, 9])
    assert json.loads(path.read_text())["info"] == {"year": 2026}
    assert masks(tmp_path / "out") == masks(tmp_path / "plain")


def test_restore_brings_the_file_back_byte_for_byte(coco_file: Write, tmp_path: Path) -> None:
    """Once and again; white space and all."""
    path = coco_file()
    path.write_text(json.dumps(coco(), indent=3) + "\n\n")
    before = path.read_bytes()
    convert(path, tmp_path / "out", delete_source=True)
    assert path.read_bytes() != before
    assert restore(tmp_path / "out").written == 1
    assert path.read_bytes() == before
    assert (restore(tmp_path / "out").written, restore(tmp_path / "out").unchanged) == (0, 1)
    assert convert(path, tmp_path / "out", delete_source=True).deleted == 2


def test_a_second_run_keeps_the_masks_of_deleted_polygons(coco_file: Write, tmp_path: Path) -> None:
    """An empty record does not repaint its mask, not even with `overwrite`; nothing changes."""
    path, out = coco_file(annotations=[*coco()["annotations"], RUNS]), tmp_path / "out"
    convert(path, out, delete_source=True)
    before = tree(out)
    for options in ({}, {"overwrite": True}):
        report = convert(path, out, delete_source=True, **options)
        assert (report.unchanged, report.written, report.deleted, report.failed) == (1, 0, 0, 0)
        assert tree(out) == before
    assert verify(out).unchanged == 1


def test_new_instances_beside_deleted_ones_fail_their_image(coco_file: Write, tmp_path: Path) -> None:
    """They cannot join the mask: restore first, or choose another DEST."""
    path, out = coco_file(), tmp_path / "out"
    convert(path, out, delete_source=True)
    before = masks(out)
    document = json.loads(path.read_text())
    document["annotations"].append(
        {"id": 5, "image_id": 1, "category_id": 3, "segmentation": [square(5, 0, 2)]}
    )
    path.write_text(json.dumps(document))
    report = convert(path, out, delete_source=True)
    assert "restore" in report.failures[0].reason
    assert (masks(out), kept(path)) == (before, [5])
    with pytest.raises(SourceChanged, match="by hand"):
        restore(out)


def test_a_mask_that_is_not_what_was_written_stops_the_deleting(
    coco_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read back after writing: another mask is a failed proof, and the file is untouched."""
    path, out = coco_file(), tmp_path / "out"
    before = path.read_bytes()
    honest = removal.open_annotations

    def tampering(*arguments: object, **options: object) -> object:
        (out / "masks/a.png").write_bytes(b"damaged")
        return honest(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(removal, "open_annotations", tampering)
    with pytest.raises(ProofError, match="nothing was deleted"):
        convert(path, out, delete_source=True)
    assert path.read_bytes() == before


def test_a_damaged_mask_whose_polygons_are_gone_stops_the_deleting(coco_file: Write, tmp_path: Path) -> None:
    """It is proven again with all others: where it fails, theirs stay too."""
    document, out = coco(), tmp_path / "out"
    document["images"].append({"id": 2, "file_name": "b.jpg", "height": 6, "width": 8})
    document["annotations"][1]["image_id"] = 2
    path = coco_file(document)
    convert(path, out, where=["a*"], delete_source=True)
    (out / "masks/a.png").write_bytes(b"damaged")
    with pytest.raises(ProofError, match=r"a\.jpg.*nothing was deleted"):
        convert(path, out, delete_source=True)
    assert kept(path) == [2]


def test_a_file_that_changes_meanwhile_keeps_its_polygons(
    coco_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody saves the file between reading and deleting: exit 4, nothing lost."""
    path = coco_file()
    honest = removal._proven

    def slow(*arguments: object) -> object:
        path.write_text(json.dumps(coco(annotations=coco()["annotations"][:1])))
        return honest(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(removal, "_proven", slow)
    with pytest.raises(SourceChanged, match="nothing was deleted"):
        convert(path, tmp_path / "out", delete_source=True)
    assert kept(path) == [1]


def test_more_than_max_delete_is_not_deleted(coco_file: Write, tmp_path: Path) -> None:
    """All or nothing: the file has two polygons, one may go, none does."""
    path = coco_file()
    with pytest.raises(PolymaskError, match="--max-delete 1"):
        convert(path, tmp_path / "out", delete_source=True, max_delete=1)
    assert kept(path) == [1, 2]
    assert convert(path, tmp_path / "out", delete_source=True, max_delete=2).deleted == 2


def test_only_what_was_painted_is_deleted(coco_file: Write, tmp_path: Path) -> None:
    """Of chosen images the chosen labels; a failed image keeps its polygons."""
    document = coco()
    document["images"].append({"id": 2, "file_name": "b.jpg", "height": 6, "width": 8})
    document["annotations"].append(
        {"id": 3, "image_id": 2, "category_id": 3, "segmentation": [square(1, 1, 2)]}
    )
    path = coco_file(document)
    assert convert(path, tmp_path / "cats", only=["cat"], where=["a*"], delete_source=True).deleted == 1
    assert kept(path) == [2, 3]
    path = coco_file(document)
    report = convert(path, tmp_path / "strict", overlap="error", delete_source=True)
    assert (report.failed, report.deleted, kept(path)) == (1, 1, [1, 2])


def test_malformed_records_that_were_left_out_stay_in_the_file(coco_file: Write, tmp_path: Path) -> None:
    """What was not painted is not deleted."""
    bad = {"id": 4, "image_id": 1, "category_id": 3, "segmentation": [[1, 2, 3]]}
    path = coco_file(annotations=[bad, *coco()["annotations"]])
    convert(path, tmp_path / "out", delete_source=True, skip_invalid=True)
    assert kept(path) == [4]


@pytest.mark.parametrize("layout", ["binary", "voc"])
def test_other_layouts_prove_as_well(coco_file: Write, tmp_path: Path, layout: str) -> None:
    """One mask a label, or palette masks."""
    assert convert(coco_file(), tmp_path / "out", to=layout, delete_source=True).deleted == 2
    assert verify(tmp_path / "out").unchanged == 1


def test_what_cannot_be_proven_or_deleted_is_refused_at_once(coco_file: Write, tmp_path: Path) -> None:
    """A layout of one shared file; a dry run deletes nothing."""
    path = coco_file()
    with pytest.raises(InputError, match="--delete-source goes with"):
        convert(path, tmp_path / "out", to="coco", delete_source=True)
    assert not (tmp_path / "out").exists()
    convert(path, tmp_path / "out", delete_source=True, dry_run=True)
    assert kept(path) == [1, 2]


def test_restore_without_a_deletion_says_so(coco_file: Write, tmp_path: Path) -> None:
    """And a damaged backup is not put in place."""
    path, out = coco_file(), tmp_path / "out"
    convert(path, out)
    with pytest.raises(NotFound, match="nothing was deleted"):
        restore(out)
    convert(path, out, delete_source=True, overwrite=True)
    left = path.read_bytes()
    next((out / BACKUP).iterdir()).write_bytes(b"{}")
    with pytest.raises(ProofError, match="missing or damaged"):
        restore(out)
    assert path.read_bytes() == left


def test_a_mask_that_is_not_its_polygons_deletes_nothing(
    coco_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Masks are painted again from the file that is there: that a manifest agrees with them is no proof."""
    path = coco_file()
    before = path.read_bytes()

    def shifted(record: Any, *rest: Any, **more: Any) -> Painting:
        """All that is there, one pixel beside its place."""
        instances = tuple(
            replace(i, shape=[Polygon(polygon.exterior + 1) for polygon in i.shape]) for i in record.instances
        )
        return Painting(replace(record, instances=instances), *rest, **more)

    monkeypatch.setattr("polymask.conversion.run.Painting", shifted)
    with pytest.raises(ProofError, match="is not the mask of its polygons"):
        convert(path, tmp_path / "out", delete_source=True)
    assert path.read_bytes() == before


@pytest.mark.parametrize("line", [b"x", b"[]", b'{"source": 5}', b'{"source": "\xe4"}'])
def test_a_damaged_journal_restores_nothing(coco_file: Write, tmp_path: Path, line: bytes) -> None:
    """One line that is none of ours, and no file is touched; nor does a run add to it."""
    path = coco_file()
    convert(path, tmp_path / "out", delete_source=True)
    after = path.read_bytes()
    journal = tmp_path / "out" / JOURNAL
    journal.write_bytes(line + b"\n" + journal.read_bytes())
    with pytest.raises(ProofError, match="is damaged"):
        restore(tmp_path / "out")
    with pytest.raises(ProofError, match="is damaged"):
        convert(path, tmp_path / "out", delete_source=True)
    assert path.read_bytes() == after


def test_a_polygon_that_is_erased_before_the_deletion_leaves_its_mask(
    coco_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run dies before it deletes, somebody erases a polygon: the mask follows, the others go."""
    path = coco_file()

    def dies(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(removal, "_replace", dies)
        convert(path, tmp_path / "out", delete_source=True)
    document = json.loads(path.read_text())
    document["annotations"].pop(0)
    path.write_text(json.dumps(document))
    report = convert(path, tmp_path / "out", delete_source=True)
    assert (report.failed, report.deleted, kept(path)) == (0, 1, [])
    assert set(decode_png((tmp_path / "out/masks/a.png").read_bytes()).flat) == {0, 2}


def test_only_a_coco_file_on_disk_is_rewritten(coco_file: Write, tmp_path: Path) -> None:
    """Neither it nor its masks are in a store; it is no folder, no other format and no giant."""
    path, out = coco_file(), tmp_path / "out"

    def refuse(path: Location, *, without: object = id, dest: Location = out) -> None:
        source = cast("Annotations", SimpleNamespace(path=path, without=without))
        rehearsal.refuse_undeletable(source, dest, "voc")

    refuse(path)
    store = located("memory://there/a")
    for place in ({"path": store}, {"path": path, "dest": store}):
        with pytest.raises(InputError, match="memory://there/a here"):
            refuse(**place)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="this source is none"):
        refuse(tmp_path)
    with pytest.raises(InputError, match="this source is none"):
        refuse(path, without=None)
    os.truncate(path, 4 << 30)  # a hole: it takes no place
    refuse(path)
    os.truncate(path, (4 << 30) + 1)
    with pytest.raises(InputError, match="at most 4 GiB"):
        refuse(path)


def test_what_killed_runs_left_beside_the_file_goes(coco_file: Write, tmp_path: Path) -> None:
    """Under the names that only they give; whatever else is called alike is somebody's."""
    path, out = coco_file(), tmp_path / "out"
    theirs = [tmp_path / name for name in (".polymask-notes.tmp", f".polymask-{'0' * 32}.tmp")]
    for other in theirs:
        other.write_bytes(b"mine")
    convert(path, out, delete_source=True)
    (deletion,) = Log(Root(out), journal_lines(out)).deletions
    for edge in ((deletion.before, deletion.after), (deletion.after, deletion.before)):
        stale = tmp_path / temporary_name(Root(out), path, *edge)
        for undo in (lambda: restore(out), lambda: convert(path, out, delete_source=True)):
            stale.write_bytes(b"half")
            undo()
            assert not stale.exists()
    assert [other.read_bytes() for other in theirs] == [b"mine", b"mine"]


def test_a_file_that_is_another_after_its_masks_were_made_keeps_its_polygons(
    coco_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether its bytes changed, or what they are taken for."""
    path = coco_file()
    with monkeypatch.context() as patch:
        patch.setattr(removal, "_clear_stale", lambda _: path.write_text(json.dumps(coco(info={}))))
        with pytest.raises(SourceChanged, match="while its masks were made"):
            convert(path, tmp_path / "one", delete_source=True)
    monkeypatch.setattr(
        removal,
        "open_annotations",
        lambda *given, **options: replace(open_annotations(*given, **options), without=None),
    )
    with pytest.raises(SourceChanged, match="no longer a file"):
        convert(path, tmp_path / "two", delete_source=True)
    assert kept(path) == [1, 2]


def test_a_deletion_says_how_it_is_undone(coco_file: Write, tmp_path: Path) -> None:
    """The note names the file, the number and the command."""
    report = convert(coco_file(), tmp_path / "out", delete_source=True)
    assert report.notes[-1].startswith("2 polygons deleted from ")
    assert f"`polymask restore {tmp_path / 'out'}`" in report.notes[-1]


def test_the_backup_and_the_note_last_before_the_file_changes(
    coco_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is durable, and a journal is before the manifest speaks of deletions; the new file is synced."""
    path, names, steps = coco_file(), list[str](), list[str]()
    write, sync = Root.write, os.fsync

    def noted(root: Root, name: str, data: bytes, *, durable: bool = False, mode: int | None = None) -> None:
        names.extend([name] * durable)
        write(root, name, data, durable=durable, mode=mode)

    monkeypatch.setattr(Root, "write", noted)
    convert(path, tmp_path / "out", delete_source=True)
    assert [name.removeprefix(".polymask/").partition("/")[0] for name in names] == [
        *("run.json", "journal.jsonl", "before.json", "manifest.jsonl", "backup", "journal.jsonl")
    ]
    monkeypatch.setattr(os, "fsync", lambda fd: (steps.append(f"sync {os.fstat(fd).st_size}"), sync(fd)))
    replace_file(path, b"new", temporary="t")
    assert (steps[0], len(steps), path.read_bytes()) == ("sync 3", 2, b"new")


def test_other_names_of_the_file_are_told(coco_file: Write, tmp_path: Path) -> None:
    """A file with hard links is replaced under one name; dry run, run and undo count the others."""
    path, out = coco_file(), tmp_path / "out"
    before = path.read_bytes()
    names = [tmp_path / "second.json", tmp_path / "third.json"]
    for name in names:
        name.hardlink_to(path)
    note = "its 2 other hard links, which keep the old content, could not be kept"
    rehearsed = convert(path, out, delete_source=True, dry_run=True)
    assert (rehearsed.deleted, rehearsed.notes) == (2, [f"{path} would be replaced, but {note}"])
    assert f"{path} was replaced, but {note}" in convert(path, out, delete_source=True).notes
    assert [name.read_bytes() == before for name in (path, *names)] == [False, True, True]
    link = tmp_path / "fourth.json"
    link.hardlink_to(path)
    note = "its 1 other hard link, which keeps the old content, could not be kept"
    assert restore(out, dry_run=True).notes == [
        f"{path} would be put back, but {note}",
        f"would be put back: {path}",
    ]
    assert restore(out).notes == [f"{path} was put back, but {note}", f"put back: {path}"]
    assert not any("hard link" in told for told in convert(path, out, delete_source=True).notes)


@pytest.mark.parametrize("options", [{}, {"crowd": "skip"}])
def test_a_dry_run_counts_what_would_be_deleted(
    options: dict[str, Any], coco_file: Write, tmp_path: Path
) -> None:
    """The same number as the run, and nothing is."""
    document = coco()
    document["annotations"][0]["iscrowd"] = 1
    path, out = coco_file(document), tmp_path / "out"
    before = path.read_bytes()
    rehearsed = convert(path, out, delete_source=True, dry_run=True, **options)
    assert (path.read_bytes(), out.exists()) == (before, False)
    assert rehearsed.deleted == convert(path, out, delete_source=True, **options).deleted > 0
    assert convert(path, out, delete_source=True, dry_run=True, **options).deleted == 0


def test_a_file_that_cannot_be_replaced_stays(
    coco_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names it, and nothing is left beside it."""
    path = coco_file()
    before = tree(tmp_path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fchmod", full)
    with pytest.raises(Unavailable, match=r"instances\.json: No space"):
        replace_file(path, b"new", temporary="t")
    assert tree(tmp_path) == before


def journal_lines(out: Path) -> list[dict[str, str]]:
    """What the journal of a folder says, but for its digests and its end."""
    lines = [json.loads(line) for line in (out / JOURNAL).read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "sha256"} for line in lines[:-1]]


def noted(
    out: Path, source: str, before: bytes, after: bytes, backup: str = "backup/a.json"
) -> dict[str, str]:
    """A folder as if an earlier build had deleted polygons from a source: its journal's line."""
    digests = {"before": sha256(before).hexdigest(), "after": sha256(after).hexdigest()}
    line = {"source": source, "backup": backup, **digests}
    (out / "backup").mkdir(parents=True)
    (out / "backup" / "a.json").write_bytes(before)
    (out / "journal.jsonl").write_text(json.dumps(line) + "\n")
    return line


COCO = b'{"images": [], "annotations": []}'


@pytest.mark.parametrize(("before", "after"), [(COCO, b"{}"), (b"{}", COCO)])
def test_no_other_kind_of_file_is_restored(tmp_path: Path, before: bytes, after: bytes) -> None:
    """A folder from elsewhere may name any file, and hold anything as its backup."""
    path = tmp_path / "file"
    path.write_bytes(after)
    noted(tmp_path / "out", str(path), before, after)
    with pytest.raises(FormatError, match="no annotation file"):
        restore(tmp_path / "out")
    assert path.read_bytes() == after


def test_a_restored_file_is_made_to_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It and the journal, also by the run after the one that may have died on the way."""
    path, synced = tmp_path / "file", list[Path]()
    after = COCO.replace(b" ", b"")
    path.write_bytes(after)
    noted(tmp_path / "out", str(path), COCO, after)
    assert (restore(tmp_path / "out").images, path.read_bytes()) == (1, COCO)
    monkeypatch.setattr(durable, "sync_folder", synced.append)
    report = restore(tmp_path / "out")
    assert (report.images, report.unchanged) == (1, 1)
    assert synced == [tmp_path, tmp_path / "out/.polymask"]
    monkeypatch.undo()
    with pytest.raises(NotFound, match="none"):
        make_lasting(tmp_path / "none" / "file")


def test_what_was_put_back_is_its_owners_again(coco_file: Write, tmp_path: Path) -> None:
    """Edited or removed since, it is no concern of a restore; deleted from anew, it is."""
    path, out = coco_file(), tmp_path / "out"
    convert(path, out, delete_source=True)
    restore(out)
    path.write_text(json.dumps(coco(info={"edited": True})))
    assert (restore(out).unchanged, restore(out).failed) == (1, 0)
    edited = path.read_bytes()
    convert(path, out, delete_source=True)
    assert (restore(out).written, path.read_bytes()) == (1, edited)
    path.unlink()
    assert (restore(out).unchanged, restore(out).failed) == (1, 0)


def test_a_file_that_is_gone_is_told_with_its_backup(coco_file: Write, tmp_path: Path) -> None:
    """A copy of the backup at the path that is named, and the advice was good."""
    path, out = coco_file(), tmp_path / "out"
    before = path.read_bytes()
    convert(path, out, delete_source=True)
    path.unlink()
    with pytest.raises(NotFound, match="copy it there") as refusal:
        restore(out)
    backup = str(refusal.value).rpartition(" it is ")[2].partition(":")[0]
    path.write_bytes(Path(backup).read_bytes())
    assert (restore(out).unchanged, path.read_bytes()) == (1, before)


@pytest.mark.parametrize("strange", [{"source": "a\0b"}, {"backup": "../a.json"}])
def test_a_journal_that_leads_elsewhere_is_damaged(tmp_path: Path, strange: dict[str, str]) -> None:
    """Its paths are looked at before any file is, in the journals of earlier builds and in ours."""
    line = noted(tmp_path, **({"source": "a"} | strange), before=b"", after=b"")
    good = json.dumps(line | {"source": "a", "backup": "backup/a.json"})
    (tmp_path / "journal.jsonl").write_text(f"{good}\n{json.dumps(line)}\n")
    with pytest.raises(ProofError, match="is damaged"):
        restore(tmp_path)
    (tmp_path / "out").mkdir()
    Log(Root(tmp_path / "out"), []).note("deleting", **(line | {"backup": f"{BACKUP}/a.json"} | strange))
    with pytest.raises(ProofError, match="is damaged"):
        restore(tmp_path / "out")


def test_a_deletion_that_was_noted_twice_is_undone_once(tmp_path: Path) -> None:
    """All others are, in their order; a journal without a line tells of none."""
    first = noted(tmp_path, "a", b"1", b"2")
    other = first | {"source": "b"}
    journal = tmp_path / "journal.jsonl"
    journal.write_text("".join(json.dumps(line) + "\n" for line in (first, other, first)))
    assert [deletion.source for deletion in Log(Root(tmp_path), []).all_deletions] == ["b", "a"]
    journal.write_text("")
    with pytest.raises(NotFound, match="nothing was deleted"):
        restore(tmp_path)


def test_nothing_is_restored_from_a_store() -> None:
    """Nothing is deleted for one either."""
    with pytest.raises(InputError, match="nothing is deleted from a store"):
        restore_folder(located("memory://there/out"))


def unpainted() -> dict[str, object]:
    """Beside a cat and a dog: a background, a void, a crowd, one outside, and one below the dog."""
    categories = [*coco()["categories"], {"id": 8, "name": "background"}, {"id": 9, "name": "__ignore__"}]
    rows = [
        (3, square(4, 3, 1), 0),
        (8, square(0, 0, 2), 0),
        (9, square(6, 0, 2), 0),
        (3, square(0, 4, 1), 1),
    ]
    rows.append((7, square(50, 50, 2), 0))
    more = [
        {"id": key, "image_id": 1, "category_id": label, "segmentation": [ring], "iscrowd": crowd}
        for key, (label, ring, crowd) in enumerate(rows, 3)
    ]
    first, second = coco()["annotations"]
    return coco(categories=categories, annotations=[first, *more, second])


@pytest.mark.parametrize(
    ("options", "stay"),
    [
        ({}, [3, 4, 5, 7]),
        ({"crowd": "skip"}, [3, 4, 5, 6, 7]),
        ({"crowd": "void"}, [3, 4, 5, 6, 7]),
        ({"to": "binary"}, [4, 5, 7]),
        ({"to": "voc", "only": ["dog", "background"]}, [1, 3, 4, 5, 6, 7]),
        ({"overlap": "first"}, [4, 5, 7]),
    ],
)
def test_polygons_stay_that_no_mask_shows(
    coco_file: Write, tmp_path: Path, options: dict[str, object], stay: list[int]
) -> None:
    """By instance, though others of their label go; the report lists them with the reason."""
    path, out = coco_file(unpainted()), tmp_path / "out"
    before = path.read_bytes()
    report = convert(path, out, delete_source=True, **options)  # type: ignore[arg-type]
    assert (kept(path), report.deleted) == (stay, 7 - len(stay))
    told = {int(one.name.rpartition(" ")[2]) for one in report.kept}
    assert told == (set(stay) - {1, 3, 5, 6} if "only" in options else set(stay))
    assert any("paint" in note or "pixel" in note for note in report.notes[:-1])
    masks_before = masks(out)
    again = convert(path, out, delete_source=True, **options)  # type: ignore[arg-type]
    assert (again.failed, again.deleted, masks(out)) == (0, 0, masks_before)
    assert {one.name for one in again.kept} == {one.name for one in report.kept}
    assert (restore(out).written, path.read_bytes()) == (1, before)


def test_labels_that_a_file_paints_as_background_or_void_stay(coco_file: Write, tmp_path: Path) -> None:
    """A map of labels makes them so, whatever the source calls them."""
    labels = tmp_path / "labels.txt"
    labels.write_text("dog\ncat -> __ignore__\n")
    path = coco_file()
    report = convert(path, tmp_path / "out", labels=labels, delete_source=True)
    assert (report.deleted, kept(path)) == (1, [1])


def test_what_was_left_counts_as_the_deletions_only_while_nobody_touches_it(
    coco_file: Write, tmp_path: Path
) -> None:
    """Relabeled, erased or drawn beside: the image fails, and its mask stays as it is."""
    path, out = coco_file(unpainted()), tmp_path / "out"
    convert(path, out, delete_source=True)
    left, before = json.loads(path.read_text()), masks(out)
    background, *others = left["annotations"]
    drawn = {"id": 20, "image_id": 1, "category_id": 3, "segmentation": [square(5, 0, 2)]}
    for annotations in (
        [background | {"category_id": 7}, *others],
        others,
        [*left["annotations"], drawn],
    ):
        path.write_text(json.dumps(left | {"annotations": annotations}))
        for delete in (True, False):
            report = convert(path, out, delete_source=delete)
            assert "restore" in report.failures[0].reason
        assert (masks(out), len(kept(path))) == (before, len(annotations))


def test_the_same_instance_twice_is_deleted_as_often_as_it_is_painted(
    coco_file: Write, tmp_path: Path
) -> None:
    """Equal ids and shapes do not make two annotations one: the background's stays."""
    cat, _ = coco()["annotations"]
    categories = [*coco()["categories"], {"id": 8, "name": "background"}]
    path = coco_file(categories=categories, annotations=[cat | {"category_id": 8}, cat])
    assert convert(path, tmp_path / "out", delete_source=True).deleted == 1
    assert [annotation["category_id"] for annotation in json.loads(path.read_text())["annotations"]] == [8]
    assert convert(path, tmp_path / "out", delete_source=True).failed == 0


def two_images() -> dict[str, Any]:
    """The cat on a.jpg, the dog on b.jpg."""
    document = coco()
    document["images"].append({"id": 2, "file_name": "b.jpg", "height": 6, "width": 8})
    document["annotations"][1]["image_id"] = 2
    return document


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(
    "options",
    [{"labels": "labels.txt"}, {"ids": "source"}, {"to": "coco-stuff"}, {"to": "cityscapes"}, {"to": "voc"},
     {"to": "yolo-semantic"}, {"to": "mmseg"}, {"to": "coco"}, {"to": "coco-panoptic"}, {"to": "binary"},
     {"overlap": "first"}, {"size": (12, 16)}, {"split": "val"}],
    ids=str,
)  # fmt: skip
def test_what_masks_of_deleted_polygons_would_contradict_is_refused(
    coco_file: Write, tmp_path: Path, options: dict[str, Any], overwrite: bool
) -> None:
    """They cannot be painted anew, so nothing is written, and following the advice leads on."""
    path, out = coco_file(two_images()), tmp_path / "out"
    before = path.read_bytes()
    (tmp_path / "labels.txt").write_text("dog\ncat\n")
    options |= {"labels": tmp_path / "labels.txt"} if "labels" in options else {}
    convert(path, out, delete_source=True, where=["a*"])
    made = tree(out)
    with pytest.raises(InputError, match=f"choose another DEST, or .*polymask restore {out}") as refusal:
        convert(path, out, overwrite=overwrite, **options)
    assert "--overwrite" not in str(refusal.value)
    assert tree(out) == made
    assert (restore(out).written, path.read_bytes()) == (1, before)
    if "to" not in options:
        assert convert(path, out, overwrite=True, **options).failed == 0


def test_a_category_before_the_deleted_ones_does_not_renumber_their_masks(
    coco_file: Write, tmp_path: Path
) -> None:
    """The label map of what was deleted stays true of its masks; without it nothing can be said of them."""
    path, out = coco_file(two_images()), tmp_path / "out"
    convert(path, out, delete_source=True, where=["a*"])
    document = json.loads(path.read_text())
    document["categories"].insert(0, {"id": 1, "name": "ant"})
    path.write_text(json.dumps(document))
    made = tree(out)
    for where in ([], ["b*"]):
        with pytest.raises(InputError, match="restore"):
            convert(path, out, overwrite=True, where=where)
    assert tree(out) == made
    (out / "labels.json").unlink()
    with pytest.raises(InputError, match=r"labels\.json is missing.*restore"):
        convert(path, out)


def test_another_layout_never_joins_a_folder(coco_file: Write, tmp_path: Path) -> None:
    """Its lists and tables would be mixed with those that are there; whatever is asked."""
    path, out = coco_file(two_images()), tmp_path / "out"
    convert(path, out, where=["a*"])
    made = tree(out)
    for options in ({}, {"overwrite": True}, {"where": ["b*"]}):
        with pytest.raises(InputError, match="choose another DEST"):
            convert(path, out, to="voc", **options)
    assert tree(out) == made
