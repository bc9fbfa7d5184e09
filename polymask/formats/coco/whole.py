"""COCO files read into memory as a whole, and COCO results lists."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from functools import partial

import msgspec

from polymask.errors import FormatError, SourceChanged
from polymask.formats import Annotations, ReadOptions
from polymask.formats.coco.loose import NO_CATEGORY, Loose
from polymask.formats.coco.rows import (
    NO_LIST,
    Annotation,
    Category,
    Image,
    Key,
    Number,
    Sections,
    T,
    category_id,
    category_names,
    check_side,
    positions_of,
    refuse_doubled,
    refuse_doubled_rows,
    sections_decoder,
)
from polymask.formats.coco.segmentations import instances_of, is_rle, omission, refuse_large, rle_size
from polymask.formats.coco.sizes import Sizes
from polymask.formats.parsing.cutting import without_rows
from polymask.formats.reading.content import Content
from polymask.formats.reading.ids import record_id
from polymask.formats.reading.refusals import Malformed, Refusals, inside, named_images
from polymask.ledger import Ledger
from polymask.model import Finding, ImageRecord


def read(content: Content, options: ReadOptions) -> Annotations:
    """Read and check every record; `decode` can then fail only because of a picture's size."""
    refusals = Refusals(content.path, skip=options.skip_invalid)
    loose = Loose.of(options)
    other_refusals = 0  # records that are refused and are no annotations
    if content.is_list:
        annotations = _rows(content.json, Annotation, "$", refusals, loose)
        images, categories, annotations = _from_results(annotations, refusals, loose)
        where = "$"
    else:
        sections = _sections_of(content, refusals)
        images = _rows(sections.images, Image, "$.images", refusals, loose)
        categories = _rows(sections.categories, Category, "$.categories", refusals, loose)
        other_refusals = len(refusals.skipped)
        annotations = _rows(sections.annotations, Annotation, "$.annotations", refusals, loose)
        where = "$.annotations"
        if sections.categories == NO_LIST:
            categories = loose.categories(row for _, row in annotations)
        elif loose.remarks[NO_CATEGORY]:
            categories += loose.default_category()
    if not images and not refusals.skipped:
        raise FormatError(
            "the file has no images",
            file=content.path,
            advice="add those of its annotations as `images`, or export it again",
        )
    declared = len(annotations) + len(refusals.skipped) - other_refusals
    earlier_refusals = len(refusals.skipped)
    positions = positions_of(images, refusals, options)
    usable_images = [image for index, image in images if positions.get(image.id) == index]
    names = category_names(categories, refusals)
    other_refusals += len(refusals.skipped) - earlier_refusals
    image_names = [image.file_name for image in usable_images]
    sizes = Sizes(content.place, content.name, options.images, options.limits)
    reader = _Reader(usable_images, names, boxes=options.boxes, loose=loose, sizes=sizes)
    refusals.apply(where, annotations, reader.add)
    refuse_large([a.segmentation for _, a in annotations], options.limits, f"{content.path}: {where}")
    unsized = loose.unsized(reader.frames.values())
    for key, group in reader.of_image.items():
        options.limits.check_instances(f"{content.path}: the image {key!r}", len(group))
    return Annotations(
        path=content.path,
        format="coco",
        categories=tuple((name, category_id(key)) for key, name in names.items()),
        names=image_names,
        decode=reader.record,
        used=reader.used(),
        skipped=named_images(refusals.skipped, {str(image.id): image.file_name for image in usable_images}),
        ledger=reader.closed(declared, invalid=len(refusals.skipped) - other_refusals),
        findings=tuple(reader.duplicate_ids()),
        notes=loose.notes,
        picture_file=lambda index: sizes.file(image_names[index]),
        sized_by_pictures=unsized,
        without=None if content.is_list else partial(_without_instances, content, reader, annotations),
    )


def _rows(
    text: bytes | msgspec.Raw, kind: type[T], where: str, refusals: Refusals, loose: Loose
) -> list[tuple[int, T]]:
    if kind is Category and text == NO_LIST:
        return []
    rows = refusals.rows(text, kind, where, decode=loose.decoder(kind))
    return refuse_doubled_rows(text, rows, where, refusals, mended=loose.has_mended(kind))


def _sections_of(content: Content, refusals: Refusals) -> Sections:
    refuse_doubled(content.path, content.json)  # the whole text: `top` may be the first line only
    try:
        return msgspec.convert(content.top, Sections)
    except msgspec.ValidationError:
        return refusals.required(content.json, sections_decoder)  # raises with the missing key


