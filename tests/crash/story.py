"""Any story of runs, crashes, edits and damage: a state machine that Hypothesis drives.

A crash here is an exception before a call that changes something, after which no such call of that
run is let through: what its clean-up would do does not happen either, as in a real one.
"""

import json
import os
import shutil
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from polymask import PolymaskError, convert, restore
from polymask.codecs.png import decode_png
from polymask.conversion.dest.deletion_journal import BACKUP, JOURNAL
from polymask.errors import FormatError, Locked, NotFound
from polymask.storage.roots.local import Root
from tests.conftest import square
from tests.crash.workload import LAYOUTS, Scene, is_polygon, mask_name, shown
from tests.support.campaign_table import Tally, Verdict, tallied

CHANGING = ("open", "mkdir", "write", "fsync", "rename", "replace", "unlink", "rmdir", "fchmod", "sync")
LATEST = 90  # calls; a run makes fewer

Json = dict[str, Any]


class Crash(BaseException):
    """The process is no more."""


@contextmanager
def crashing(nth: int) -> Iterator[None]:
    """Let a run die before its nth call that changes something; it may end before that."""
    left = nth

    def guarded(honest: Callable[..., Any], *, opens: bool) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            if not opens or arguments[1] & os.O_CREAT:
                left -= 1
                if left <= 0:
                    raise Crash
            return honest(*arguments, **options)

        return call

    with (
        patch.multiple(os, **{name: guarded(getattr(os, name), opens=name == "open") for name in CHANGING}),
        suppress(Crash),
    ):
        yield


