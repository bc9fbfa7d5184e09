"""The job: plan → convert → write → summary, over a source of records and a sink for masks.

Everything that can be refused is refused while planning, before the first write. After
that each image stands alone: one that fails is reported, and the others are done.
"""

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from polymask.conflicts import add_conflicts, without_winners
from polymask.digest import record_sha256
from polymask.errors import BackendError, InputError, LabelError, PolymaskError, unknown
from polymask.files import regular
from polymask.folder import FolderSink
from polymask.formats import Annotations, open_annotations
from polymask.labels import LabelMap, from_categories, unknown_label
from polymask.layouts import Drawn, Layout, LayoutOptions, layout_named, picture_path, refuse_without_effect
from polymask.layouts.splits import split_options
from polymask.model import Conflict, ImageRecord, Skipped
from polymask.names import safe_path
from polymask.options import ConvertOptions, Progress
from polymask.raster import KERNEL
from polymask.raster.resize import resized
from polymask.removal import delete_accounted, refuse_undeletable
from polymask.report_model import Report
from polymask.semantic import Painting
from polymask.strips import painting as striped
from polymask.workers import run_chunks


@dataclass(slots=True)
class Outcome:
    """What became of one image."""

    name: str
    drawn: Drawn | None = None
    entry: dict[str, Any] = field(default_factory=dict)
    changed: bool = False
    failure: str = ""
    labels: dict[str, tuple[int, int]] = field(default_factory=dict)
    conflicts: tuple[Conflict, ...] = ()
    contested: int = 0
    labeled: int = 0
    instances: int = 0


