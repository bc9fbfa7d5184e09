"""Any story of edits and runs, plain and deleting, ends with masks that follow: a state machine."""

import tempfile
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from polymask import rasterize
from polymask.in_place.job import ProvenJob, ProvenOptions
from polymask.in_place.journal import Journal
from polymask.model import BoolMask, Polygon
from polymask.provenance.claims import DATASET
from polymask.provenance.digest import geometry_sha256
from polymask.results import Report
from tests.contract.memory import LocalMemory, Memory, Row
from tests.dataloop.world import backed_up

FRAME = (6, 8)
ITEM = "a.png"
LABELS = ("cat", "dog")
BOXES = [(0, 0, 3, 3), (2, 2, 6, 5), (5, 0, 8, 4), (0, 4, 4, 6), (1, 1, 2, 2)]
DETAILS = [
    {},
    {"attributes": {"wet": True, "age": 1}},
    {"attributes": {"wet": False}, "objectId": "1"},
    {"status": "approved", "user": {"batch": 7}},
]
FILES = ("coco:a.json", "coco:b.json")  # local sources of masks, beside the item's own polygons
boxes, labels, details = st.sampled_from(BOXES), st.sampled_from(LABELS), st.sampled_from(DETAILS)
which = st.integers(0, 9)


def rings(box: tuple[int, ...]) -> list[list[list[float]]]:
    left, top, right, bottom = box
    return [[[left, top], [right, top], [right, bottom], [left, bottom]]]


PAINTED: dict[str, BoolMask] = {}  # each box's pixels, by the digest of its geometry
for _box in BOXES:
    _shape = Polygon(rings(_box)[0])
    PAINTED[geometry_sha256((_shape,))] = rasterize(_shape, FRAME)


def painted(row: Row) -> BoolMask:
    return PAINTED[geometry_sha256((Polygon(row["rings"][0]),))]


class Crash(BaseException):
    """The process is no more."""


