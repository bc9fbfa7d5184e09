"""The plan of a conversion: all decisions and refusals that are possible before the first write.

`make_plan` refuses options that do not go together, labels without a value, polygons that could not be
deleted, and a DEST with files in the way. `run_plan` carries out a plan.
"""

from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase

import msgspec
from msgspec.structs import replace

from polymask.conversion.batch_plan import Paint, painter_of
from polymask.conversion.dest.check import Dest, DestCheck
from polymask.conversion.dest.folder_sink import FolderSink
from polymask.conversion.dest.state import DestState
from polymask.conversion.options import ConvertOptions
from polymask.conversion.planning.dest_plan import plan_dest
from polymask.conversion.planning.effects import refuse_without_effect
from polymask.conversion.planning.label_plan import chosen_instances, label_choice, unknown_labels
from polymask.conversion.planning.layout_plan import plan_layout
from polymask.conversion.planning.problems import open_or_count
from polymask.errors import naming
from polymask.formats import Annotations
from polymask.formats.drawing.shares import in_pixels
from polymask.formats.reading.images.needed_pictures import require_pictures
from polymask.formats.selection import refuse_no_image
from polymask.labels.label_map import LabelMap
from polymask.layouts import Layout, LayoutOptions, layout_named
from polymask.layouts.common.kept_splits import with_kept_splits
from polymask.model import ImageRecord, Skipped
from polymask.painting.accounted import Account
from polymask.painting.label_choice import LabelChoice
from polymask.painting.painting import Painting, Rules
from polymask.raster.resize import resized, scaled
from polymask.storage.manifest import MANIFEST, read_manifest
from polymask.storage.remote.urls import Location, located
from polymask.storage.roots.local import Root
from polymask.storage.roots.object_store import ObjectRoot, open_root