class Job:
    """One conversion, planned when it is made and carried out by `run`."""

    def __init__(self, source: str | Path | Annotations, dest: str | Path, options: ConvertOptions) -> None:
        self.options, self.rules = options, options.rules()
        refuse_without_effect(self.layout, options)
        if options.size:
            options.reading.limits.check_frame("--size", options.size)
        self.annotations = (
            source
            if isinstance(source, Annotations)
            else open_annotations(source, format=options.from_, options=options.reading)
        )
        # The layout `dataloop` copies the source's file, and leaves the source itself alone.
        self.deletes = options.delete_source and options.to != "dataloop"
        if self.deletes:
            refuse_undeletable(self.annotations, options.to)
            self.source_sha256 = sha256(self.annotations.path.read_bytes()).hexdigest()
        self.indices = self._chosen_images()
        self.label_map = self._label_map()
        self.only = self._chosen_labels()
        self.skipped = [*self.annotations.skipped, *self._unknown_labels()]
        self.layout_options = LayoutOptions(
            label_map=self.label_map,
            split=safe_path(options.split),
            instances=options.instances,
            original=self._original,
            delete_source=options.delete_source,
            palette=options.palette,
            **split_options(self.annotations.names, options.split_ratio, seed=options.seed),
        )
        self.layout.check(self.layout_options)
        if options.copy_images and options.images is None and self.annotations.picture is None:
            raise InputError("--copy-images needs to know where the pictures are: add --images DIR")
        self.sink = FolderSink(
            dest,
            options.to,
            rules=self.rules,
            options=self.layout_options,
            overwrite=options.overwrite,
            keep_sources=self.deletes,
        )
        inputs = [self.annotations.path, *([Path(options.labels)] if options.labels else [])]
        names = [self.annotations.names[index] for index in self.indices]
        self.sink.plan(names, self.fingerprint, inputs=inputs)

    @property
    def layout(self) -> Layout:
        """The layout's module."""
        return layout_named(self.options.to)

    def _original(self, name: str) -> bytes | None:
        """The source's own record of an image, for layouts that add to it."""
        original = self.annotations.original
        return original(self._places[name]) if original else None

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: index for index, name in enumerate(self.annotations.names)}

    @property
    def fingerprint(self) -> dict[str, Any]:
        """What makes a run the same run as one that did not finish."""
        said = asdict(self.options) | {"images": str(self.options.images), "labels": None}
        for name in ("workers", "overwrite", "dry_run", "max_conflict", "max_pixels", "max_delete"):
            del said[name]
        said["source"] = str(self.annotations.path.absolute())
        said["label_map"] = sha256(self.label_map.to_json()).hexdigest()
        plain: dict[str, Any] = json.loads(json.dumps(said))
        return plain

    def _chosen_images(self) -> list[int]:
        names, globs = self.annotations.names, self.options.where
        chosen = [
            i for i, name in enumerate(names) if not globs or any(fnmatchcase(name, glob) for glob in globs)
        ]
        if globs and not chosen:
            raise InputError(f"--where {' --where '.join(globs)} matches none of {len(names)} images")
        if part := self.options.part:
            chosen = [i for i in chosen if part.takes(names[i])]
        return chosen

    def _label_map(self) -> LabelMap:
        if self.options.ids not in ("contiguous", "source"):
            raise InputError(unknown("ids", self.options.ids, ("contiguous", "source")))
        if self.options.labels is not None:
            if self.options.ids == "source":
                raise InputError("--ids source and --labels are two ways to number labels; leave one out")
            return LabelMap.load(self.options.labels)
        return from_categories(self.annotations.categories, ids=self.options.ids)

    def _unknown_labels(self) -> Iterator[Skipped]:
        for name, instances in self.annotations.used.items():
            if name not in self.label_map and self._is_chosen(name):
                reason = f"{unknown_label(name, self.label_map.names)} ({instances} instances)"
                if not self.options.skip_invalid:
                    raise LabelError(
                        f"{reason}; add it to the --labels file, paint it as another (`{name} -> other`), "
                        "or leave it out with --skip-invalid"
                    )
                yield Skipped(name, reason)

    def _chosen_labels(self) -> frozenset[str]:
        known = {*self.annotations.used, *(name for name, _ in self.annotations.categories)}
        for name in (*self.options.only, *self.options.priority):
            if name not in known and name not in self.label_map:
                raise LabelError(unknown_label(name, sorted(known)))
        return frozenset(self.options.only)

    def _is_chosen(self, label: str) -> bool:
        return not self.only or label in self.only or self.label_map.name_of(label) in self.only

    def run(self, *, executor: Executor | None = None, progress: Progress | None = None) -> Report:
        """Convert every chosen image and return what was done."""
        began = time.perf_counter()
        report = Report(kernel=KERNEL, skipped=self.skipped, unsegmented=self.annotations.unsegmented)
        names = {self.annotations.names[index] for index in self.indices}
        report.unsupported = [one for one in self.annotations.unsupported if one.name in names]
        report.notes = [f"{f.image}: instance {f.instance}: {f.message}" for f in self.annotations.findings]
        if progress:
            progress.start(len(self.indices))
        with (
            nullcontext()
            if self.options.dry_run
            else self.sink.root.run(self.fingerprint, look=self.sink.look)
        ):
            outcomes = self._outcomes(executor, progress)
            self._sum_up(outcomes, report)
            if not self.options.dry_run:
                done = [outcome for outcome in outcomes if outcome.drawn]
                drawn = (outcome.drawn for outcome in done if outcome.drawn)
                self.sink.finish(drawn, (outcome.entry for outcome in done))
                if self.deletes:
                    delete_accounted(self, report)
        report.seconds = time.perf_counter() - began
        return report

    def _outcomes(self, executor: Executor | None, progress: Progress | None) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for chunk in run_chunks(self.convert_image, self.indices, self.options.workers, executor):
            outcomes.extend(chunk)
            if progress:
                progress.advance(len(chunk))
        return outcomes

    def convert_image(self, index: int) -> Outcome:
        """Convert one image. What is wrong with it alone is told in the outcome."""
        name = self.annotations.names[index]
        try:
            return self._convert_image(index)
        except BackendError:
            raise
        except PolymaskError as error:
            return Outcome(name, failure=str(error))
        except Exception as error:  # noqa: BLE001 - the one boundary: an image's bug must not stop the others
            return Outcome(name, failure=f"{type(error).__name__}: {error}; please report this")

    def _convert_image(self, index: int) -> Outcome:
        record = self.chosen(self.annotations.decode(index))
        if entry := self.sink.finished(record):
            return Outcome(record.name, Drawn.of(entry), entry)
        painting = striped(record, self.label_map, self.rules)
        drawn = self.layout.draw(painting, self._with_picture(index))
        if self.options.copy_images:
            drawn = replace(drawn, files=(*drawn.files, self._picture(index)))
        changed = False if self.options.dry_run else self.sink.write(drawn)
        entry = self.sink.entry(record, record_sha256(record), drawn)
        return Outcome(
            record.name,
            drawn=replace(drawn, files=()),
            entry=entry,
            changed=changed or self.sink.before.get(record.name) != entry,
            labels=_counts(painting, index=self.layout.INDEX),
            conflicts=painting.conflicts if self.layout.INDEX else without_winners(painting.conflicts),
            contested=painting.contested_pixels,
            labeled=painting.labeled_pixels,
            instances=len(painting.instances),
        )

    def chosen(self, record: ImageRecord) -> ImageRecord:
        """The record with the chosen instances only, at the chosen size."""
        instances = tuple(
            instance
            for instance in record.instances
            if instance.label in self.label_map and self._is_chosen(instance.label)
        )
        if len(instances) < len(record.instances):
            record = replace(record, instances=instances)
        return resized(record, self.options.size) if self.options.size else record

    def _with_picture(self, index: int) -> LayoutOptions:
        """The layout's options, with the image's picture for layouts that show it, if there is one."""
        has = self.options.images is not None or self.annotations.picture is not None
        if not (has and getattr(self.layout, "PICTURES", False)):
            return self.layout_options
        return replace(self.layout_options, picture=lambda: self._picture(index)[1])

    def _picture(self, index: int) -> tuple[str, bytes]:
        name = self.annotations.names[index]
        place = picture_path(self.layout, name, self.layout_options)
        if self.annotations.picture is not None:
            return place, self.annotations.picture(index)
        path = Path(self.options.images or "") / safe_path(name)
        try:
            return place, regular(path)
        except BackendError as error:
            raise InputError(f"{error}; the picture is needed to copy it") from None

    def _sum_up(self, outcomes: Iterable[Outcome], report: Report) -> None:
        conflicts: dict[tuple[str, str], Conflict] = {}
        labels = {name: {"instances": 0, "pixels": 0} for name in self.label_map.names}
        for outcome in outcomes:
            report.images += 1
            if outcome.failure:
                report.failures.append(Skipped(outcome.name, outcome.failure))
                continue
            report.instances += outcome.instances
            report.written += outcome.changed
            report.unchanged += not outcome.changed
            report.conflict_pixels += outcome.contested
            report.labeled_pixels += outcome.labeled
            add_conflicts(conflicts, outcome.conflicts)
            for name, (instances, pixels) in outcome.labels.items():
                labels[name]["instances"] += instances
                labels[name]["pixels"] += pixels
        report.labels, report.conflicts = labels, tuple(conflicts.values())


def _counts(painting: Painting, *, index: bool) -> dict[str, tuple[int, int]]:
    """Instances and painted pixels by label: in the index mask, or in each label's own."""
    counts = {}
    for value, instances in Counter(painting.values).items():
        place = int(painting.label_map.places[value])
        name = painting.label_map.names[place] if place < len(painting.label_map.labels) else ""
        if name and index:
            counts[name] = instances, painting.pixels.get(value, 0)
        elif name:
            drawn = painting.label_spans.get(name)
            counts[name] = instances, drawn.pixels if drawn else 0
    return counts
