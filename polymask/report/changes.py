"""Before and after: what a dry run would change, item by item, as a report."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from polymask.analysis.mask_sets import open_mask_folder, open_masks
from polymask.api import convert
from polymask.codecs.png import decode_png, encode_png
from polymask.conversion.job import Job
from polymask.conversion.options import Progress, chosen_options
from polymask.dataloop.target import is_dataloop
from polymask.errors import InputError, PolymaskError
from polymask.formats import Annotations
from polymask.in_place.protocols import Item, Reading, Stored
from polymask.in_place.reconcile import Decision
from polymask.labels.label_map import LabelMap
from polymask.layouts.common.lookup import painted
from polymask.model import IndexMask
from polymask.painting.painting import Rules
from polymask.report.html import Preview, preview_of, require_jinja, write
from polymask.report.pictures import Pictures
from polymask.report.shots import before_of
from polymask.report.survey import Facts, Survey, View, sampled
from polymask.results import Report
from polymask.storage.urls import listed_once, located

Place = str | Path


def convert_with_preview(
    source: Place, dest: Place | None, preview: Place, *, progress: Progress | None = None, **options: Any
) -> Report:
    """A dry run of `polymask.convert`, and the report of what the run would change.

    Raises `InputError` where it is no dry run, or goes from files to a dataset or back.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     out, page = f"{folder}/masks", f"{folder}/changes.html"
    ...     report = convert_with_preview("fixtures/shapes/instances.json", out, page, dry_run=True)
    >>> report.images
    3
    """
    require_jinja()
    if not options.get("dry_run"):
        raise InputError("--preview shows what a run would change", advice="add --dry-run")
    if is_dataloop(source) and (dest is None or str(dest) == str(source)):
        return _of_dataset(str(source), preview, progress, options)
    if dest is None or is_dataloop(source) or is_dataloop(dest):
        raise InputError("--preview is for folders, and for datasets in place", advice="leave it out here")
    report = convert(source, dest, progress=progress, **options)
    write(_of_folder(source, dest, options), preview)
    return report


def _of_folder(source: Place, dest: Place, options: dict[str, Any]) -> Preview:
    chosen = chosen_options(options)
    job, folder = Job(source, dest, chosen), located(dest)
    annotations = replace(
        job.annotations,
        names=[job.annotations.names[index] for index in job.indices],
        decode=lambda at: job.chosen(job.annotations.decode(job.indices[at])),
        picture=None,
    )
    there = folder.is_dir() and open_mask_folder(folder, chosen.limits) is not None
    masks = open_masks(folder, labels=job.label_map, limits=chosen.limits) if there else None
    images = listed_once(located(chosen.images)) if chosen.images else None
    survey = Changes(annotations, masks, label_map=job.label_map, rules=job.rules, images=images)
    survey.pictures = _Own(job, survey.pictures)
    made = preview_of(survey, f"{located(source).name} → {folder.name}", workers=chosen.workers)
    return replace(made, changes=survey.rows(made.facts))


class _Own(Pictures):
    """The job's own pictures, where its source has them."""

    def __init__(self, job: Job, others: Pictures) -> None:
        self.job, self.others = job, others

    def read(self, name: str, index: int | None) -> bytes | None:
        own = self.job.annotations.picture
        if own is None or index is None:
            return self.others.read(name, index)
        return own(self.job.indices[index])


class Changes(Survey):
    """Annotations as they would be painted, beside the masks that are stored."""

    def look(self, index: int) -> Facts:
        """The facts of an image as it would be, and how many pixels of its mask would change."""
        try:
            facts = self._of_record(index)
            before, after = self.stored(index), self.painting(index).index
        except PolymaskError as error:
            return Facts(self.names[index], problem=str(error))
        if before is None:
            return replace(facts, differing=int((after != self.label_map.background).sum()))
        if before.shape != after.shape:
            return replace(facts, differing=after.size)
        return replace(facts, differing=int((before != after).sum()))

    def view(self, index: int, step: int = 1) -> View:
        """The image as it would be."""
        return self.drawn(index, step)

    def what(self, index: int) -> list[str]:
        """What would be done to an image, in words; nothing where nothing would."""
        before = self.stored(index)
        if before is None:
            return ["a new mask"]
        after = self.painting(index).index
        if before.shape != after.shape:
            return ["the mask changes its size"]
        return ["the mask changes"] if (before != after).any() else []

    def more(self, index: int, step: int = 1) -> dict[str, Any]:
        """What would be done, and the mask as it is."""
        before, after = self.stored(index), self.painting(index).index
        if before is None or before.shape != after.shape:
            before = np.full_like(after, self.label_map.background)
        return {"changes": self.what(index), **before_of(sampled(before, step))}

    def rows(self, facts: Sequence[Facts]) -> list[dict[str, Any]]:
        """The images that would change, those with most pixels first."""
        rows = [
            {"name": one.name, "what": self.what(index), "pixels": one.differing}
            for index, one in enumerate(facts)
            if not one.problem
        ]
        return sorted((row for row in rows if row["what"]), key=lambda row: (-row["pixels"], row["name"]))


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """One item of a dataset: what was read, its masks as they are, and what would be done."""

    item: Item
    reading: Reading
    before: Mapping[str, bytes]
    what: Sequence[str]


