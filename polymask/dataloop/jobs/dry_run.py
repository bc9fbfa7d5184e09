"""What a run would change in a dataset, as a report: its masks as they are, and what would be done."""

import threading
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from polymask.codecs.png import encode_png
from polymask.dataloop.jobs.run import convert_connected, open_dataset
from polymask.in_place.job import ProvenOptions
from polymask.in_place.protocols import Item, Reading, Stored
from polymask.in_place.reconcile import Decision
from polymask.model import IndexMask
from polymask.provenance.claims import Mask
from polymask.report.changes import ItemChange, preview_of_items
from polymask.report.html import write
from polymask.report.page import ImageChange
from polymask.results import Report
from polymask.wording import counted


def convert_with_preview(url: str, output: str | Path, options: ProvenOptions, **chosen: Any) -> Report:
    """A dry run of `convert_in_place`, and the report of what it would change at `output`."""
    dataset = open_dataset(url, workers=options.workers)
    picture = dataset.source().image
    changes: dict[str, ItemChange] = {}
    lock = threading.Lock()

    def watch(
        item: Item, reading: Reading, decisions: Mapping[str, Decision], stored: Sequence[Stored]
    ) -> None:
        what = decisions_in_words(decisions, deletes=options.delete_source)
        before = masks_of(reading, stored)
        with lock:
            changes[item.name] = ItemChange(reading.record, before, what, partial(picture, item))

    report = convert_connected(dataset, options, watch=watch, **chosen)
    write(preview_of_items([changes[name] for name in sorted(changes)], url, options.pixel_rule), output)
    return report


def masks_of(reading: Reading, stored: Sequence[Stored]) -> dict[str, bytes]:
    """The stored masks of an item by label, as PNGs; several of one label are united."""
    before: dict[str, IndexMask] = {}
    for proof in stored:
        if proof.mask is not None and proof.mask.shape == reading.record.frame:
            mask: IndexMask = proof.mask.astype(np.uint8)
            before[proof.label] = np.maximum(mask, before.get(proof.label, mask))
    return {label: encode_png(mask) for label, mask in before.items()}


def decisions_in_words(decisions: Mapping[str, Decision], *, deletes: bool) -> list[ImageChange]:
    """What a run would do to an item."""
    lines = [line for label in sorted(decisions) for line in _of_label(label, decisions[label])]
    written = [decision.write for decision in decisions.values() if decision.write]
    deletions = sum(len(decision.accounted) for decision in decisions.values())
    deletions += sum(_deletes(mask, source) for mask in written for source in mask.claim["sources"])
    if deletes and deletions:
        proven = "its mask is proven" if deletions == 1 else "their masks are proven"
        text = f"delete {counted(deletions, 'polygon')} once {proven}"
        lines.append(ImageChange(text, "polygons to delete", deletions))
    return lines


def _deletes(mask: Mask, source: Mapping[str, Any]) -> bool:
    """Whether a source instance of a new mask is to be deleted on the mask's account."""
    return bool(mask.claim["deletes"] or source.get("deletes")) and not source.get("deleted")


def _of_label(label: str, decision: Decision) -> list[ImageChange]:
    lines = []
    if decision.write:
        pixels = decision.write.painted.pixels
        lines.append(ImageChange(f"write the mask of '{label}' ({pixels:,} px)", "masks to write"))
    if decision.retract:
        count = len(decision.retract)
        lines.append(ImageChange(f"retract {counted(count, 'mask')} of '{label}'", "masks to retract", count))
    return [*lines, ImageChange(decision.problem, "problems")] if decision.problem else lines
