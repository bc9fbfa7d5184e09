"""GeoJSON in pixels, as QuPath exports it, and vector files of maps: a file per picture.

In pixels, x points right and y down from the picture's upper left corner. A file with a coordinate
reference system has map coordinates: like those of shapefiles and GeoPackages, the picture's transform
turns them into pixels (`gis`). Source: RFC 7946 (geometry), and QuPath's documentation, "Exporting
annotations: GeoJSON".
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import PurePosixPath
from typing import Any

import msgspec

from polymask.codecs.picture_files import PictureFinder
from polymask.formats import Annotations, ReadOptions
from polymask.formats.drawing.shapes import polygon
from polymask.formats.geojson import gis
from polymask.formats.reading.content import Content, members
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.images.addresses import picture_frame
from polymask.formats.reading.notes import Notes, ReadAnnotation
from polymask.formats.reading.records import gather
from polymask.formats.reading.refusals import Malformed, decode_json, inside
from polymask.formats.reading.texts.pages import Page, files, rows_at
from polymask.ledger import EMPTY, Omitted
from polymask.model import ImageRecord, Instance, Polygon

MANY = True
LABEL, CLASSIFICATION = "object", "classification"
UNCLASSIFIED = (
    "{count} features have no classification, and are '" + LABEL + "'; --label-attribute NAME takes the "
    "label of another property, --default-label names them otherwise"
)
_SUFFIXES = (".geojson", ".json", *gis.SUFFIXES)
_PIECES = {"Polygon": 1, "MultiPolygon": 2}  # the depth at which lists of rings lie

FACTS = Facts(
    title="GeoJSON (QuPath), shapefiles, GeoPackages",
    source="RFC 7946, and QuPath's documentation, “Exporting annotations: GeoJSON”",
    files="A `.geojson` (or `.json`, `.shp`, `.gpkg`) file a picture, named as the picture is; or a folder "
    "of them. Maps need `pip install 'polymask[gis]'`.",
    sniffed="a FeatureCollection, a feature, or a list of features; a shapefile or a GeoPackage",
    read=(
        ("features[].geometry", "Polygon and MultiPolygon: rings of x, y in pixels, later rings are holes"),
        (
            "features[].properties.classification.name, names",
            "the label, where `--label-attribute` names no other property; several names are joined as "
            "QuPath shows them, `Tumor: Positive`",
        ),
        ("features[].id", "the instance's id"),
        (
            "crs, .shp, .gpkg",
            "coordinates of a map; the label is the attribute `class`, `label` or `category`",
        ),
        (".pgw, .tfw … or the GeoTIFF itself", "the picture's transform, which turns them into pixels"),
    ),
    ignored="Colors, measurements, names of objects, `nucleusGeometry`, `isLocked`.",
    rings="The first ring of a polygon is its outline, the others are holes. The polygons of one feature "
    "are united.",
    order="File order; later features are painted over earlier ones.",
    labels=f"Sorted by name. Features without a classification are `{LABEL}`, as a note says, or the "
    "`--default-label`.",
    frame="That of the picture of the same name, in the same folder or below `--images`.",
    limits=(
        "Points, lines, collections and what lies on another plane (z, t) are not painted but listed, and "
        "the run exits 1.",
        "Features without a geometry are no segmentation: they paint nothing, and are counted.",
        "Of maps, `--label-attribute` names another attribute; a layer in another reference system than the "
        "picture's is refused, and so is a picture that does not say where it lies.",
        "GeoJSON without `crs` is read as pixels.",
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
    classification: _Class | str | None = None


class _Feature(msgspec.Struct):
    geometry: _Geometry | None
    properties: msgspec.Raw = msgspec.Raw(b"null")
    id: int | str | None = None


class _CrsName(msgspec.Struct):
    name: str


class _System(msgspec.Struct):
    properties: _CrsName


class _Collection(msgspec.Struct):
    features: msgspec.Raw
    crs: _System | None = None


_collection = msgspec.json.Decoder(_Collection)
_properties = msgspec.json.Decoder(_Properties | None)
_attributes: Any = msgspec.json.Decoder(dict[str, Any] | None)
_rings: dict[int, Any] = {
    1: msgspec.json.Decoder(list[list[list[float]]]),
    2: msgspec.json.Decoder(list[list[list[list[float]]]]),
}


def sniff(content: Content) -> bool:
    """Whether the file holds features."""
    if gis.is_vector_file(content.data[:72]):
        return True
    return "type" in content.keys and (
        ("features" in content.keys and not content.is_list) or {"geometry", "properties"} <= content.keys
    )


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each file."""
    vector_files = [file for file in files(content, "*.*") if file.name.lower().endswith(_SUFFIXES)]
    parse = partial(_parse, pictures=PictureFinder(content.place, options.images))
    pages = [Page(file) for file in vector_files]
    return gather(content, options, pages, format="geojson", parse=parse, declares=_declared)


