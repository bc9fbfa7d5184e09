"""VIA 3 projects: views of files, and metadata that say where in a view something is, and what.

A metadata's `xy` is a shape's number and its coordinates, `av` the value of each attribute by its id: an
option's id, several with commas, or a text. Source: VIA 3's `CodeDoc.md`, "Structure of VIA Project JSON
File", and its constants `_VIA_RSHAPE` and `_VIA_FILE_TYPE`.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from polymask.formats.reading.content import Content
from polymask.formats.reading.notes import Notes, ReadAnnotation
from polymask.formats.reading.refusals import Malformed, Refusals, decode_json, inside
from polymask.formats.reading.texts.pages import Page
from polymask.formats.via.region_instances import Region, ShapeAttributes, instance_of
from polymask.ledger import Omitted
from polymask.model import ImageRecord, Instance

KEYS = frozenset({"project", "attribute", "file", "metadata", "view"})
PART = "view of VIA 3"  # what marks its pages
IMAGE, VIDEO_FILE, CHECKBOX = 2, 4, 2
VIDEO = "a video or a sound; only pictures are converted"
SHAPES = {  # each number's shape, and its coordinates as VIA 2 calls them
    1: ("point", ("cx", "cy")),
    2: ("rect", ("x", "y", "width", "height")),
    3: ("circle", ("cx", "cy", "r")),
    4: ("ellipse", ("cx", "cy", "rx", "ry")),
    5: ("line", ()),
    6: ("polyline", ()),
    7: ("polygon", ()),
}
EXTREME = {8: "a rectangle by points of its sides", 9: "a circle by points of its edge"}


class NamedFile(msgspec.Struct):
    """A file of a project."""

    fname: str
    type: int = IMAGE


class _View(msgspec.Struct):
    fid_list: list[int | str]


class Attribute(msgspec.Struct):
    """An attribute of regions, and the names of its options by their ids."""

    aname: str
    type: int = 1
    options: dict[str, Any] = {}


class _Project(msgspec.Struct):
    file: dict[str, NamedFile]
    view: dict[str, _View]
    attribute: dict[str, Attribute]
    metadata: dict[str, msgspec.Raw]


class _OfView(msgspec.Struct):
    vid: int | str


class _Metadata(msgspec.Struct):
    xy: list[float] = []
    z: list[float] = []
    av: dict[str, Any] = {}


class ViewImage(msgspec.Struct):
    """A view's file and its metadata, as a page's text has them."""

    file: NamedFile
    count: int
    attribute: dict[str, Attribute]
    regions: dict[str, msgspec.Raw]


_project = msgspec.json.Decoder(_Project)
_of_view = msgspec.json.Decoder(_OfView)
_metadata = msgspec.json.Decoder(_Metadata)
_image = msgspec.json.Decoder(ViewImage)


def pages(content: Content) -> Iterator[Page]:
    """A page for each view; raises `FormatError` for one that has no file of the project."""
    file = content.place.file(content.name)
    refusals = Refusals(content.path, skip=False)
    project = refusals.required(content.json, _project)
    rows = _rows_by_view(project, refusals)
    for key, view in project.view.items():
        files = [project.file[str(number)] for number in view.fid_list if str(number) in project.file]
        if not files:
            refusals.refuse(f"$.view[{key!r}].fid_list", "no file of the project has such an id")
        image = ViewImage(files[0], len(view.fid_list), project.attribute, rows.get(key, {}))
        yield Page(file, f"$.view[{key!r}]", msgspec.json.encode(image), PART)


def _rows_by_view(project: _Project, refusals: Refusals) -> dict[str, dict[str, msgspec.Raw]]:
    rows: dict[str, dict[str, msgspec.Raw]] = {}
    for key, text in project.metadata.items():
        view = str(refusals.required(text, _of_view, f"$.metadata[{key!r}]").vid)
        if view not in project.view:
            refusals.refuse(f"$.metadata[{key!r}].vid", f"no view has the id {view!r}")
        rows.setdefault(view, {})[key] = text
    return rows


def attribute_names(page: Page) -> Iterator[str]:
    """The attributes that a view's regions have values of; none of a page of VIA 2."""
    if page.part != PART:
        return
    image = page.decode(_image)
    for text in image.regions.values():
        try:
            row = decode_json(text, _metadata)
        except Malformed:
            continue  # reported when the page is parsed
        yield from (image.attribute[key].aname for key in row.av if row.xy and key in image.attribute)


def parse(page: Page, notes: Notes, attribute: str | None) -> ImageRecord | None:
    """The record of a view; none of a view of a video, or of several files."""
    image = page.decode(_image)
    with inside("$.fname"):
        notes.image = name = notes.image_name(image.file.fname)
    if image.count > 1:
        notes.image_left_out = f"a view of {image.count} files; only views of one picture are converted"
    elif image.file.type != IMAGE:
        notes.image_left_out = VIDEO
    frame = (1, 1) if notes.image_left_out else notes.frame(name)

    def make(key: str, text: msgspec.Raw) -> ReadAnnotation:
        row = decode_json(text, _metadata)
        if notes.image_left_out or row.z:
            return Omitted("unsupported", notes.image_left_out or VIDEO, f"region {key}")
        if not row.xy:
            return Omitted("tag", "an attribute of the whole image")
        if (number := row.xy[0]) in EXTREME:
            return Omitted("unsupported", f"{EXTREME[int(number)]} is not read", f"region {key}")
        with inside("$.xy"):
            shape = _shape(row.xy)
        return instance_of(key, Region(shape, _values(row, image.attribute)), attribute, frame, notes)

    instances: list[Instance] = []
    for key, text in image.regions.items():
        instances += notes.take(f"$.metadata[{key!r}]", make, key, text)
    return None if notes.image_left_out else ImageRecord(name, name, frame, tuple(instances))


def _shape(xy: list[float]) -> ShapeAttributes:
    number, *numbers = xy
    name, keys = SHAPES.get(int(number), ("", ())) if number.is_integer() else ("", ())
    if not name:
        raise Malformed("$[0]", f"no shape of VIA 3 has the number {number:g}")
    if keys and len(keys) != len(numbers):
        raise Malformed("$", f"a {name} has {len(keys)} coordinates, not {len(numbers)}")
    if keys:
        return msgspec.structs.replace(ShapeAttributes(name), **dict(zip(keys, numbers, strict=True)))
    return ShapeAttributes(name, all_points_x=numbers[::2], all_points_y=numbers[1::2])


def _values(row: _Metadata, attributes: dict[str, Attribute]) -> dict[str, Any]:
    """The region's values by the names of their attributes."""
    known = ((attributes[key], value) for key, value in row.av.items() if key in attributes)
    return {attribute.aname: _value(value, attribute) for attribute, value in known}


def _value(value: Any, attribute: Attribute) -> Any:
    """An option's name by its id, those of a checkbox as VIA 2 has them; else the value as it is."""
    options = attribute.options
    if attribute.type == CHECKBOX and options and isinstance(value, str):
        return {str(options.get(key, key)): True for key in value.split(",") if key}
    return options.get(str(value), value)
