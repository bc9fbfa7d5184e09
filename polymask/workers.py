"""One function over many indices: in this process, in forked ones, or through an executor.

Forked workers inherit what has been read, so nothing is parsed or sent again. Results
come in order, whatever the number of workers.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import partial
from multiprocessing import connection, get_context, parent_process
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Watcher(Protocol):
    """What is told of how far it is, e.g. a bar."""

    def start(self, images: int) -> None: ...  # noqa: D102
    def advance(self, images: int) -> None: ...  # noqa: D102


CHUNK = 16  # images a task: enough to hide the hand-over, few enough to share evenly
_inherited: list[Callable[[Sequence[int]], list[Any]]] = []


def available() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_chunks(
    function: Callable[[int], T], indices: Sequence[int], workers: int, executor: Executor | None = None
) -> Iterator[list[T]]:
    """The function's results for the indices, in order and chunk by chunk."""
    chunks = [indices[at : at + CHUNK] for at in range(0, len(indices), CHUNK)]
    of_chunk = partial(_each, function)
    if executor is not None:
        yield from executor.map(of_chunk, chunks)
    elif min(workers, len(chunks)) <= 1:
        yield from map(of_chunk, chunks)
    else:
        yield from _forked(of_chunk, chunks, min(workers, len(chunks)))


def watched(chunks: Iterable[list[T]], total: int, progress: Watcher | None) -> Iterator[list[T]]:
    """The chunks, each told of as it comes."""
    if progress:
        progress.start(total)
    for chunk in chunks:
        yield chunk
        if progress:
            progress.advance(len(chunk))


def _each(function: Callable[[int], T], indices: Sequence[int]) -> list[T]:
    return [function(index) for index in indices]


def _forked(
    of_chunk: Callable[[Sequence[int]], list[T]], chunks: Sequence[Sequence[int]], workers: int
) -> Iterator[list[T]]:
    _inherited.append(of_chunk)
    pool = ProcessPoolExecutor(workers, mp_context=get_context("fork"), initializer=_start_worker)
    try:
        yield from pool.map(_run_inherited, chunks)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        _inherited.pop()


def _run_inherited(indices: Sequence[int]) -> list[Any]:
    return _inherited[-1](indices)


def _start_worker() -> None:
    """Leave Ctrl-C to the parent, and end when it does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if parent := parent_process():
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