class Plan(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The plan of a conversion.

    `source` is the place where other processes can open the annotations, or None if only this process has
    them. `indices` are the chosen images, as indices of `annotations.names`; `skipped` is reported as left
    out. With `deletes`, polygons that the masks hold are deleted from the source; `source_sha256` is then the
    digest of its file. `paint`, if any, paints many images at once.
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
    paint: Paint | None = None

    @property
    def layout(self) -> Layout:
        """The layout's module."""
        return layout_named(self.options.to)

    @property
    def label_map(self) -> LabelMap:
        """The labels and their values."""
        return self.labels.label_map

    def chosen(self, record: ImageRecord) -> ImageRecord:
        """The record with only the chosen instances, at the chosen size."""
        record, options = self.choose(record), self.options
        if options.scale:
            options.limits.check_frame(f"{record.name}, scaled", options.frame_of_mask(record.frame))
            return scaled(record, options.scale)
        return resized(record, options.size) if options.size else record

    def choose(self, record: ImageRecord) -> ImageRecord:
        """The record with only the chosen instances."""
        return chosen_instances(record, self.labels)

    def account(self, painting: Painting, declared: ImageRecord, *, is_drawn: bool = True) -> Account:
        """The account of a declared record, whose `chosen` instances `painting` has."""
        return Account(
            painting,
            index=self.layout.INDEX,
            instances=self.options.instances,
            declared=declared,
            choice=self.labels,
            is_drawn=is_drawn,
        )

    def of_run(self, all_skipped: Iterable[Skipped]) -> Iterator[Skipped]:
        """The entries whose names are those of images of this run."""
        return (skipped for skipped in all_skipped if _is_of_run(skipped.name, self.options))


def make_plan(source: str | Location | Annotations, dest: str | Location, options: ConvertOptions) -> Plan:
    """Plan a conversion.

    Raises:
        InputError: The conversion is not possible, or files are in the way in DEST.
        FormatError, Denied, ProofError: Polygons are to be deleted and could not be.
    """
    plan = _draft(source, dest, options)
    needed = _sized_by_pictures(plan)
    require_pictures(plan.annotations, indices=needed, images=len(plan.indices), every=False)
    plan = replace(plan, annotations=in_pixels(plan.annotations))
    root = plan.sink.root
    if isinstance(root, Root) and root.path.is_dir():
        from polymask.conversion.dest.losses import refuse_lost_manifest  # quick to start without

        refuse_lost_manifest(root)
    if plan.deletes:
        from polymask.conversion.planning.rehearsal import rehearse  # quick to start without

        digest = rehearse(plan.annotations.path, plan.sink.root.path)
        plan = replace(plan, source_sha256=digest)
    plan.sink.state = plan.check.first_look()
    if plan.deletes:
        _refuse_lost_journal(plan)
    return plan


def _refuse_lost_journal(plan: Plan) -> None:
    """Raise `ProofError` if polygons seem to be deleted but the journal is lost: then no more are deleted."""
    from polymask.conversion.dest import deletion_journal as journal  # quick to start without

    root, entries = plan.sink.root, plan.sink.state.entries
    assert isinstance(root, Root)
    if not root.path.is_dir() or journal.read_log(root) is not None or not journal.implies_deletions(root):
        return
    names = set(plan.check.names)
    claims = [name for name in entries if "remaining_sha256" in entries[name]]
    if claims and not any(name not in names or plan.check.is_deleted(name, entries[name]) for name in claims):
        return
    if plan.source_sha256 in journal.backups_in(root):
        return
    with root.held():  # another run may have been writing at that moment
        if journal.read_log(root) is None and plan.source_sha256 not in journal.backups_in(root):
            raise journal.lost_journal(root)


def _sized_by_pictures(plan: Plan) -> list[int]:
    """The indices of the images that cannot be converted without their picture."""
    if plan.options.copy_images:
        return list(plan.indices) if plan.annotations.picture is None else []
    needed = set(plan.annotations.sized_by_pictures)
    return [index for index in plan.indices if index in needed]


def join_plan(source: Location, dest: Location, options: ConvertOptions, *, resumes: bool) -> Plan:
    """The plan of another process, which holds DEST; `resumes` as that process's run does."""
    plan = _draft(source, dest, options)
    plan.sink.state = DestState.of(plan.sink.root, resumes=resumes)
    return plan


def _draft(source: str | Location | Annotations, dest: str | Location, options: ConvertOptions) -> Plan:
    """The part of the plan that does not depend on the content of DEST."""
    annotations, rules = _opened(source, options), options.rules()
    # The layout `dataloop` copies the source's file, and leaves the source itself alone.
    deletes = options.delete_source and options.to != "dataloop"
    if deletes:
        from polymask.conversion.planning.rehearsal import refuse_undeletable  # quick to start without

        refuse_undeletable(annotations, located(dest), options.to)
    with naming(annotations.path):
        indices = _chosen_images(annotations, options)
        labels = label_choice(annotations, options)
        skipped = [*annotations.skipped, *unknown_labels(annotations, labels, options)]
        layout_options = plan_layout(annotations, labels, options)
        layout_options = _with_kept_splits(layout_options, annotations, open_root(dest))
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
        check=plan_dest(folder, annotations, indices, labels, options),
        sink=FolderSink(folder, options, keep_sources=deletes),
        deletes=deletes,
        paint=None if deletes else painter_of(annotations, labels, layout_options, options),
    )


def _with_kept_splits(
    options: LayoutOptions, annotations: Annotations, root: Root | ObjectRoot
) -> LayoutOptions:
    """The options with the splits of earlier runs, if this run asks for none."""
    if not options.keeps_splits or b'"split' not in (root.read(MANIFEST) or b""):
        return options
    return with_kept_splits(options, annotations.names, read_manifest(root))


def _opened(source: str | Location | Annotations, options: ConvertOptions) -> Annotations:
    refuse_without_effect(options, layout_named(options.to))
    if options.size:
        options.limits.check_frame("--size", options.size)
    if isinstance(source, Annotations):
        return source
    return open_or_count(source, options)


def _chosen_images(annotations: Annotations, options: ConvertOptions) -> Sequence[int]:
    names = annotations.names
    refuse_no_image([name for name in names if _is_named(name, options)], names, options.where)
    return [index for index, name in enumerate(names) if _is_of_run(name, options)]


def _is_named(name: str, options: ConvertOptions) -> bool:
    return not options.where or any(fnmatchcase(name, glob) for glob in options.where)


def _is_of_run(name: str, options: ConvertOptions) -> bool:
    """Whether an image is chosen by its name and belongs to this part of the run."""
    return _is_named(name, options) and (not options.part or options.part.takes(name))
