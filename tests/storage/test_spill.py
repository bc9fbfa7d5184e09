"""Pieces that are put by: the same bytes back, in memory or in a file, in a child too, or a typed error."""

import errno
import os
import tempfile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polymask import Unavailable
from polymask.storage.local_disk import spill
from polymask.storage.local_disk.spill import Spill


@given(st.lists(st.binary(max_size=40)), st.sampled_from([0, 50, 1 << 20]), st.sampled_from([0, 30]))
def test_a_piece_comes_back_wherever_it_is_kept(pieces: list[bytes], in_memory: int, together: int) -> None:
    """Also while others are put, empty ones too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spill, "IN_MEMORY", in_memory)
        patch.setattr(spill, "WRITTEN_TOGETHER", together)
        kept = Spill()
        for number, piece in enumerate(pieces):
            assert kept.put(piece) == number
            assert kept.get(number) == piece
        assert [kept.get(number) for number in range(len(pieces))] == pieces


@pytest.mark.parametrize("in_memory", [0, 1 << 20])
def test_a_forked_process_reads_the_same(in_memory: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the same time as its parent, whose place in the file is not the child's."""
    monkeypatch.setattr(spill, "IN_MEMORY", in_memory)
    kept, pieces = Spill(), [bytes([n]) * 100 for n in range(200)]
    for piece in pieces:
        kept.put(piece)
    child = os.fork()
    same = all(kept.get(number) == pieces[number] for _ in range(20) for number in range(200))
    if not child:
        os._exit(not same)
    assert same
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_few_pieces_make_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", None)
    assert Spill().put(b"1234") == 0


def test_a_full_temporary_folder_is_an_error_of_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Typed, and it says where."""

    def full(**_: Any) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(spill, "IN_MEMORY", 0)
    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    monkeypatch.setattr(tempfile, "gettempdir", lambda: "/scratch")
    with pytest.raises(Unavailable, match=r"^/scratch: "):
        Spill().put(b"{}")
