"""Converting a plan's images in this process, in other processes, on a cluster, or through any executor.

Workers get an `Errand`, which says how to open the source, and the indices of some images. Each process
opens the source once and checks that it is the one that was planned with. The workers write masks to
DEST and return only the sums of the outcomes. Writing a mask twice does no harm, so an errand that is
lost with its worker is run again.
"""

import os
import pickle
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import msgspec

from polymask._version import __version__
from polymask.conversion.batch_plan import Batch
from polymask.conversion.options import ConvertOptions
from polymask.conversion.plan import Plan, join_plan
from polymask.errors import InputError, SourceChanged, Unavailable
from polymask.labels.as_label_map import is_path
from polymask.operating_system import FORKS
from polymask.parallel.pool import THREADS, in_chunks, processes
from polymask.storage.remote.urls import Location, Url, located
from polymask.storage.source_files import Place

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

Convert = Callable[[Plan, Sequence[int]], Batch]

MAX_IMAGES = 64  # per errand
MIN_IMAGES = 16
MIN_ERRANDS = 32  # if there are enough images: to distribute them evenly
PATIENCE = 5.0  # seconds between two checks that a worker exists
_plans: "OrderedDict[str, Plan]" = OrderedDict()  # open in this process, by the tokens of their errands
_opening = Lock()


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """The work for another process: how to open the plan, and how to check that it is the same plan."""

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
    """Yield a function that converts the plan's images and returns the batches in order.

    Raises:
        InputError: The plan cannot be converted there; raised before any work.
        Unavailable: The cluster does not answer.
    """
    options = plan.options
    if executor is not None and options.scheduler:
        raise InputError("an executor and --scheduler are two places to work", advice="leave one out")
    if options.scheduler:
        from polymask.parallel.dask_cluster import Cluster  # quick to start without

        _refuse_unshared(plan)
        with Cluster(options.scheduler) as workers:
            yield partial(_through_executor, plan, convert, workers)
    elif executor is not None and plan.source is not None:
        _refuse_unshared(plan)
        yield partial(_through_executor, plan, convert, executor)
    elif executor is not None or (FORKS and not _is_remote(plan)):
        yield partial(in_chunks, partial(convert, plan), plan.indices, options.workers, executor)
    elif options.workers > 1 and len(plan.indices) > MAX_IMAGES and plan.source and _is_shared(plan):
        with processes(options.workers, "spawn") as workers:  # a forked process would share our connections
            yield partial(_through_executor, plan, convert, workers)
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
    """Whether other processes see the same files; memory:// is different in each process."""
    return not any(isinstance(url, Url) and url.protocol == "memory" for url in _locations(plan))


def _chunks(indices: Sequence[int]) -> Iterator[Sequence[int]]:
    size = min(MAX_IMAGES, max(MIN_IMAGES, -(-len(indices) // MIN_ERRANDS)))
    return (indices[start : start + size] for start in range(0, len(indices), size))


def _through_executor(plan: Plan, convert: Convert, executor: "Executor") -> Iterator[Batch]:
    """The batches of an executor's errands, in order."""
    errand = errand_of(plan, convert)
    sent = pickle.dumps(errand)
    _plans[errand.token] = plan  # for threads and forked processes of this process
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
    """The result of an errand; raises `Unavailable` if there is no worker to run it."""
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
    """The errand of a plan, with absolute paths, as workers may have another current folder."""
    assert plan.source is not None
    options = plan.options
    return Errand(
        token=os.urandom(8).hex(),
        convert=convert,
        source=plan.source.absolute(),
        dest=plan.sink.root.path.absolute(),
        options=replace(
            options,
            images=_absolute(options.images),
            masks=_absolute(options.masks),
            labels=_absolute(options.labels) if is_path(options.labels) else options.labels,
            scheduler=None,
            workers=1,
        ),
        resumes=plan.sink.state.resumes,
        stamp=Place(plan.source).stamp,
        content=_content(plan),
    )


def _absolute(place: str | Location | None) -> str | Location | None:
    location = located(place) if place is not None else None
    return location.absolute() if isinstance(location, Path) else place


def _content(plan: Plan) -> str:
    """A digest of the plan's data: the images, the number of instances by label, and the labels' values."""
    names = "\n".join([*plan.annotations.names, f"{sorted(plan.annotations.used.items())}"])
    return sha256(names.encode(errors="surrogatepass") + plan.label_map.to_json()).hexdigest()


def run_errand(version: str, sent: bytes, indices: Sequence[int]) -> Batch:
    """Convert some images of an errand in this process; only the version that sent an errand may open it."""
    if version != __version__:
        raise InputError(f"a worker has polymask {__version__}", advice=install(version))
    errand: Errand = pickle.loads(sent)  # noqa: S301 - executors unpickle all tasks anyway
    return _converted(_plan_of(errand), errand.convert, indices)


def install(version: str = __version__) -> str:
    """Advice for workers without the right version of polymask."""
    return f"install polymask {version} on every worker: pip install polymask=={version}"


def _plan_of(errand: Errand) -> Plan:
    """The plan of an errand, opened once per process; the plans of earlier errands are dropped."""
    with _opening:
        if errand.token not in _plans:
            while len(_plans) > 1:
                _plans.popitem(last=False)
            _plans[errand.token] = _opened(errand)
        return _plans[errand.token]


def _opened(errand: Errand) -> Plan:
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
    """Convert some images, several at once if their files are remote."""
    if not _is_remote(plan):
        return convert(plan, indices)
    from concurrent.futures import ThreadPoolExecutor  # quick to start without

    threads = ThreadPoolExecutor(THREADS)
    try:
        first, *others = threads.map(partial(convert, plan), ([index] for index in indices))
    finally:  # after an error or an interrupt, nothing waits for a store
        threads.shutdown(wait=False, cancel_futures=True)
    for other in others:
        first.add(other)
    return first
