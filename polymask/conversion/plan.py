"""The plan of a conversion: what will be done, decided and refused before the first write.

`make_plan` refuses everything that can be refused: options that do not go together, labels without
a value, polygons that could not be deleted, and what lies in DEST. `run_plan` carries a plan out.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from polymask.conversion.batch_plan import painter_of
from polymask.conversion.dest.check import Dest, DestCheck, Standing
from polymask.conversion.dest.deleted import Entry, is_deleted
from polymask.conversion.dest.folder_sink import FolderSink
from polymask.conversion.label_plan import label_choice, unknown_labels
from polymask.conversion.options import ConvertOptions
from polymask.errors import InputError
from polymask.formats import Annotations, open_annotations
from polymask.formats.reading.needed_pictures import require_pictures
from polymask.labels.as_label_map import is_path
from polymask.labels.label_map import LabelMap
from polymask.layouts import Layout, LayoutOptions, layout_named
from polymask.layouts.common.splits import split_options
from polymask.limits import LIMITS
from polymask.model import ImageRecord, Skipped
from polymask.painting.accounted import Account
from polymask.painting.batch import BatchPainter
from polymask.painting.label_choice import LabelChoice
from polymask.painting.painting import Painting, Rules
from polymask.raster.resize import resized
from polymask.storage.local import Root
from polymask.storage.safe_names import safe_path
from polymask.storage.urls import Location, located

# Options that a run may change and still be the one that did not finish.
_ANY_TIME = ("workers", "scheduler", "overwrite", "dry_run", "max_conflict", "max_delete", *LIMITS)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """What a conversion will do.

    `source` is where other processes can open the annotations, or None where only this one has them.
    `indices` are the chosen images, as places in `annotations.names`; `skipped` is what is left out
    of the source and reported. With `deletes`, polygons that the masks hold are deleted from the source;
    `source_sha256` is then the digest of its file. `painter`, where there is one, paints many images at once.
    """

    source: Location | None
    annotations: Annotations
    options: ConvertOptions
    rules: Rules
    indices: Sequence[int]
    labels: LabelChoice
    skipped: Sequence[Skipped]
    layout_options: LayoutOptions
    check: DestCheck
    sink: FolderSink
    deletes: bool
    source_sha256: str = ""
    painter: BatchPainter | None = None

    @property
    def layout(self) -> Layout:
        """The layout's module."""
        return layout_named(self.options.to)

    @property
    def label_map(self) -> LabelMap:
        """The labels and their values."""
        return self.labels.label_map

    def chosen(self, record: ImageRecord) -> ImageRecord:
        """The record with the chosen instances only, at the chosen size."""
        record = self.choose(record)
        return resized(record, self.options.size) if self.options.size else record

    def choose(self, record: ImageRecord) -> ImageRecord:
        """The record with the chosen instances only."""
        return _chosen(record, self.labels)

    def account(self, painting: Painting, declared: ImageRecord, *, is_drawn: bool = True) -> Account:
        """What became of the instances of a record as it is declared, whose `chosen` ones were painted."""
        return Account(
            painting,
            index=self.layout.INDEX,
            instances=self.options.instances,
            declared=declared,
            choice=self.labels,
            is_drawn=is_drawn,
        )

    def of_run(self, listed: Iterable[Skipped]) -> Iterator[Skipped]:
        """Of things that are listed by image, those of images that this run is for."""
        return (skipped for skipped in listed if _is_of_run(skipped.name, self.options))


