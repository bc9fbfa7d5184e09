"""Systems that lack what only POSIX has, or only Linux: the same masks, and what is promised still holds.

The calls are taken away before polymask is imported, from its workers too.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from polymask import convert, operating_system
from polymask.storage.roots import local
from tests.conftest import ROOT, SAMPLE, tree
from tests.newcomers.test_roles import labelme

# `sitecustomize`, which each Python of the test imports first. `msvcrt` is as Windows has it.
TAKEN_AWAY = """
import fcntl, multiprocessing, numpy, os, subprocess, sys, types  # for Linux: they are as it has them

def locking(descriptor, mode, size):
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise PermissionError(*error.args) from None

def opened(path, flags, *rest, honest=os.open, is_folder=os.path.isdir):
    if is_folder(path):
        raise PermissionError(13, "no folder is opened here", path)
    return honest(path, flags, *rest)

sys.modules["fcntl"] = None
sys.modules["msvcrt"] = types.SimpleNamespace(locking=locking, LK_NBLCK=2)
os.open = opened
os.supports_dir_fd.clear()
for name in (
    "O_DIRECTORY O_NOFOLLOW O_NONBLOCK O_CLOEXEC fork pread pwrite fchmod fchown sync uname set_blocking "
    "listxattr getxattr setxattr sched_getaffinity getuid geteuid"
).split():
    delattr(os, name)
"""
HELD = """
import sys
from polymask.storage.roots.local import Root
with Root(sys.argv[1]).run({}):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The Python of a system that lacks them."""
    (tmp_path / "system").mkdir()
    (tmp_path / "system/sitecustomize.py").write_text(TAKEN_AWAY)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "system"), str(ROOT)]))
    return [sys.executable]


def run(python: list[str], *arguments: object, code: int = 0) -> str:
    command = [*python, "-m", "polymask", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def many(folder: Path, images: int) -> Path:
    """A folder as labelme leaves it, of so many equal images that workers are started."""
    labelme(folder, "000", "crop", "weed")
    text = (folder / "000.json").read_text()
    for number in range(1, images):
        (folder / f"{number:03}.json").write_text(text.replace("000.png", f"{number:03}.png"))
        (folder / f"{number:03}.png").hardlink_to(folder / "000.png")
    return folder


def test_the_calls_are_gone(python: list[str]) -> None:
    """Else the other tests would show nothing."""
    script = "from polymask.operating_system import *; print(OPENS_FOLDERS, SYNC_WAITS, FORKS, fcntl)"
    done = subprocess.run([*python, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "False", "None"]
    assert (operating_system.OPENS_FOLDERS, operating_system.SYNC_WAITS, operating_system.FORKS) == (
        True,
    ) * 3


def test_the_same_files_are_written(python: list[str], tmp_path: Path) -> None:
    """Byte for byte, by spawned workers; and they are verified."""
    folder, out = many(tmp_path / "in", 66), tmp_path / "out"
    convert(folder, tmp_path / "linux/out", to="voc")
    assert "66 written" in run(python, "convert", folder, out, "--to", "voc", "--workers", 2)
    assert tree(out) == tree(tmp_path / "linux/out")
    run(python, "verify", out)


def test_polygons_are_deleted_and_put_back(python: list[str], tmp_path: Path) -> None:
    """Backup, journal and proof hold there too."""
    source = tmp_path / "instances.json"
    source.write_bytes(SAMPLE.read_bytes())
    run(python, "convert", source, tmp_path / "out", "--delete-source")
    assert source.read_bytes() != SAMPLE.read_bytes()
    run(python, "restore", tmp_path / "out")
    assert source.read_bytes() == SAMPLE.read_bytes()


def test_one_run_at_a_time(python: list[str], tmp_path: Path) -> None:
    """Kept apart by a lock of a file, which goes with its process."""
    command = [*python, "-c", HELD, str(tmp_path / "out")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        assert "is held by process" in run(python, "convert", SAMPLE, tmp_path / "out", code=4)
        holder.kill()
    run(python, "convert", SAMPLE, tmp_path / "out", "--overwrite")


def test_a_link_below_dest_is_refused(python: list[str], tmp_path: Path) -> None:
    """It leads nowhere that a run would write to."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out/masks").symlink_to(tmp_path / "elsewhere")
    assert "symbolic link" in run(python, "convert", SAMPLE, tmp_path / "out", code=2)
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_file_that_is_open_elsewhere_is_replaced_when_it_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows refuses as long as a viewer or a virus scanner holds it; that is a moment."""
    refusals = iter([PermissionError(13, "open"), PermissionError(13, "open"), None])
    honest = Path.replace

    def refused(path: Path, target: Path) -> Path:
        if error := next(refusals):
            raise error
        return honest(path, target)

    (tmp_path / "new").write_text("new")
    monkeypatch.setattr(Path, "replace", refused)
    monkeypatch.setattr(operating_system, "WINDOWS", True)
    operating_system.replace(tmp_path / "new", tmp_path / "old")
    assert (tmp_path / "old").read_text() == "new"


def test_a_file_is_synced_through_the_memory_of_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """On macOS, `fsync` ends there; where its file system cannot do more, that is all."""
    asked: list[object] = []

    class Mac:
        F_FULLFSYNC = 51

        @staticmethod
        def fcntl(descriptor: int, command: int) -> None:
            asked.append(command)
            if descriptor == 8:
                raise OSError

    monkeypatch.setattr(operating_system, "fcntl", Mac)
    monkeypatch.setattr(os, "fsync", lambda descriptor: asked.append(("fsync", descriptor)))
    operating_system.sync_file(7)
    operating_system.sync_file(8)
    assert asked == [51, 51, ("fsync", 8)]


def test_each_file_is_synced_where_one_sync_does_not_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it gets its name, for nothing else will do it before the manifest."""
    synced: list[int] = []
    monkeypatch.setattr(local, "SYNC_WAITS", False)
    monkeypatch.setattr(local, "sync_file", synced.append)
    monkeypatch.setattr(os, "sync", lambda: pytest.fail("it does not wait"))
    root = local.Root(tmp_path)
    root.write("masks/a.png", b"mask")
    root.sync()
    assert len(synced) == 1
