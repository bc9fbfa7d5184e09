"""Vector files of maps: shapefiles and GeoPackages, read by pyogrio (extra `gis`), and GeoJSON with `crs`.

Their coordinates are a map's. The picture's transform, from its world file or from the GeoTIFF itself
(rasterio), turns them into pixels. Layers in another reference system than the picture's are refused.
Source: OGC 06-103r4 (well-known binary); ESRI's world files, whose origin is the first pixel's center.
"""

import struct
import warnings
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from polymask.errors import FormatError
from polymask.extras import DAMAGE, library
from polymask.formats.reading.refusals import Malformed
from polymask.model import Polygon
from polymask.storage.source_files import File

SUFFIXES = (".shp", ".gpkg")
_SHAPEFILE, _DATABASE = struct.pack(">i", 9994), b"SQLite format 3\0"
_SIDECARS = (".shx", ".dbf", ".prj", ".cpg")  # of a shapefile
_POLYGON, _MULTIPOLYGON = 3, 6
_NUMBERS = {0: 2, 1: 3, 2: 3, 3: 4}  # numbers of a point: x and y; with z; with m; with both
_FIELDS = ("class", "label", "category", "classname", "class_name")
Affine = tuple[float, float, float, float, float, float]
IDENTITY: Affine = (1, 0, 0, 0, 1, 0)


class Feature(NamedTuple):
    """A row of a layer: its place, its attributes, and its geometry as well-known binary."""

    key: str
    attributes: dict[str, Any]
    geometry: bytes | None


class Features(NamedTuple):
    """The rows of all layers, and the reference systems of their coordinates."""

    rows: list[Feature]
    systems: frozenset[str]


def is_vector_file(head: bytes) -> bool:
    """Whether a file's first 72 bytes are a shapefile's or a GeoPackage's."""
    return head.startswith(_SHAPEFILE) or (head.startswith(_DATABASE) and head[68:70] == b"GP")


def features_in(file: File) -> Features:
    """The features of a vector file; raises `FormatError` for a damaged file.

    The file is copied first, as reading a GeoPackage, a database, may write files beside it.
    """
    pyogrio = library("pyogrio", extra="gis", reader="a map's vector file")
    with TemporaryDirectory(prefix="polymask-") as folder:
        path = _local_copy(file, Path(folder))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore"
                )  # of rings that are open or turn the other way: even-odd rules
                return _read(pyogrio, path)
        except DAMAGE as error:
            raise FormatError(f"no vector file that pyogrio reads: {error}", file=file.path) from None


def _local_copy(file: File, folder: Path) -> Path:
    """A copy of the file, and of a shapefile's companions, in a folder."""
    name = PurePosixPath(file.name)
    for suffix in (name.suffix, *_SIDECARS):
        if source := file.place.find(str(name.with_suffix(suffix))):
            (folder / name.with_suffix(suffix).name).write_bytes(source.read())
    path = folder / name.name
    path.write_bytes(file.read())
    return path


def _read(pyogrio: Any, path: Path) -> Features:
    rows: list[Feature] = []
    systems: set[str] = set()
    for layer, _ in pyogrio.list_layers(path):
        layer_info, _, geometries, columns = pyogrio.raw.read(path, layer=layer)
        if geometries is None:
            continue
        systems.add(str(layer_info["crs"] or ""))
        for row, geometry in enumerate(geometries):
            values = zip(layer_info["fields"], columns, strict=True)
            rows.append(Feature(f"{layer}[{row}]", {name: column[row] for name, column in values}, geometry))
    return Features(rows, frozenset(systems - {""}))


def label_in(attributes: Mapping[str, Any], attribute: str | None, default: str | None) -> str:
    """A feature's label: the value of `attribute`, else of the first attribute with a usual name."""
    names = [attribute] if attribute else [name for name in attributes if name.lower() in _FIELDS]
    if not names and default is None:
        known_names = ", ".join(attributes) or "none"
        raise Malformed(
            "$", f"nothing says which attribute is the label ({known_names}): add --label-attribute NAME"
        )
    values = (attributes.get(name) for name in names)
    label = next((str(value) for value in values if value not in (None, "")), default)
    if label is None:
        raise Malformed("$", f"it has no '{names[0]}'")
    return label


def transform_of(picture: File, systems: frozenset[str]) -> Affine:
    """The transform from map coordinates to a picture's pixels; raises `Malformed` where there is none."""
    transform, system = _world_file_transform(picture), ""
    if transform is None:
        transform, system = _raster_transform(picture)
    if len(all_systems := systems | ({system} - {""})) > 1 and not _are_equal(all_systems):
        names = " and ".join(sorted(all_systems))
        raise Malformed("$", f"the reference systems differ ({names}): reproject the layer to the picture's")
    return _inverse(transform)


