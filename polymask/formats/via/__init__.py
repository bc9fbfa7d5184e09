"""VIA (VGG Image Annotator): projects and annotations of 1.x (regions in a dict), 2.x (in a list) and 3.x.

VIA stores no image size, so pictures are required; an image whose picture is missing fails, and the
others are converted. It has no field for labels either: the label is the only region attribute, or that
of `--label-attribute`, or `--default-label`. A closed polyline is painted; open polylines and points
enclose nothing: they are not painted, and listed. Circles and ellipses are runs by the rule of pixel
centers. Source: VIA's documentation and its example projects.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import msgspec

from polymask.formats import Annotations, ReadOptions
from polymask.formats.reading.content import Content, members
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.notes import Notes, ReadAnnotation
from polymask.formats.reading.records import gather
from polymask.formats.reading.refusals import Malformed, Refusals, inside
from polymask.formats.reading.texts.pages import Page, files, rows_at
from polymask.formats.via import version3
from polymask.formats.via.region_instances import Region, attribute_of, instance_of
from polymask.model import ImageRecord

MANY = True
PROJECT = "_via_img_metadata"

FACTS = Facts(
    title="VIA",
    source="VIA's documentation and example projects",
    files="A `.json` file: a project (2.x, 3.x) or exported annotations (1.x, 2.x); the pictures lie beside "
    "it, or below `--images`.",
    sniffed="an object with `_via_img_metadata`, or whose first member has `filename` and `regions`; of 3.x "
    "one with `project`, `attribute`, `file`, `metadata` and `view`",
    read=(
        ("filename", "the image's name"),
        ("regions[].shape_attributes", "polygon, rect, circle, ellipse; a polyline if it is closed"),
        ("regions[].region_attributes", "the label, by the only attribute or `--label-attribute`"),
        ("3.x: view, file[].fname", "an image for each view; its name"),
        ("3.x: metadata[].xy", "the number of a shape and its coordinates; the same shapes as in 2.x"),
        ("3.x: metadata[].av, attribute[].options", "the label, an option by its id"),
    ),
    ignored="`size` (bytes), `file_attributes`, `_via_settings`.",
    rings="A region is one ring.",
    order="File order.",
    labels="Sorted by name. More than one attribute: `--label-attribute NAME`; none: `object`, as a note "
    "says, or `--default-label NAME`.",
    frame="That of the picture as it is shown (EXIF orientation taken into account).",
    limits=(
        "Points, lines and open polylines, of 3.x extreme rectangles and circles too, are not painted "
        "but listed, and the run exits 1.",
        "Of 3.x, views of videos, sounds or several pictures are left out and listed; attributes of a whole "
        "image paint nothing, and are counted.",
        "A checkbox attribute with several options set is refused.",
    ),
    sample="via/via_region_data.json",
)


class _Image(msgspec.Struct):
    filename: str
    regions: msgspec.Raw = msgspec.Raw(b"[]")


_image = msgspec.json.Decoder(_Image)
_attributes = msgspec.json.Decoder(dict[str, Any])


def sniff(content: Content) -> bool:
    """Whether the file is a project, or an object whose first member is an image with regions."""
    if not content.is_json or content.is_list:
        return False
    first = next(iter(content.top.values()), None)
    return (
        PROJECT in content.top
        or content.keys >= version3.KEYS
        or (first is not None and {"filename", "regions"} <= members(first).keys())
    )


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each image."""
    pages = [page for file in files(content, "*.json") for page in _pages(Content(file))]
    return gather_pages(content, options, pages, format="via")


def gather_pages(
    content: Content, options: ReadOptions, pages: Sequence[Page], *, format: str
) -> Annotations:
    """A record for each page, whose text is an image as VIA 2 has it, or a view of VIA 3."""
    names = {name for page in pages for name in (*_attribute_names(page), *version3.attribute_names(page))}
    parse = partial(_parse, attribute=attribute_of(content, names, options))
    return gather(content, options, pages, format=format, parse=parse, declares=rows_at("regions"))


def _pages(content: Content) -> Iterator[Page]:
    if content.keys >= version3.KEYS:
        yield from version3.pages(content)
        return
    text: bytes | msgspec.Raw = content.top.get(PROJECT, content.json)
    where = f"$.{PROJECT}" if PROJECT in content.top else "$"
    refusals = Refusals(content.path, skip=False)
    images = refusals.required(text, msgspec.json.Decoder(dict[str, msgspec.Raw]), where)
    for key, image in images.items():
        yield Page(content.place.file(content.name), f"{where}[{key!r}]", image)


def _regions(page: Page) -> list[msgspec.Raw]:
    try:
        return _region_rows(page.decode(_image).regions)
    except (Malformed, msgspec.DecodeError):
        return []  # reported when the page is parsed


def _attribute_names(page: Page) -> Iterator[str]:
    for region in _regions(page):
        try:
            yield from _attributes.decode(members(region).get("region_attributes", b"{}"))
        except msgspec.DecodeError:
            continue


def _region_rows(regions: msgspec.Raw) -> list[msgspec.Raw]:
    """The regions: a list in 2.x, the values of an object in 1.x."""
    if bytes(memoryview(regions)[:1]) == b"{":
        return list(members(regions).values())
    return msgspec.json.decode(regions, type=list[msgspec.Raw])


def _parse(page: Page, notes: Notes, attribute: str | None) -> ImageRecord | None:
    if page.part == version3.PART:
        return version3.parse(page, notes, attribute)
    image = page.decode(_image)
    if not image.filename:
        raise Malformed("$.filename", "the name is empty")
    with inside("$.filename"):
        name = notes.image_name(image.filename)
    frame = notes.frame(name)

    def make(index: int, row: Region) -> ReadAnnotation:
        return instance_of(index, row, attribute, frame, notes)

    try:
        regions = msgspec.Raw(msgspec.json.encode(_region_rows(image.regions)))
    except msgspec.DecodeError as error:
        raise Malformed("$.regions", str(error)) from None
    return ImageRecord(image.filename, name, frame, notes.make_instances(regions, Region, "$.regions", make))
