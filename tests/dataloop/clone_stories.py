"""Stories of clones, runs, restorations and edits, a state machine: `python -m tests.dataloop.clone_stories`.

    python -m tests.dataloop.clone_stories --count 300

Items and the whole dataset are cloned in whatever state they are, also half-deleted; the clones are
converted, restored and edited like the first. What is declared by then must be there, or in a mask.
"""

import argparse
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from polymask import rasterize
from polymask.codecs.png import decode_rgba
from polymask.dataloop.emulator import Emulator, Fault
from polymask.dataloop.jobs import run
from polymask.dataloop.jobs.undoing.restoration import restore_dataset
from polymask.dataloop.sink import png_of
from polymask.errors import PolymaskError
from polymask.in_place.job import ProvenOptions
from polymask.model import BoolMask
from polymask.results import Report
from tests.dataloop.conftest import Api
from tests.dataloop.home import private_home
from tests.dataloop.world import HEIGHT, URL, WIDTH, Json, World, polygon_of, ring, segment, stopped_before

BOXES = [(0, 0, 8, 6), (4, 4, 14, 10), (12, 0, 20, 8), (0, 9, 9, 15), (15, 9, 23, 15)]
LABELS = ("cat", "dog")
COPY = "dataloop://boats/copy"
MOST_ITEMS = 4
which = st.integers(0, 9)


