"""The journal: lines that last, whatever happens between two of them."""

import gc
import json
import os
import stat
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from polymask.errors import NotFound, PolymaskError, ProofError, Unavailable
from polymask.in_place.journal import (
    BACKUP,
    EVENTS,
    Journal,
    default_folder,
    open_existing,
    shard_folder,
)
from polymask.parallel.shards import Shard
from polymask.storage.local_disk.durable import make_private


def polygon(key: str, x: float = 1.5) -> dict[str, Any]:
    return {"id": key, "coordinates": [[{"x": x, "y": 2}]]}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journals" / "one"


def deleting(journal: Journal, *ids: str) -> None:
    journal.note("deleting", "item", ids=list(ids), etag="e")


def test_what_is_backed_up_is_read_back(path: Path) -> None:
    """Backups come back as they were, in order, for this and any later journal of the folder."""
    Journal(path).back_up("item", "a.png", [polygon("p1"), polygon("p2")])
    lines = list(Journal(path).backups())
    assert [line["instance"] for line in lines] == [polygon("p1"), polygon("p2")]
    assert {(line["item"], line["name"]) for line in lines} == {("item", "a.png")}


def test_an_unchanged_polygon_is_kept_once(path: Path) -> None:
    """Backing up again adds nothing, in the same run and in the next."""
    journal = Journal(path)
    journal.back_up("item", "a.png", [polygon("p1")])
    journal.back_up("item", "a.png", [polygon("p1")])
    Journal(path).back_up("item", "a.png", [polygon("p1")])
    assert len((path / BACKUP).read_bytes().splitlines()) == 1


def test_workers_share_a_journal(path: Path) -> None:
    """What another thread has kept is not kept twice."""
    journal = Journal(path)
    with ThreadPoolExecutor(1) as worker:
        worker.submit(journal.back_up, "item", "a.png", [polygon("p1")]).result()
    journal.back_up("item", "a.png", [polygon("p1"), polygon("p2")])
    assert [line["instance"]["id"] for line in journal.backups()] == ["p1", "p2"]


def test_only_what_was_to_be_deleted_is_restored(path: Path) -> None:
    """A backup alone is no deletion; the last version before one is what comes back."""
    journal = Journal(path)
    journal.back_up("item", "a.png", [polygon("p1"), polygon("p2")])
    journal.back_up("item", "a.png", [polygon("p1", 7)])
    deleting(journal, "p1")
    assert [line["instance"] for line in journal.deleted()] == [polygon("p1", 7)]


def test_an_edit_that_was_taken_back_is_kept_again(path: Path) -> None:
    """The last line of a polygon is its last version, even one that was there before."""
    journal = Journal(path)
    for x in (1, 7, 1):
        journal.back_up("item", "a.png", [polygon("p1", x)])
    deleting(journal, "p1")
    assert [line["instance"] for line in Journal(path).deleted()] == [polygon("p1", 1)]


@pytest.mark.parametrize("cut", [2, 5, 20])
def test_a_line_that_a_crash_cut_off_is_none(path: Path, cut: int) -> None:
    """A torn last line is not read, and what is appended after it is."""
    journal = Journal(path)
    journal.back_up("item", "a.png", [polygon("p1"), polygon("p2")])
    data = (path / BACKUP).read_bytes()
    (path / BACKUP).write_bytes(data[:-cut])
    again = Journal(path)
    assert [line["instance"]["id"] for line in again.backups()] == ["p1"]
    again.back_up("item", "a.png", [polygon("p2"), polygon("p3")])
    assert [line["instance"]["id"] for line in Journal(path).backups()] == ["p1", "p2", "p3"]


def test_a_line_that_lacks_only_its_break_is_whole(path: Path) -> None:
    """All of it was written: it counts, and what is appended begins a line of its own."""
    Journal(path).back_up("item", "a.png", [polygon("p1")])
    (path / BACKUP).write_bytes((path / BACKUP).read_bytes()[:-1])
    for keys in (["p1"], ["p1", "p2"]):
        Journal(path).back_up("item", "a.png", [polygon(key) for key in keys])
        assert [line["instance"]["id"] for line in Journal(path).backups()] == keys


