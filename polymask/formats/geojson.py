"""GeoJSON in pixels, as QuPath exports it: a file a picture, polygons with holes by classification.

x points right and y down from the picture's upper left corner. A file with a coordinate reference
system is a map's, not a picture's, and is refused. Source: RFC 7946 (geometry), and QuPath's
documentation, "Exporting annotations: GeoJSON".
"""

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath
from typing import Any

import msgspec

from polymask.codecs.picture_files import PictureFinder
from polymask.formats import Annotations, ReadOptions
from polymask.formats.drawing.shapes import polygon
from polymask.formats.reading.addresses import picture_frame
from polymask.formats.reading.content import Content
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.records import Made, Notes, gather
from polymask.formats.reading.refusals import Malformed, decode_json, inside
from polymask.formats.reading.texts.pages import Page, files, rows_at
from polymask.ledger import EMPTY, Omitted
from polymask.model import ImageRecord, Instance, Polygon

MANY = True
LABEL = "object"
_SUFFIXES = (".geojson", ".json")
_PIECES = {"Polygon": 1, "MultiPolygon": 2}  # how deep lists of rings lie

FACTS = Facts(
    title="GeoJSON (QuPath)",
    source="RFC 7946, and QuPath's documentation, “Exporting annotations: GeoJSON”",
    files="A `.geojson` (or `.json`) file a picture, named as the picture is; or a folder of them.",
    sniffed="a FeatureCollection, a feature, or a list of features",
    read=(
        ("features[].geometry", "Polygon and MultiPolygon: rings of x, y in pixels, later rings are holes"),
        (
            "features[].properties.classification.name, names",
            "the label; several names are joined as QuPath shows them, `Tumor: Positive`",
        ),
        ("features[].id", "the instance's id"),
    ),
    ignored="Colors, measurements, names of objects, `nucleusGeometry`, `isLocked`.",
    rings="The first ring of a polygon is its outline, the others are holes. The polygons of one feature "
    "are united.",
    order="File order; later features are painted over earlier ones.",
    labels=f"Sorted by name. Features without a classification are `{LABEL}`, or the `--default-label`.",
    frame="That of the picture of the same name, in the same folder or below `--images`.",
    limits=(
        "Points, lines, collections and what lies on another plane (z, t) are left alone and listed, and "
        "the run exits 1.",
        "Features without a geometry are no segmentation: they paint nothing, and are counted.",
        "A file with `crs` is refused: its coordinates are those of a map.",
    ),
    sample="geojson/boat.geojson",
)


class _Plane(msgspec.Struct):
    z: int = 0
    t: int = 0


class _Geometry(msgspec.Struct):
    type: str
    coordinates: msgspec.Raw = msgspec.Raw(b"[]")
    plane: _Plane | None = None


class _Class(msgspec.Struct):
    name: str | None = None
    names: list[str] = []


class _Properties(msgspec.Struct):
    classification: _Class | None = None


class _Feature(msgspec.Struct):
    geometry: _Geometry | None
    properties: _Properties | None = None
    id: int | str | None = None


class _Collection(msgspec.Struct):
    features: msgspec.Raw
    crs: Any = None


_collection = msgspec.json.Decoder(_Collection)
_rings: dict[int, Any] = {
    1: msgspec.json.Decoder(list[list[list[float]]]),
    2: msgspec.json.Decoder(list[list[list[list[float]]]]),
}


def sniff(content: Content) -> bool:
    """Whether the file is of features."""
    return "type" in content.keys and (
        ("features" in content.keys and not content.is_list) or {"geometry", "properties"} <= content.keys
    )


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each file."""
    named = [file for file in files(content, "*.*json") if PurePosixPath(file.name).suffix in _SUFFIXES]
    parse = partial(_parse, pictures=PictureFinder(content.place, options.images))
    pages = [Page(file) for file in named]
    return gather(content, options, pages, format="geojson", parse=parse, declares=_declared)


def _declared(page: Page) -> int:
    content = Content(page.file)
    if content.is_list:
        return rows_at()(page)
    return rows_at("features")(page) if "features" in content.keys else 1


def _parse(page: Page, notes: Notes, pictures: PictureFinder) -> ImageRecord:
    where, features = _features(page)
    path = PurePosixPath(page.file.name)
    name, frame = picture_frame(str(path.with_suffix("")), pictures, notes)

    def make(index: int, row: _Feature) -> Made:
        return _instance(index if row.id is None else row.id, row, notes)

    return ImageRecord(path.stem, name, frame, notes.each(features, _Feature, where, make))


def _features(page: Page) -> tuple[str, msgspec.Raw]:
    """Where the features are, and their list."""
    content = Content(page.file)
    if content.is_list:
        return "$", msgspec.Raw(content.json)
    if "features" not in content.keys:
        return "$", msgspec.Raw(b"[%b]" % content.json)
    collection = page.decode(_collection)
    if collection.crs is not None:
        raise Malformed("$.crs", "the coordinates are those of a map, not of a picture's pixels")
    return "$.features", collection.features


def _instance(key: int | str, row: _Feature, notes: Notes) -> Made:
    shape = row.geometry
    if shape is None:
        return EMPTY
    if shape.plane and (shape.plane.z or shape.plane.t):
        reason = f"it lies on the plane z {shape.plane.z}, t {shape.plane.t}"
        return Omitted("unsupported", reason, f"feature {key}")
    if shape.type not in _PIECES:
        return Omitted("unsupported", f"a {shape.type} is no polygon", f"feature {key}")
    with inside("$.geometry.coordinates"):
        polygons = tuple(_polygons(shape))
    if not polygons:
        return EMPTY
    return Instance(key, _label(row, notes.options.default_label), polygons)


def _label(row: _Feature, default: str | None) -> str:
    found = row.properties.classification if row.properties else None
    name = (found.name or ": ".join(found.names)) if found else ""
    return name or default or LABEL


def _polygons(shape: _Geometry) -> Iterator[Polygon]:
    deep = _PIECES[shape.type]
    rings: list[Any] = decode_json(shape.coordinates, _rings[deep])
    for at, part in enumerate(rings if deep == 2 else [rings] if rings else []):
        with inside("$" if deep == 1 else f"$[{at}]"):
            exterior, *holes = [[_point(position) for position in ring] for ring in part] or [[]]
            yield polygon(exterior, holes)


def _point(position: list[float]) -> tuple[float, float]:
    if len(position) < 2:
        raise Malformed("$", f"a position is x and y, not {position}")
    return position[0], position[1]
