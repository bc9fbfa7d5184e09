"""COCO panoptic: a JSON file with `segments_info`, and a PNG per image with each pixel's segment.

A pixel's segment id is red + 256 · green + 65536 · blue; id 0 is void, which becomes background.
The PNGs lie in the folder named as the JSON file, or in `--images`; an image whose PNG is missing
or damaged fails, and the other images are converted. Source: cocodataset.org, "Data format", 4. Panoptic
segmentation; panopticapi for the ids.
"""

from collections.abc import Container
from contextlib import suppress
from dataclasses import replace
from functools import partial

import msgspec
import numpy as np
from numpy.typing import NDArray

from polymask.codecs.picture_files import PictureFinder
from polymask.codecs.png import opened_png
from polymask.errors import FormatError, InputError
from polymask.formats import Annotations, ReadOptions
from polymask.formats.reading.content import Content
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.ids import TEXT_IDS, WholeId, as_text, by_text, record_id
from polymask.formats.reading.notes import UNKNOWN_FRAME, Notes, Side, is_size
from polymask.formats.reading.records import gather
from polymask.formats.reading.refusals import Malformed, Refusals, inside
from polymask.formats.reading.texts.pages import Page, listed_pages
from polymask.model import Frame, ImageRecord, Instance, Shape
from polymask.raster.runs import to_runs
from polymask.storage.safe_names import safe_path
from polymask.storage.source_files import File

MANY = False
VOID = 0

FACTS = Facts(
    title="COCO panoptic",
    source="cocodataset.org, “Data format”; panopticapi for the ids",
    files="A `.json` file; the PNGs in the folder of its name without `.json`, or in `--images`.",
    sniffed="an object with `images` and `annotations`, whose annotations have `segments_info`",
    read=(
        ("images[].id, file_name, height, width", "the image and its frame"),
        ("annotations[].image_id, file_name", "the PNG of an image"),
        ("annotations[].segments_info[].id, category_id, iscrowd", "the segments"),
        ("categories[].id, name", "the labels and their ids"),
    ),
    ignored="`isthing`, `color`, `area`, `bbox`, `supercategory`, `licenses`, `info`.",
    rings="None: segments are pixels, and do not overlap.",
    order="Segments do not overlap.",
    labels="In ascending order of id.",
    frame="As the file says, and the PNG has the same; where it says none or 0, that of the PNG, and of an "
    "image without one that of the picture, in the same folder or below `--images`.",
    limits=(
        "A segment that has no pixel paints nothing.",
        "A pixel whose id is not in `segments_info` fails its image.",
    ),
    sample="coco-panoptic/panoptic.json",
)


_Key = int | float | str  # of an image


class _File(msgspec.Struct):
    images: msgspec.Raw
    annotations: msgspec.Raw
    categories: msgspec.Raw


class _Image(msgspec.Struct):
    id: _Key
    file_name: str
    height: Side = None
    width: Side = None


class _Id(msgspec.Struct):
    id: _Key


class _Segment(msgspec.Struct):
    id: WholeId
    category_id: WholeId
    iscrowd: int | bool = 0


class _Annotation(msgspec.Struct):
    image_id: _Key
    file_name: str
    segments_info: list[_Segment]


class _Category(msgspec.Struct):
    id: WholeId
    name: str


_file = msgspec.json.Decoder(_File)
_image = msgspec.json.Decoder(_Image)
_id = msgspec.json.Decoder(_Id)