def test_a_lost_backup_is_told(path: Path) -> None:
    """Where the backup lacks a polygon that a run set out to delete, nothing is pretended."""
    journal = Journal(path)
    journal.back_up("item", "a.png", [polygon("p1")])
    deleting(journal, "p1", "p2")
    with pytest.raises(ProofError, match="lacks p2"):
        journal.deleted()


@pytest.mark.parametrize("line", ["7", "[]", '{"item": "i"}'])
def test_a_file_of_something_else_is_refused(path: Path, line: str) -> None:
    """JSON that no journal wrote is damage, not a backup."""
    Journal(path).back_up("item", "a.png", [polygon("p1")])
    with (path / BACKUP).open("a") as file:
        file.write(line + "\n")
    with pytest.raises(ProofError, match="damaged"):
        Journal(path)


def test_nobody_else_can_read_it(path: Path) -> None:
    """Folders that are made are 0700 all the way up, files 0600, whatever the umask."""
    before = os.umask(0)
    try:
        journal = Journal(path)
        journal.back_up("item", "a.png", [polygon("p1")])
        deleting(journal, "p1")
    finally:
        os.umask(before)
    modes = {
        str(p.relative_to(path.parents[1])): stat.S_IMODE(p.stat().st_mode)
        for p in path.parents[1].rglob("*")
    }
    assert modes == {
        "journals": 0o700,
        "journals/one": 0o700,
        f"journals/one/{BACKUP}": 0o600,
        f"journals/one/{EVENTS}": 0o600,
    }
    assert stat.S_IMODE(path.parents[1].stat().st_mode) == 0o700