def _world_file_transform(picture: File) -> Affine | None:
    """The transform of a world file, with the origin moved from the first pixel's center to its corner."""
    name = PurePosixPath(picture.name)
    short_ending = f".{name.suffix[1:2]}{name.suffix[-1:]}w"
    endings = (short_ending, f"{name.suffix}w", ".wld")
    files = (picture.place.find(str(name.with_suffix(ending))) for ending in endings)
    file = next((candidate for candidate in files if candidate), None)
    if file is None:
        return None
    try:
        a, d, b, e, x, y = map(float, file.read().split())
    except ValueError:
        raise FormatError("a world file is six numbers", file=file.path) from None
    return a, b, x - a / 2 - b / 2, d, e, y - d / 2 - e / 2


def _raster_transform(picture: File) -> tuple[Affine, str]:
    """The transform that a GeoTIFF holds, and its reference system."""
    rasterio = library("rasterio", extra="gis", reader="a picture of a map")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pictures without a transform are refused below
        try:
            with rasterio.MemoryFile(picture.read()) as memory, memory.open() as raster:
                transform, system = raster.transform, raster.crs
        except (*DAMAGE, rasterio.errors.RasterioError):
            transform, system = None, None
    if transform is None or transform.is_identity:
        name = PurePosixPath(picture.name).name
        raise Malformed("$", f"'{name}' does not say where it lies: put its world file beside it")
    return (
        transform.a,
        transform.b,
        transform.c,
        transform.d,
        transform.e,
        transform.f,
    ), system.to_string() if system else ""


def _are_equal(systems: frozenset[str]) -> bool:
    rasterio = library("rasterio", extra="gis", reader="a picture of a map")
    references = [rasterio.crs.CRS.from_user_input(system) for system in systems]
    return all(system == references[0] for system in references)


def _inverse(transform: Affine) -> Affine:
    a, b, c, d, e, f = transform
    determinant = a * e - b * d
    if not np.isfinite(determinant) or determinant == 0:
        raise Malformed("$", "the picture's transform has no inverse")
    return (
        e / determinant,
        -b / determinant,
        (b * f - c * e) / determinant,
        -d / determinant,
        a / determinant,
        (c * d - a * f) / determinant,
    )


def polygons_in(geometry: bytes, transform: Affine) -> tuple[Polygon, ...] | None:
    """The polygons of a geometry, in pixels; None for other geometries. Raises `Malformed`."""
    try:
        parts, _ = _parts(geometry, 0)
    except (struct.error, ValueError, IndexError):
        raise Malformed("$", "a damaged geometry") from None
    if parts is None:
        return None
    return tuple(transformed(Polygon(rings[0], rings[1:]), transform) for rings in parts if rings)


def transformed(polygon: Polygon, transform: Affine) -> Polygon:
    """A map's polygon in pixels."""
    a, b, c, d, e, f = transform
    matrix = np.array([[a, d], [b, e]])
    exterior, *holes = (ring @ matrix + (c, f) for ring in polygon.rings)
    return Polygon(exterior, holes)


def _parts(data: bytes, offset: int) -> tuple[list[list[np.ndarray]] | None, int]:
    """The rings of each polygon (None for other geometries), and the offset of the bytes that follow."""
    order = "<" if data[offset] else ">"
    (code,) = struct.unpack_from(f"{order}I", data, offset + 1)
    if code % 1000 not in (_POLYGON, _MULTIPOLYGON) or code // 1000 not in _NUMBERS:
        return None, offset
    (count,) = struct.unpack_from(f"{order}I", data, offset + 5)
    offset += 9
    if code % 1000 == _POLYGON:
        rings, offset = _rings(data, offset, count, order=order, numbers=_NUMBERS[code // 1000])
        return [rings], offset
    parts: list[list[np.ndarray]] = []
    for _ in range(count):
        rings_of_part, offset = _parts(data, offset)
        if rings_of_part is None:
            return None, offset
        parts += rings_of_part
    return parts, offset


def _rings(data: bytes, offset: int, count: int, *, order: str, numbers: int) -> tuple[list[np.ndarray], int]:
    rings = []
    for _ in range(count):
        (points,) = struct.unpack_from(f"{order}I", data, offset)
        flat = np.frombuffer(data, f"{order}f8", points * numbers, offset + 4)
        rings.append(flat.reshape(points, numbers)[:, :2].astype(np.float64))
        offset += 4 + 8 * points * numbers
    return rings, offset