def make_plan(source: str | Location | Annotations, dest: str | Location, options: ConvertOptions) -> Plan:
    """Decide what a conversion will do.

    Raises `InputError` for what cannot be done, or is in the way in DEST; `FormatError`, `Denied` or
    `ProofError` where polygons are to be deleted and could not be.
    """
    plan = _decided(source, dest, options)
    require_pictures(plan.annotations, indices=_sized_by_pictures(plan), every=False)
    root = plan.sink.root
    if isinstance(root, Root) and root.path.is_dir():
        from polymask.conversion.dest.losses import refuse_lost_manifest  # quick to start without

        refuse_lost_manifest(root)
    if plan.deletes:
        from polymask.conversion.rehearsal import rehearse  # quick to start without

        digest = rehearse(plan.annotations.path, plan.sink.root.path)
        plan = replace(plan, source_sha256=digest)
    plan.sink.standing = plan.check.first_look()
    if plan.deletes:
        _refuse_lost_journal(plan)
    return plan


def _refuse_lost_journal(plan: Plan) -> None:
    """Raise `ProofError` where polygons are deleted and no journal tells of it: no more are then."""
    from polymask.conversion.dest import deletion_journal as journal  # quick to start without

    root, entries = plan.sink.root, plan.sink.standing.entries
    assert isinstance(root, Root)
    if not root.path.is_dir() or journal.read_log(root) is not None or not journal.speaks_of_deletions(root):
        return
    names = set(plan.check.names)
    claims = [name for name in entries if "remaining_sha256" in entries[name]]
    if claims and not any(name not in names or plan.check.is_deleted(name, entries[name]) for name in claims):
        return
    if plan.source_sha256 not in journal.backups_in(root):
        raise journal.lost_journal(root)


def _chosen(record: ImageRecord, labels: LabelChoice) -> ImageRecord:
    if all(map(labels.is_painted, {instance.label for instance in record.instances})):
        return record
    return replace(record, instances=tuple(i for i in record.instances if labels.is_painted(i.label)))


def _sized_by_pictures(plan: Plan) -> list[int]:
    """The images that cannot be done without their picture."""
    if plan.options.copy_images:
        return list(plan.indices) if plan.annotations.picture is None else []
    needed = set(plan.annotations.sized_by_pictures)
    return [index for index in plan.indices if index in needed]


def join_plan(source: Location, dest: Location, options: ConvertOptions, *, resumes: bool) -> Plan:
    """The plan that another process has made, and holds DEST for; `resumes` as its run does."""
    plan = _decided(source, dest, options)
    plan.sink.standing = Standing.of(plan.sink.root, resumes=resumes)
    return plan


def _decided(source: str | Location | Annotations, dest: str | Location, options: ConvertOptions) -> Plan:
    """The plan, as far as DEST's content does not matter."""
    annotations, rules = _opened(source, options), options.rules()
    # The layout `dataloop` copies the source's file, and leaves the source itself alone.
    deletes = options.delete_source and options.to != "dataloop"
    if deletes:
        from polymask.conversion.rehearsal import refuse_undeletable  # quick to start without

        refuse_undeletable(annotations, located(dest), options.to)
    indices = _chosen_images(annotations, options)
    labels = label_choice(annotations, options)
    skipped = [*annotations.skipped, *unknown_labels(annotations, labels, options)]
    layout_options = _layout_options(annotations, labels, options)
    folder = Dest(dest, options.to, options=layout_options, rules=rules)
    return Plan(
        source=None if isinstance(source, Annotations) else located(source),
        annotations=annotations,
        options=options,
        rules=rules,
        indices=indices,
        labels=labels,
        skipped=skipped,
        layout_options=layout_options,
        check=_dest_check(folder, annotations, indices, labels, options),
        sink=FolderSink(folder, overwrite=options.overwrite, keep_sources=deletes),
        deletes=deletes,
        painter=None if deletes else painter_of(annotations, labels, layout_options, options),
    )