def test_every_line_is_on_the_disk_before_the_next_step(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is synced after each append, and its folder before the first append returns."""
    synced: list[str] = []
    real = os.fsync

    def noted(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        real(descriptor)

    journal = Journal(path)
    monkeypatch.setattr(os, "fsync", noted)
    journal.back_up("item", "a.png", [polygon("p1")])
    assert synced == [BACKUP, "one"]
    deleting(journal, "p1")
    deleting(journal, "p1")
    assert synced == [BACKUP, "one", EVENTS, "one", BACKUP, EVENTS, BACKUP]


def test_a_link_in_its_place_is_not_followed(path: Path, tmp_path: Path) -> None:
    """A symbolic link planted where the backup goes leads nowhere."""
    journal = Journal(path)
    elsewhere = tmp_path / "elsewhere"
    (path / BACKUP).symlink_to(elsewhere)
    with pytest.raises(PolymaskError):
        journal.back_up("item", "a.png", [polygon("p1")])
    assert not elsewhere.exists()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """A file in the way is a typed error that names it."""
    (tmp_path / "file").write_text("")
    with pytest.raises(PolymaskError, match="file"):
        Journal(tmp_path / "file" / "journal")


def test_a_full_disk_stops_before_the_deed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be written is an error, and the line is none afterwards."""
    journal = Journal(path)
    monkeypatch.setattr(os, "write", _full)
    with pytest.raises(PolymaskError, match="No space"):
        journal.back_up("item", "a.png", [polygon("p1")])
    monkeypatch.undo()
    assert list(Journal(path).backups()) == []
    journal.back_up("item", "a.png", [polygon("p1")])
    assert len(list(Journal(path).backups())) == 1


def _full(_descriptor: int, _data: Any) -> int:
    raise OSError(28, "No space left on device")


def test_only_a_journal_with_a_backup_is_opened(path: Path) -> None:
    """Restoring from a folder without a backup is refused, and does not make one."""
    with pytest.raises(NotFound, match="--journal"):
        open_existing(path)
    assert not path.exists()
    Journal(path).back_up("item", "a.png", [polygon("p1")])
    assert [len(list(one.backups())) for one in open_existing(path)] == [1]


def test_it_lies_in_the_users_state_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By the dataset's id, below XDG_STATE_HOME or its default."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_folder("5") == tmp_path / "polymask" / "journals" / "5"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_folder("5") == tmp_path / ".local" / "state" / "polymask" / "journals" / "5"


def test_lines_are_plain_json(path: Path) -> None:
    """Anybody can read a journal without polymask."""
    journal = Journal(path)
    journal.note("deleted", "item", ids=["p1"])
    row = json.loads((path / EVENTS).read_text())
    assert row == {"event": "deleted", "item": "item", "ids": ["p1"], "sha256": row["sha256"]}


def test_anybody_can_check_the_digests(path: Path) -> None:
    """Over the digest of the line before and the bytes up to the line's own, as the module says."""
    journal = Journal(path)
    journal.back_up("item", "a.png", [polygon("p1")])
    deleting(journal, "p1")
    for name in (BACKUP, EVENTS):
        tip = "0" * 64
        for line in (path / name).read_bytes().splitlines():
            body = line[: line.rindex(b', "sha256"')]
            tip = sha256(tip.encode() + body).hexdigest()
            assert json.loads(line)["sha256"] == tip


def by_an_earlier_build(path: Path) -> None:
    """A journal without digests: two polygons of which one was deleted, and a line that a crash tore."""
    make_private(path)
    rows = [{"item": "item", "name": "a.png", "instance": polygon(key)} for key in ("p1", "p2")]
    first, second = (json.dumps(row, sort_keys=True) + "\n" for row in rows)
    (path / BACKUP).write_text(first + '{"item": "it\n' + second)
    event = {"event": "deleting", "item": "item", "ids": ["p1"], "etag": "e"}
    (path / EVENTS).write_text(json.dumps(event, sort_keys=True) + "\n")


def test_a_journal_of_an_earlier_build_is_read_and_gone_on_with(path: Path) -> None:
    """Its lines have no digest; those that are appended have one, of all before them."""
    by_an_earlier_build(path)
    journal = Journal(path)
    assert [line["instance"]["id"] for line in journal.deleted()] == ["p1"]
    journal.back_up("item", "a.png", [polygon("p2"), polygon("p3")])
    deleting(journal, "p3")
    assert [line["instance"]["id"] for line in Journal(path).deleted()] == ["p1", "p3"]
    data = (path / BACKUP).read_bytes()
    (path / BACKUP).write_bytes(data.replace(b'"x": 1.5', b'"x": 2.5', 1))
    with pytest.raises(ProofError, match=r"backup\.jsonl: damaged, line"):
        Journal(path)


def test_an_earlier_build_without_its_events_is_damaged(path: Path) -> None:
    """Nothing tells what was deleted: restoring nothing in silence would be wrong."""
    by_an_earlier_build(path)
    (path / EVENTS).unlink()
    with pytest.raises(ProofError, match=r"journal\.jsonl: damaged, it is gone"):
        Journal(path).deleted()


def a_run(path: Path) -> list[dict[str, Any]]:
    """A journal of two items, three polygons deleted; what of them is to be restored."""
    for item, keys in (("a", ["p1", "p2"]), ("b", ["p3"])):
        journal = Journal(path)
        journal.back_up(item, f"{item}.png", [polygon(key) for key in keys])
        journal.note("deleting", item, ids=keys, etag="e")
        journal.note("deleted", item, ids=keys)
    return Journal(path).deleted()


def restorable(path: Path) -> list[dict[str, Any]] | None:
    """What a journal restores; None where it is refused as damaged, by the name of a file of it."""
    try:
        (journal,) = open_existing(path)
        return journal.deleted()
    except ProofError as error:
        return None if str(error).startswith((str(path / BACKUP), str(path / EVENTS))) else []


@pytest.mark.parametrize("name", [BACKUP, EVENTS])
@pytest.mark.parametrize(("flip", "step"), [(0x01, 2), (0x20, 5), (0x80, 11)])
def test_any_changed_byte_is_told(path: Path, name: str, flip: int, step: int) -> None:
    """Whichever byte of either file changes, the journal is refused."""
    whole = a_run(path)
    data = (path / name).read_bytes()
    for at in {*range(flip % step, len(data), step), len(data) - 1}:
        (path / name).write_bytes(data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :])
        assert restorable(path) is None, f"byte {at} of {name}"
    (path / name).write_bytes(data)
    assert restorable(path) == whole


