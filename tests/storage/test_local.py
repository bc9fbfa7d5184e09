"""Safe names, whole files, no way out of the root, one run at a time."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polymask import Denied, InputError, Locked, NotFound, Unavailable
from polymask.storage.disk import disk_error, regular
from polymask.storage.remote.urls import Url, located
from polymask.storage.roots.local import Root
from polymask.storage.safe_names import refuse_collisions, safe_path
from tests.conftest import ROOT, tree

HOSTILE = [
    "", ".", "..", "../a", "a/../b", "a/..", "/etc/passwd", "//host/share", "a//b", "a/", "./a",
    "C:\\a.jpg", "C:/a.jpg", "c:a", "\\\\host\\share", "a\\b", "..\\a", "a\0b", "a\nb", "a\tb", "\x7f",
    "con", "NUL.jpg", "a/aux.png", "com1", "lpt9.txt", "a.", "a ", "a./b", "x" * 256, "é" * 128,
    "a\u202egnp.exe", "\u2066a", ".polymask/run.json", "a/.polymask", "\ud800",
]  # fmt: skip
FINE = [
    "a.png",
    "train/0001.png",
    "ä/ö.png",
    "a..b",
    "...a",
    ".hidden",
    "2020-01-01T10:00:00.png",
    "🦀.png",
    "می‌خواهم.png",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_refused(name: str) -> None:
    """Whatever could lead out of the root, or be another name elsewhere, is refused, not cleaned."""
    with pytest.raises(InputError, match="no safe file name"):
        safe_path(name)


@pytest.mark.parametrize("name", FINE)
def test_unusual_names_that_do_no_harm_are_kept(name: str) -> None:
    """A name is used as it is or not at all."""
    assert safe_path(name) == name


@given(st.text(max_size=30))
def test_a_name_that_is_safe_stays_below_the_root(name: str) -> None:
    """Joined to a root, a safe name never leaves it."""
    try:
        path = os.path.normpath(f"/root/{safe_path(name)}")
    except InputError:
        return
    assert path == f"/root/{name}"


@pytest.mark.parametrize(
    "names",
    [
        ("a.png", "a.png"),
        ("A.png", "a.png"),
        ("straße.png", "STRASSE.png"),
        ("\u00e9.png", "e\u0301.png"),
        ("a", "a/b"),
    ],
)
def test_names_that_would_collide_are_refused(names: tuple[str, str]) -> None:
    """Twice the same, but for case or composition, or one inside the other."""
    with pytest.raises(InputError, match=r"one\.jpg"):
        refuse_collisions(lambda: zip(names, ("one.jpg", "two.jpg"), strict=True))


def test_files_appear_whole_and_are_read_back(tmp_path: Path) -> None:
    """Folders are made as needed; a file that is there is replaced."""
    root = Root(tmp_path)
    for data in (b"one", b"two"):
        root.write("a/b/c.bin", data, durable=True)
        assert root.read("a/b/c.bin") == data
    assert root.read("a/none") is None
    assert root.read("none/none") is None


def test_many_folders_do_not_run_out_of_descriptors(tmp_path: Path) -> None:
    """Only so many folders are held open."""
    root, before = Root(tmp_path), len(list(Path("/proc/self/fd").iterdir()))
    for number in range(200):
        root.write(f"{number}/{number}/a", b"x")
    assert len(list(Path("/proc/self/fd").iterdir())) - before < 70
    del root
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert len(list(tmp_path.glob("*/*/a"))) == 200


@pytest.mark.parametrize("link", ["masks", "masks/deep"])
def test_a_link_in_the_way_leads_nowhere(tmp_path: Path, link: str) -> None:
    """A folder that is a symbolic link is refused, and nothing appears behind it."""
    outside, inside = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    (inside / link).parent.mkdir(parents=True)
    (inside / link).symlink_to(outside)
    with pytest.raises(InputError, match="symbolic link"):
        Root(inside).write("masks/deep/a.png", b"x")
    assert tree(outside) == {}


def test_a_link_under_the_files_own_name_is_replaced_not_followed(tmp_path: Path) -> None:
    """Writing puts a file where the link was; reading refuses the link."""
    (tmp_path / "victim").write_bytes(b"precious")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "a.png").symlink_to(tmp_path / "victim")
    root = Root(tmp_path / "root")
    with pytest.raises(InputError, match="symbolic link"):
        root.read("a.png")
    with pytest.raises(InputError, match="no regular file"):
        root.holds("a.png")
    root.write("a.png", b"mask")
    assert (tmp_path / "victim").read_bytes() == b"precious"


def test_a_folder_or_a_file_in_the_way_is_told(tmp_path: Path) -> None:
    """A folder where a file goes, and a file where a folder goes."""
    (tmp_path / "a.png").mkdir()
    (tmp_path / "masks").write_bytes(b"")
    with pytest.raises(InputError, match="in the way"):
        Root(tmp_path).write("a.png", b"x")
    with pytest.raises(InputError, match="in the way"):
        Root(tmp_path).write("masks/b.png", b"x")


def test_a_failed_write_leaves_the_old_file_and_no_temporary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk is Unavailable; what was there stays."""
    root = Root(tmp_path)
    root.write("a.png", b"old")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(Unavailable, match=r"a\.png: No space left"):
        root.write("a.png", b"new")
    monkeypatch.undo()
    assert tree(tmp_path) == {"a.png": b"old"}


