"""VIA's CSV: a row per region; shapes and labels follow the rules of its JSON (`via`).

Source: VIA's documentation, "Export annotations as CSV".
"""

import csv
from collections.abc import Iterator
from io import StringIO

import msgspec

from polymask.errors import FormatError
from polymask.formats import Annotations, ReadOptions, via
from polymask.formats.reading.content import Content
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.texts.pages import Page, files

MANY = True
NAME, SHAPE, LABELS = "filename", "region_shape_attributes", "region_attributes"
_LONGEST = 2**31 - 1  # characters of a cell: other limits bound the file's size

FACTS = Facts(
    title="VIA CSV",
    source="VIA's documentation, “Export annotations as CSV”",
    files="A `.csv` file that VIA 1.x or 2.x exports; the pictures lie beside it, or below `--images`.",
    sniffed="a first line with `filename`, `region_shape_attributes` and `region_attributes`",
    read=(
        ("filename", "the image's name"),
        ("region_shape_attributes", "polygon, rect, circle, ellipse; a polyline if it is closed"),
        ("region_attributes", "the label, by the only attribute or `--label-attribute`"),
    ),
    ignored="`file_size`, `file_attributes`, `region_count`, `region_id`.",
    rings="A region is one ring.",
    order="The order of the rows.",
    labels="Sorted by name. More than one attribute: `--label-attribute NAME`; none: `object`, which a note "
    "tells, or `--default-label NAME`.",
    frame="That of the picture as it is shown (EXIF orientation taken into account).",
    limits=("Points and open polylines are not painted but listed, and the run exits 1.",),
    sample="via-csv/via_export_csv.csv",
)


def sniff(content: Content) -> bool:
    """Whether the first line has VIA's columns."""
    line = content.data[:4096].partition(b"\n")[0]
    return all(name.encode() in line for name in (NAME, SHAPE, LABELS)) and line[:1] not in (b"{", b"[")


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each image."""
    pages = [page for file in files(content, "*.csv") for page in _pages(Content(file))]
    return via.gather_pages(content, options, pages, format="via-csv")


def _pages(content: Content) -> Iterator[Page]:
    """A page for each image, with its regions in the form of VIA's JSON; an image may have none."""
    file = content.place.file(content.name)
    images: dict[str, list[dict[str, msgspec.Raw]]] = {}
    for number, name, shape, labels in _rows(content):
        regions = images.setdefault(name, [])
        if shape.strip() not in ("", "{}"):
            _check(content, number, shape, labels or "{}")
            regions.append(
                {
                    "shape_attributes": msgspec.Raw(shape.encode()),
                    "region_attributes": msgspec.Raw((labels or "{}").encode()),
                }
            )
    for name, regions in images.items():
        yield Page(file, f"image {name!r}", msgspec.json.encode({NAME: name, "regions": regions}))


def _check(content: Content, number: int, *cells: str) -> None:
    for cell in cells:
        try:
            msgspec.json.decode(cell.encode(), type=dict[str, msgspec.Raw])
        except (msgspec.DecodeError, RecursionError) as error:
            raise FormatError(f"{cell[:60]!r}: {error}", file=content.path, place=f"line {number}") from None
        content.place.limits.check_depth(f"{content.path}: line {number}", cell.encode())


def _rows(content: Content) -> Iterator[tuple[int, str, str, str]]:
    """The line number, name, shape and attributes of each row."""
    former_limit = csv.field_size_limit(_LONGEST)
    try:
        rows = csv.reader(StringIO(content.text.decode().removeprefix("#"), newline=""), strict=True)
        columns = [name.strip() for name in next(rows, [])]
        if missing := [name for name in (NAME, SHAPE, LABELS) if name not in columns]:
            raise FormatError(f"no column '{missing[0]}'", file=content.path)
        places = [columns.index(name) for name in (NAME, SHAPE, LABELS)]
        for row in rows:
            if row and len(row) <= max(places):
                raise FormatError(
                    "fewer cells than columns", file=content.path, place=f"line {rows.line_num}"
                )
            if row:
                name, shape, labels = (row[place] for place in places)
                yield rows.line_num, name, shape, labels
    except csv.Error as error:
        raise FormatError(f"not CSV: {error}", file=content.path) from None
    finally:
        csv.field_size_limit(former_limit)