@pytest.mark.parametrize("name", [BACKUP, EVENTS])
def test_however_short_a_file_is_cut_nothing_is_missing(path: Path, name: str) -> None:
    """A file that lost its end, or is gone, is refused, unless it lost nothing that a restoration needs."""
    whole = a_run(path)
    data = (path / name).read_bytes()
    for end in range(len(data)):
        (path / name).write_bytes(data[:end])
        assert restorable(path) in (None, whole), f"cut at byte {end} of {name}"
    (path / name).unlink()
    assert restorable(path) is None


@pytest.mark.parametrize("name", [BACKUP, EVENTS])
def test_a_line_taken_out_doubled_or_moved_is_told(path: Path, name: str) -> None:
    """Each line vouches for those before it."""
    a_run(path)
    lines = (path / name).read_bytes().splitlines(keepends=True)
    for at in range(len(lines) - 1):
        before, line, after, rest = lines[:at], lines[at], lines[at + 1], lines[at + 2 :]
        for middle in ([after], [after, line], [line, line, after]):
            (path / name).write_bytes(b"".join([*before, *middle, *rest]))
            assert restorable(path) is None, f"line {at} of {name}"


def test_the_last_line_of_a_restoration_is_missed(path: Path) -> None:
    """Without it, what somebody erased since would come back."""
    a_run(path)
    Journal(path).note("restored", "i", ids=["a"])
    lines = (path / EVENTS).read_bytes().splitlines(keepends=True)
    (path / EVENTS).write_bytes(b"".join(lines[:-1]))
    with pytest.raises(ProofError, match=r"journal\.jsonl: damaged, lacks lines"):
        Journal(path)


def test_two_journals_of_one_folder_take_turns(path: Path) -> None:
    """Two runs at once append to one chain, and what one kept the other does not keep again."""
    one, other = Journal(path), Journal(path)
    for journal, key in ((one, "p1"), (other, "p2"), (one, "p2"), (other, "p3")):
        journal.back_up("item", "a.png", [polygon(key)])
        deleting(journal, key)
    lines = Journal(path).deleted()
    assert [line["instance"]["id"] for line in lines] == ["p1", "p2", "p3"]
    assert len(list(one.backups())) == 3


def test_the_same_id_in_another_item_is_another_polygon(path: Path) -> None:
    """An instance is known by its item and its id."""
    journal = Journal(path)
    for number, item in enumerate("ab"):
        journal.back_up(item, f"{item}.png", [polygon("p", number)])
        journal.note("deleting", item, ids=["p"])
    assert [(line["item"], line["instance"]) for line in Journal(path).deleted()] == [
        ("a", polygon("p", 0)),
        ("b", polygon("p", 1)),
    ]


WHOLE = {"item": "i", "name": "n", "instance": {"id": "p"}}
DAMAGED = [
    (BACKUP, []),
    (BACKUP, WHOLE | {"instance": "p"}),
    (BACKUP, WHOLE | {"instance": {}}),
    (BACKUP, WHOLE | {"instance": ["id"]}),
    (BACKUP, {"item": "i", "instance": {"id": 1}}),
    (EVENTS, 5),
    (EVENTS, {"event": "proven"}),
    (EVENTS, {"item": "i"}),
    (EVENTS, {"event": "deleting", "item": "i"}),
    (EVENTS, {"event": "deleting", "item": "i", "ids": "p"}),
]


@pytest.mark.parametrize(("name", "line"), DAMAGED)
def test_a_whole_line_of_something_else_is_refused(path: Path, name: str, line: Any) -> None:
    """A line that is JSON and not ours is damage, which is told; it is not passed over."""
    journal = Journal(path)
    (path / name).write_text(json.dumps(line) + "\n")
    with pytest.raises(ProofError, match="damaged, holds a line of something else"):
        journal.deleted()


