"""Where a job's images are converted: here, in processes of this machine, on a cluster, in any executor.

What is sent is an `Errand`, how to open the source and not what it holds, with the indices of some
images; each process opens the source once and checks that it is the planner's. Masks go from there
to DEST, and a few numbers come back. A put is whole and the same whoever makes it, so an errand that
was lost with its worker is run again.
"""

import os
import pickle
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any, Protocol, TypeVar

from polymask._version import __version__
from polymask.conversion.folder_sink import FolderSink
from polymask.conversion.options import ConvertOptions
from polymask.errors import InputError, SourceChanged, Unavailable
from polymask.formats import Annotations
from polymask.labels.as_label_map import is_path
from polymask.labels.label_map import LabelMap
from polymask.parallel.dask_cluster import Cluster, lost
from polymask.parallel.pool import THREADS, in_chunks, spawned
from polymask.storage.source_files import Place
from polymask.storage.urls import Location, Url, located

T_co = TypeVar("T_co", bound="Sum", covariant=True)
MOST = 64  # images an errand
LEAST = 16
SHARE = 32  # errands at least, where there are images enough, to share them evenly
PATIENCE = 5.0  # seconds between two looks at whether anybody works at all
_opened: "OrderedDict[str, Work[Any]]" = OrderedDict()
_opening = Lock()


class Sum(Protocol):
    """What some images became, which takes others in."""

    def add(self, other: Any) -> None: ...  # noqa: D102


class Work(Protocol[T_co]):
    """What an engine needs to know of a job."""

    options: ConvertOptions
    annotations: Annotations
    label_map: LabelMap
    indices: list[int]
    sink: FolderSink

    @property
    def given(self) -> "Location | None": ...  # noqa: D102
    def convert_images(self, indices: Sequence[int]) -> T_co: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """How another process opens a job, and what it must find then."""

    token: str
    kind: Callable[..., Work[Any]]
    source: Location
    dest: Location
    options: ConvertOptions
    resumes: bool
    stamp: str
    content: str


@contextmanager
def workplace(job: Work[T_co], executor: Executor | None) -> Iterator[Callable[[], Iterator[T_co]]]:
    """Where the job's images are converted: a call gives what became of them, in order, some at a time.

    Raises, before any work, `InputError` where the job cannot be done there, `Unavailable` for
    a cluster that does not answer.
    """
    options = job.options
    if executor is not None and options.scheduler:
        raise InputError("an executor and --scheduler are two places to work", advice="leave one out")
    if options.scheduler:
        _refuse_unshared(job)
        with Cluster(options.scheduler) as workers:
            yield partial(_sent, job, workers)
    elif executor is not None and job.given is not None:
        _refuse_unshared(job)
        yield partial(_sent, job, executor)
    elif executor is not None or not _is_remote(job):
        yield partial(in_chunks, job.convert_images, job.indices, options.workers, executor)
    elif options.workers > 1 and len(job.indices) > MOST and job.given and _is_shared(job):
        with spawned(options.workers) as workers:  # forked ones must not go on with our connections
            yield partial(_sent, job, workers)
    else:
        yield lambda: (_convert(job, indices) for indices in _chunks(job.indices))


def _refuse_unshared(job: Work[Any]) -> None:
    given = job.given
    if isinstance(given, Path) and given.exists() and not (given.is_file() or given.is_dir()):
        raise InputError(f"{given} can be read once only; other processes need a file")
    if not _is_shared(job):
        raise InputError(
            "memory:// is one process's own", advice="leave the executor out, or name another place"
        )


def _places(job: Work[Any]) -> list[Location]:
    images = job.options.images
    return [job.annotations.path, job.sink.root.path, *([located(images)] if images else [])]


def _is_remote(job: Work[Any]) -> bool:
    return any(isinstance(place, Url) for place in _places(job))


def _is_shared(job: Work[Any]) -> bool:
    """Whether other processes see the same places: memory is each one's own."""
    return not any(isinstance(place, Url) and place.protocol == "memory" for place in _places(job))


