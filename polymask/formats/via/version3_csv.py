"""VIA 3's CSV: a row per metadata, below comments that tell the attributes and the columns.

A row tells the files of its view, and what its project tells in `xy`, `z` and `av` (`version3`). Files whose
names are those of videos or sounds are no pictures. Source: VIA 3's `_via_import_export.js`.
"""

import re
from collections.abc import Iterator
from mimetypes import guess_type

import msgspec

from polymask.errors import FormatError
from polymask.formats.reading.content import Content
from polymask.formats.reading.texts.cells import csv_rows
from polymask.formats.reading.texts.pages import Page
from polymask.formats.via.version3 import IMAGE, PART, VIDEO_FILE, Attribute, NamedFile, ViewImage

COLUMNS = ("metadata_id", "file_list", "temporal_coordinates", "spatial_coordinates", "metadata")
_HEADER = re.compile(rb"^#\s*CSV_HEADER\s*=\s*(.+?)[\s,]*$", re.MULTILINE)
_ATTRIBUTES = re.compile(rb"^#\s*ATTRIBUTES?\s*=\s*(\{.*\})[\s,]*$", re.MULTILINE)
_attributes = msgspec.json.Decoder(dict[str, Attribute | str])
_names = msgspec.json.Decoder(list[str])


def is_version3(content: Content) -> bool:
    """Whether the file's comments name VIA 3's columns."""
    header = _HEADER.search(content.head)
    return header is not None and all(name.encode() in header[1] for name in COLUMNS)


def pages(content: Content) -> Iterator[Page]:
    """A page for each list of files, with its regions in the form of a project's; raises `FormatError`."""
    file = content.place.file(content.name)
    attributes = _attributes_of(content)
    views: dict[str, dict[str, msgspec.Raw]] = {}
    for number, (key, files, z, xy, av) in _rows(content):
        row = "{" + ",".join(f'"{name}":{text or empty}' for name, text, empty in _parts(xy, z, av)) + "}"
        _check(content, number, files, row)
        regions = views.setdefault(files, {})
        if key in regions:
            raise FormatError(f"{key} is there twice", file=content.path, place=f"line {number}")
        regions[key] = msgspec.Raw(row.encode())
    for files, regions in views.items():
        names = _names.decode(files)
        if not names:
            raise FormatError(
                "a list of no files", file=content.path, place=f"metadata {next(iter(regions))}"
            )
        kind = VIDEO_FILE if (guess_type(names[0])[0] or "").startswith(("video/", "audio/")) else IMAGE
        image = ViewImage(NamedFile(names[0], kind), len(names), attributes, regions)
        yield Page(file, f"image {names[0]!r}", msgspec.json.encode(image), PART)


def _parts(xy: str, z: str, av: str) -> tuple[tuple[str, str, str], ...]:
    return ("xy", xy, "[]"), ("z", z, "[]"), ("av", av, "{}")


def _attributes_of(content: Content) -> dict[str, Attribute]:
    """The attributes in the comments, of which older files tell only the names."""
    comment = _ATTRIBUTES.search(content.text)
    try:
        listed = _attributes.decode(comment[1]) if comment else {}
    except (msgspec.DecodeError, RecursionError) as error:
        raise FormatError(f"the attributes: {error}", file=content.path, place="# ATTRIBUTE") from None
    return {key: Attribute(value) if isinstance(value, str) else value for key, value in listed.items()}


def _check(content: Content, number: int, files: str, row: str) -> None:
    content.place.limits.check_depth(f"{content.path}: line {number}", row.encode())
    try:
        _names.decode(files)
        msgspec.json.decode(row, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, RecursionError) as error:
        raise FormatError(f"{row[:60]!r}: {error}", file=content.path, place=f"line {number}") from None


def _rows(content: Content) -> Iterator[tuple[int, tuple[str, ...]]]:
    """The cells of each row in the order of `COLUMNS`, with the number of its line."""
    text = content.text
    header = _HEADER.search(text)
    assert header
    above = text.count(b"\n", 0, header.end())
    columns = [name.strip() for name in header[1].decode().split(",")]
    if missing := [name for name in COLUMNS if name not in columns]:
        raise FormatError(f"no column '{missing[0]}'", file=content.path, place="# CSV_HEADER")
    places = [columns.index(name) for name in COLUMNS]
    for line, row in csv_rows(text[header.end() :].decode(), content.path):
        number = above + line
        if row[0].startswith("#") or not any(row):
            continue
        if len(row) <= max(places):
            raise FormatError("fewer cells than columns", file=content.path, place=f"line {number}")
        yield number, tuple(row[place].strip() for place in places)
