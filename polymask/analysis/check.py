"""Finds oddities in annotations before they cost anything."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Unpack

from polymask.analysis.check_labels import of_labels
from polymask.analysis.findings import Findings
from polymask.codecs.pictures import SIDEWAYS, opened_picture, orientation_of
from polymask.codecs.png import DAMAGE
from polymask.errors import FormatError, InputError
from polymask.formats import Annotations
from polymask.formats.drawing.shares import SMALLEST, are_shares, in_pixels
from polymask.formats.options import ReadingOptions
from polymask.formats.reading.images.needed_pictures import require_pictures
from polymask.formats.selection import open_chosen
from polymask.labels.as_label_map import Labels
from polymask.ledger import nothing_painted
from polymask.limits import Limits
from polymask.model import Finding, Frame, ImageRecord, Instance, Runs, Skipped, Spans
from polymask.option_types import ReadingOptionsDict
from polymask.parallel.progress import Progress, reported
from polymask.raster import spans_of
from polymask.raster.geometry import area, outside, repeats, self_contact
from polymask.storage.image_names import stem
from polymask.storage.remote.urls import Location
from polymask.storage.safe_names import refuse_collisions, safe_path
from polymask.storage.source_files import File

_SAME_SIZE = {
    2: "mirrored",
    3: "upside down",
    4: "mirrored, upside down",
}  # EXIF orientations that keep the size


def check(
    source: str | Location,
    *,
    labels: Labels | None = None,
    split: str | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
    **reading: Unpack[ReadingOptionsDict],
) -> Findings:
    """What is odd about an annotation file, image by image; with `images`, about its pictures too.

    `labels` are the labels that the annotations should have; `split` takes the images of that split
    only; `reading` are further options of reading. Raises `FormatError` where the file as a whole cannot be
    read. Notebooks show the findings as tables.

    Examples:
        >>> for finding in check("fixtures/odd/instances.json"):
        ...     print(finding.kind, finding.image, finding.instance)
        self-intersection bowtie.png 1
        out-of-frame bowtie.png 2
    """
    named = {"labels": labels, "split": split, "skip_invalid": True}
    options = ReadingOptions.of({**reading, **named}, limits=limits)
    options = options.with_listed_pictures()
    annotations = open_chosen(source, options)
    label_findings = of_labels(annotations, options.labels)
    of_images = findings(annotations, options.pictures, options.limits, progress=progress)
    return Findings([*label_findings, *of_images], skip_invalid=bool(reading.get("skip_invalid")))


def findings(
    annotations: Annotations,
    images: Location | None,
    limits: Limits | None = None,
    *,
    progress: Progress | None = None,
) -> Iterator[Finding]:
    """The findings of an opened annotation file; invalid records first."""
    yield from map(invalid, annotations.skipped)
    yield from _of_names(annotations.names)
    yield from _of_needed_pictures(annotations)
    yield from annotations.findings
    yield from of_source(annotations)
    chunks = ([index] for index in range(len(annotations.names)))
    for (index,) in reported(chunks, len(annotations.names), progress):
        yield from findings_of(annotations, index, images, limits=limits)


def invalid(refused: Skipped) -> Finding:
    """The finding of a refused record, with its annotation and image where they are known."""
    return Finding("invalid", refused.image, refused.annotation, f"{refused.name}: {refused.reason}")


def of_source(annotations: Annotations) -> Iterator[Finding]:
    """The parts of a source that are not painted: each unsupported instance, all others counted by reason."""
    for instance in annotations.unsupported:
        yield Finding("unsupported", instance.name, None, instance.reason)
    if (ledger := annotations.ledger) is None:
        return
    for reason, images in sorted(ledger.left_out.items()):
        if reason.kind not in ("unsupported", "invalid"):
            first = annotations.names[min(images)]
            place = f"in {len(images):,} images, e.g. {first}" if len(images) > 1 else f"in {first}"
            yield Finding("not-painted", "", None, f"{sum(images.values()):,} × {reason.text}, {place}")
    try:
        in_pixels(annotations)
    except FormatError as error:
        yield Finding("all-shares", "", None, str(error))
    if ledger.declared and not ledger.instances:
        yield Finding("nothing-painted", "", None, nothing_painted(ledger.declared, ledger.omitted))


def findings_of(
    annotations: Annotations, index: int, images: Location | None, *, limits: Limits | None = None
) -> Iterator[Finding]:
    """The findings of one image of an opened annotation file."""
    try:
        record = annotations.decode(index)
    except InputError as error:  # in formats that take the size from the picture
        yield Finding("no-size", annotations.names[index], None, str(error))
        return
    for instance in record.instances:
        yield from _of_instance(record, instance)
    if images is not None:
        yield from _of_picture(annotations, index, record, limits or Limits())
    elif _lies_beside(annotations, index):  # nobody named pictures: what they lack is not asked
        beside = _of_picture(annotations, index, record, limits or Limits())
        yield from (finding for finding in beside if finding.kind == "size-mismatch")


def _lies_beside(annotations: Annotations, index: int) -> bool:
    """Whether an image's picture lies on the disk where its format keeps pictures."""
    try:
        file = annotations.picture_file(index)
    except InputError:  # several pictures may be meant
        return False
    return file is not None and isinstance(file.path, Path) and not file.place.zip