def _without_instances(
    content: Content,
    reader: "_Reader",
    annotations: Sequence[tuple[int, Annotation]],
    data: bytes,
    removed: Mapping[int, Collection[int]],
) -> bytes:
    """The file's bytes without some instances; `removed` maps an image's index to positions in its record.

    All other bytes stay unchanged. Raises `SourceChanged` where `data` differs from the bytes read.
    """
    if data != content.data:
        raise SourceChanged(f"{content.path} was changed while it was read", advice="run again")
    numbers = {id(annotation): number for number, annotation in annotations}
    groups = ((reader.of_image[reader.images[place].id], chosen) for place, chosen in removed.items())
    rows = sorted(numbers[id(group[position])] for group, chosen in groups for position in chosen)
    return without_rows(data, "annotations", rows)


class _Reader:
    """Annotations by image; their segmentations are checked, and stay undecoded."""

    def __init__(
        self, images: Sequence[Image], names: dict[Key, str], *, boxes: bool, loose: Loose, sizes: Sizes
    ) -> None:
        self.images, self.names, self.boxes, self.ledger = images, names, boxes, Ledger()
        self.loose, self.sizes = loose, sizes
        self.places = {image.id: place for place, image in enumerate(images)}
        self.of_image: dict[Key, list[Annotation]] = {image.id: [] for image in images}
        self.frames = {image.id: image.frame for image in images}

    def add(self, index: int, annotation: Annotation) -> None:
        """Add an annotation; raises `Malformed` where it cannot be used."""
        omitted = omission(annotation, index, self.frames, self.names, boxes=self.boxes, loose=self.loose)
        if omitted is None:
            self.of_image[annotation.image_id].append(annotation)
        else:
            self.ledger.leave_out(omitted.reason, self.places[annotation.image_id])

    def closed(self, declared: int, *, invalid: int) -> Ledger:
        """The finished ledger, with `declared` annotations of which `invalid` were refused."""
        self.ledger.close(declared=declared, instances=map(len, self.of_image.values()), invalid=invalid)
        return self.ledger

    def record(self, index: int) -> ImageRecord:
        """The record of the i-th image."""
        image = self.images[index]
        frame = self.sizes.frame(image.file_name, image.frame)
        with self.sizes.format_errors(image.file_name):
            instances = instances_of(self.of_image[image.id], frame, self.names)
        return ImageRecord(record_id(image.id), image.file_name, frame, tuple(instances))

    def used(self) -> dict[str, int]:
        """The number of instances by label."""
        keys = Counter(annotation.category_id for group in self.of_image.values() for annotation in group)
        used: Counter[str] = Counter()
        for key, instances in keys.items():
            used[self.names[key]] += instances
        return dict(used)

    def duplicate_ids(self) -> list[Finding]:
        """A finding for each annotation whose id occurs more than once."""
        ids = Counter(annotation.id for group in self.of_image.values() for annotation in group)
        repeated = {key for key, count in ids.items() if count > 1}
        return [
            Finding(
                "duplicate-id", image.file_name, record_id(a.id or 0), f"{ids[a.id]} annotations have this id"
            )
            for image in (self.images if repeated else ())
            for a in self.of_image[image.id]
            if a.id in repeated
        ]


def _from_results(
    rows: Sequence[tuple[int, Annotation]], refusals: Refusals, loose: Loose
) -> tuple[list[tuple[int, Image]], list[tuple[int, Category]], list[tuple[int, Annotation]]]:
    """Images with the sizes of their results' runs, categories named by id, and the usable rows."""
    images: dict[Key, Image] = {}
    usable_rows: list[tuple[int, Annotation]] = []
    for index, row in rows:
        if row.image_id not in images:
            size = refusals.catch(f"$[{index}]", _result_size, row)
            if size is None:
                continue
            images[row.image_id] = Image(row.image_id, str(row.image_id), *size)
        usable_rows.append((index, row))
    categories = dict.fromkeys(row.category_id for _, row in usable_rows)
    named_categories = [Category(key, loose.label_of(key)) for key in categories]
    return list(enumerate(images.values())), list(enumerate(named_categories)), usable_rows


def _result_size(annotation: Annotation) -> tuple[Number, Number]:
    """The size of a result's runs, in whole numbers above 0."""
    if not is_rle(annotation.segmentation):
        raise Malformed(
            "$.segmentation",
            "a results list has no image size unless it holds runs; "
            "put these results under `annotations` of a file that has `images`",
        )
    with inside("$.segmentation"):
        size = rle_size(annotation.segmentation)
        for side in size:
            check_side("$.size", side)
    return size