def sniff(content: Content) -> bool:
    """Whether the file has COCO's lists, and segments in them."""
    if not {"images", "annotations"} <= content.keys:
        return False
    # every row has segments, so the first ones decide
    return b'"segments_info"' in bytes(memoryview(content.top["annotations"])[:100_000])


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each image; one without an annotation has no instances."""
    refusals = Refusals(content.path, skip=options.skip_invalid)
    sections = refusals.required(content.json, _file)
    names = {
        int(row.id): row.name for _, row in refusals.rows(sections.categories, _Category, "$.categories")
    }
    annotations: dict[_Key, _Annotation] = {}
    images = _image_ids(sections.images)
    images_by_text, matched_ids = by_text(images), 0
    for index, row in refusals.rows(sections.annotations, _Annotation, "$.annotations"):
        if row.image_id not in images and (key := images_by_text.get(as_text(row.image_id))) is not None:
            row.image_id, matched_ids = key, matched_ids + 1
        if refusals.catch(f"$.annotations[{index}]", _check, row, names, annotations, images):
            annotations[row.image_id] = row
            matched_ids += sum(map(_has_text_ids, row.segments_info))
    parse = partial(_parse, names=names, annotations=annotations, pngs=_Pngs(content, options))
    file = content.place.file(content.name)
    pages = listed_pages(file, sections.images, at="$.images")
    categories: list[tuple[str, int | None]] = [(name, key) for key, name in sorted(names.items())]
    panoptic = gather(
        content,
        options,
        pages,
        format="coco-panoptic",
        parse=parse,
        categories=categories,
        declares=partial(_declared, annotations=annotations),
        skipped=refusals.skipped,
    )
    assert panoptic.ledger
    readable_segments = sum(len(row.segments_info) for row in annotations.values())
    panoptic.ledger.add_invalid(_segments(sections.annotations) - readable_segments)
    notes = (TEXT_IDS.format(count=f"{matched_ids:,}"),) if matched_ids else ()
    return replace(panoptic, notes=(*panoptic.notes, *notes))


def _has_text_ids(segment: _Segment) -> bool:
    return segment.id.is_text or segment.category_id.is_text


def _image_ids(images: msgspec.Raw) -> set[_Key]:
    """The ids of the images, as far as they can be read."""
    ids: set[_Key] = set()
    with suppress(msgspec.ValidationError):  # what is no list or no image is reported when the pages are read
        for row in msgspec.json.decode(images, type=list[msgspec.Raw]):
            with suppress(msgspec.ValidationError):
                ids.add(_id.decode(row).id)
    return ids


class _Segments(msgspec.Struct):
    segments_info: list[msgspec.Raw] = []


_segments_of = msgspec.json.Decoder(_Segments)


def _segments(annotations: msgspec.Raw) -> int:
    """How many segments all annotations declare, malformed ones included."""
    count = 0
    for row in msgspec.json.decode(annotations, type=list[msgspec.Raw]):
        with suppress(
            msgspec.DecodeError, RecursionError
        ):  # what is wrong with a row is told when it is read
            count += len(_segments_of.decode(row).segments_info)
    return count


def _declared(page: Page, annotations: dict[_Key, _Annotation]) -> int:
    """How many segments an image declares."""
    row = annotations.get(page.decode(_id).id)
    return len(row.segments_info) if row else 0


def _check(
    row: _Annotation,
    names: dict[int, str],
    annotations: dict[_Key, _Annotation],
    images: Container[_Key],
) -> bool:
    if row.image_id not in images:
        raise Malformed("$.image_id", f"no image has the id {row.image_id!r}")
    if row.image_id in annotations:
        raise Malformed("$.image_id", f"the image {row.image_id!r} has an annotation already")
    for index, segment in enumerate(row.segments_info):
        if not VOID < segment.id < 1 << 24:
            raise Malformed(
                f"$.segments_info[{index}].id", f"an id is 1 to {(1 << 24) - 1}, not {segment.id}"
            )
        if segment.category_id not in names:
            place = f"$.segments_info[{index}].category_id"
            raise Malformed(place, f"no category has the id {segment.category_id}")
    return True


class _Pngs:
    """Finds the PNGs, in the folder named like the JSON file, else below `--images`."""

    def __init__(self, content: Content, options: ReadOptions) -> None:
        self.place, self.folder = content.place, content.name.rpartition(".")[0]
        self.below = PictureFinder(content.place, options.images) if options.images is not None else None

    def find(self, name: str) -> File:
        """The PNG with that name; raises `InputError` where it is missing."""
        file = self.place.find(f"{self.folder}/{safe_path(name)}")
        if file is None and self.below:
            file = self.below.find(name)
        if file is None:
            where = f"{self.place.root / self.folder}{f' and {self.below.place.root}' if self.below else ''}"
            raise InputError(
                f"{where}: {name} is not there, and it holds the pixels", advice="say where with --images DIR"
            )
        return file


def _parse(
    page: Page,
    notes: Notes,
    names: dict[int, str],
    annotations: dict[_Key, _Annotation],
    pngs: _Pngs,
) -> ImageRecord:
    image = page.decode(_image)
    with inside("$.file_name"):
        name = notes.image_name(image.file_name)
    row = annotations.get(image.id)
    with inside("$.height"):
        is_sized = is_size(image.height, image.width)
        frame = UNKNOWN_FRAME  # the PNG of segments has the image's size
        if is_sized or row is None:
            frame = notes.declared_frame(image.height, image.width, name=name)
    if row is None:
        return ImageRecord(record_id(image.id), name, frame)
    if notes.pictures is None:
        shapes: list[Shape] = [() for _ in row.segments_info]
    else:
        ids = _ids(pngs.find(row.file_name), frame if is_sized else None, notes)
        frame = ids.shape[0], ids.shape[1]
        shapes = _shapes(ids, row, name)
    notes.declared += len(row.segments_info)
    instances = tuple(
        Instance(int(segment.id), names[segment.category_id], shape, crowd=bool(segment.iscrowd))
        for segment, shape in zip(row.segments_info, shapes, strict=True)
    )
    return ImageRecord(record_id(image.id), name, frame, instances)


def _ids(file: File, frame: Frame | None, notes: Notes) -> NDArray[np.uint32]:
    """(height, width) uint32 segment ids; raises `InputError` where the PNG has not the size of a `frame`."""
    try:
        with opened_png(file.read(), notes.options.limits) as picture:
            size = (picture.height, picture.width)
            if size != (frame or size) or picture.mode not in ("RGB", "RGBA"):
                raise FormatError(f"{picture.mode}, {size} px; expected RGB, {frame or size} px")
            rgb = np.array(picture)[..., :3].astype(np.uint32)
    except FormatError as error:
        raise InputError(f"{error}", file=file.path) from None
    ids: NDArray[np.uint32] = rgb[..., 0] + (rgb[..., 1] << 8) + (rgb[..., 2] << 16)
    return ids


def _shapes(ids: NDArray[np.uint32], row: _Annotation, name: str) -> list[Shape]:
    known_ids = [VOID, *(segment.id for segment in row.segments_info)]
    unknown_ids = np.setdiff1d(ids, np.array(known_ids, np.uint32))
    if len(unknown_ids):
        raise InputError(f"{name}: {row.file_name} has pixels of {unknown_ids[0]}, which is no segment of it")
    return [to_runs(ids == segment.id) for segment in row.segments_info]
