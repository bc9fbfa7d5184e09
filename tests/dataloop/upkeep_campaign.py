"""Masks are kept up to date, or taken away, while somebody works: `python -m tests.dataloop.upkeep_campaign`.

    python -m tests.dataloop.upkeep_campaign               every program, disturbed at every call
    python -m tests.dataloop.upkeep_campaign --sample 30   at some
    python -m tests.dataloop.upkeep_campaign --only remove programs or disturbances with this in their name

Of two items one has something to do: `--update`, with and without deletion, after an edit, and
`remove-masks`, where nothing was ever deleted and where all was put back. Before each of the command's calls
somebody edits, erases or draws a polygon, or takes away or brushes a mask; or the command is killed, before
the call or when it was carried out. Whatever was said, each polygon must be there as it was left, or in a
mask, and what is not ours as it was; and the same command must come to its end, or name what it left alone.

The moments after the last look at masks of deleted polygons are left out (`docs/dataloop.md` tells of them).
"""

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from polymask.dataloop.emulator import AuditEntry, Emulator
from polymask.dataloop.jobs.undoing.removal import remove_dataset_masks
from polymask.errors import PolymaskError
from polymask.formats.reading.annotation_choice import original_id
from polymask.results import Report
from tests.dataloop.edit_campaign import ACTS, MASK_ACTS, Scene
from tests.dataloop.fault_campaign import folder
from tests.dataloop.home import private_home
from tests.dataloop.world import (
    ACROSS,
    BESIDE,
    RING_WITH_HOLE,
    URL,
    Json,
    World,
    box,
    expected,
    ring,
    same_masks,
    stopped_before,
    stopped_unheard,
)

KILLS = {"killed before a call": stopped_before, "killed once it was carried out": stopped_unheard}
SEED = 20261128


@dataclass(frozen=True)
class Program:
    """What comes before the command, and the command itself."""

    prepare: Callable[[Scene, Path], object]
    command: Callable[[World, Path], Report]
    removes: bool = False
    deletes: bool = False


def _plain(scene: Scene, journal: Path) -> None:
    scene.world.convert(journal, delete_source=False)


def _edited(scene: Scene, journal: Path) -> None:
    _plain(scene, journal)
    scene.edit(coordinates=[ring(2, 12, 8, 16)])


def _put_back(scene: Scene, journal: Path) -> None:
    scene.world.convert(journal)
    scene.world.restore(journal)


def _remove(world: World, journal: Path) -> Report:
    with world.connected():
        return remove_dataset_masks(URL, journal=journal)


def _update(world: World, journal: Path) -> Report:
    return world.convert(journal, delete_source=False, update=True)


def _delete(world: World, journal: Path) -> Report:
    return world.convert(journal, update=True)


PROGRAMS = {
    "--update": Program(_edited, _update),
    "--update --delete-source": Program(_edited, _delete, deletes=True),
    "remove-masks": Program(_plain, _remove, removes=True),
    "remove-masks after restore": Program(_put_back, _remove, removes=True),
}
Case = tuple[str, str, int]  # program, disturbance, number of a call of the command, from 1


def staged(emulator: Emulator, journal: Path, program: Program) -> Scene:
    """An item with something to do, and one without."""
    world = World(emulator)
    item = world.add_item("/0.png", RING_WITH_HOLE, BESIDE, ACROSS, box())
    scene = Scene(world, item, dict(world.originals))
    world.add_item("/1.png", BESIDE)
    program.prepare(scene, journal)
    return scene


@cache
def undisturbed(name: str) -> tuple[int, int]:
    """How many calls a command makes that nobody disturbs, and which is the last look at the item's masks."""
    program = PROGRAMS[name]
    with Emulator() as emulator, folder() as journal:
        scene = staged(emulator, journal, program)
        before = len(emulator.audit)
        report = program.command(scene.world, journal)
        assert (report.failures, wrong_in_the_end(scene, program)) == ([], [])
        calls = emulator.audit[before:]
        looks = [n for n, call in enumerate(calls, 1) if _looks_at(call, scene.item)]
        return len(calls), looks[-1]


def _looks_at(call: AuditEntry, item: str) -> bool:
    return call.path.endswith("/query") and call.body.get("filter") == {"$and": [{"itemId": item}]}