@cache
def painted(text: bytes, layout: str) -> dict[str, Any]:
    """The masks that a document gives."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "instances.json"
        path.write_bytes(text)
        convert(path, Path(place) / "out", to=layout)
        found = (Path(place) / "out").rglob("*.png")
        return {str(one.relative_to(Path(place) / "out")): decode_png(one.read_bytes()) for one in found}


class Story(RuleBasedStateMachine):
    """One folder, and everything that may happen to it."""

    steps = 0

    @initialize(layout=st.sampled_from(LAYOUTS))
    def begin(self, layout: str) -> None:
        memory = Path("/dev/shm")
        self.place = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
        self.scene = Scene(self.place / "job", layout)
        self.wanted = {a["id"]: a for a in self.document()["annotations"] if is_polygon(a)}
        self.edited = False  # what is right after an edit depends on when it came
        self.damaged: set[str] = set()
        self.evidence = True  # the journal and the backups are as polymask left them
        self.forgotten = False  # a journal was lost, and with it the names of what a killed run left
        self.same_bytes = True  # a changed byte need not change a pixel, and pixels are what is proven
        self.quiet = patch.object(os, "sync", lambda: None)
        self.quiet.start()

    def teardown(self) -> None:
        if hasattr(self, "quiet"):
            self.quiet.stop()
            shutil.rmtree(self.place)

    def document(self) -> Json:
        return dict(json.loads(self.scene.source.read_bytes()))

    def save(self, document: Json) -> None:
        self.scene.source.write_text(json.dumps(document))
        self.edited = True

    def convert(self, **options: Any) -> Any:
        return convert(
            self.scene.source, self.scene.dest, to=self.scene.layout, **{"delete_source": True} | options
        )

    @rule()
    def run(self) -> None:
        """An undisturbed run ends as it should, and if others have meddled, with a typed refusal.

        What it deletes is seen in a mask; what it leaves is not, unless others of its image went before.
        """
        before = self.document()["annotations"]
        try:
            report = self.convert()
        except PolymaskError:
            assert self.edited or self.damaged or self.forgotten or not self.evidence
            return
        seen, left = shown(before, self.scene.layout), {a["id"] for a in self.document()["annotations"]}
        assert {a["id"] for a in before} - left <= seen
        if not report.failed:
            self.damaged.clear()
            whole = {a["image_id"] for a in before} - {a["image_id"] for a in self._gone(before)}
            assert not [a for a in before if a["image_id"] in whole and a["id"] in seen & left]
            assert self.forgotten or not list(self.scene.folder.rglob("*.tmp"))
        assert not report.failed or self.edited or self.damaged, report.failures
        if self.same_bytes and not self.edited and not self.damaged:
            assert [one for one in self.scene.differences() if not self._is_stale(one)] == []

    def _is_stale(self, name: str) -> bool:
        """Whether no run mends it: a damaged backup, or what a killed run left whose journal was lost."""
        if name.startswith(f"{BACKUP}/"):
            return not self.evidence
        is_leftover = Path(name).parent == self.scene.folder and name.endswith(".tmp")
        return self.forgotten and is_leftover

    def _gone(self, annotations: list[Json]) -> list[Json]:
        """What should be there and is not."""
        there = {a["id"]: a for a in annotations}
        return [one for key, one in self.wanted.items() if there.get(key) != one]

    @rule()
    def run_without_deleting(self) -> None:
        with suppress(PolymaskError):
            self.convert(delete_source=False)
            self.edited = True  # its manifest keeps no sources: another end than the golden one's

    @rule(nth=st.integers(1, LATEST))
    def crash(self, nth: int) -> None:
        with crashing(nth), suppress(PolymaskError):
            self.convert()

    @rule(nth=st.integers(1, 12))
    def crash_while_restoring(self, nth: int) -> None:
        with crashing(nth), suppress(PolymaskError):
            restore(self.scene.dest)

    @rule()
    def restore(self) -> None:
        """What was deleted is back, byte for byte, unless somebody changed the file; else it is told."""
        try:
            report = restore(self.scene.dest)
        except NotFound:
            assert not self._gone(self.document()["annotations"])
            return
        except PolymaskError:
            return
        if not report.failed:
            assert not self._gone(self.document()["annotations"])
        if not report.failed and not self.edited:
            assert self.scene.source.read_bytes() == self.scene.golden.before

    @rule(image=st.integers(1, 3), label=st.integers(1, 5), x=st.integers(0, 13))
    def draw(self, image: int, label: int, x: int) -> None:
        document = self.document()
        key = max([100, *self.wanted]) + 1
        self.wanted[key] = {
            "id": key,
            "image_id": image,
            "category_id": label,
            "segmentation": [square(x, x, 3)],
        }
        self.save(document | {"annotations": [*document["annotations"], self.wanted[key]]})

    @rule(pick=st.randoms(use_true_random=False), x=st.integers(0, 9))
    def move(self, pick: Any, x: int) -> None:
        document = self.document()
        if polygons := [a for a in document["annotations"] if is_polygon(a)]:
            moved = pick.choice(polygons)
            moved["segmentation"] = [square(x, 1, 5)]
            self.wanted[moved["id"]] = moved
            self.save(document)

    @rule(pick=st.randoms(use_true_random=False))
    def erase(self, pick: Any) -> None:
        document = self.document()
        if polygons := [a for a in document["annotations"] if is_polygon(a)]:
            erased = pick.choice(polygons)
            document["annotations"].remove(erased)
            del self.wanted[erased["id"]]
            self.save(document)

    @rule(pick=st.randoms(use_true_random=False))
    def remove_mask(self, pick: Any) -> None:
        if masks := sorted(self.scene.dest.rglob("*.png")):
            mask = pick.choice(masks)
            mask.unlink()
            self.damaged.add(str(mask.relative_to(self.scene.dest)))

    @rule(pick=st.randoms(use_true_random=False))
    def tamper(self, pick: Any) -> None:
        if masks := sorted(self.scene.dest.rglob("*.png")):
            mask = pick.choice(masks)
            data = bytearray(mask.read_bytes())
            data[pick.randrange(len(data))] ^= 1 << pick.randrange(8)
            mask.write_bytes(data)
            self.same_bytes = False
            self.damaged.add(str(mask.relative_to(self.scene.dest)))

    @rule()
    def drop_journal(self) -> None:
        """It is moved away, as is advised for a damaged one."""
        (self.scene.dest / JOURNAL).unlink(missing_ok=True)
        self.forgotten = True

    @rule(pick=st.randoms(use_true_random=False), which=st.sampled_from([JOURNAL, f"{BACKUP}/*"]))
    def damage_evidence(self, pick: Any, which: str) -> None:
        """A bit of the journal or of a backup, or all behind a line's end."""
        for path in sorted(self.scene.dest.glob(which)):
            data = bytearray(path.read_bytes())
            if pick.random() < 0.3:
                data = bytearray(b"".join(data.splitlines(keepends=True)[:-1]))
            elif data:
                data[pick.randrange(len(data))] ^= 1 << pick.randrange(8)
            path.write_bytes(data)
            self.evidence, self.forgotten = False, True

    @rule()
    def second_run(self) -> None:
        """While one holds the folder, another changes nothing."""
        if not self.scene.dest.exists():
            return
        before = self.scene.source.read_bytes()
        with Root(self.scene.dest).held(), pytest.raises(PolymaskError) as refusal:
            self.convert()
        meddled = self.edited or self.damaged or not self.evidence
        assert isinstance(refusal.value, Locked) or meddled, refusal.value
        assert self.scene.source.read_bytes() == before

    @invariant()
    def nothing_is_lost(self) -> None:
        """Each polygon is in the source, or in a backup and in a mask that nobody has damaged since."""
        if not hasattr(self, "scene"):
            return
        type(self).steps += 1
        left = {a["id"]: a for a in self.document()["annotations"]}
        gone = [one for key, one in self.wanted.items() if left.get(key) != one]
        backups = [path.read_bytes() for path in (self.scene.dest / BACKUP).glob("*.json")] if gone else []
        for one in gone if self.evidence else ():
            assert any(self._proven(one, text) for text in backups), f"lost: {one}"

    def _proven(self, annotation: Json, text: bytes) -> bool:
        annotations = json.loads(text)["annotations"]
        if annotation not in annotations or annotation["id"] not in shown(annotations, self.scene.layout):
            return False
        name = mask_name(self.scene.layout, annotation)
        if name in self.damaged:
            return True
        path = self.scene.dest / name
        return path.exists() and np.array_equal(
            decode_png(path.read_bytes()), painted(text, self.scene.layout)[name]
        )

    @invariant()
    def nothing_is_doubled(self) -> None:
        if hasattr(self, "scene"):
            with suppress(FormatError):
                assert self.scene.doubled() == []

    @invariant()
    def nothing_else_is_touched(self) -> None:
        if hasattr(self, "scene"):
            assert self.scene.strays() == []


def stories(count: int, length: int) -> Tally:
    """So many random stories of so many steps."""
    Story.steps = 0

    def tell() -> Verdict:
        chosen = settings(max_examples=count, stateful_step_count=length, deadline=None, database=None)
        try:
            run_state_machine_as_test(Story, settings=chosen)
        except (AssertionError, ExceptionGroup, ValueError, pytest.fail.Exception) as error:
            return Verdict(Story.steps, other=("".join(traceback.format_exception(error))[-2000:],))
        return Verdict(Story.steps)

    tally = tallied("stories of runs, crashes, edits and damage", [("stories", tell)])
    tally.runs = count
    return tally
