"""Zips read in place: an archive that nobody holds any more is closed, whatever refers to whatever."""

import gc
import os
import zipfile
from pathlib import Path

import pytest

from polymask.limits import Limits
from polymask.storage.archives.zips import Zip


def open_files(path: Path) -> int:
    return sum(os.path.realpath(link) == str(path) for link in Path("/proc/self/fd").iterdir())


def test_an_archive_in_a_cycle_of_garbage_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where Python finalizes the open file before the archive, which is a warning, and here an error."""
    monkeypatch.delattr(zipfile.ZipFile, "__del__")
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "text")
    held = Zip(path, Limits())
    held.limits = [held]  # type: ignore[assignment]
    assert (held.read("a.txt"), open_files(path)) == (b"text", 1)
    del held
    gc.collect()
    assert open_files(path) == 0