def _dest_check(
    folder: Dest,
    annotations: Annotations,
    indices: Sequence[int],
    labels: LabelChoice,
    options: ConvertOptions,
) -> DestCheck:
    @cache
    def places() -> dict[str, int]:
        return {annotations.names[index]: index for index in indices}

    def is_gone(name: str, entry: Entry) -> bool:
        """Whether an image's record lacks what its mask was made of."""
        declared = annotations.decode(places()[name])
        return is_deleted(entry, declared, lambda record: _chosen(record, labels)) is not False

    return DestCheck(
        folder,
        [annotations.names[index] for index in indices],
        fingerprint=_fingerprint(annotations, folder.options.label_map, options),
        inputs=[annotations.path, *([located(options.labels)] if is_path(options.labels) else [])],
        overwrite=options.overwrite,
        is_deleted=is_gone,
        size=options.size,
        pictures=partial(_pictures, annotations, indices, options, folder.root.path),
    )


def _pictures(
    annotations: Annotations, indices: Sequence[int], options: ConvertOptions, dest: Location
) -> Iterator[Location]:
    """The pictures of the images, where any may lie among what is written."""
    images = located(options.images) if options.images is not None else None
    if not (isinstance(images, Path) and isinstance(dest, Path)):
        return
    inner, outer = images.resolve(), dest.resolve()
    if not (inner.is_relative_to(outer) or outer.is_relative_to(inner)):
        return
    for index in indices:
        if (file := annotations.picture_file(index)) and not file.place.zip:
            yield file.path


def _fingerprint(annotations: Annotations, label_map: LabelMap, options: ConvertOptions) -> dict[str, Any]:
    """What makes a run the same run as one that did not finish."""
    plain = asdict(replace(options, labels=None, images=None)) | {"images": str(options.images)}
    lasting = {name: value for name, value in plain.items() if name not in _ANY_TIME}
    lasting["source"] = str(annotations.path.absolute())
    lasting["label_map"] = sha256(label_map.to_json()).hexdigest()
    stored: dict[str, Any] = json.loads(json.dumps(lasting))
    return stored


def _opened(source: str | Location | Annotations, options: ConvertOptions) -> Annotations:
    options.refuse_without_effect(layout_named(options.to))
    if options.size:
        options.reading.limits.check_frame("--size", options.size)
    if isinstance(source, Annotations):
        return source
    return open_annotations(source, format=options.from_, options=options.reading)


def _chosen_images(annotations: Annotations, options: ConvertOptions) -> Sequence[int]:
    names, globs = annotations.names, options.where
    if globs and not any(_is_named(name, options) for name in names):
        raise InputError(f"--where {' --where '.join(globs)} matches none of {len(names)} images")
    return [index for index, name in enumerate(names) if _is_of_run(name, options)]


def _is_named(name: str, options: ConvertOptions) -> bool:
    return not options.where or any(fnmatchcase(name, glob) for glob in options.where)


def _is_of_run(name: str, options: ConvertOptions) -> bool:
    """Whether an image is chosen by its name, and of this part of the run."""
    return _is_named(name, options) and (not options.part or options.part.takes(name))


def _layout_options(annotations: Annotations, labels: LabelChoice, options: ConvertOptions) -> LayoutOptions:
    """What the layout is asked; raises `InputError` where it cannot hold these labels."""
    name_of = labels.label_map.name_of
    layout_options = LayoutOptions(
        label_map=labels.label_map,
        split=safe_path(options.split),
        instances=options.instances,
        used=frozenset(map(name_of, filter(labels.is_painted, annotations.used))),
        stuff=frozenset(map(name_of, options.stuff)),
        original=_originals(annotations),
        delete_source=options.delete_source,
        palette=options.palette,
        **split_options(annotations.names, options.split_ratio, seed=options.seed),
    )
    layout_named(options.to).check(layout_options)
    if options.copy_images and options.images is None and annotations.picture is None:
        raise InputError("--copy-images needs to know where the pictures are", advice="add --images DIR")
    return layout_options


def _originals(annotations: Annotations) -> Callable[[str], bytes | None]:
    """The source's own record of an image by name, for layouts that add to it."""
    original = annotations.original
    if original is None:
        return lambda _: None
    indices = {name: index for index, name in enumerate(annotations.names)}
    return lambda name: original(indices[name])
