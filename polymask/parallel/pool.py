"""One function over many indices: in this process, in forked ones, or through an executor.

Forked workers inherit what has been read, so nothing is parsed or sent again. Results
come in order, whatever the number of workers.
"""

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from polymask.errors import Unavailable
from polymask.storage.remote.connections import is_connected

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

T = TypeVar("T")
U = TypeVar("U")


CHUNK = 64  # images a task at most: enough to hide the hand-over
LEAST = 4  # and at least: fewer are not worth a process
SHARES = 8  # tasks for each worker, if there are enough: so they end together
THREADS = 16  # requests under way at once in a process: a store's answers take their time
AHEAD = 100  # done or to be done by each thread, while an earlier one is waited for
MOST_SENT = 32  # tasks for an executor, which may send the whole job with each
_inherited: list[Callable[[Sequence[int]], Any]] = []


def available() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_chunks(
    function: Callable[[int], T], indices: Sequence[int], workers: int, executor: "Executor | None" = None
) -> Iterator[list[T]]:
    """The function's results for the indices, in order and chunk by chunk.

    A process that talks to a store does not fork: threads wait for it instead.
    """
    if executor is None and is_connected():
        return ([result] for result in in_threads(function, indices, THREADS))
    return in_chunks(partial(_results, function), indices, workers, executor)


def in_threads(function: Callable[[U], T], arguments: Iterable[U], threads: int) -> Iterator[T]:
    """The function's results, in order; what is not needed soon is not begun, for there may be millions.

    >>> list(in_threads(abs, [-2, 1], 2))
    [2, 1]
    """
    from concurrent.futures import ThreadPoolExecutor  # quick to start without

    pool = ThreadPoolExecutor(threads)
    ahead: deque[Future[T]] = deque()
    try:
        for argument in arguments:
            ahead.append(pool.submit(function, argument))
            if len(ahead) > AHEAD * threads:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def in_chunks(
    of_chunk: Callable[[Sequence[int]], T],
    indices: Sequence[int],
    workers: int,
    executor: "Executor | None" = None,
) -> Iterator[T]:
    """What the function makes of each chunk of the indices, in order."""
    size = max(LEAST, min(CHUNK, len(indices) // (SHARES * workers)))
    if executor is not None:
        size = max(size, -(-len(indices) // MOST_SENT))
    chunks = [indices[at : at + size] for at in range(0, len(indices), size)]
    if executor is not None:
        yield from executor.map(of_chunk, chunks)
    elif min(workers, len(chunks)) <= 1:
        yield from map(of_chunk, chunks)
    else:
        yield from _forked(of_chunk, chunks, min(workers, len(chunks)))


def _results(function: Callable[[int], T], indices: Sequence[int]) -> list[T]:
    return [function(index) for index in indices]


def _forked(
    of_chunk: Callable[[Sequence[int]], T], chunks: Sequence[Sequence[int]], workers: int
) -> Iterator[T]:
    from concurrent.futures.process import BrokenProcessPool, ProcessPoolExecutor
    from multiprocessing import get_context

    _inherited.append(of_chunk)
    pool = ProcessPoolExecutor(workers, mp_context=get_context("fork"), initializer=_start_worker)
    try:
        yield from pool.map(_run_inherited, chunks)
    except BaseException as error:
        _kill(pool)  # what is half done is not waited for
        if not isinstance(error, BrokenProcessPool):
            raise
        raise Unavailable(
            "a worker process was killed, perhaps for want of memory",
            advice="run the same command again to finish, with fewer --workers",
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        _inherited.pop()


@contextmanager
def spawned(workers: int) -> "Iterator[Executor]":
    """Processes that inherit nothing; they are not waited for where something goes wrong."""
    from concurrent.futures.process import ProcessPoolExecutor
    from multiprocessing import get_context

    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_start_worker)
    try:
        yield pool
    except BaseException:
        _kill(pool)
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _kill(pool: Any) -> None:
    for process in list((pool._processes or {}).values()):
        process.kill()


def _run_inherited(indices: Sequence[int]) -> Any:
    return _inherited[-1](indices)


def _start_worker() -> None:
    """Leave Ctrl-C to the parent, and end when it does."""
    from multiprocessing import parent_process

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if parent := parent_process():
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    from multiprocessing import connection

    connection.wait([sentinel])
    os._exit(1)