def _of_instance(record: ImageRecord, instance: Instance) -> Iterator[Finding]:
    if isinstance(instance.shape, Runs):
        if cut := instance.shape.cut:
            message = f"its bitmap reaches outside the image: {cut:,} px are cut off"
            yield Finding("out-of-frame", record.name, instance.id, message)
        return
    rings = [ring for polygon in instance.shape for ring in polygon.rings]
    drawn = spans_of([(polygon,) for polygon in instance.shape], record.frame)
    for number, ring in enumerate(rings):
        place = f"ring {number}"
        contact = self_contact(ring)
        oddities = {
            "self-intersection": (contact == "crossing", f"{place} crosses itself"),
            "self-touch": (contact == "touch", f"{place} touches itself"),
            "duplicate-point": (repeats(ring) > 0, f"{place} repeats {repeats(ring)} points"),
            "out-of-frame": (outside(ring, record.frame), f"{place} reaches outside the image"),
            "zero-area": (area(ring) == 0 and contact != "crossing", f"{place} encloses nothing"),
        }
        for kind, (is_odd, message) in oddities.items():
            if is_odd:
                yield Finding(kind, record.name, instance.id, message)
    if rings and min(record.frame) > SMALLEST and are_shares(rings):
        message = "all points lie between 0 and 1: shares of the image's sides, not pixels?"
        yield Finding("shares", record.name, instance.id, message)
    yield from _of_parts(record, instance, drawn)


def _of_parts(record: ImageRecord, instance: Instance, drawn: Sequence[Spans]) -> Iterator[Finding]:
    polygons = instance.shape if isinstance(instance.shape, tuple) else ()
    for number, (polygon, spans) in enumerate(zip(polygons, drawn, strict=True)):
        inside = not outside(polygon.exterior, record.frame)
        if not len(spans) and inside and area(polygon.exterior) != 0:
            yield Finding("tiny-part", record.name, instance.id, f"part {number} encloses no pixel center")
    united = spans_of([polygons], record.frame)[0].pixels
    shared = sum(spans.pixels for spans in drawn) - united
    if shared:
        yield Finding("overlapping-parts", record.name, instance.id, f"parts share {shared} px")


def _of_picture(
    annotations: Annotations, index: int, record: ImageRecord, limits: Limits
) -> Iterator[Finding]:
    try:
        file = annotations.picture_file(index)
        if file is None:
            raise InputError(f"{record.name}: no such picture, or not a file")
        (height, width), orientation = _size_and_orientation(file)
        limits.check_frame(str(file.path), (height, width))
    except InputError as error:
        yield Finding("missing-image", record.name, None, str(error))
        return
    stored, annotated = f"{height} × {width}", "{} × {}".format(*record.frame)
    if orientation in SIDEWAYS and {(height, width), (width, height)} >= {record.frame}:
        view = "shown" if record.frame == (width, height) else "stored"
        message = f"stored as {stored} px and shown turned; annotated as {view}"
        yield Finding("exif-rotated", record.name, None, message)
    elif record.frame != (height, width):
        message = f"the picture is {stored} px, the annotations say {annotated}"
        yield Finding("size-mismatch", record.name, None, message)
    elif orientation in _SAME_SIZE:
        shown = _SAME_SIZE[orientation]
        message = f"stored as {stored} px and shown {shown}; the size does not tell which was annotated"
        yield Finding("exif-rotated", record.name, None, message)


def _size_and_orientation(file: File) -> tuple[Frame, int]:
    """The stored (height, width) of a picture, and its EXIF orientation; raises `InputError`."""
    try:
        with file.open() as opened, opened_picture(opened, header=True) as picture:
            return picture.size[::-1], orientation_of(picture)
    except DAMAGE as error:
        raise InputError(f"{error}", file=file.path) from None
    except InputError as error:
        raise error.within(file=file.path) from None


def _of_needed_pictures(annotations: Annotations) -> Iterator[Finding]:
    """A finding where only pictures tell the sizes of the images, and there are none."""
    try:
        require_pictures(annotations, every=False)
    except InputError as error:
        yield Finding("no-picture", "", None, str(error))


def _of_names(names: Sequence[str]) -> Iterator[Finding]:
    """Names that no mask can be written under, and those whose masks would be one file."""
    paths: list[tuple[str, str]] = []
    for name in names:
        try:
            paths.append((safe_path(f"masks/{stem(safe_path(name))}.png"), name))
        except InputError as error:
            yield Finding("image-name", name, None, str(error))
    try:
        refuse_collisions(lambda: paths)
    except InputError as error:  # names the first collision, as `convert` does
        yield Finding("image-name", "", None, str(error))
