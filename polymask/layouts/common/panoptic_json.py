"""The JSON files of panoptic masks, as they are read back: images, segments, categories."""

import msgspec

from polymask.errors import FormatError
from polymask.labels.label_map import LabelMap
from polymask.layouts.common.read_back import in_file
from polymask.model import Label
from polymask.storage.remote.urls import Location
from polymask.validation import Color


class Segment(msgspec.Struct):
    """A segment of an image."""

    id: int
    category_id: int
    area: int | float = 0
    bbox: list[int | float] = []
    iscrowd: int | bool = 0


class _Annotation(msgspec.Struct):
    image_id: int | str
    file_name: str
    segments_info: list[Segment]


class _Image(msgspec.Struct):
    id: int | str
    file_name: str
    height: int
    width: int


class _Category(msgspec.Struct):
    id: int
    name: str
    color: Color | None = None


class PanopticDocument(msgspec.Struct):
    """A file; other tools' may lack `images`."""

    annotations: list[_Annotation]
    categories: list[_Category]
    images: list[_Image] = []


_document = msgspec.json.Decoder(PanopticDocument)


def decoded(data: bytes, where: object) -> PanopticDocument:
    """What a file says; raises `FormatError` naming it."""
    try:
        return _document.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FormatError(f"{where}: no panoptic annotations, or damaged ones: {error}") from None


def rows_of(document: PanopticDocument) -> dict[str, bytes]:
    """A file's rows by the name of their PNG."""
    images = {image.id: image for image in document.images}
    rows = {}
    for row in document.annotations:
        if (image := images.get(row.image_id)) is not None:
            plain = {"file_name": image.file_name, "height": image.height, "width": image.width}
            rows[row.file_name] = msgspec.json.encode([plain, row.file_name, row.segments_info])
    return rows


def from_categories(categories: list[_Category], where: Location) -> LabelMap:
    """The labels that a file names; raises `FormatError` where they make no label map."""
    with in_file(where):
        named = LabelMap.from_values({category.name: category.id for category in categories})
        colors = {category.id: category.color for category in categories}
        labels = [
            Label(label.name, label.value, colors[label.value] or label.color) for label in named.labels
        ]
        return LabelMap(tuple(labels), named.background, named.void)