def test_denied_is_denied() -> None:
    """The disk's no has its own type and says what to do."""
    error = disk_error(PermissionError(13, "Permission denied"), "x")
    assert isinstance(error, Denied)
    assert "permissions" in str(error)


def test_a_run_leaves_nothing_behind(tmp_path: Path) -> None:
    """Temporaries and the run's own note go when it is done."""
    root = Root(tmp_path / "new" / "dest")
    with root.run({"to": "index"}) as unfinished:
        assert unfinished is None
        assert root.unfinished() == {"to": "index"}
        root.write("a", b"x")
    assert tree(tmp_path) == {"new/dest/a": b"x"}
    assert not (tmp_path / "new/dest/.polymask").exists()


def test_a_run_that_failed_is_known_to_the_next(tmp_path: Path) -> None:
    """Its options stay, its temporaries go."""
    root = Root(tmp_path)
    with pytest.raises(ZeroDivisionError), root.run({"to": "voc"}):
        (tmp_path / ".polymask" / "9-9.tmp").write_bytes(b"half")
        raise ZeroDivisionError
    with root.run({"to": "voc"}) as unfinished:
        assert unfinished == {"to": "voc"}
        assert not (tmp_path / ".polymask" / "9-9.tmp").exists()


def test_two_runs_cannot_hold_one_root(tmp_path: Path) -> None:
    """The second is told who holds it; a dead holder holds nothing."""
    holder = (
        "import sys, time; from polymask.storage.roots.local import Root\n"
        f"with Root({str(tmp_path)!r}).run({{}}): print('held', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", holder], stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    with pytest.raises(Locked, match=f"process {process.pid} on "), Root(tmp_path).run({}):
        pass
    process.kill()
    process.communicate()
    with Root(tmp_path).run({}) as unfinished:
        assert unfinished == {}


def test_a_damaged_note_of_a_run_is_an_unfinished_run(tmp_path: Path) -> None:
    """Half a note still means that a run did not finish."""
    (tmp_path / ".polymask").mkdir()
    (tmp_path / ".polymask" / "run.json").write_text(json.dumps({"options": {}})[:5])
    assert Root(tmp_path).unfinished() == {}


def test_the_root_is_a_folder(tmp_path: Path) -> None:
    """A file cannot be DEST."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="is a file"), Root(tmp_path / "file").run({}):
        pass


def test_no_two_temporaries_have_one_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads and processes that write into one folder at once do not get in each other's way."""
    names: list[str] = []
    write = Root._write_new

    def seen(name: str, *rest: Any, **options: Any) -> None:
        names.append(name)
        write(name, *rest, **options)

    monkeypatch.setattr(Root, "_write_new", staticmethod(seen))
    root = Root(tmp_path)
    for name in ("a", "b", "c"):
        root.write(name, b"x")
    assert len(set(names)) == 3
    assert all(name.startswith(f"{os.getpid()}-") for name in names)


def test_looking_makes_no_folder(tmp_path: Path) -> None:
    """Reading, asking and removing leave what is there as it is."""
    root = Root(tmp_path)
    assert (root.read("none/a"), root.holds("none/a"), root.unfinished()) == (None, False, None)
    root.remove("none/a")
    assert list(tmp_path.iterdir()) == []


def test_a_pipe_where_a_folder_goes_is_not_waited_for(tmp_path: Path) -> None:
    """It is in the way, as any other file is."""
    os.mkfifo(tmp_path / "masks")
    with pytest.raises(InputError, match="in the way"):
        Root(tmp_path).write("masks/a.png", b"x")