class Edits(RuleBasedStateMachine):
    """One item, its annotators, and the runs over it."""

    rewrites: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.journal = Path(self._folder.name) / "journal"
        self.memory = Memory(FRAME, rewrites=self.rewrites)
        self.memory.add(ITEM, box=[1, 1, 2, 2])
        self.erased: set[str] = set()  # while no mask said that it was deleted on its account
        self.deleted: dict[str, BoolMask] = {}  # by runs
        self.touched: dict[str, Row] = {}  # masks that somebody changed, as they were
        self.uploaded: dict[str, list[tuple[str, Any]]] = {}  # by local file, as it was converted

    def teardown(self) -> None:
        self._folder.cleanup()

    # What is there.

    @property
    def rows(self) -> list[Row]:
        return self.memory.rows[ITEM]

    def polygons(self) -> list[Row]:
        return [row for row in self.rows if "rings" in row]

    def masks(self) -> list[Row]:
        """Those of the item's own polygons."""
        return self.masks_of(DATASET)

    def masks_of(self, origin: str) -> list[Row]:
        return [row for row in self.rows if "claim" in row and row["claim"]["origin"] == origin]

    @staticmethod
    def name(row: Row) -> str:
        return str(row.get("restored", row["id"]))

    @staticmethod
    def label(mask: Row) -> str:
        """The label that a mask of ours was made for."""
        return str(mask["claim"]["label"])

    # What people do.

    @rule(label=labels, box=boxes, said=details)
    def draw(self, label: str, box: Any, said: Any) -> None:
        self.memory.add(ITEM, label=label, rings=rings(box), details=deepcopy(said))

    def _edit(self, at: int, **changes: Any) -> None:
        if there := self.polygons():
            there[at % len(there)].update(deepcopy(changes))

    @rule(at=which, box=boxes)
    def move(self, at: int, box: Any) -> None:
        self._edit(at, rings=rings(box))

    @rule(at=which, label=labels)
    def relabel(self, at: int, label: str) -> None:
        self._edit(at, label=label)

    @rule(at=which, said=details)
    def describe(self, at: int, said: Any) -> None:
        self._edit(at, details=said)

    @rule(at=which)
    def erase(self, at: int) -> None:
        if not (there := self.polygons()):
            return
        row = there[at % len(there)]
        if self.name(row) not in self._counted_as_deleted(self.masks()):
            self.erased.add(self.name(row))
        self.memory.remove(ITEM, row["id"])

    @staticmethod
    def _counted_as_deleted(masks: list[Row]) -> set[str]:
        """The polygons that masks take for deleted by a run once they are missing.

        Also those that were put back and that no run has seen since: their masks call them deleted still.
        """
        return {
            str(source["id"])
            for claim in (mask["claim"] for mask in masks)
            for source in claim["sources"]
            if claim["deletes"] or source.get("deleted")
        }

    @rule(at=which, how=st.sampled_from(["brush", "relabel"]))
    def touch(self, at: int, how: str) -> None:
        there = [mask for mask in self.masks() if mask["mask"].shape == FRAME]
        if there := [mask for mask in there if mask["id"] not in self.touched]:
            mask = there[at % len(there)]
            self.touched[mask["id"]] = deepcopy(mask)
            mask |= {"mask": ~mask["mask"]} if how == "brush" else {"label": "a boat"}

    @precondition(lambda self: self.touched)
    @rule()
    def undo(self) -> None:
        for mask in self.masks():
            mask |= self.touched.pop(mask["id"], {})

    @rule(at=which)
    def double(self, at: int) -> None:
        """A lost reply, and the mask is stored twice."""
        there = [mask for mask in self.masks() if mask["id"] not in self.touched]
        if there:
            copy = deepcopy(there[at % len(there)])
            self.memory.add(ITEM, **{name: value for name, value in copy.items() if name != "id"})

    @rule(at=which)
    def spoil(self, at: int) -> None:
        """A mask whose polygons are there comes back as another picture's."""
        names = {self.name(row) for row in self.polygons()}
        there = [m for m in self.masks() if {one["id"] for one in m["claim"]["sources"]} <= names]
        if there := [mask for mask in there if mask["id"] not in self.touched]:
            there[at % len(there)]["mask"] = np.ones(FRAME[::-1], bool)

    # What runs do.

    def _run(self, **options: Any) -> Report:
        chosen = ProvenOptions(**options)
        job = ProvenJob(self.memory, self.memory, Journal(self.journal), chosen, sleep=lambda _: None)
        return job.run(list(self.memory.items()))

    def _watched(self, act: Callable[[], Any], nth: int = 0, then: Callable[[], None] | None = None) -> Any:
        """Act, with nothing lost before any change; before the nth, something happens."""
        changes = 0

        def look(what: str) -> None:
            nonlocal changes
            changes += 1
            if changes == nth and then:
                then()
            self.nothing_is_lost()

        self.memory.before_change = look
        before = {self.name(row): painted(row) for row in self.polygons()}
        try:
            return act()
        finally:
            self.memory.before_change = lambda _what: None
            gone = before.keys() - {self.name(row) for row in self.polygons()}
            self.deleted |= {key: before[key] for key in gone - self.erased}

    @rule(deletes=st.booleans(), only=st.none() | labels, limit=st.none() | st.just(1))
    def run(self, deletes: bool, only: str | None, limit: int | None) -> None:
        """A whole run, and the same again: it converges, and its masks are right."""
        untouched = deepcopy([mask for mask in self.masks() if mask["id"] in self.touched])
        options: dict[str, Any] = {"delete_source": deletes, "max_delete": limit if deletes else None}
        options["only"] = frozenset([only] if only else ())
        left_alone = self._beyond_repair()
        told = {self.label(mask) for mask in untouched} | left_alone
        polygons = [row for row in deepcopy(self.polygons()) if row["label"] in told]
        first = self._watched(lambda: self._run(**options))
        stopped = {failure.reason.partition("restore")[0] for failure in first.failures}
        reasons = ("somebody changed", "--max-delete", *(["not what was stored"] if left_alone else []))
        assert all(any(known in reason for known in reasons) for reason in stopped)
        changed = any("somebody changed" in reason for reason in stopped)
        assert (first.exit_code == 4) == changed or limit or left_alone
        assert [mask for mask in untouched if mask not in self.masks_like(untouched)] == []
        assert [row for row in polygons if row not in self.polygons()] == []
        self._check({only} if only else set(LABELS), but=told, deletes=deletes and limit is None)
        before = deepcopy(self.rows)
        again = self._watched(lambda: self._run(**options))
        assert limit or same_rows(before, self.rows)
        assert limit or again.exit_code == first.exit_code

    def _beyond_repair(self) -> set[str]:
        """The labels of spoilt masks that hold polygons which are gone: told, for only `restore` helps."""
        there = {self.name(row) for row in self.polygons()}
        return {
            self.label(mask)
            for mask in self.masks()
            if mask["mask"].shape == FRAME[::-1] and not self._counted_as_deleted([mask]) <= there
        }

    def masks_like(self, wanted: list[Row]) -> list[Row]:
        """The wanted masks that are there still, pixel by pixel."""
        there = {mask["id"]: mask for mask in self.masks()}
        return [one for one in wanted if one["id"] in there and same_row(one, there[one["id"]])]

    def _check(self, chosen: set[str], *, but: set[str], deletes: bool) -> None:
        there = {self.name(row) for row in self.polygons()}
        for label in chosen - but:
            polygons = [painted(row) for row in self.polygons() if row["label"] == label]
            masks = [mask for mask in self.masks() if self.label(mask) == label]
            assert not (deletes and polygons)
            assert len(masks) <= 1 or not polygons
            for mask in masks:
                gone = [s for s in mask["claim"]["sources"] if s["id"] not in there]
                assert not self.erased & {source["id"] for source in gone}
                kept = [PAINTED[source["sha256"]] for source in gone]
                assert np.array_equal(mask["mask"], np.logical_or.reduce([*polygons, *kept]))
            assert masks or not polygons

    @rule(deletes=st.booleans(), nth=st.integers(1, 8))
    def crash(self, deletes: bool, nth: int) -> None:
        """A run that dies before a change."""

        def die() -> None:
            raise Crash

        with suppress(Crash):
            self._watched(lambda: self._run(delete_source=deletes), nth, die)

    @rule(deletes=st.booleans(), nth=st.integers(1, 8), at=which, edit=st.sampled_from(["move", "relabel"]))
    def edit_meanwhile(self, deletes: bool, nth: int, at: int, edit: str) -> None:
        """Somebody edits a polygon while a run is at it."""
        change: dict[str, Any] = (
            {"rings": rings(BOXES[at % 5])} if edit == "move" else {"label": LABELS[at % 2]}
        )
        self._watched(lambda: self._run(delete_source=deletes), nth, lambda: self._edit(at, **change))

    @rule(file=st.sampled_from(FILES), shapes=st.lists(st.tuples(labels, boxes), max_size=3))
    def upload(self, file: str, shapes: list[tuple[str, Any]]) -> None:
        """The masks of a local file, which may have been edited since, go to the item."""
        others = [row for row in deepcopy(self.rows) if row.get("claim", {}).get("origin") != file]
        polygons = [(label, rings(box)) for label, box in shapes]
        source = LocalMemory(self.memory, file, {ITEM: polygons})
        job = ProvenJob(source, self.memory, None, ProvenOptions(), sleep=lambda _: None)
        assert job.run(list(source.items())).failures == []
        self.uploaded[file] = polygons
        rest = [row for row in self.rows if row.get("claim", {}).get("origin") != file]
        assert same_rows(others, rest)

    @precondition(lambda self: self.deleted)
    @rule()
    def restore(self) -> None:
        for line in Journal(self.journal).deleted():
            if str(line["instance"]["id"]) in self.deleted:
                (item,) = self.memory.items()
                self.memory.restore(item, line["instance"])
        self.deleted.clear()

    # What holds at any moment.

    @invariant()
    def nothing_is_lost(self) -> None:
        """What a run deleted is in the backup, and its pixels are in a mask that lists it."""
        there = {self.name(row) for row in self.polygons()}
        kept = {str(row.get("restored", row["id"])) for row in backed_up(self.journal).values()}
        for key, pixels in self.deleted.items():
            if key in there:
                continue
            assert key in kept
            masks = [self.touched.get(mask["id"], mask) for mask in self.masks()]
            listing = [m for m in masks if key in {source["id"] for source in m["claim"]["sources"]}]
            assert any(mask["mask"].shape == FRAME and mask["mask"][pixels].all() for mask in listing)

    @invariant()
    def every_local_file_has_its_masks(self) -> None:
        """One a label, whatever became of the item's own polygons and of the other file."""
        for file, polygons in self.uploaded.items():
            masks = {self.label(mask): mask["mask"] for mask in self.masks_of(file)}
            assert len(masks) == len(self.masks_of(file))
            assert masks.keys() == {label for label, _ in polygons}
            for label, mask in masks.items():
                shapes = [painted({"rings": shape}) for name, shape in polygons if name == label]
                assert np.array_equal(mask, np.logical_or.reduce(shapes))

    @invariant()
    def what_is_not_ours_is_untouched(self) -> None:
        assert [row for row in self.rows if "box" in row] == [{"id": "000001", "box": [1, 1, 2, 2]}]


def same_row(one: Row, other: Row) -> bool:
    pairs = ((one.get(name), other.get(name)) for name in (one.keys() | other.keys()) - {"mask"})
    same = one.get("mask") is other.get("mask") or np.array_equal(one.get("mask"), other.get("mask"))
    return bool(same) and all(a == b for a, b in pairs)


def same_rows(some: list[Row], others: list[Row]) -> bool:
    return len(some) == len(others) and all(map(same_row, some, others))


class EditsOnAServerThatRewrites(Edits):
    """The same, where what a mask says of itself comes back in other words."""

    rewrites = True


STORIES = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestEdits = Edits.TestCase
TestEdits.settings = STORIES
TestEditsOnAServerThatRewrites = EditsOnAServerThatRewrites.TestCase
TestEditsOnAServerThatRewrites.settings = STORIES