def _declared(page: Page) -> int:
    content = Content(page.file)
    if gis.is_vector_file(content.data[:72]):
        return len(gis.features_in(page.file).rows)
    if content.is_list:
        return rows_at()(page)
    return rows_at("features")(page) if "features" in content.keys else 1


def _parse(page: Page, notes: Notes, pictures: PictureFinder) -> ImageRecord:
    path = PurePosixPath(page.file.name)
    name, frame = picture_frame(str(path.with_suffix("")), pictures, notes)

    def transform(systems: frozenset[str]) -> gis.Affine:
        """The transform from map coordinates to pixels; identity while records are only checked."""
        picture = pictures.find(name, beside=page.file.name) if notes.pictures else None
        return gis.transform_of(picture, systems) if picture else gis.IDENTITY

    if gis.is_vector_file(Content(page.file).data[:72]):
        features = gis.features_in(page.file)
        instances = tuple(_map_instances(features, transform(features.systems), notes))
    else:
        instances = _json_instances(page, notes, transform)
    return ImageRecord(path.stem, name, frame, instances)


def _json_instances(
    page: Page, notes: Notes, transform: Callable[[frozenset[str]], gis.Affine]
) -> tuple[Instance, ...]:
    where, features, system = _features(page)
    affine = transform(frozenset({system})) if system else None

    def make(index: int, row: _Feature) -> ReadAnnotation:
        return _instance(index if row.id is None else row.id, row, notes, affine)

    return notes.make_instances(features, _Feature, where, make)


def _map_instances(features: gis.Features, transform: gis.Affine, notes: Notes) -> Iterator[Instance]:
    for number, feature in enumerate(features.rows):
        yield from notes.take(f"$.{feature.key}", _map_instance, number, feature, transform, notes)


def _map_instance(key: int, feature: gis.Feature, transform: gis.Affine, notes: Notes) -> ReadAnnotation:
    options = notes.options
    if feature.geometry is None:
        return EMPTY
    with inside("$.geometry"):
        polygons = gis.polygons_in(feature.geometry, transform)
    if polygons is None:
        return Omitted("unsupported", "no polygon", f"feature {feature.key}")
    if not polygons:
        return EMPTY
    return Instance(
        key, gis.label_in(feature.attributes, options.label_attribute, options.default_label), polygons
    )


def _features(page: Page) -> tuple[str, msgspec.Raw, str]:
    """The place of the features, their list, and the reference system; an empty text for pixels."""
    content = Content(page.file)
    if content.is_list:
        return "$", msgspec.Raw(content.json), ""
    if "features" not in content.keys:
        return "$", msgspec.Raw(b"[%b]" % content.json), ""
    collection = page.decode(_collection)
    return "$.features", collection.features, collection.crs.properties.name if collection.crs else ""


def _instance(key: int | str, row: _Feature, notes: Notes, transform: gis.Affine | None) -> ReadAnnotation:
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
    if transform is None:
        return Instance(key, _label(row, notes), polygons)
    label = _attribute_label(row, notes.options)
    return Instance(key, label, tuple(gis.transformed(part, transform) for part in polygons))


def _attribute_label(row: _Feature, options: ReadOptions) -> str:
    with inside("$.properties"):
        attributes = decode_json(row.properties, _attributes) or {}
        return gis.label_in(attributes, options.label_attribute, options.default_label)


def _label(row: _Feature, notes: Notes) -> str:
    """The property that is chosen, else the classification, else the default label or `object`."""
    default = notes.options.default_label
    if notes.options.label_attribute not in (None, CLASSIFICATION):
        return _attribute_label(row, notes.options)
    with inside("$.properties"):
        properties = decode_json(row.properties, _properties)
    name = _class_name(properties.classification if properties else None)
    if not name and default is None and members(row.properties):
        notes.remarks[UNCLASSIFIED] += 1
    return name or default or LABEL


def _class_name(classification: _Class | str | None) -> str:
    if isinstance(classification, _Class):
        return classification.name or ": ".join(classification.names)
    return classification or ""


def _polygons(shape: _Geometry) -> Iterator[Polygon]:
    depth = _PIECES[shape.type]
    rings: list[Any] = decode_json(shape.coordinates, _rings[depth])
    for index, part in enumerate(rings if depth == 2 else [rings] if rings else []):
        with inside("$" if depth == 1 else f"$[{index}]"):
            exterior, *holes = [[_point(position) for position in ring] for ring in part] or [[]]
            yield polygon(exterior, holes)


def _point(position: list[float]) -> tuple[float, float]:
    if len(position) < 2:
        raise Malformed("$", f"a position is x and y, not {position}")
    return position[0], position[1]
