"""The run of a conversion: it paints and writes each image, then writes the manifest, then deletes polygons.

An image that fails is reported; the others are converted all the same.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from polymask.conversion.batch_plan import Batch
from polymask.conversion.copies import copies_of, wanted_pictures, with_picture
from polymask.conversion.dest.outdated import note_on_outdated
from polymask.conversion.executors import workplace
from polymask.conversion.painted import keep_painted
from polymask.conversion.plan import Plan
from polymask.conversion.planning.layout_plan import notes_on_groups
from polymask.conversion.planning.pruning import note_pruned, remove_pruned
from polymask.conversion.planning.rehearsal import what_replacing_loses
from polymask.conversion.undoing.edited_lists import note_edited
from polymask.errors import BackendError, PolymaskError
from polymask.layouts import Drawn
from polymask.log import log
from polymask.model import Frame
from polymask.painting.accounted import Account
from polymask.painting.conflicts import without_winners
from polymask.painting.painting import Painting
from polymask.painting.tiles import tiles_of
from polymask.parallel.progress import Progress
from polymask.provenance.digest import record_sha256
from polymask.raster import KERNEL
from polymask.results import Outcome, Report, add_declared, judge_painted
from polymask.storage.manifest import manifest_line
from polymask.tally import Tally

if TYPE_CHECKING:
    from concurrent.futures import Executor


def run_plan(plan: Plan, *, executor: "Executor | None" = None, progress: Progress | None = None) -> Report:
    """Convert the images of a plan and return a report."""
    began = time.perf_counter()
    images, labels = len(plan.indices), len(plan.label_map.names)
    log.info("planned: %d of %d images, %d labels", images, len(plan.annotations.names), labels)
    if progress:
        progress.start(images)
    with workplace(plan, convert_images, executor) as batches, _held(plan):
        done = _merged(plan, batches(), progress)
        report = _report(plan, done.tally)
        if names := plan.sink.outdated:
            report.notes.append(note_on_outdated(plan.sink.dest, names, dry_run=report.dry_run))
        note_pruned(report, plan.sink.state)
        note_edited(report, plan.sink.state)
        if not plan.options.dry_run:
            _finish(plan, done, report)
            log.info("written: the files of all images, then the manifest; %d deleted", report.deleted)
    report.seconds = time.perf_counter() - began
    return report


def _held(plan: Plan) -> AbstractContextManager[Any]:
    """A block that holds DEST and checks it again; a dry run writes nothing and needs no hold."""
    if plan.options.dry_run:
        return nullcontext()

    def look() -> None:
        plan.sink.state = plan.check.look()

    return plan.sink.root.run(plan.check.fingerprint, look=look)


def _merged(plan: Plan, batches: Iterator[Batch], progress: Progress | None) -> Batch:
    """All images as one batch, which has its lines in the sink."""
    images = Batch(lines=plan.sink.written)
    for batch in batches:
        images.add(batch)
        if progress:
            progress.advance(batch.tally.report.images)
    return images


def _finish(plan: Plan, images: Batch, report: Report) -> None:
    """Write the shared files and the manifest, then delete the polygons that the masks hold."""
    remove_pruned(plan.sink.root, plan.sink.state.pruned)
    if not plan.deletes:
        plan.sink.finish(images.rows, changed=report.written > 0)
        return
    from polymask.conversion.delete_source import begin_deleting, delete_accounted  # quick to start without

    begin_deleting(plan)
    plan.sink.finish(images.rows, changed=report.written > 0)
    delete_accounted(plan, report)


def _report(plan: Plan, tally: Tally) -> Report:
    report, annotations = tally.finished(), plan.annotations
    zeros = {"instances": 0, "pixels": 0}
    report.labels = {name: report.labels.get(name, zeros) for name in plan.label_map.names}
    report.kernel, report.unsegmented = KERNEL, annotations.unsegmented
    report.dry_run = plan.options.dry_run
    report.skipped = [*plan.skipped, *plan.of_run(annotations.unchosen)]
    report.unsupported = list(plan.of_run(annotations.unsupported))
    if annotations.ledger:
        add_declared(report, annotations.ledger, names=annotations.names, indices=plan.indices)
        judge_painted(report, is_part=plan.options.part is not None)
    findings = (f"{f.image}: instance {f.instance}: {f.message}" for f in annotations.findings)
    report.notes = list(dict.fromkeys(findings))  # annotations with the same id share a note
    left_out = plan.of_run(annotations.images_left_out)
    report.notes += [f"{image.name}: left out: {image.reason}" for image in left_out]
    report.notes += [*annotations.notes, *wanted_pictures(plan)]
    report.notes += notes_on_groups([annotations.names[index] for index in plan.indices], plan.options)
    if plan.deletes and plan.options.dry_run and report.deleted:
        report.notes += what_replacing_loses(plan.annotations.path)
    return report


def convert_images(plan: Plan, indices: Sequence[int]) -> Batch:
    """Convert some images of a plan; the outcome of an image records its failure."""
    batch = Batch()
    batches = plan.paint(indices) if plan.paint else None
    if batches is None:
        _convert_each(plan, indices, batch)
        return batch
    for painted in batches:
        keep_painted(plan, painted, batch, convert_each=_convert_each)
    return batch


def _convert_each(plan: Plan, indices: Sequence[int], batch: Batch) -> None:
    """Convert images one after another by their records."""
    for index in indices:
        outcome = Outcome(plan.annotations.names[index])
        try:
            _convert_image(plan, index, outcome, batch)
        except BackendError:
            raise
        except PolymaskError as error:
            outcome.failure = error
        except Exception as error:  # noqa: BLE001 - the one boundary: an image's bug must not stop the others
            outcome.failure = PolymaskError(f"{type(error).__name__}: {error}", advice="please report this")
        batch.tally.add(outcome)


def _convert_image(plan: Plan, index: int, outcome: Outcome, batch: Batch) -> None:
    declared = plan.annotations.decode(index)
    record = plan.chosen(declared)
    painting = Painting(record, plan.label_map, plan.rules, limits=plan.options.limits)
    if entry := plan.sink.finished(declared, plan.choose):
        _count_instances(outcome, plan.account(painting, declared, is_drawn=False))
        batch.keep(record.name, manifest_line(entry))
        return
    source, account = record_sha256(record), plan.account(painting, declared)
    for part, drawn in _drawings(plan, index, painting, declared.frame):
        changed = plan.sink.write(drawn, source)
        line = plan.sink.line(
            part.record,
            source,
            drawn,
            remaining=account.remaining if plan.deletes else None,
            changed=changed,
            source_name=plan.annotations.source_name(index),
        )
        if changed or plan.sink.differs(drawn.name, line):
            outcome.written.append(drawn.mask)
        batch.keep(drawn.name, line, drawn.row)
    if plan.deletes and plan.options.dry_run:
        outcome.deleted = len(account.deletable)
    _count_pixels(outcome, painting, index=plan.layout.INDEX)
    _count_instances(outcome, account)
    outcome.covered = 0 if _shows_labels(outcome) else outcome.painted


def _drawings(
    plan: Plan, index: int, painting: Painting, declared: Frame
) -> Iterator[tuple[Painting, Drawn]]:
    """What is drawn of an image, with the painting that it is drawn from: the whole, or each of its tiles."""
    copies = copies_of(plan, index, declared=declared, frame=painting.record.frame)
    if (tiling := plan.options.tiling) is None:
        drawn = plan.layout.draw(painting, with_picture(plan, index, declared=declared))
        height, width = painting.record.frame
        yield painting, replace(drawn, files=(*drawn.files, *copies(drawn.name, (0, 0, height, width))))
        return
    image, frame = painting.record.name, painting.record.frame
    for tile in tiles_of(painting, tiling):
        drawn = plan.layout.draw(tile, plan.layout_options)
        files = (*drawn.files, *copies(drawn.name, tile.window))
        yield tile, replace(drawn, files=files, tile=tiling.entry(image, frame, tile.window))


def _count_instances(outcome: Outcome, account: Account) -> None:
    outcome.left_out = Counter(account.unpainted.values())
    outcome.painted = len(account.declared.instances) - len(account.unpainted)


def _count_pixels(outcome: Outcome, painting: Painting, *, index: bool) -> None:
    """Record in an outcome the painted pixels and the conflicts."""
    outcome.labels = _pixels_of_labels(painting, index=index)
    outcome.conflicts = painting.conflicts if index else without_winners(painting.conflicts)
    outcome.conflict_pixels, outcome.labeled_pixels = painting.contested_pixels, painting.labeled_pixels
    outcome.instances = len(painting.instances)


def _shows_labels(outcome: Outcome) -> bool:
    return any(pixels for _, pixels in outcome.labels.values())


def _pixels_of_labels(painting: Painting, *, index: bool) -> dict[str, tuple[int, int]]:
    """The numbers of instances and painted pixels by label, in the index mask or in the label masks."""
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
