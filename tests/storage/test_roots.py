"""One suite for everything that masks are written to: a folder, memory, S3."""

import json
import os
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Barrier
from time import monotonic, sleep

import pytest

from polymask import BackendError, InputError, Locked, NotFound, ProofError
from polymask.operating_system import machine
from polymask.storage.remote.urls import Url
from polymask.storage.roots import object_store as objects
from polymask.storage.roots.local import Root
from polymask.storage.roots.object_store import ObjectRoot, open_root
from tests.storage.conftest import put, stored

AnyRoot = Root | ObjectRoot


@pytest.fixture(params=["disk", "memory", "s3"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> AnyRoot:
    """A root of each kind, empty."""
    if request.param == "disk":
        return Root(tmp_path)
    place: Url = request.getfixturevalue({"s3": "bucket"}.get(request.param, request.param))
    return open_root(place / "out")


@pytest.fixture
def away(remote: Url) -> ObjectRoot:
    """A root in a store."""
    return ObjectRoot(remote)


def test_what_is_written_is_read_back_whole(root: AnyRoot) -> None:
    """And what is not there is None."""
    root.write("masks/a.png", b"one")
    root.write("masks/a.png", b"another")
    assert (root.read("masks/a.png"), root.read("masks/b.png"), root.read("none/b.png")) == (
        b"another",
        None,
        None,
    )
    assert (root.holds("masks/a.png"), root.holds("masks/b.png"), root.holds("masks")) == (True, False, False)


def test_another_root_of_the_same_place_sees_it(root: AnyRoot) -> None:
    """Roots are sent to other processes, and open what they need there."""
    root.write("a.png", b"one")
    assert pickle.loads(pickle.dumps(root)).read("a.png") == b"one"


def test_removing_is_idempotent(root: AnyRoot) -> None:
    """What is not there is removed."""
    root.write("a.png", b"one")
    root.remove("a.png")
    root.remove("a.png")
    assert not root.holds("a.png")


@pytest.mark.parametrize("path", ["../a.png", "a/../../b.png", "a//b.png"])
def test_nothing_is_written_outside(root: AnyRoot, path: str) -> None:
    """Upward and empty parts are refused."""
    with root.run({}), pytest.raises(InputError):
        root.write(path, b"one")


def test_a_run_holds_the_root_alone_and_leaves_nothing(root: AnyRoot) -> None:
    """A second one is `Locked` as long as the first lasts."""
    other = pickle.loads(pickle.dumps(root))
    with root.run({"n": 1}) as unfinished:
        assert unfinished is None
        root.write("a.png", b"one")
        with pytest.raises(Locked, match=f"process {os.getpid()}"), other.run({}):
            pass
        root.sync()
    with other.run({}) as unfinished:
        assert unfinished is None
    root.remove("a.png")
    assert not _all_names(root)


def test_a_failed_run_tells_the_next_one_its_options(root: AnyRoot) -> None:
    """So that it can go on."""
    with pytest.raises(KeyError), root.run({"n": 1}):
        raise KeyError
    assert root.unfinished() == {"n": 1}
    again = pickle.loads(pickle.dumps(root))
    with again.run({"n": 2}) as unfinished:
        assert unfinished == {"n": 1}
    assert again.unfinished() is None


def test_what_the_look_refuses_changes_nothing(root: AnyRoot) -> None:
    """The lock is let go."""

    def look() -> None:
        raise InputError("no")

    with pytest.raises(InputError, match="no"), root.run({}, look=look):
        pass
    with root.run({}):
        pass


def _all_names(root: AnyRoot) -> list[str]:
    if isinstance(root, ObjectRoot):
        return list(stored(root.path))
    return [path.name for path in root.path.rglob("*") if path.is_file()]


def _leave_note(root: ObjectRoot, **changes: object) -> None:
    """What another run left below the root."""
    note = {"options": {"n": 1}, "held": True, "process": 1, "host": "other", "machine": "other", **changes}
    put(root.path / ".polymask" / "run-other.json", json.dumps(note).encode())


def test_a_run_of_another_machine_holds_the_prefix(away: ObjectRoot) -> None:
    """Whether its process is there cannot be seen; it gave a sign of life lately."""
    _leave_note(away)
    with pytest.raises(Locked, match="process 1 on other"), away.run({}):
        pass
    assert list(stored(away.path)) == [".polymask/run-other.json"]


def test_a_run_that_gave_no_sign_of_life_for_long_is_taken_over(
    away: ObjectRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the store's clock; its options are known."""
    _leave_note(away)
    monkeypatch.setattr(objects, "DEAD", -1.0)
    with away.run({}) as unfinished:
        assert unfinished == {"n": 1}


def test_a_run_that_was_killed_on_this_machine_is_taken_over_at_once(away: ObjectRoot) -> None:
    """Its process is gone."""
    killed = os.fork()
    if not killed:
        os._exit(0)
    os.waitpid(killed, 0)
    _leave_note(away, process=killed, machine=machine())
    with away.run({}) as unfinished:
        assert unfinished == {"n": 1}


def test_a_run_that_was_taken_over_publishes_nothing(away: ObjectRoot) -> None:
    """It slept too long: its note is gone, or another's is there. It leaves none behind."""
    with pytest.raises(Locked, match="taken over"), away.run({"n": 1}):
        away._forget([away._note])
        away.sync()
    assert not stored(away.path)
    with pytest.raises(Locked, match="taken over"), pickle.loads(pickle.dumps(away)).run({"n": 1}) as _:
        _leave_note(away)
        away._note = next(name for name in away._notes() if name != "run-other.json")
        away.sync()


def test_of_runs_that_start_at_once_never_two_go_on(memory: Url) -> None:
    """Each puts its note before it looks for others'."""
    inside, most, together = [0], [0], Barrier(8)

    def attempt(_: int) -> None:
        together.wait()
        for _ in range(20):
            with suppress(Locked), ObjectRoot(memory).run({}):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                sleep(0.001)
                inside[0] -= 1

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(attempt, range(8)))
    assert most[0] <= 1
    with ObjectRoot(memory).run({}) as unfinished:
        assert unfinished is None


def test_a_run_gives_signs_of_life(memory: Url, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its note is put again and again, but not once it was taken away."""
    monkeypatch.setattr(objects, "BEAT", 0.01)
    root = ObjectRoot(memory)
    signs: list[bool] = []
    real = root._sign
    monkeypatch.setattr(root, "_sign", lambda *a, **k: (signs.append(True), real(*a, **k)))
    with root.run({}):
        _wait_for(lambda: len(signs) > 3)
        root._forget([root._note])
        assert not any("run-" in name for name in stored(memory))


def _wait_for(true: Callable[[], bool]) -> None:
    end = monotonic() + 10
    while not true() and monotonic() < end:
        sleep(0.005)
    assert true()


def test_a_store_that_stores_something_else_is_found_out(
    away: ObjectRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every put is compared with what is there then."""
    store = away.path.store
    real = store.pipe_file
    monkeypatch.setattr(store, "pipe_file", lambda path, data: real(path, data[:-1]))
    with pytest.raises(ProofError, match="not what was written"):
        away.write("a.png", b"one")


def test_s3_proves_a_put_by_its_checksum(bucket: Url, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without reading it back."""
    monkeypatch.setattr(Url, "read_bytes", None)
    ObjectRoot(bucket).write("a.png", b"one")


def test_a_missing_bucket_and_a_read_only_protocol_are_refused(s3_server: str) -> None:
    """Before anything is written."""
    with pytest.raises(NotFound, match="no such bucket"), open_root("s3://never-made/x").run({}):
        pass
    with pytest.raises(InputError, match="https:// is read"), open_root("https://host/x").run({}):
        pass


def test_an_object_is_no_prefix(remote: Url) -> None:
    """DEST is a folder."""
    put(remote / "a.json", b"{}")
    with pytest.raises(InputError, match="is an object"):
        open_root(remote / "a.json").holds("masks/a.png")


def test_a_put_that_fails_is_a_backend_error(away: ObjectRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the object's URL."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError("slow down")

    monkeypatch.setattr(away.path.store, "pipe_file", refuse)
    with pytest.raises(BackendError, match=f"{away.path}/a.png: slow down"):
        away.write("a.png", b"one")
