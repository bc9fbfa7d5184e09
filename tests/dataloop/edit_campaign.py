"""Somebody works on the dataset at every moment of a run: `python -m tests.dataloop.edit_campaign`.

    python -m tests.dataloop.edit_campaign                 every act at every moment, in every mode
    python -m tests.dataloop.edit_campaign --only brushed  one act
    python -m tests.dataloop.edit_campaign --app           the app's function, without a folder

One item with three polygons is converted in place. Just before one of the run's calls, or in the wait
that a busy service asks for at that call, somebody moves, relabels or erases a polygon, changes its
attributes, draws another, or takes away or brushes a mask. The service deletes by our filter, refuses it,
or does not heed a part of it; or the app converts, whose backup is among the artifacts. Whatever the run
then says, each polygon must be there as it was left, or in a mask; and the same command must bring it to
its end. A mask that somebody brushed is left alone: only once it is deleted, as the run advises.

Two moments are left out (`docs/dataloop.md` tells of them): where the service takes no condition, that
between the last look at a polygon and its deletion by id; and for masks, that after the last look at them,
when only the note is missing that all went well.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from polymask import rasterize
from polymask.codecs.png import decode_rgba
from polymask.dataloop.emulator import AuditEntry, Emulator, Fault
from polymask.dataloop.sink import png_of
from polymask.errors import PolymaskError
from polymask.formats.reading.annotation_choice import original_id
from polymask.layouts.dataloop import PREFIX
from tests.dataloop.fault_campaign import converted, folder
from tests.dataloop.home import private_home
from tests.dataloop.world import (
    ACROSS,
    BESIDE,
    HEIGHT,
    RING_WITH_HOLE,
    WIDTH,
    Json,
    World,
    brushed,
    polygon_of,
    ring,
    segment,
)

APP = "the app, without a folder"
MODES: dict[str, dict[str, Any]] = {
    "deleted by filter": {},
    APP: {},
    "filter refused": {"kind": "status", "status": 400},
    "filter not heeded": {"kind": "ignore-clause"},
}
LONG = "100"  # seconds that a busy service asks for


@dataclass
class Scene:
    """An item, and what its polygons are by now: those that somebody erased are none of them."""

    world: World
    item: str
    wanted: dict[str, Json]
    acted: bool = False

    def polygon(self) -> Json | None:
        """The first polygon that is still there."""
        rows = [row for row in self.world.of_type("segment", self.item) if row["id"] in self.wanted]
        return rows[0] if rows else None

    def edit(self, **changes: Any) -> None:
        row = self.polygon()
        if row is not None:
            self.wanted[row["id"]] = self.world.emulator.edit_annotation(row["id"], **changes)

    def erase(self) -> None:
        row = self.polygon()
        if row is not None:
            self.world.emulator.remove_annotation(row["id"])
            del self.wanted[row["id"]]

    def draw(self) -> None:
        row = self.world.emulator.add_annotation(self.item, segment("cat", ring(15, 10, 22, 15)))
        self.wanted[row["id"]] = row

    def mask(self) -> Json | None:
        """The first mask that is there."""
        return next(iter(self.world.of_type("binary", self.item)), None)

    def take_mask(self) -> None:
        if row := self.mask():
            self.world.emulator.remove_annotation(row["id"])

    def brush(self) -> None:
        if row := self.mask():
            nothing = PREFIX + brushed(np.zeros((HEIGHT, WIDTH), bool))
            self.world.emulator.edit_annotation(row["id"], coordinates=nothing)

    def lost(self) -> list[str]:
        """The polygons that are neither there as they were left, nor in a mask of their label."""
        rows = self.world.emulator.annotations(self.item)
        polygons = {original_id(row) or row["id"]: row for row in rows if row["type"] == "segment"}
        return [
            f"{row['label']} {key}"
            for key, row in self.wanted.items()
            if not _same(polygons.get(key), row) and not any(_holds(mask, key, row) for mask in rows)
        ]


ACTS: dict[str, Callable[[Scene], None]] = {
    "moved": lambda scene: scene.edit(coordinates=[ring(2, 12, 8, 16)]),
    "relabeled": lambda scene: scene.edit(label="bird"),
    "attributes": lambda scene: scene.edit(metadata={"system": {"attributes": {"wet": False}}}),
    "erased": Scene.erase,
    "drawn": Scene.draw,
    "mask taken away": Scene.take_mask,
    "mask brushed": Scene.brush,
}
MASK_ACTS = ("mask taken away", "mask brushed")
Case = tuple[str, str, int, str]  # mode, act, number of a call, before it or in a wait


def _same(row: Json | None, wanted: Json) -> bool:
    return row is not None and all(row[name] == wanted[name] for name in ("label", "coordinates"))


def _holds(mask: Json, key: str, row: Json) -> bool:
    claim = (mask["metadata"].get("user") or {}).get("polymask") or {}
    if mask["type"] != "binary" or mask["label"] != row["label"]:
        return False
    if key not in {source["id"] for source in claim.get("sources", ())}:
        return False
    pixels = rasterize(polygon_of(row), (HEIGHT, WIDTH))
    return bool(decode_rgba(png_of(mask))[pixels].all())


def cases(only: str = "", *, mode: str = "") -> Iterator[Case]:
    """Every act at every moment, in a mode, or in all but the app's."""
    for chosen in [mode] if mode else [name for name in MODES if name != APP]:
        calls = undisturbed(chosen)
        for act in ACTS:
            if only not in act:
                continue
            for call in calls:
                if act in MASK_ACTS and _is_after_the_last_look(call):
                    continue
                if not _is_unconditional(call):
                    yield chosen, act, call.number, "before"
                yield chosen, act, call.number, "in the wait"