def _chunks(indices: Sequence[int]) -> Iterator[Sequence[int]]:
    size = min(MOST, max(LEAST, -(-len(indices) // SHARE)))
    return (indices[at : at + size] for at in range(0, len(indices), size))


def _sent(job: Work[T_co], executor: Executor) -> Iterator[T_co]:
    """The images, converted by an executor's errands."""
    errand = errand_of(job)
    sent = pickle.dumps(errand)
    _opened[errand.token] = job  # for threads of this process, and for those that are forked from it
    futures = deque(executor.submit(run, __version__, sent, list(one)) for one in _chunks(job.indices))
    try:
        while futures:
            yield _result(futures.popleft(), executor)
    finally:
        for future in futures:
            future.cancel()
        _opened.pop(errand.token, None)


def _result(future: "Future[T_co]", executor: Executor) -> T_co:
    """What an errand gave; raises `Unavailable` where nobody is left to run it."""
    while True:
        try:
            return future.result(PATIENCE)
        except TimeoutError:
            if future.done():
                raise
            getattr(executor, "look", lambda: None)()
        except lost() as error:
            raise Unavailable(
                f"the workers are gone ({error})", advice="run the same command again to finish"
            ) from None
        except (ImportError, AttributeError) as error:
            raise InputError(
                f"a worker has another polymask or none ({error})", advice=f"{install()}"
            ) from None


def errand_of(job: Work[Any]) -> Errand:
    """The errand of a job: paths in full, for a worker may have another current folder."""
    assert job.given is not None
    given, options = job.given, job.options
    return Errand(
        token=os.urandom(8).hex(),
        kind=type(job),
        source=given.absolute(),
        dest=job.sink.root.path.absolute(),
        options=replace(
            options,
            images=_in_full(options.images),
            labels=_in_full(options.labels) if is_path(options.labels) else options.labels,
            scheduler=None,
            workers=1,
        ),
        resumes=job.sink.resumes,
        stamp=Place(given).stamp,
        content=_content(job),
    )


def _in_full(place: str | Location | None) -> str | Location | None:
    where = located(place) if place is not None else None
    return where.absolute() if isinstance(where, Path) else place


def _content(job: Work[Any]) -> str:
    """A digest of what was found: the images, the instances by label, and the labels' values."""
    told = "\n".join([*job.annotations.names, f"{sorted(job.annotations.used.items())}"])
    return sha256(told.encode(errors="surrogatepass") + job.label_map.to_json()).hexdigest()


def run(version: str, sent: bytes, indices: Sequence[int]) -> Any:
    """Convert some images of an errand in this process; what is sent is opened by its own version only."""
    if version != __version__:
        raise InputError(f"a worker has polymask {__version__}", advice=f"{install(version)}")
    return _convert(_job_of(pickle.loads(sent)), indices)  # noqa: S301 - as an executor does with all it is sent


def install(version: str = __version__) -> str:
    """What to do on the workers."""
    return f"install polymask {version} on every worker: pip install polymask=={version}"


def _job_of(errand: Errand) -> Work[Any]:
    """The job of an errand, opened once in a process; the one before is let go."""
    with _opening:
        if errand.token not in _opened:
            while len(_opened) > 1:
                _opened.popitem(last=False)
            _opened[errand.token] = _open(errand)
        return _opened[errand.token]


def _open(errand: Errand) -> Work[Any]:
    if Place(errand.source).stamp != errand.stamp:
        raise SourceChanged(
            f"{errand.source} is not what was planned with: changed, or another file of a worker"
        )
    job = errand.kind(errand.source, errand.dest, errand.options, resumes=errand.resumes)
    if _content(job) != errand.content:
        raise SourceChanged(
            f"{errand.source} or its labels are not what was planned with", advice="run again"
        )
    return job


def _convert(job: Work[T_co], indices: Sequence[int]) -> T_co:
    """Some images, several at once where their files are far away."""
    if not _is_remote(job):
        return job.convert_images(indices)
    threads = ThreadPoolExecutor(THREADS)
    try:
        first, *others = threads.map(job.convert_images, ([index] for index in indices))
    finally:  # what has failed, or is interrupted, waits for no answer
        threads.shutdown(wait=False, cancel_futures=True)
    for other in others:
        first.add(other)
    return first
