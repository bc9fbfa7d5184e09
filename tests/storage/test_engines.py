"""Whoever converts the images, and wherever: the same masks, manifest and report."""

import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

import polymask
from polymask import InputError, SourceChanged, Unavailable
from polymask.conversion import executors
from polymask.conversion.options import ConvertOptions
from polymask.conversion.plan import make_plan
from polymask.conversion.run import convert_images
from polymask.parallel import dask_cluster as cluster
from polymask.results import Report
from polymask.storage.remote.urls import Url
from tests.conftest import Run, tree
from tests.storage.conftest import put, stored

Many = Callable[[int], Path]


def told(report: Report) -> dict[str, Any]:
    """A report without what differs from run to run."""
    return {name: value for name, value in report.to_dict().items() if name != "seconds"}


@pytest.fixture(scope="module")
def dask(s3_server: str) -> Iterator[Any]:
    """A cluster of two worker processes."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as running:
        yield running


def _threads() -> Executor:
    return ThreadPoolExecutor(2)


def _processes() -> Executor:
    return ProcessPoolExecutor(2, mp_context=get_context("spawn"))


def _loky() -> Executor:
    from loky import ProcessPoolExecutor as Loky

    pool: Executor = Loky(2)
    return pool


@pytest.mark.parametrize("make", [_threads, _processes, _loky], ids=["threads", "processes", "loky"])
@pytest.mark.parametrize("to", ["index", "coco"])
def test_any_executor_gives_what_one_process_gives(
    make: Callable[[], Executor], to: str, many_images: Many, tmp_path: Path
) -> None:
    """Files byte for byte, and the report."""
    source = many_images(70)
    alone = polymask.convert(source, tmp_path / "alone", to=to)
    with make() as executor:
        shared = polymask.convert(source, tmp_path / "shared", to=to, executor=executor)
    assert tree(tmp_path / "shared") == tree(tmp_path / "alone")
    assert told(shared) == told(alone)


def test_a_cluster_gives_what_one_process_gives(dask: Any, many_images: Many, tmp_path: Path) -> None:
    """By its scheduler's address, or by its own executor; to a folder of this machine."""
    source = many_images(70)
    alone = polymask.convert(source, tmp_path / "alone")
    shared = polymask.convert(source, tmp_path / "a", scheduler=dask.scheduler_address)
    with dask.get_client() as client:
        again = polymask.convert(source, tmp_path / "b", executor=client.get_executor())
    assert tree(tmp_path / "a") == tree(tmp_path / "b") == tree(tmp_path / "alone")
    assert told(shared) == told(again) == told(alone)


class _Killing:
    """Progress that kills a process when the first images are done."""

    def __init__(self, process: int) -> None:
        self.process, self.killed = process, False

    def start(self, images: int) -> None:
        pass

    def advance(self, images: int) -> None:
        if not self.killed:
            self.killed = True
            os.kill(self.process, signal.SIGKILL)


def test_a_worker_that_is_killed_changes_nothing(
    dask: Any, bucket: Url, many_images: Many, tmp_path: Path
) -> None:
    """From and to S3: its images are converted again by another, to the same objects."""
    source = many_images(200)
    alone = polymask.convert(source, tmp_path / "alone")
    with dask.get_client() as client:
        process = next(iter(client.run(os.getpid).values()))
    killing = _Killing(process)
    shared = polymask.convert(
        f"{put(bucket / 'a.json', source)}",
        f"{bucket}/out",
        scheduler=dask.scheduler_address,
        progress=killing,
    )
    assert killing.killed
    assert stored(bucket / "out") == tree(tmp_path / "alone")
    assert told(shared) == told(alone)