def _is_after_the_last_look(call: AuditEntry) -> bool:
    """The note that all went well, as an artifact: an upload of which nothing depends."""
    return call.path.endswith("/items") and "-deleted-" in call.body["path"]


def _is_unconditional(call: AuditEntry) -> bool:
    """A deletion by id alone, at which no condition can be sent along."""
    return call.method == "DELETE"


@cache
def undisturbed(mode: str) -> tuple[AuditEntry, ...]:
    """The calls of a run that nobody disturbs."""
    with Emulator() as emulator, folder() as journal:
        scene = staged(emulator, mode)
        (report,) = converted(scene.world, journal, app=mode == APP)
        assert (report.failures, report.deleted, scene.lost()) == ([], 3, [])
        return tuple(emulator.audit)


def staged(emulator: Emulator, mode: str) -> Scene:
    world = World(emulator)
    item = world.add_item("/0.png", RING_WITH_HOLE, BESIDE, ACROSS)
    if MODES[mode]:
        emulator.faults.add(of_mode(mode))
    return Scene(world, item, dict(world.originals))


def disturbed(case: Case) -> list[str]:
    """What is wrong about a run in which somebody acts, and the one after it."""
    mode, act, number, moment = case
    with Emulator() as emulator, folder() as journal:
        scene = staged(emulator, mode)

        def do() -> None:
            if not scene.acted:
                scene.acted = True
                ACTS[act](scene)

        if moment == "before":
            emulator.at_call(number, do)
        else:
            scene.world.sleep = lambda _seconds: do()
            busy = Fault("*", "**", "status", status=429, headers={"Retry-After": LONG}, call=number)
            emulator.faults.clear()
            emulator.faults.add(busy, *([of_mode(mode)] if MODES[mode] else []))
        wrong = _run(scene, journal, mode)
        wrong += [f"lost: {name}" for name in scene.lost()]
        scene.world.sleep = lambda _seconds: None
        scene.acted = True
        again = _run(scene, journal, mode, may_fail=False)
        if act == "mask brushed" and again and all("delete the mask and run again" in one for one in again):
            wrong += _as_advised(scene, journal, mode, again)
        else:
            wrong += [f"again: {reason}" for reason in again]
        return wrong + [f"lost in the end: {name}" for name in scene.lost()]


def _as_advised(scene: Scene, journal: Path, mode: str, refusals: list[str]) -> list[str]:
    """Do what a run says of a brushed mask, which it left alone, and run once more; what is wrong then."""
    if any("restore its polygons" in reason for reason in refusals):
        scene.world.restore(None if mode == APP else journal)
    masks = [row["id"] for row in scene.world.of_type("binary", scene.item)]
    brushed_ones = [key for key in masks if any(key in reason for reason in refusals)]
    if len(brushed_ones) != 1:
        return [f"names no brushed mask: {refusals}"]
    scene.world.emulator.remove_annotation(brushed_ones[0])
    return [f"as advised: {reason}" for reason in _run(scene, journal, mode, may_fail=False)]


def of_mode(mode: str) -> Fault:
    """How the service treats our filter."""
    return Fault("POST", "**/query", clause="updatedAt", times=None, **MODES[mode])


def _run(scene: Scene, journal: Path, mode: str, *, may_fail: bool = True) -> list[str]:
    try:
        (report,) = converted(scene.world, journal, app=mode == APP)
    except PolymaskError as error:
        return [] if may_fail else [str(error)]
    return [] if may_fail else [failure.reason for failure in report.failures]


def main() -> int:
    """Try all of it, and print what is wrong."""
    parser = argparse.ArgumentParser(description="Edit a dataset at every moment of its conversion.")
    parser.add_argument("--only", default="", help="acts with this in their name")
    parser.add_argument("--app", action="store_true", help="the app's function, without a folder")
    asked = parser.parse_args()
    began, wrong, runs = time.perf_counter(), 0, 0
    with private_home():
        for case in cases(asked.only, mode=APP if asked.app else ""):
            faults = disturbed(case)
            runs, wrong = runs + 1, wrong + bool(faults)
            if faults:
                print(f"    {' · '.join(map(str, case))}: {'; '.join(faults)}", flush=True)
    print(f"{runs} runs, {wrong} of them lost or did not end, {time.perf_counter() - began:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
