"""Where a plan's images are converted: here, in processes of this machine, on a cluster, in any executor.

What is sent is an `Errand`, how to open the source and not what it holds, with the indices of some
images; each process opens the source once and checks that it is the planner's. Masks go from there
to DEST, and a few numbers come back. A put is whole and the same whoever makes it, so an errand that
is lost with its worker is run again.
"""

import os
import pickle
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from polymask._version import __version__
from polymask.conversion.dest.folder_sink import Batch
from polymask.conversion.options import ConvertOptions
from polymask.conversion.plan import Plan, join_plan
from polymask.errors import InputError, SourceChanged, Unavailable
from polymask.labels.as_label_map import is_path
from polymask.parallel.pool import THREADS, in_chunks, processes
from polymask.storage.remote.urls import Location, Url, located
from polymask.storage.source_files import Place

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

Convert = Callable[[Plan, Sequence[int]], Batch]

MOST = 64  # images an errand
LEAST = 16
SHARES = 32  # errands at least, where there are images enough, to share them evenly
PATIENCE = 5.0  # seconds between two looks at whether any worker is there
_plans: "OrderedDict[str, Plan]" = OrderedDict()  # of this process, by the tokens of their errands
_opening = Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What another process does with a plan, how it opens it, and what it must find then."""

    token: str
    convert: Convert
    source: Location
    dest: Location
    options: ConvertOptions
    resumes: bool
    stamp: str
    content: str


@contextmanager
def workplace(
    plan: Plan, convert: Convert, executor: "Executor | None"
) -> Iterator[Callable[[], Iterator[Batch]]]:
    """Where the plan's images are converted: a call gives what became of them, in order, some at a time.

    Raises, before any work, `InputError` where it cannot be done there, `Unavailable` for
    a cluster that does not answer.
    """
    options = plan.options
    if executor is not None and options.scheduler:
        raise InputError("an executor and --scheduler are two places to work", advice="leave one out")
    if options.scheduler:
        from polymask.parallel.dask_cluster import Cluster  # quick to start without

        _refuse_unshared(plan)
        with Cluster(options.scheduler) as workers:
            yield partial(_sent, plan, convert, workers)
    elif executor is not None and plan.source is not None:
        _refuse_unshared(plan)
        yield partial(_sent, plan, convert, executor)
    elif executor is not None or not _is_remote(plan):
        yield partial(in_chunks, partial(convert, plan), plan.indices, options.workers, executor)
    elif options.workers > 1 and len(plan.indices) > MOST and plan.source and _is_shared(plan):
        with processes(options.workers, "spawn") as workers:  # a forked process would share our connections
            yield partial(_sent, plan, convert, workers)
    else:
        yield lambda: (_converted(plan, convert, indices) for indices in _chunks(plan.indices))


def _refuse_unshared(plan: Plan) -> None:
    source = plan.source
    if isinstance(source, Path) and source.exists() and not (source.is_file() or source.is_dir()):
        raise InputError(f"{source} can be read once only; other processes need a file")
    if not _is_shared(plan):
        raise InputError(
            "memory:// is one process's own", advice="leave the executor out, or name another place"
        )


def _locations(plan: Plan) -> list[Location]:
    pictures = [located(place) for place in (plan.options.images, plan.options.masks) if place]
    return [plan.annotations.path, plan.sink.root.path, *pictures]


def _is_remote(plan: Plan) -> bool:
    return any(isinstance(location, Url) for location in _locations(plan))


def _is_shared(plan: Plan) -> bool:
    """Whether other processes see the same files: each process has a memory of its own."""
    return not any(isinstance(url, Url) and url.protocol == "memory" for url in _locations(plan))


def _chunks(indices: Sequence[int]) -> Iterator[Sequence[int]]:
    size = min(MOST, max(LEAST, -(-len(indices) // SHARES)))
    return (indices[at : at + size] for at in range(0, len(indices), size))


def _sent(plan: Plan, convert: Convert, executor: "Executor") -> Iterator[Batch]:
    """The images, converted by an executor's errands."""
    errand = errand_of(plan, convert)
    sent = pickle.dumps(errand)
    _plans[errand.token] = plan  # for threads of this process, and for those that are forked from it
    futures = deque(
        executor.submit(run_errand, __version__, sent, list(indices)) for indices in _chunks(plan.indices)
    )
    try:
        while futures:
            yield _result(futures.popleft(), executor)
    finally:
        for future in futures:
            future.cancel()
        _plans.pop(errand.token, None)