def test_an_interrupted_run_leaves_no_tasks_behind(dask: Any, many_images: Many, tmp_path: Path) -> None:
    """Ctrl-C cancels what was not begun; the next run completes it."""

    class Interrupting(_Killing):
        def advance(self, images: int) -> None:
            raise KeyboardInterrupt

    source = many_images(200)
    with pytest.raises(KeyboardInterrupt):
        polymask.convert(source, tmp_path / "out", scheduler=dask.scheduler_address, progress=Interrupting(0))
    end = time.monotonic() + 10
    while dask.scheduler.tasks and time.monotonic() < end:
        time.sleep(0.01)
    assert not dask.scheduler.tasks
    polymask.convert(source, tmp_path / "out", scheduler=dask.scheduler_address)
    polymask.convert(source, tmp_path / "alone")
    assert tree(tmp_path / "out") == tree(tmp_path / "alone")


def test_an_image_that_fails_elsewhere_is_named(dask: Any, many_images: Many, tmp_path: Path) -> None:
    """As it is here."""
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (24, 24)).save(tmp_path / "pictures/0010.jpg")
    options = {"to": "voc", "images": tmp_path / "pictures", "copy_images": True, "where": "001*"}
    alone = polymask.convert(many_images(30), tmp_path / "alone", **options)
    shared = polymask.convert(many_images(30), tmp_path / "out", scheduler=dask.scheduler_address, **options)
    assert {failure.name for failure in shared.failures} == {f"001{n}.jpg" for n in range(1, 10)}
    assert told(shared) == told(alone)


def test_a_store_that_fails_elsewhere_fails_the_run(dask: Any, many_images: Many) -> None:
    """With its URL, as a `BackendError`."""
    with pytest.raises(polymask.NotFound, match="s3://never-made/out"):
        polymask.convert(many_images(30), "s3://never-made/out", scheduler=dask.scheduler_address)


def test_an_errand_does_not_grow_with_its_source(many_images: Many, tmp_path: Path) -> None:
    """How to open it is sent, not what it holds."""
    sizes = []
    for images in (1, 2000):
        plan = make_plan(many_images(images), tmp_path / "out", ConvertOptions())
        sizes.append(len(pickle.dumps(executors.errand_of(plan, convert_images))))
    assert abs(sizes[1] - sizes[0]) < 64
    assert sizes[1] < 2000


def test_a_worker_refuses_another_source(many_images: Many, tmp_path: Path) -> None:
    """One that was changed since the plan, or a worker's own file of that name."""
    (tmp_path / "out").mkdir()
    plan = make_plan(source := many_images(20), tmp_path / "out", ConvertOptions())
    sent = pickle.dumps(executors.errand_of(plan, convert_images))
    version = polymask.__version__
    assert executors.run_errand(version, sent, [0, 1]).tally.report.images == 2
    executors._plans.clear()
    text = source.read_text()
    source.write_text(text.replace("cat", "cow"))
    with pytest.raises(SourceChanged, match="not what was planned with"):
        executors.run_errand(version, sent, [0])
    source.write_text(text)
    (tmp_path / "labeled").mkdir()
    labels = tmp_path / "labels.txt"
    labels.write_text("cat\ndog\n")
    sent = pickle.dumps(
        executors.errand_of(
            make_plan(source, tmp_path / "labeled", ConvertOptions(labels=labels)), convert_images
        )
    )
    labels.write_text("dog\ncat\n")
    with pytest.raises(SourceChanged, match="its labels are not"):
        executors.run_errand(version, sent, [0])


def test_a_changed_object_is_another_source(remote: Url, many_images: Many, tmp_path: Path) -> None:
    """By the store's tag, time and size."""
    url = put(remote / "a.json", many_images(20))
    sent = pickle.dumps(
        executors.errand_of(make_plan(url, tmp_path / "out", ConvertOptions()), convert_images)
    )
    put(url, many_images(20).read_bytes().replace(b"cat", b"cow"))
    with pytest.raises(SourceChanged, match="not what was planned with"):
        executors.run_errand(polymask.__version__, sent, [0])


def test_a_worker_of_another_version_says_so() -> None:
    """Before it opens what it was sent, which it may not understand."""
    with pytest.raises(InputError, match=r"install polymask 99\.1 on every worker"):
        executors.run_errand("99.1", b"", [])