def cases(only: str = "") -> Iterator[Case]:
    """Every disturbance at every call of every program."""
    for name, program in PROGRAMS.items():
        for disturbance in (*KILLS, *ACTS):
            if only in name or only in disturbance:
                calls, last_look = undisturbed(name)
                if program.deletes and disturbance in MASK_ACTS:
                    calls = last_look
                yield from ((name, disturbance, number) for number in range(1, calls + 1))


def disturbed(case: Case) -> list[str]:
    """What is wrong about a command that is disturbed, and the same command after it."""
    name, disturbance, number = case
    program = PROGRAMS[name]
    with Emulator() as emulator, folder() as journal:
        scene = staged(emulator, journal, program)
        if disturbance in KILLS:
            with KILLS[disturbance](*(["*"] if KILLS[disturbance] is stopped_before else []), number):
                _said(scene, program, journal)
        else:
            emulator.at_call(len(emulator.audit) + number, lambda: act(scene, disturbance, program))
            _said(scene, program, journal)
        wrong = [f"lost: {lost}" for lost in lost_in(scene)]
        reasons = _said(scene, program, journal)
        if not reasons:
            wrong += wrong_in_the_end(scene, program)
        elif not all(_is_expected(reason, disturbance, program) for reason in reasons):
            wrong += [f"again: {reason}" for reason in reasons]
        return wrong + [f"lost in the end: {lost}" for lost in lost_in(scene)]


def act(scene: Scene, disturbance: str, program: Program) -> None:
    """Somebody does something; where a polygon was put back, it has another id than at first."""
    if program.prepare is _put_back and disturbance not in (*MASK_ACTS, "drawn"):
        row = first_polygon(scene)
        if row is None:
            return
        key = original_id(row) or row["id"]
        if disturbance == "erased":
            scene.world.emulator.remove_annotation(row["id"])
            del scene.wanted[key]
            return
        stand_in = Scene(scene.world, scene.item, {row["id"]: row})
        ACTS[disturbance](stand_in)
        scene.wanted[key] = stand_in.wanted[row["id"]]
        return
    ACTS[disturbance](scene)


def first_polygon(scene: Scene) -> Json | None:
    """The first polygon of the item."""
    return next(iter(scene.world.of_type("segment", scene.item)), None)


def lost_in(scene: Scene) -> list[str]:
    """The polygons that are neither there as they were left nor in a mask; and boxes that are gone."""
    boxes = [] if len(scene.world.of_type("box", scene.item)) == 1 else ["the box"]
    return scene.lost() + boxes


def wrong_in_the_end(scene: Scene, program: Program) -> list[str]:
    """What a command leaves otherwise than it should, if it says that all is done."""
    world, item = scene.world, scene.item
    polygons, masks = world.of_type("segment", item), world.of_type("binary")
    if program.removes:
        return [f"{len(masks)} masks are left"] if masks else []
    if program.deletes:
        return [f"{len(polygons)} polygons are left"] if polygons else []
    is_right = same_masks(world.masks(item), expected(polygons))
    return [] if is_right else ["the masks are not those of the polygons"]


def _is_expected(reason: str, disturbance: str, program: Program) -> bool:
    """Whether a command rightly leaves something alone: what was brushed, or what must be put back first."""
    if disturbance == "mask brushed":
        return "somebody changed the mask" in reason or "delete the mask and run again" in reason
    return program.removes and disturbance == "erased" and "put them back" in reason


def _said(scene: Scene, program: Program, journal: Path) -> list[str]:
    try:
        return [failure.reason for failure in program.command(scene.world, journal).failures]
    except PolymaskError as error:
        return [str(error)]


def main() -> int:
    """Try all of it, or a part, and print what is wrong."""
    parser = argparse.ArgumentParser(description="Disturb the upkeep and the removal of masks.")
    parser.add_argument("--only", default="", help="programs and disturbances with this in their name")
    parser.add_argument("--sample", type=int, help="so many of all; default: all")
    parser.add_argument("--seed", type=int, default=SEED)
    asked = parser.parse_args()
    began, wrong = time.perf_counter(), 0
    with private_home():
        chosen = list(cases(asked.only))
        if asked.sample is not None:
            chosen = random.Random(asked.seed).sample(chosen, min(asked.sample, len(chosen)))
        for case in chosen:
            faults = disturbed(case)
            wrong += bool(faults)
            if faults:
                print(f"    {' · '.join(map(str, case))}: {'; '.join(faults)}", flush=True)
    seconds = time.perf_counter() - began
    print(f"{len(chosen)} runs, {wrong} of them lost or did not end, {seconds:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
