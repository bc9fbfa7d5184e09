"""The job: plan → convert → write → summary, over a source of records and a sink for masks.

Everything that can be refused is refused while planning, before the first write. After
that each image stands alone: one that fails is reported, and the others are done.
"""

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import nullcontext
from dataclasses import asdict, replace
from fnmatch import fnmatchcase
from functools import cached_property
from hashlib import sha256
from typing import Any

from polymask.conversion.conservation import account, close
from polymask.conversion.delete_source import begin_deleting, delete_accounted, refuse_undeletable, rehearse
from polymask.conversion.executors import workplace
from polymask.conversion.folder_sink import FolderSink
from polymask.conversion.options import ConvertOptions, Progress
from polymask.errors import BackendError, InputError, LabelError, PolymaskError, unknown
from polymask.formats import Annotations, open_annotations
from polymask.labels.as_label_map import as_label_map, is_path
from polymask.labels.label_map import LabelMap, from_categories, unknown_label
from polymask.layouts import Layout, LayoutOptions, layout_named, picture_path
from polymask.layouts.common.splits import split_options
from polymask.limits import LIMITS
from polymask.model import ImageRecord, Skipped
from polymask.outcome import Made, Outcome, Tally
from polymask.painting.accounted import unaccounted, without
from polymask.painting.conflicts import without_winners
from polymask.painting.painting import Painting
from polymask.painting.strips import painting as striped
from polymask.provenance.digest import record_sha256
from polymask.raster import KERNEL
from polymask.raster.resize import resized
from polymask.results import Report
from polymask.storage.local import regular
from polymask.storage.manifest import manifest_line
from polymask.storage.safe_names import safe_path
from polymask.storage.urls import Location, located


