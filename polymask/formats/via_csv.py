"""VIA's CSV, of 1.x and 2.x a row per region, of 3.x a row per metadata; else as its JSON (`via`).

Source: VIA's documentation, "Export annotations as CSV".
"""

from collections.abc import Iterator

import msgspec

from polymask.errors import FormatError
from polymask.formats import Annotations, ReadOptions, via
from polymask.formats.reading.content import Content
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.texts.cells import csv_rows
from polymask.formats.reading.texts.pages import Page, files
from polymask.formats.via import version3_csv

MANY = True
NAME, SHAPE, LABELS = "filename", "region_shape_attributes", "region_attributes"

FACTS = Facts(
    title="VIA CSV",
    source="VIA's documentation, “Export annotations as CSV”; VIA 3's own code",
    files="A `.csv` file that VIA exports; the pictures lie beside it, or below `--images`.",
    sniffed="a first line with `filename`, `region_shape_attributes` and `region_attributes`; of 3.x a "
    "comment `CSV_HEADER` with its columns",
    read=(
        ("filename", "the image's name"),
        ("region_shape_attributes", "polygon, rect, circle, ellipse; a polyline if it is closed"),
        ("region_attributes", "the label, by the only attribute or `--label-attribute`"),
        ("3.x: file_list", "the image's name"),
        ("3.x: spatial_coordinates", "the number of a shape and its coordinates"),
        ("3.x: metadata, # ATTRIBUTE", "the label, an option by its id"),
    ),
    ignored="`file_size`, `file_attributes`, `region_count`, `region_id`.",
    rings="A region is one ring.",
    order="The order of the rows.",
    labels="Sorted by name. More than one attribute: `--label-attribute NAME`; none: `object`, as a note "
    "says, or `--default-label NAME`.",
    frame="That of the picture as it is shown (EXIF orientation taken into account).",
    limits=(
        "Points and open polylines are not painted but listed, and the run exits 1.",
        "3.x: what has `temporal_coordinates`, or is of a video, is listed; images without a row are not "
        "there.",
    ),
    sample="via-csv/via_export_csv.csv",
)


def sniff(content: Content) -> bool:
    """Whether the first line has VIA's columns, or a comment those of VIA 3."""
    if version3_csv.is_version3(content):
        return True
    line = content.data[:4096].partition(b"\n")[0]
    return all(name.encode() in line for name in (NAME, SHAPE, LABELS)) and line[:1] not in (b"{", b"[")


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each image."""
    pages = [page for file in files(content, "*.csv") for page in _pages(Content(file))]
    return via.gather_pages(content, options, pages, format="via-csv")


def _pages(content: Content) -> Iterator[Page]:
    """A page for each image, with its regions in the form of VIA's JSON; an image may have none."""
    if version3_csv.is_version3(content):
        yield from version3_csv.pages(content)
        return
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
    rows = csv_rows(content.text.decode().removeprefix("#"), content.path)
    columns = [name.strip() for name in next(rows, (0, []))[1]]
    if missing := [name for name in (NAME, SHAPE, LABELS) if name not in columns]:
        raise FormatError(f"no column '{missing[0]}'", file=content.path)
    places = [columns.index(name) for name in (NAME, SHAPE, LABELS)]
    for number, row in rows:
        if len(row) <= max(places):
            raise FormatError("fewer cells than columns", file=content.path, place=f"line {number}")
        name, shape, labels = (row[place] for place in places)
        yield number, name, shape, labels