def test_events_without_more_facts_are_whole(path: Path) -> None:
    """Only a deletion needs ids."""
    journal = Journal(path)
    journal.note("proven", "item")
    assert journal.deleted() == []


def test_a_journal_that_cannot_be_read_is_an_error(path: Path) -> None:
    """It is not taken for an empty one: what is in it might be deleted already."""
    journal = Journal(path)
    (path / EVENTS).mkdir()
    with pytest.raises(PolymaskError, match=EVENTS):
        journal.deleted()


def test_no_descriptor_is_left_open(path: Path) -> None:
    """A run of a hundred thousand items appends as often."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    for number in range(3):
        Journal(path / str(number)).back_up("item", "a.png", [polygon("p1")])
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_long_run_keeps_no_more_in_memory_than_a_short_one(path: Path) -> None:
    """What was backed up is known from a table on the disk, in this run and in the next."""
    journal = Journal(path)
    journal.back_up("item", "a.png", [polygon(str(number)) for number in range(2_000)])
    tracemalloc.start()
    try:
        again, held = Journal(path), []
        for first in (2_000, 4_000, 6_000):
            again.back_up("item", "a.png", [polygon(str(first + number)) for number in range(2_000)])
            gc.collect()
            held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert held[-1] < held[0] + 50_000


def test_any_text_may_be_an_id(path: Path) -> None:
    """JSON has halves of characters, which no other encoding has."""
    for _ in range(2):
        Journal(path).back_up("\udc80", "a.png", [polygon("\ud800")])
    assert [line["instance"]["id"] for line in Journal(path).backups()] == ["\ud800"]


def test_a_table_that_finds_no_room_is_told(path: Path) -> None:
    """It is an error of the disk, and is raised before anything is deleted."""
    journal = Journal(path)
    journal._last_lines._table.execute("PRAGMA max_page_count = 3")
    with pytest.raises(Unavailable, match="full"):
        journal.back_up("item", "a.png", [polygon(str(number)) for number in range(2_000)])


def test_lines_follow_each_other(path: Path) -> None:
    """A line is closed first only where a crash cut it off: there are no empty lines."""
    journal = Journal(path)
    deleting(journal, "p1")
    deleting(journal, "p2")
    assert [json.loads(line)["ids"] for line in (path / EVENTS).read_text().splitlines()] == [["p1"], ["p2"]]


def test_each_polygon_is_kept_once(path: Path) -> None:
    """Of several in an item each is known by its id, and the order of its keys is none of its content."""
    journal = Journal(path)
    many = [polygon("p1"), polygon("p2")]
    for instances in (many, many, [dict(reversed(one.items())) for one in many]):
        journal.back_up("item", "a.png", instances)
    assert len(list(journal.backups())) == 2


def test_folders_that_are_made_last(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of each is synced, from the top down; one that another run makes meanwhile is as good."""
    synced: list[str] = []
    monkeypatch.setattr(
        "polymask.storage.local_disk.durable.sync_folder", lambda folder: synced.append(folder.name)
    )
    make_private(path)
    assert synced == [path.parents[2].name, "state", "journals"]
    monkeypatch.setattr(Path, "exists", lambda _: False)
    make_private(path)


def test_a_folder_below_a_file_is_not_found(tmp_path: Path) -> None:
    """The error names the folder that was asked for."""
    (tmp_path / "file").write_text("")
    with pytest.raises(NotFound, match="file/journal"):
        make_private(tmp_path / "file" / "journal")


def test_each_part_of_a_run_has_a_journal(path: Path) -> None:
    """All of them are opened, the one last written to last, so that the last version is the last one read."""
    assert shard_folder(path, None) == path
    folders = [shard_folder(path, shard) for shard in (Shard(2, 2), None, Shard(1, 2))]
    for seconds, folder in enumerate(folders):
        Journal(folder).back_up("item", "a.png", [polygon("p1")])
        os.utime(folder / BACKUP, (seconds, seconds))
    assert [journal.path for journal in open_existing(path)] == folders
    deleting(Journal(folders[0]), "p1")
    assert [journal.path for journal in open_existing(path)] == [*folders[1:], folders[0]]