def test_an_error_of_ours_stays_as_it_is() -> None:
    """It names its own path already."""
    error = NotFound("there: gone")
    assert disk_error(error, "elsewhere") is error


def test_emptiness_is_looked_at(tmp_path: Path) -> None:
    """A folder that is not there is empty; one with work in progress is not; a file is none."""
    assert Root(tmp_path / "none").is_empty()
    assert Root(tmp_path).is_empty()
    (tmp_path / "left").write_bytes(b"")
    assert not Root(tmp_path).is_empty()
    with pytest.raises(InputError, match="in the way"):
        Root(tmp_path / "left").is_empty()


def test_what_shall_last_is_synced_before_and_after_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file first, then the folder that names it; other files are left to `sync`."""
    root, synced = Root(tmp_path), list[str]()
    monkeypatch.setattr(
        os, "fsync", lambda fd: synced.append(Path(f"/proc/self/fd/{fd}").readlink().suffix or "folder")
    )
    root.write("masks/a.png", b"x")
    assert synced == []
    root.write("masks/a.png", b"x", durable=True)
    assert synced == [".tmp", "folder"]
    monkeypatch.setattr(os, "sync", lambda: synced.append("all"))
    root.sync()
    assert synced[2:] == ["all"]


def test_others_may_do_with_a_mask_what_the_umask_lets_them(tmp_path: Path) -> None:
    """A mask is a file like any other; it is no program."""
    before = os.umask(0)
    try:
        Root(tmp_path).write("a.png", b"x")
    finally:
        os.umask(before)
    assert (tmp_path / "a.png").stat().st_mode & 0o777 == 0o666


def test_what_cannot_be_removed_is_told(tmp_path: Path) -> None:
    """A folder is no file to remove."""
    (tmp_path / "a.png").mkdir()
    with pytest.raises(InputError, match="in the way"):
        Root(tmp_path).remove("a.png")


def test_the_note_of_a_run_lasts_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what workers leave that die meanwhile goes with it, descriptors too."""
    root, synced = Root(tmp_path), list[int]()
    before = len(list(Path("/proc/self/fd").iterdir()))
    monkeypatch.setattr(os, "fsync", synced.append)
    with root.run({}):
        assert len(synced) == 2
        (tmp_path / ".polymask" / "9-9.tmp").write_bytes(b"half")
    assert list(tmp_path.iterdir()) == []
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_what_a_holder_removed_is_opened_anew(tmp_path: Path) -> None:
    """A run that waited does not write into a folder that is gone."""
    with pytest.raises(ZeroDivisionError), Root(tmp_path).run({}):
        raise ZeroDivisionError
    waiting = Root(tmp_path)
    assert waiting.unfinished() == {}
    with Root(tmp_path).run({}):
        pass
    with waiting.run({}) as unfinished:
        assert unfinished is None


def test_a_root_that_cannot_be_had_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not there, not allowed, or on a file system without locks."""
    with pytest.raises(NotFound, match="none"), Root(tmp_path / "none").held():
        pass

    def refuse(number: int) -> Any:
        def refused(*_: object, **__: object) -> None:
            raise OSError(number, os.strerror(number))

        return refused

    with monkeypatch.context() as patch, pytest.raises(Unavailable, match="locks"):
        patch.setattr("fcntl.flock", refuse(errno.ENOLCK))
        with Root(tmp_path).held():
            pass
    monkeypatch.setattr(Path, "mkdir", refuse(errno.EACCES))
    with pytest.raises(Denied), Root(tmp_path / "none").run({}):
        pass


@pytest.mark.parametrize(
    ("name", "reason"),
    [("a/../b/c", "leads out"), ("/a/b", "leads out"), ("..", "no file"), ("", "no file")],
)
def test_no_path_leads_out(tmp_path: Path, name: str, reason: str) -> None:
    """Upward, empty and absolute parts are refused in folders and in names."""
    with pytest.raises(InputError, match=reason):
        Root(tmp_path).read(name)


def test_a_holder_whose_note_is_damaged_is_another_run(tmp_path: Path) -> None:
    """The lock is what keeps others out, not the note."""
    with Root(tmp_path).run({}):
        (tmp_path / ".polymask" / "run.json").write_bytes(b"[")
        with pytest.raises(Locked, match="held by another run"), Root(tmp_path).run({}):
            pass


def test_an_object_in_a_store_is_read_as_a_file_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures may lie at a URL."""
    monkeypatch.setattr(Url, "read_bytes", lambda _: b"x")
    assert regular(located("memory://there/a.jpg")) == b"x"
