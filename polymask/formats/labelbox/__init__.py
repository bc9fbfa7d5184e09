"""Labelbox's exports (v2, v1 and earlier ones) and its import format: the annotations of each data row.

Polygons are painted. Masks are addresses on Labelbox's servers: polymask never opens an address from a
file, but finds downloaded masks below `--masks`. Sources: Labelbox's documentation, "Image annotations:
export" and "Import image annotations"; for exports before v1, its exporter to COCO (labelbox-python,
`labelbox/exporters`).
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from polymask.formats import Annotations, ReadOptions
from polymask.formats.labelbox import data_rows, imported, older
from polymask.formats.reading.content import Content
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.notes import Notes
from polymask.formats.reading.records import Parse, gather
from polymask.formats.reading.refusals import Refusals
from polymask.formats.reading.texts.grouped import PlacedRows, pages_by_key
from polymask.formats.reading.texts.lines import json_lines
from polymask.formats.reading.texts.pages import Page, files, listed_pages
from polymask.model import ImageRecord, Skipped
from polymask.storage.source_files import File

MANY = True

FACTS = Facts(
    title="Labelbox",
    source="Labelbox's documentation, “Image annotations: export” and “Import image annotations”",
    files="The `.ndjson` file of an export (v2) or for an import, or the same rows as a JSON list; the "
    "`.json` file of an older export. Downloaded masks, if there are any, lie below `--masks`.",
    sniffed="rows with `data_row` and `projects`, with `Labeled Data` and `Label`, or with `dataRow`",
    read=(
        ("data_row.external_id, global_key, id", "the image's name, the first of them that there is"),
        ("media_attributes.height, width", "the frame"),
        ("projects.*.labels[].annotations.objects[].name", "the label"),
        ("objects[].polygon", "one ring of x, y in pixels"),
        (
            "objects[].mask.url",
            "a PNG below `--masks`, called as `feature_id`, or as the last parts of the address, or as an id "
            "in it: what is neither black nor transparent",
        ),
        ("objects[].composite_mask.url, color_rgb", "likewise, by its address: the pixels of that color"),
        (
            "older: External ID, else Labeled Data",
            "the image's name; several rows of one picture are one image",
        ),
        ("older: Label.objects[].title, polygon, instanceURI", "as `name`, `polygon` and `mask.url`"),
        (
            "before that: Label.<class>[].geometry",
            "a ring of x, y in pixels, y from the top, as a note says",
        ),
        ("import: dataRow.globalKey, id", "the image's name; the lines of one picture are one image"),
        ("import: name, polygon, mask", "likewise; `mask.png` is in the file itself"),
    ),
    ignored="Performance and label details; `Masks` and `View Label` of older exports.",
    rings="A polygon is one ring: Labelbox exports no holes.",
    order="File order; the labels of several people are painted one after another.",
    labels="Sorted by name; there are no numeric ids.",
    frame="As the row says; else that of the picture beside or below `--images` (always in import files).",
    limits=(
        "Masks that are not found below `--masks`, lines and points are not painted but listed, and the run "
        "exits 1. Nothing is ever fetched.",
        "Boxes are no segmentation: they paint nothing, and are counted; `--boxes` paints them.",
        "Videos, and annotations in longitude and latitude, are not painted but listed, and the run exits 1. "
        "So are rows of texts, documents, sounds and other media.",
        "Pictures that were skipped are no images, and are listed.",
        "Classifications and relationships paint nothing, and are counted.",
        "Older exports that give shapes as well-known text are left alone: export them with x and y.",
    ),
    sample="labelbox/export.ndjson",
)

_DIALECTS: dict[frozenset[str], tuple[Parse, Callable[[Page], int]]] = {
    data_rows.KEYS: (data_rows.parse, data_rows.declared),
    older.KEYS: (older.parse, older.declared),
    imported.KEYS: (imported.parse, imported.declared),
}


def sniff(content: Content) -> bool:
    """Whether the rows are Labelbox's, in one of its dialects."""
    return _dialect(content) is not None


def _dialect(content: Content) -> frozenset[str] | None:
    return next((keys for keys in _DIALECTS if keys <= content.keys), None)


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each data row."""
    skipped: list[Skipped] = []
    dialects = {file.name: _dialect(Content(file)) or data_rows.KEYS for file in files(content, "*.*json*")}
    pages = [
        page
        for name, keys in dialects.items()
        for page in _pages(content.place.file(name), keys, options, skipped)
    ]
    return gather(
        content,
        options,
        pages,
        format="labelbox",
        parse=partial(_parse, dialects=dialects),
        declares=lambda page: _DIALECTS[dialects[page.file.name]][1](page),
        skipped=skipped,
    )


def _parse(page: Page, notes: Notes, dialects: Mapping[str, frozenset[str]]) -> ImageRecord | None:
    return _DIALECTS[dialects[page.file.name]][0](page, notes)


def _pages(file: File, keys: frozenset[str], options: ReadOptions, skipped: list[Skipped]) -> Iterator[Page]:
    refusals = Refusals(file.path, skip=options.skip_invalid)
    texts = list(_rows(file, refusals))
    skipped += refusals.skipped
    if keys == data_rows.KEYS:
        yield from (Page(file, place, text) for place, text in texts)
    else:
        key_of = older.key_of if keys == older.KEYS else imported.key_of
        yield from pages_by_key(file, texts, key_of)


def _rows(file: File, refusals: Refusals) -> PlacedRows:
    """The rows of a JSON list, or of lines, with their places."""
    content = Content(file)
    if content.is_list:
        yield from ((page.where, page.json) for page in listed_pages(file, content.json))
    elif _is_indented(content):
        yield "$", content.json
    else:
        yield from ((f"line {number}: $", line) for number, line in json_lines(content, refusals))


def _is_indented(content: Content) -> bool:
    """Whether the file is one row that is spread over several lines."""
    following = content.text.strip().partition(b"\n")[2].lstrip()
    return not content.is_lines and following[:1] not in (b"", b"{")
