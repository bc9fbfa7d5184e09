"""A run's manifest lines: by name, in order, in little memory."""

import errno
import tempfile
import tracemalloc
from pathlib import Path

import pytest

from polymask import Unavailable
from polymask.errors import FormatError
from polymask.storage import manifest
from polymask.storage.manifest import Entries, Lines, in_blocks, is_made_of, manifest_line


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

    def full() -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(manifest, "IN_MEMORY", 1)
    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    monkeypatch.setattr(tempfile, "gettempdir", lambda: "/scratch")
    with pytest.raises(Unavailable, match=r"^/scratch: "):
        Lines().update({"a.jpg": b"{}\n"})


def test_blocks_are_whole_lines_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is lost between them, and none is much longer than it needs to be."""
    monkeypatch.setattr(manifest, "BLOCK", 10)
    lines = [b"123456\n"] * 5
    assert list(in_blocks(lines)) == [b"123456\n" * 2, b"123456\n" * 2, b"123456\n"]


def entry(name: str, **more: str) -> bytes:
    return manifest_line({"name": name, "mask": f"masks/{name}.png", "mask_sha256": "00"} | more)


def test_entries_are_the_lines_by_name_the_last_of_a_name_counts() -> None:
    """Decoded when asked for; a last line without its end counts too."""
    found = Entries(entry("b") + entry("a") + entry("b", note="later").rstrip(b"\n"), "m")
    assert list(found) == ["b", "a"]
    assert found["b"]["note"] == "later"
    assert found["a"]["mask"] == "masks/a.png"
    assert "c" not in found


@pytest.mark.parametrize("line", [b"{", b"\n", b'{"name":"a"}\n', b'{"name":"\xff"}\n', b"[" * 100_000])
def test_a_damaged_line_is_named(line: bytes) -> None:
    """Whatever is wrong with it, before any entry is used."""
    with pytest.raises(FormatError, match="m: line 2 is damaged"):
        Entries(entry("a") + line, "m")


def test_a_million_entries_take_little_more_than_their_text() -> None:
    """What is kept of a line is where it begins."""
    text = b"".join(entry(f"{n:07}.jpg", source="0" * 200) for n in range(20_000))
    tracemalloc.start()
    found = Entries(text, "m")
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(found) == 20_000
    assert kept < len(text)


@pytest.mark.parametrize(("text", "answer"), [(b"ab\n", True), (b"ab", False), (b"ab\nc", False)])
def test_a_text_is_compared_with_lines_in_blocks(
    text: bytes, *, answer: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as the lines, and the same."""
    monkeypatch.setattr(manifest, "BLOCK", 1)
    assert is_made_of(text, [b"a", b"b\n"]) is answer


def test_no_text_is_not_even_made_of_no_lines() -> None:
    """A manifest that is not there has still to be written."""
    assert not is_made_of(None, [])
    assert is_made_of(b"", [])