def seen(
    item: Item,
    reading: Reading,
    decisions: Mapping[str, Decision],
    stored: Sequence[Stored],
    *,
    deletes: bool,
) -> Seen:
    """What a dry run tells of an item, with the stored masks packed."""
    before: dict[str, IndexMask] = {}
    for proof in stored:
        if proof.mask is not None and proof.mask.shape == reading.record.frame:
            mask: IndexMask = proof.mask.astype(np.uint8)
            before[proof.label] = np.maximum(mask, before.get(proof.label, mask))
    what = [line for label in sorted(decisions) for line in _told(label, decisions[label])]
    going = sum(len(decision.accounted) for decision in decisions.values())
    sources = [source for one in decisions.values() if one.write for source in one.write.claim["sources"]]
    going += sum(not source.get("deleted") for source in sources)
    if deletes and going:
        what.append(f"delete {going} polygons once their masks are proven")
    return Seen(item, reading, {label: encode_png(mask) for label, mask in before.items()}, what)


def _told(label: str, decision: Decision) -> list[str]:
    lines = []
    if decision.write:
        lines.append(f"write the mask of '{label}' ({int(decision.write.mask.sum()):,} px)")
    if decision.retract:
        lines.append(f"retract {len(decision.retract)} masks of '{label}'")
    return [*lines, decision.problem] if decision.problem else lines


def _of_dataset(url: str, preview: Place, progress: Progress | None, options: dict[str, Any]) -> Report:
    from polymask.api import in_place_options
    from polymask.dataloop.run import convert_connected, open_dataset

    chosen = chosen_options(options)
    dataset = open_dataset(url, workers=chosen.workers)
    found: dict[str, Seen] = {}
    lock = threading.Lock()

    def watch(
        item: Item, reading: Reading, decisions: Mapping[str, Decision], stored: Sequence[Stored]
    ) -> None:
        one = seen(item, reading, decisions, stored, deletes=chosen.delete_source)
        with lock:
            found[item.name] = one

    report = convert_connected(
        dataset,
        in_place_options(chosen),
        query=chosen.filter,
        journal=chosen.journal,
        where=chosen.where,
        progress=progress,
        watch=watch,
    )
    read = dataset.source().image
    write(preview_of_items([found[name] for name in sorted(found)], url, chosen.pixel_rule, read), preview)
    return report


def preview_of_items(
    items: Sequence[Seen], title: str, pixel_rule: str, image: Callable[[Item], bytes]
) -> Preview:
    """The report of what a dry run saw of a dataset's items."""
    labels = {one.label for item in items for one in item.reading.record.instances}
    label_map = LabelMap.from_names(sorted(labels | {label for item in items for label in item.before}))
    annotations = Annotations(
        path=Path(title),
        format="dataloop",
        categories=tuple((name, None) for name in label_map.names),
        names=[item.reading.record.name for item in items],
        decode=lambda at: items[at].reading.record,
        used={},
        picture=lambda at: image(items[at].item),
    )
    survey = _ItemChanges(annotations, items, label_map, Rules(pixel_rule=pixel_rule))
    made = preview_of(survey, title)
    return replace(made, changes=survey.rows(made.facts))


class _ItemChanges(Changes):
    """Items of a dataset: the masks that would be there after the run, beside those that are."""

    def __init__(
        self, annotations: Annotations, items: Sequence[Seen], label_map: LabelMap, rules: Rules
    ) -> None:
        super().__init__(annotations, None, label_map=label_map, rules=rules)
        self.items = items

    def stored(self, index: int) -> IndexMask | None:
        """The item's masks as they are, later labels on top."""
        masks = {label: decode_png(data) for label, data in self.items[index].before.items()}
        return painted(masks, self.label_map, frame=self.items[index].reading.record.frame)

    def what(self, index: int) -> list[str]:
        """What the run would do, as it decided."""
        return list(self.items[index].what)
