"""Calling a function for many indices: in this process, in forked processes, or through an executor.

Forked workers inherit the data that was read, so nothing is parsed again or sent. Results come in
order, whatever the number of workers.
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
from polymask.operating_system import FORKS
from polymask.storage.remote.connections import is_connected

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

T = TypeVar("T")
U = TypeVar("U")


MAX_CHUNK = 64  # images per task: enough to hide the cost of passing a task on
MIN_CHUNK = 4  # images per task: fewer are not worth a process
CHUNKS_PER_WORKER = 8  # if there are enough images: so that the workers end at about the same time
THREADS = 16  # requests in progress per process: the answers of a store take time
AHEAD = 100  # calls per thread that may be done or waiting while an earlier result is waited for
MAX_SENT = 32  # tasks for an executor, which may send the whole job with each of them
_inherited: list[Callable[[Sequence[int]], Any]] = []


def available() -> int:
    """The number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_chunks(
    function: Callable[[int], T], indices: Sequence[int], workers: int, executor: "Executor | None" = None
) -> Iterator[list[T]]:
    """The function's results for the indices, in order and chunk by chunk.

    A process with connections to a store must not fork, so it uses threads, which wait for the store.
    """
    if executor is None and is_connected():
        return ([result] for result in in_threads(function, indices, THREADS))
    return in_chunks(partial(_results, function), indices, workers, executor)


def in_threads(function: Callable[[U], T], arguments: Iterable[U], threads: int) -> Iterator[T]:
    """The function's results, in order; calls are started only a little ahead, as there may be millions.

    Examples:
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
    function: Callable[[Sequence[int]], T],
    indices: Sequence[int],
    workers: int,
    executor: "Executor | None" = None,
) -> Iterator[T]:
    """The function's results for chunks of the indices, in order; where nothing forks, in this process."""
    size = max(MIN_CHUNK, min(MAX_CHUNK, len(indices) // (CHUNKS_PER_WORKER * workers)))
    if executor is not None:
        size = max(size, -(-len(indices) // MAX_SENT))
    chunks = [indices[start : start + size] for start in range(0, len(indices), size)]
    if executor is not None:
        yield from executor.map(function, chunks)
    elif min(workers, len(chunks)) <= 1 or not FORKS:
        yield from map(function, chunks)
    else:
        yield from _forked(function, chunks, min(workers, len(chunks)))


def _results(function: Callable[[int], T], indices: Sequence[int]) -> list[T]:
    return [function(index) for index in indices]


def _forked(
    function: Callable[[Sequence[int]], T], chunks: Sequence[Sequence[int]], workers: int
) -> Iterator[T]:
    from concurrent.futures.process import BrokenProcessPool

    _inherited.append(function)
    try:
        with processes(workers, "fork") as pool:
            yield from pool.map(_run_inherited, chunks)
    except BrokenProcessPool:
        raise Unavailable(
            "a worker process was killed, perhaps for want of memory",
            advice="run the same command again to finish, with fewer --workers",
        ) from None
    finally:
        _inherited.pop()


@contextmanager
def processes(workers: int, start_method: str) -> "Iterator[Executor]":
    """Worker processes, started by `fork` or `spawn`; after an error they are killed in the midst of work."""
    from concurrent.futures.process import ProcessPoolExecutor
    from multiprocessing import get_context

    pool = ProcessPoolExecutor(workers, mp_context=get_context(start_method), initializer=_start_worker)
    try:
        yield pool
    except BaseException:
        for process in list((pool._processes or {}).values()):
            process.kill()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _run_inherited(indices: Sequence[int]) -> Any:
    return _inherited[-1](indices)


def _start_worker() -> None:
    """Leave Ctrl-C to the parent process, and end when that process ends."""
    from multiprocessing import parent_process

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if parent := parent_process():
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    from multiprocessing import connection

    connection.wait([sentinel])
    os._exit(1)