def test_workers_without_polymask_are_named(
    dask: Any, many_images: Many, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is written."""
    monkeypatch.setattr(cluster, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"2 workers have no polymask.*pip install"):
        polymask.convert(many_images(3), tmp_path / "out", scheduler=dask.scheduler_address)
    assert not (tmp_path / "out").exists()


def test_a_scheduler_without_workers_is_unavailable(
    many_images: Many, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After some seconds, with the command that starts one."""
    from distributed import LocalCluster

    monkeypatch.setattr(cluster, "CONNECT", 0.5)
    with (
        LocalCluster(n_workers=0, dashboard_address=":0") as empty,
        pytest.raises(Unavailable, match="no worker; start one with `dask worker"),
    ):
        polymask.convert(many_images(3), tmp_path / "out", scheduler=empty.scheduler_address)


def test_a_cluster_that_loses_all_workers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not at once: a new one may come."""
    clock = iter([1.0, 50.0, 70.0])
    monkeypatch.setattr(cluster, "monotonic", lambda: next(clock))
    alone = cluster.Cluster("tcp://127.0.0.1:1")
    monkeypatch.setattr(alone, "_client", type("Empty", (), {"nthreads": lambda _: {}})(), raising=False)
    alone.look()
    with pytest.raises(Unavailable, match="no worker"):
        alone.look()


def test_an_unreachable_scheduler_exits_3_within_seconds(polymask_command: Run, many_images: Many) -> None:
    """And an address that is none, 2."""
    source = many_images(3)
    for address, code in (("tcp://127.0.0.1:9", 3), ("nonsense", 2)):
        began = time.monotonic()
        run = polymask_command("convert", source, source.parent / "out", "--scheduler", address)
        assert run.returncode == code, run.stderr
        assert address in run.stderr
        assert time.monotonic() - began < 20


def test_a_missing_dask_is_named_with_its_extra(
    many_images: Many, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--scheduler` needs it."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"polymask\[dask\]"):
        polymask.convert(many_images(3), tmp_path / "out", scheduler="tcp://127.0.0.1:9")


def _broken(kind: str) -> Exception:
    if kind == "pool":
        return BrokenProcessPool("gone")
    from distributed.scheduler import KilledWorker

    return KilledWorker("run", SimpleNamespace(address="tcp://gone"), 3)


@pytest.mark.parametrize("kind", ["pool", "dask"])
def test_workers_that_are_gone_are_unavailable(kind: str, many_images: Many, tmp_path: Path) -> None:
    """The next run completes what they did."""

    class Broken(ThreadPoolExecutor):
        def submit(self, *_: Any, **__: Any) -> Any:
            future: Future[Any] = Future()
            future.set_exception(_broken(kind))
            return future

    with Broken(1) as executor, pytest.raises(Unavailable, match="the workers are gone"):
        polymask.convert(many_images(30), tmp_path / "out", executor=executor)


def test_errors_come_back_from_workers_as_they_are() -> None:
    """They are sent pickled."""
    for error in (polymask.NotFound, polymask.Denied, polymask.SourceChanged, polymask.FormatError):
        again = pickle.loads(pickle.dumps(error("s3://bucket/a: no")))
        assert (type(again), str(again)) == (error, "s3://bucket/a: no")


def test_what_only_this_process_sees_is_not_shared_out(
    memory: Url, many_images: Many, tmp_path: Path
) -> None:
    """Its memory, and what a pipe gives once; two places to work are one too many."""
    source = many_images(3)
    with ThreadPoolExecutor(1) as executor:
        with pytest.raises(InputError, match="memory:// is one process's own"):
            polymask.convert(source, f"{memory}/out", executor=executor)
        with pytest.raises(InputError, match="leave one out"):
            polymask.convert(source, tmp_path / "out", executor=executor, scheduler="tcp://127.0.0.1:9")
        os.mkfifo(pipe := tmp_path / "pipe")
        threading.Thread(target=lambda: pipe.write_bytes(source.read_bytes()), daemon=True).start()
        with pytest.raises(InputError, match="read once only"):
            polymask.convert(pipe, tmp_path / "out", executor=executor)
