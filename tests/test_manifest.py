"""A run's manifest lines: by name, in order, in little memory."""

import errno
from pathlib import Path

import pytest

from polymask import Unavailable, manifest
from polymask.manifest import Lines, in_blocks, manifest_line


@pytest.mark.parametrize("in_memory", [1 << 20, 1])
def test_lines_come_back_by_name_wherever_they_are_kept(
    in_memory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In memory and in a file; adding goes on after reading; the order is that of adding."""
    monkeypatch.setattr(manifest, "IN_MEMORY", in_memory)
    lines, added = Lines(), {}
    for start in (0, 20):
        some = {f"é{n}.jpg": manifest_line({"name": f"é{n}.jpg", "n": n}) for n in range(start, start + 20)}
        lines.update(some)
        added |= some
        assert dict(lines) == added
    assert list(lines) == list(added)
    assert "x.jpg" not in lines


def test_a_full_temporary_folder_is_an_error_of_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Typed, and it says where."""

    class Full:
        def __init__(self, most: int) -> None:
            pass

        def seek(self, place: int) -> None:
            raise OSError(errno.ENOSPC, "full")

        def close(self) -> None:
            pass

    monkeypatch.setattr(manifest, "SpooledTemporaryFile", Full)
    monkeypatch.setattr(manifest, "gettempdir", lambda: "/scratch")
    with pytest.raises(Unavailable, match=r"^/scratch: "):
        Lines().update({"a.jpg": b"{}\n"})


def test_blocks_are_whole_lines_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is lost between them, and none is much longer than it needs to be."""
    monkeypatch.setattr(manifest, "BLOCK", 10)
    lines = [b"123456\n"] * 5
    assert list(in_blocks(lines)) == [b"123456\n" * 2, b"123456\n" * 2, b"123456\n"]
