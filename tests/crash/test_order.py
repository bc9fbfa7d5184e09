"""The check of order, on traces written by hand."""

from pathlib import Path

import pytest

from tests.crash.order import violations
from tests.crash.traces import boundaries, parse

DEST, SOURCE = Path("/j/out"), Path("/j/a.json")
MASK = [
    'openat(5</j/out/.polymask>, "7-1.tmp", O_WRONLY|O_CREAT|O_EXCL, 0666) = 6</j/out/.polymask/7-1.tmp>',
    'write(6</j/out/.polymask/7-1.tmp>, "\\211PNG, (=) \\"<x>\\""..., 103) = 103',
    'renameat(5</j/out/.polymask>, "7-1.tmp", 8</j/out/masks>, "1.png") = 0',
]
SYNC = ["sync() = 0"]
MANIFEST = [
    'openat(5</j/out/.polymask>, "7-2.tmp", O_WRONLY|O_CREAT|O_EXCL, 0666) = 6</j/out/.polymask/7-2.tmp>',
    'write(6</j/out/.polymask/7-2.tmp>, "{}", 2) = 2',
    "fsync(6</j/out/.polymask/7-2.tmp>) = 0",
    'renameat(5</j/out/.polymask>, "7-2.tmp", 4</j/out>, "manifest.jsonl") = 0',
    "fsync(4</j/out>) = 0",
]
REPLACE = [
    'openat(AT_FDCWD</j>, "/j/.polymask-x.tmp", O_RDWR|O_CREAT|O_EXCL, 0600) = 9</j/.polymask-x.tmp>',
    'write(9</j/.polymask-x.tmp>, "[]", 2) = 2',
    "fsync(9</j/.polymask-x.tmp>) = 0",
    'rename("/j/.polymask-x.tmp", "/j/a.json") = 0',
    "fsync(9</j>) = 0",
]
RUN = [*MASK, *SYNC, *MANIFEST, *REPLACE]


def wrong(lines: list[str]) -> list[str]:
    return violations(parse(f"123 {line}" for line in lines), dest=DEST, source=SOURCE)


def test_the_right_order_is_right() -> None:
    """Masks, a sync, the manifest, then the source."""
    assert wrong(RUN) == []


@pytest.mark.parametrize("line", [line for line in RUN if "sync" in line])
def test_no_sync_can_be_left_out(line: str) -> None:
    """Each of them is missed."""
    assert wrong([one for one in RUN if one != line])


def test_masks_may_be_synced_one_by_one() -> None:
    """Their bytes and their folder's names, instead of one sync for all."""
    synced = [*MASK[:2], "fsync(6</j/out/.polymask/7-1.tmp>) = 0", MASK[2], "fsync(8</j/out/masks>) = 0"]
    assert wrong([*synced, *MANIFEST, *REPLACE]) == []
    assert wrong([*synced[:-1], *MANIFEST, *REPLACE])


def test_a_sync_that_failed_or_was_not_carried_out_is_none() -> None:
    """Nor is one before the writing."""
    for result in ("-1 EIO (Input/output error)", "?"):
        assert wrong([*MASK, f"sync() = {result}", *MANIFEST, *REPLACE])
    assert wrong([*SYNC, *MASK, *MANIFEST, *REPLACE])


def test_the_source_is_replaced_not_written_to() -> None:
    """Nor does it go before the rest is on disk."""
    assert wrong([*RUN, 'write(3</j/a.json>, "x", 1) = 1', "fsync(3</j/a.json>) = 0"])
    assert wrong([*REPLACE, *MASK, *SYNC, *MANIFEST]) == []  # nothing of this run was at risk then
    assert wrong([*MASK, *REPLACE, *SYNC, *MANIFEST])


def test_boundaries_are_calls_that_change_something_of_the_job() -> None:
    """Not reading, and not elsewhere; every call has its number among those of its name."""
    lines = [
        'openat(AT_FDCWD</x>, "/usr/lib/a.so", O_RDONLY|O_CLOEXEC) = 3</usr/lib/a.so>',
        'openat(AT_FDCWD</j>, "a.json", O_RDONLY) = 3</j/a.json>',
        *MASK,
        'write(1</dev/null>, "x", 1) = 1',
        'mkdirat(4</j/out>, "masks", 0777) = -1 EEXIST (File exists)',
        "--- SIGTERM {si_signo=SIGTERM} ---",
        *SYNC,
    ]
    found = boundaries(parse(f"123 {line}" for line in lines), Path("/j"))
    assert [(call.name, call.nth, call.path) for call in found] == [
        ("openat", 3, "/j/out/.polymask/7-1.tmp"),
        ("write", 1, "/j/out/.polymask/7-1.tmp"),
        ("renameat", 1, "/j/out/masks/1.png"),
        ("mkdirat", 1, "/j/out/masks"),
        ("sync", 1, ""),
    ]