class Clones(RuleBasedStateMachine):
    """Two datasets, of which the second is made of the first; their polygons, and what people did to them.

    `declared` has for each item the pixels of every polygon that must be there or in a mask of its label.
    What was erased or moved while masks could take it for deleted may stay in them (`docs/dataloop.md`).
    """

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.journal = Path(self._folder.name) / "journal"
        self.emulator = Emulator()
        self.emulator.__enter__()
        self.world = World(self.emulator)
        self.api = Api(self.emulator)
        self.names = 0
        self.urls = [URL]
        self.edited = False  # whether anything was ever erased or moved
        self.declared: dict[str, list[tuple[str, BoolMask]]] = {}
        row = segment("cat", ring(*BOXES[0]))
        self.declared[self.world.add_item("/0.png", row)] = [("cat", painted(row))]
        self.draw(0, "cat", BOXES[1])

    def teardown(self) -> None:
        self.api.session.close()
        self.emulator.__exit__(None, None, None)
        self._folder.cleanup()

    def items(self) -> list[str]:
        """The items of both datasets."""
        return sorted(self.declared)

    def _item(self, at: int) -> str:
        return self.items()[at % len(self.items())]

    def _polygon(self, at: int, nth: int) -> tuple[str, Json | None]:
        item = self._item(at)
        rows = self.world.of_type("segment", item)
        return item, rows[nth % len(rows)] if rows else None

    # What people do.

    @rule(at=which, label=st.sampled_from(LABELS), box=st.sampled_from(BOXES))
    def draw(self, at: int, label: str, box: Any) -> None:
        item = self._item(at)
        self.world.emulator.add_annotation(item, row := segment(label, ring(*box)))
        self.declared[item].append((label, painted(row)))

    @rule(at=which, nth=which)
    def erase(self, at: int, nth: int) -> None:
        """In the first item or in a clone."""
        item, row = self._polygon(at, nth)
        if row:
            self.emulator.remove_annotation(row["id"])
            self._forget(item, row)

    @rule(at=which, nth=which, box=st.sampled_from(BOXES))
    def move(self, at: int, nth: int, box: Any) -> None:
        item, row = self._polygon(at, nth)
        if row:
            self._forget(item, row)
            moved = self.emulator.edit_annotation(row["id"], coordinates=[ring(*box)])
            self.declared[item].append((row["label"], painted(moved)))

    def _forget(self, item: str, row: Json) -> None:
        pixels = painted(row)
        self.edited = True
        index = next(
            number
            for number, (label, mask) in enumerate(self.declared[item])
            if label == row["label"] and np.array_equal(mask, pixels)
        )
        del self.declared[item][index]

    @rule(at=which)
    def clone_item(self, at: int) -> None:
        """With its annotations, into the first dataset."""
        if len(self.items()) >= MOST_ITEMS:
            return
        item, self.names = self._item(at), self.names + 1
        body = {
            "targetDatasetId": self.world.dataset["id"],
            "remoteFileName": f"/copy {self.names}.png",
            "cloneDatasetParams": {"withItemsAnnotations": True, "withMetadata": True},
        }
        (copy,) = self.api("POST", f"/items/{item}/clone", body).json()["spec"]["returnedModelId"]
        self.declared[copy] = list(self.declared[item])

    @rule()
    def clone_dataset(self) -> None:
        """Once: all items of the first, with their annotations."""
        if len(self.urls) > 1 or len(self.items()) >= MOST_ITEMS:
            return
        self.urls.append(COPY)
        firsts = {str(row["filename"]): str(row["id"]) for row in self.emulator.items()}
        body = {"name": "copy", "cloneDatasetParams": {"withItemsAnnotations": True, "withMetadata": True}}
        path = f"/datasets/{self.world.dataset['id']}/clone"
        dataset_id = self.api("POST", path, body).json()["spec"]["returnedModelId"]
        for row in self.emulator.items(str(dataset_id)):
            self.declared[str(row["id"])] = list(self.declared[firsts[str(row["filename"])]])

    # What runs do, in the first dataset and in its clone.

    def _convert(self, at: int, *, deletes: bool) -> Report:
        url = self.urls[at % len(self.urls)]
        with self.world.connected():
            options = ProvenOptions(delete_source=deletes)
            return run.convert_in_place(url, options, journal=self.journal)

    @rule(at=which, deletes=st.booleans())
    def convert(self, at: int, deletes: bool) -> None:
        """A whole run: no polygon that is painted is left, if it deletes."""
        assert [failure.reason for failure in self._convert(at, deletes=deletes).failures] == []

    @rule(at=which, nth=st.integers(8, 40), by_id=st.booleans())
    def die(self, at: int, nth: int, by_id: bool) -> None:
        """A deleting run that is stopped before a call, also between two deletions of single polygons."""
        refused = Fault("POST", "**/query", "status", status=400, clause="updatedAt", times=None)
        self.emulator.faults.add(*([refused] if by_id else []))
        with stopped_before("*", nth), suppress(PolymaskError):
            self._convert(at, deletes=True)
        self.emulator.faults.clear()

    @rule(at=which)
    def restore(self, at: int) -> None:
        """Everything that is declared is there, and only the dataset that is named is touched."""
        url = self.urls[at % len(self.urls)]
        with self.world.connected(), suppress(PolymaskError):  # where nothing was ever deleted
            report = restore_dataset(url, journal=self.journal)
            told = [failure.reason for failure in report.failures]
            # What was erased or moved before masks were finished, they take for deleted, by another machine.
            assert [reason for reason in told if not (self.edited and "that no journal in" in reason)] == []
            for item in self.items():
                if self._url(item) == url:
                    self._take_in_what_came_back(item)
                    assert self._missing(item, masks=False) == []

    def _url(self, item: str) -> str:
        in_first = {str(row["id"]) for row in self.emulator.items(self.world.dataset["id"])}
        return URL if item in in_first else COPY

    def _take_in_what_came_back(self, item: str) -> None:
        """What was erased, or as it was before it was moved, comes back where masks took it for deleted."""
        self.declared[item] = [
            (row["label"], painted(row)) for row in self.world.of_type("segment", item)
        ] + [
            (label, pixels)
            for label, pixels in self.declared[item]
            if not any(
                label == row["label"] and np.array_equal(pixels, painted(row))
                for row in self.world.of_type("segment", item)
            )
        ]

    # What holds at any moment.

    def _missing(self, item: str, *, masks: bool = True) -> list[str]:
        """The declared polygons of an item that are neither there nor, if these count, in a mask."""
        rows = self.emulator.annotations(item)
        there = [(row["label"], painted(row)) for row in rows if row["type"] == "segment"]
        there += self._mask_pixels(rows) if masks else []
        return [
            f"{label} of {item}"
            for label, pixels in self.declared[item]
            if not any(label == other and mask[pixels].all() for other, mask in there)
        ]

    def _mask_pixels(self, rows: list[Json]) -> list[tuple[str, BoolMask]]:
        return [(row["label"], decode_rgba(png_of(row))) for row in rows if row["type"] == "binary"]

    @invariant()
    def nothing_is_lost(self) -> None:
        assert [missing for item in self.items() for missing in self._missing(item)] == []


PIXELS: dict[str, BoolMask] = {}


def painted(row: Json) -> BoolMask:
    """The pixels of a polygon; each shape is drawn once."""
    key = str(row["coordinates"])
    if key not in PIXELS:
        PIXELS[key] = rasterize(polygon_of(row), (HEIGHT, WIDTH))
    return PIXELS[key]


def tell(count: int, steps: int) -> None:
    """Tell so many stories; raises where any loses something, after the shortest that does was found."""
    chosen = settings(
        max_examples=count,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Clones, settings=chosen)


def main() -> int:
    """Tell stories, and print how many."""
    parser = argparse.ArgumentParser(description="Clone items and datasets in whatever state they are.")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--steps", type=int, default=20)
    asked = parser.parse_args()
    began = time.perf_counter()
    with private_home():
        tell(asked.count, asked.steps)
    print(f"{asked.count} runs, nothing lost, {time.perf_counter() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