class Job:
    """One conversion, planned when it is made and carried out by `run`."""

    def __init__(
        self,
        source: str | Location | Annotations,
        dest: str | Location,
        options: ConvertOptions,
        *,
        resumes: bool | None = None,
    ) -> None:
        """With `resumes`, the part of a job that another process has planned."""
        self.options, self.rules = options, options.rules()
        self.given = None if isinstance(source, Annotations) else located(source)
        options.refuse_without_effect(self.layout)
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
            refuse_undeletable(self.annotations, located(dest), options.to)
            if resumes is None:
                self.source_sha256 = rehearse(self.annotations.path, located(dest))
        self.indices = self._chosen_images()
        self.label_map = self._label_map()
        self.only = self._chosen_labels()
        self.skipped = [*self.annotations.skipped, *self._unknown_labels()]
        self.layout_options = LayoutOptions(
            label_map=self.label_map,
            split=safe_path(options.split),
            instances=options.instances,
            used=frozenset(map(self.label_map.name_of, filter(self.is_painted, self.annotations.used))),
            stuff=frozenset(map(self.label_map.name_of, options.stuff)),
            original=self._original,
            delete_source=options.delete_source,
            palette=options.palette,
            **split_options(self.annotations.names, options.split_ratio, seed=options.seed),
        )
        self.layout.check(self.layout_options)
        if options.copy_images and options.images is None and self.annotations.picture is None:
            raise InputError("--copy-images needs to know where the pictures are", advice="add --images DIR")
        self.sink = FolderSink(
            dest,
            options.to,
            rules=self.rules,
            options=self.layout_options,
            overwrite=options.overwrite,
            keep_sources=self.deletes,
        )
        if resumes is not None:
            self.sink.join(resumes=resumes)
            return
        inputs = [self.annotations.path, *([located(options.labels)] if is_path(options.labels) else [])]
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
        said = asdict(replace(self.options, labels=None)) | {"images": str(self.options.images)}
        for name in ("workers", "overwrite", "dry_run", "max_conflict", "max_delete", *LIMITS):
            del said[name]
        del said["scheduler"]
        said["source"] = str(self.annotations.path.absolute())
        said["label_map"] = sha256(self.label_map.to_json()).hexdigest()
        plain: dict[str, Any] = json.loads(json.dumps(said))
        return plain

    def _chosen_images(self) -> list[int]:
        names, globs = self.annotations.names, self.options.where
        chosen = [i for i, name in enumerate(names) if self._is_named(name)]
        if globs and not chosen:
            raise InputError(f"--where {' --where '.join(globs)} matches none of {len(names)} images")
        if part := self.options.part:
            chosen = [i for i in chosen if part.takes(names[i])]
        return chosen

    def _is_named(self, name: str) -> bool:
        globs = self.options.where
        return not globs or any(fnmatchcase(name, glob) for glob in globs)

    def _wanted(self, many: Iterable[Skipped]) -> Iterator[Skipped]:
        """Of things that are listed by image, those of images that this run is for."""
        part = self.options.part
        return (one for one in many if self._is_named(one.name) and (not part or part.takes(one.name)))

    def _label_map(self) -> LabelMap:
        if self.options.ids not in ("contiguous", "source"):
            raise unknown("ids", self.options.ids, ("contiguous", "source"))
        if self.options.labels is not None:
            if self.options.ids == "source":
                raise InputError(
                    "--ids source and --labels are two ways to number labels", advice="leave one out"
                )
            return as_label_map(self.options.labels)
        return from_categories(self.annotations.categories, ids=self.options.ids)

    def _unknown_labels(self) -> Iterator[Skipped]:
        for name, instances in self.annotations.used.items():
            if name not in self.label_map and self._is_chosen(name):
                reason = f"{unknown_label(name, self.label_map.names)} ({instances} instances)"
                if not self.options.skip_invalid:
                    raise LabelError(
                        reason,
                        advice=(
                            f"add it to the --labels file, paint it as another (`{name} -> other`), or "
                            "leave it out with --skip-invalid"
                        ),
                    )
                yield Skipped(name, reason)

    def _chosen_labels(self) -> frozenset[str]:
        known = {*self.annotations.used, *(name for name, _ in self.annotations.categories)}
        for name in (*self.options.only, *self.options.priority):
            if name not in known and name not in self.label_map:
                raise unknown_label(name, sorted(known))
        return frozenset(self.options.only)

    @cached_property
    def _all_chosen(self) -> bool:
        return all(map(self.is_painted, self.annotations.used))

    def is_painted(self, label: str) -> bool:
        """Whether instances of a label were chosen, and there is a value for them."""
        return label in self.label_map and self._is_chosen(label)

    def _is_chosen(self, label: str) -> bool:
        return not self.only or label in self.only or self.label_map.name_of(label) in self.only

    def run(self, *, executor: Executor | None = None, progress: Progress | None = None) -> Report:
        """Convert every chosen image and return what was done."""
        began = time.perf_counter()
        if progress:
            progress.start(len(self.indices))
        with (
            workplace(self, executor) as converted,
            nullcontext()
            if self.options.dry_run
            else self.sink.root.run(self.fingerprint, look=self.sink.look),
        ):
            made = self._made(converted(), progress)
            report = self._report(made.tally)
            if not self.options.dry_run:
                if self.deletes:
                    begin_deleting(self)
                self.sink.finish(made.rows, changed=made.tally.report.written > 0)
                if self.deletes:
                    delete_accounted(self, report)
        report.seconds = time.perf_counter() - began
        return report

    def _made(self, converted: Iterator[Made], progress: Progress | None) -> Made:
        made = Made(lines=self.sink.written)
        for some in converted:
            made.add(some)
            if progress:
                progress.advance(some.tally.report.images)
        return made

    def _report(self, tally: Tally) -> Report:
        report = tally.finished()
        nothing = {"instances": 0, "pixels": 0}
        report.labels = {name: report.labels.get(name, nothing) for name in self.label_map.names}
        annotations = self.annotations
        report.kernel, report.unsegmented = KERNEL, annotations.unsegmented
        report.dry_run = self.options.dry_run
        report.skipped = [*self.skipped, *self._wanted(annotations.unchosen)]
        report.unsupported = list(self._wanted(annotations.unsupported))
        is_part = self.options.part is not None
        close(report, annotations, self.indices, shows_void=self.layout.INDEX, part=is_part)
        report.notes = [f"{f.image}: instance {f.instance}: {f.message}" for f in annotations.findings]
        left_out = self._wanted(annotations.images_left_out)
        report.notes += [f"{one.name}: left out: {one.reason}" for one in left_out]
        report.notes += annotations.notes
        return report

    def convert_images(self, indices: Sequence[int]) -> Made:
        """Convert some images. What is wrong with one of them alone is told in its outcome."""
        made = Made()
        for index in indices:
            outcome = Outcome(self.annotations.names[index])
            try:
                self._convert_image(index, outcome, made)
            except BackendError:
                raise
            except PolymaskError as error:
                outcome.failure = error
            except Exception as error:  # noqa: BLE001 - the one boundary: an image's bug must not stop the others
                outcome.failure = PolymaskError(
                    f"{type(error).__name__}: {error}", advice="please report this"
                )
            made.tally.add(outcome)
        return made

    def _convert_image(self, index: int, outcome: Outcome, made: Made) -> None:
        declared = self.annotations.decode(index)
        record = self.chosen(declared)
        painting = striped(record, self.label_map, self.rules)
        if entry := self.sink.finished(record):
            account(outcome, declared, painting, is_drawn=False)
            made.keep(record.name, manifest_line(entry))
            return
        drawn = self.layout.draw(painting, self._with_picture(index))
        if self.options.copy_images:
            drawn = replace(drawn, files=(*drawn.files, self._picture(index)))
        changed = False if self.options.dry_run else self.sink.write(drawn)
        line = self.sink.line(record, record_sha256(record), drawn, remaining=self._remaining(painting))
        if changed or self.sink.differs(record.name, line):
            outcome.written.append(drawn.mask)
        outcome.labels = _counts(painting, index=self.layout.INDEX)
        outcome.conflicts = painting.conflicts if self.layout.INDEX else without_winners(painting.conflicts)
        outcome.contested, outcome.labeled = painting.contested_pixels, painting.labeled_pixels
        outcome.instances = len(painting.instances)
        account(outcome, declared, painting)
        made.keep(record.name, line, drawn.row)

    def _remaining(self, painting: Painting) -> ImageRecord | None:
        """What a painted record is once its polygons are deleted; None where nothing is to be."""
        if not self.deletes:
            return None
        return without(painting.record, unaccounted(painting, index=self.layout.INDEX))

    def chosen(self, record: ImageRecord) -> ImageRecord:
        """The record with the chosen instances only, at the chosen size."""
        if not self._all_chosen:
            instances = tuple(i for i in record.instances if self.is_painted(i.label))
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
        path = located(self.options.images or "") / safe_path(name)
        try:
            return place, regular(path)
        except BackendError as error:
            raise InputError(f"{error}", advice="the picture is needed to copy it") from None


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