def _result(future: "Future[Batch]", executor: "Executor") -> Batch:
    """What an errand returned; raises `Unavailable` where no worker is there to run it."""
    from polymask.parallel.dask_cluster import worker_losses  # quick to start without

    while True:
        try:
            return future.result(PATIENCE)
        except TimeoutError:
            if future.done():
                raise
            getattr(executor, "look", lambda: None)()
        except worker_losses() as error:
            raise Unavailable(
                f"the workers are gone ({error})", advice="run the same command again to finish"
            ) from None
        except (ImportError, AttributeError) as error:
            raise InputError(
                f"a worker has another polymask or none ({error})", advice=f"{install()}"
            ) from None


def errand_of(plan: Plan, convert: Convert) -> Errand:
    """The errand of a plan: paths in full, for a worker may have another current folder."""
    assert plan.source is not None
    options = plan.options
    return Errand(
        token=os.urandom(8).hex(),
        convert=convert,
        source=plan.source.absolute(),
        dest=plan.sink.root.path.absolute(),
        options=replace(
            options,
            images=_in_full(options.images),
            masks=_in_full(options.masks),
            labels=_in_full(options.labels) if is_path(options.labels) else options.labels,
            scheduler=None,
            workers=1,
        ),
        resumes=plan.sink.state.resumes,
        stamp=Place(plan.source).stamp,
        content=_content(plan),
    )


def _in_full(place: str | Location | None) -> str | Location | None:
    location = located(place) if place is not None else None
    return location.absolute() if isinstance(location, Path) else place


def _content(plan: Plan) -> str:
    """A digest of what was read: the images, the instances by label, and the labels' values."""
    names = "\n".join([*plan.annotations.names, f"{sorted(plan.annotations.used.items())}"])
    return sha256(names.encode(errors="surrogatepass") + plan.label_map.to_json()).hexdigest()


def run_errand(version: str, sent: bytes, indices: Sequence[int]) -> Batch:
    """Convert some images of an errand in this process; what is sent is opened by its own version only."""
    if version != __version__:
        raise InputError(f"a worker has polymask {__version__}", advice=install(version))
    errand: Errand = pickle.loads(sent)  # noqa: S301 - as an executor does with all it is sent
    return _converted(_plan_of(errand), errand.convert, indices)


def install(version: str = __version__) -> str:
    """What to do on the workers."""
    return f"install polymask {version} on every worker: pip install polymask=={version}"


def _plan_of(errand: Errand) -> Plan:
    """The plan of an errand, opened once in a process; an earlier errand's is let go."""
    with _opening:
        if errand.token not in _plans:
            while len(_plans) > 1:
                _plans.popitem(last=False)
            _plans[errand.token] = _joined(errand)
        return _plans[errand.token]


def _joined(errand: Errand) -> Plan:
    if Place(errand.source).stamp != errand.stamp:
        raise SourceChanged(
            f"{errand.source} is not what was planned with: changed, or another file of a worker"
        )
    plan = join_plan(errand.source, errand.dest, errand.options, resumes=errand.resumes)
    if _content(plan) != errand.content:
        raise SourceChanged(
            f"{errand.source} or its labels are not what was planned with", advice="run again"
        )
    return plan


def _converted(plan: Plan, convert: Convert, indices: Sequence[int]) -> Batch:
    """Some images, several at once where their files are far away."""
    if not _is_remote(plan):
        return convert(plan, indices)
    from concurrent.futures import ThreadPoolExecutor  # quick to start without

    threads = ThreadPoolExecutor(THREADS)
    try:
        first, *others = threads.map(partial(convert, plan), ([index] for index in indices))
    finally:  # what has failed, or is interrupted, waits for no answer
        threads.shutdown(wait=False, cancel_futures=True)
    for other in others:
        first.add(other)
    return first
