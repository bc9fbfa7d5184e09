"""Images that were painted many at once: each is written, and all are counted together.

What is written, and what a report says, is what converting each by its record gives. An image of which that
is not certain is converted by its record, in its turn.
"""

from collections.abc import Callable, Sequence

from polymask.conversion.dest.folder_sink import Batch
from polymask.conversion.plan import Plan
from polymask.errors import BackendError, PolymaskError
from polymask.layouts import Drawn
from polymask.painting.batch import PaintedBatch
from polymask.provenance.digest import WRITTEN, kind_of
from polymask.results import Report

ConvertEach = Callable[[Plan, Sequence[int], Batch], None]


def keep_painted(plan: Plan, painted: PaintedBatch, batch: Batch, *, convert_each: ConvertEach) -> None:
    """Write the images of a batch, and take them in; `convert_each` converts those that go by records."""
    begin = written = 0
    for at, index in enumerate(painted.indices):
        is_new = _kept(plan, painted, at, batch) if painted.done[at] else None
        if is_new is not None:
            written += is_new
            continue
        _count(painted, begin, at, written, batch)
        convert_each(plan, [index], batch)
        begin, written = at + 1, 0
    _count(painted, begin, len(painted.indices), written, batch)


def _kept(plan: Plan, painted: PaintedBatch, at: int, batch: Batch) -> bool | None:
    """Whether an image's mask or line is new; None where it has to go by its record."""
    sink, name = plan.sink, painted.names[at]
    entry = sink.state.entries.get(name)
    if entry and (kind_of(entry) != WRITTEN or "sources" in entry):
        return None
    if painted.hides_all(at):
        return None  # which is counted there
    image = painted.image(at)
    path = plan.layout.paths(name, plan.layout_options)[0]
    drawn = Drawn(name=name, mask=path, files=((path, image.png),), mask_sha256=image.mask_sha256)
    try:
        changed = False if plan.options.dry_run else sink.write(drawn, image.record_sha256)
    except BackendError:
        raise
    except PolymaskError:
        return None  # and it is told there
    line = sink.line_of_painted(image, drawn, changed=changed)
    batch.keep(name, line)
    return changed or sink.differs(name, line)


def _count(painted: PaintedBatch, begin: int, end: int, written: int, batch: Batch) -> None:
    """Take the sums of images into the tally, so many of which are new."""
    if begin == end:
        return
    sums = painted.summed(begin, end)
    report = Report(
        images=end - begin,
        instances=sums.instances,
        labels={name: {"instances": many, "pixels": pixels} for name, (many, pixels) in sums.labels.items()},
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
