"""Mapillary Vistas 2.0: polygon JSON, a file per image, with the classes of `config_v2.0.json`.

Source: the README of Mapillary Vistas 2.0.
"""

from pathlib import PurePosixPath

import msgspec

from polymask.formats import Annotations, ReadOptions
from polymask.formats.drawing.shapes import Point, polygon
from polymask.formats.reading.content import Content, members
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.notes import Notes, Side
from polymask.formats.reading.records import gather
from polymask.formats.reading.refusals import Malformed, Refusals, inside
from polymask.formats.reading.texts.pages import Page, files, rows_at
from polymask.labels.label_map import Categories
from polymask.model import ImageRecord, Instance
from polymask.storage.source_files import File

MANY = True
CONFIG, SUFFIX = "config_v2.0.json", ".jpg"
_FOLDERS = ("v2.0", "polygons")

FACTS = Facts(
    title="Mapillary Vistas",
    source="the README of Mapillary Vistas 2.0",
    files="The data set's folder, a split's (`training/v2.0/polygons/*.json`), or one JSON file.",
    sniffed="an object with `width`, `height` and `objects`",
    read=(
        ("height, width", "the frame"),
        ("objects[].label", "the label, e.g. `object--vehicle--boat`"),
        ("objects[].polygon", "one ring of x, y in pixels"),
        ("config_v2.0.json: labels[].name", "the labels; their places, from 0, are their ids"),
    ),
    ignored="Colors, readable names, `panoptic`, the label and instance PNGs.",
    rings="A polygon is one ring.",
    order="File order; later objects are painted over earlier ones.",
    labels=f"In the order of `{CONFIG}`, in the folder or up to four above it; without it, sorted by name.",
    frame="As the file says; where it says none or 0, that of the picture, in the same folder or below "
    "`--images`.",
    sample="mapillary/training/v2.0/polygons/boat.json",
)


class _File(msgspec.Struct):
    objects: msgspec.Raw
    height: Side = None
    width: Side = None


class _Object(msgspec.Struct):
    label: str
    polygon: list[Point]


class _Label(msgspec.Struct):
    name: str


class _Config(msgspec.Struct):
    labels: list[_Label]


_file = msgspec.json.Decoder(_File)
_config = msgspec.json.Decoder(_Config)


def sniff(content: Content) -> bool:
    """Whether the file holds one image's objects, or the configuration."""
    if {"labels", "version"} <= content.keys and not content.is_list:
        labels = bytes(content.top["labels"])
        return b'"readable"' in labels and b'"evaluate"' in labels
    return {"width", "height", "objects"} <= content.keys


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each file."""
    pages = [Page(file) for file in files(content, "*.json") if PurePosixPath(file.name).name != CONFIG]
    categories = _categories(content)
    return gather(
        content,
        options,
        pages,
        format="mapillary",
        parse=_parse,
        categories=categories,
        declares=rows_at("objects"),
    )


def _categories(content: Content) -> Categories | None:
    place = content.place
    outer = ["../" * levels + CONFIG for levels in range(1 if place.zip else 5)]
    inner = [name for name in place.names if PurePosixPath(name).name == CONFIG]
    return next((_classes(file) for name in (*outer, *inner) if (file := place.find(name))), None)


def _classes(file: File) -> Categories:
    config = Refusals(file.path, skip=False).required(Content(file).json, _config)
    return [(label.name, number) for number, label in enumerate(config.labels)]


def _parse(page: Page, notes: Notes) -> ImageRecord:
    if "labels" in members(page.json):
        raise Malformed("$", "the configuration, not an image's polygons")
    file = page.decode(_file)
    path = PurePosixPath(page.file.name).with_suffix(SUFFIX)
    name = str(PurePosixPath(*(part for part in path.parts if part not in _FOLDERS)))
    with inside("$"):
        frame = notes.declared_frame(file.height, file.width, name=name)

    def make(index: int, row: _Object) -> Instance:
        if not row.label:
            raise Malformed("$.label", "the label is empty")
        with inside("$.polygon"):
            return Instance(index, row.label, (polygon(row.polygon),))

    return ImageRecord(path.stem, name, frame, notes.make_instances(file.objects, _Object, "$.objects", make))
