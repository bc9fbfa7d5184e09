"""Images that were painted many at once: each is written, and their outcomes are added as sums.

Files and reports equal those of converting each image by its record. An image for which that is not
certain is converted by its record, in its turn.
"""

from collections.abc import Callable, Sequence

from polymask.conversion.batch_plan import Batch
from polymask.conversion.plan import Plan
from polymask.errors import BackendError, PolymaskError
from polymask.layouts import Drawn
from polymask.painting.batch import PaintedBatch
from polymask.provenance.digest import WRITTEN, kind_of
from polymask.results import Report

ConvertEach = Callable[[Plan, Sequence[int], Batch], None]


def keep_painted(plan: Plan, painted: PaintedBatch, batch: Batch, *, convert_each: ConvertEach) -> None:
    """Write painted images and add them to a batch; `convert_each` converts the images that need records."""
    begin = written = 0
    for number, index in enumerate(painted.indices):
        is_new = _write(plan, painted, number, batch) if painted.is_painted[number] else None
        if is_new is not None:
            written += is_new
            continue
        _count(painted, begin, number, written, batch)
        convert_each(plan, [index], batch)
        begin, written = number + 1, 0
    _count(painted, begin, len(painted.indices), written, batch)


def _write(plan: Plan, painted: PaintedBatch, number: int, batch: Batch) -> bool | None:
    """Write an image; returns whether its mask or line is new, or None if the image needs its record."""
    sink, name = plan.sink, painted.names[number]
    entry = sink.state.entries.get(name)
    if entry and (kind_of(entry) != WRITTEN or "sources" in entry):
        return None
    if painted.hides_all(number):
        return None  # the conversion by record counts hidden instances
    image = painted.image(number)
    path = plan.layout.paths(name, plan.layout_options)[0]
    drawn = Drawn(name=name, mask=path, files=((path, image.png),), mask_sha256=image.mask_sha256)
    try:
        changed = sink.write(drawn, image.record_sha256)
    except BackendError:
        raise
    except PolymaskError:
        return None  # the conversion by record reports the error
    line = sink.line_of_painted(image, drawn, changed=changed)
    batch.keep(name, line)
    return changed or sink.differs(name, line)


def _count(painted: PaintedBatch, begin: int, end: int, written: int, batch: Batch) -> None:
    """Add the sums of the images from `begin` to `end` to the tally; `written` of them are new."""
    if begin == end:
        return
    sums = painted.summed(begin, end)
    report = Report(
        images=end - begin,
        instances=sums.instances,
        labels={
            name: {"instances": count, "pixels": pixels} for name, (count, pixels) in sums.labels.items()
        },
        conflicts=sums.conflicts,
        conflict_pixels=sums.contested,
        labeled_pixels=sums.labeled,
        painted=sums.painted,
        left_out=sums.left_out,
        written=written,
        unchanged=end - begin - written,
        kernel="",
    )
    batch.tally.add_report(report)
