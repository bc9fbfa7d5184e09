"""Vector files of maps: shapefiles and GeoPackages, read by pyogrio (extra `gis`), and GeoJSON with a `crs`.

Coordinates are those of a map. The picture's transform, from its world file or from the GeoTIFF itself
(rasterio), turns them into pixels. Layers in another reference system than the picture's are refused.
Source: OGC 06-103r4 (well-known binary); ESRI's world files, whose origin is the center of the first pixel.
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
_BESIDE = (".shx", ".dbf", ".prj", ".cpg")  # of a shapefile
_POLYGON, _MULTIPOLYGON = 3, 6
_NUMBERS = {0: 2, 1: 3, 2: 3, 3: 4}  # a point: x and y, with z, with m, with both
_FIELDS = ("class", "label", "category", "classname", "class_name")
Affine = tuple[float, float, float, float, float, float]
AS_THEY_ARE: Affine = (1, 0, 0, 0, 1, 0)


class Feature(NamedTuple):
    """A row of a layer: its place there, its attributes, its geometry as well-known binary."""

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
    """The features of a vector file; raises `FormatError` for one that is damaged.

    The file is copied first: a database may write beside itself even where it is only read.
    """
    pyogrio = library("pyogrio", extra="gis", reader="a map's vector file")
    with TemporaryDirectory(prefix="polymask-") as folder:
        path = _copied(file, Path(folder))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore"
                )  # of rings that are open or turn the other way: even-odd rules
                return _read(pyogrio, path)
        except DAMAGE as error:
            raise FormatError(f"no vector file that pyogrio reads: {error}", file=file.path) from None


def _copied(file: File, folder: Path) -> Path:
    """The file, and what belongs to a shapefile, in a folder."""
    name = PurePosixPath(file.name)
    for suffix in (name.suffix, *_BESIDE):
        if other := file.place.find(str(name.with_suffix(suffix))):
            (folder / name.with_suffix(suffix).name).write_bytes(other.read())
    path = folder / name.name
    path.write_bytes(file.read())
    return path


def _read(pyogrio: Any, path: Path) -> Features:
    rows: list[Feature] = []
    systems: set[str] = set()
    for layer, _ in pyogrio.list_layers(path):
        told, _, geometries, columns = pyogrio.raw.read(path, layer=layer)
        if geometries is None:
            continue
        systems.add(str(told["crs"] or ""))
        for at, geometry in enumerate(geometries):
            named = zip(told["fields"], columns, strict=True)
            rows.append(Feature(f"{layer}[{at}]", {name: column[at] for name, column in named}, geometry))
    return Features(rows, frozenset(systems - {""}))


def label_in(attributes: Mapping[str, Any], attribute: str | None, default: str | None) -> str:
    """The label of a feature: of the attribute that is asked for, else of one that is called so."""
    names = [attribute] if attribute else [name for name in attributes if name.lower() in _FIELDS]
    if not names and default is None:
        there = ", ".join(attributes) or "none"
        raise Malformed(
            "$", f"nothing says which attribute is the label ({there}): add --label-attribute NAME"
        )
    values = (attributes.get(name) for name in names)
    label = next((str(value) for value in values if value not in (None, "")), default)
    if label is None:
        raise Malformed("$", f"it has no '{names[0]}'")
    return label


def transform_of(picture: File, systems: frozenset[str]) -> Affine:
    """What turns map coordinates into a picture's pixels; raises `Malformed` where it does not say."""
    told, system = _of_world_file(picture), ""
    if told is None:
        told, system = _of_raster(picture)
    if len(known := systems | ({system} - {""})) > 1 and not _same(known):
        others = " and ".join(sorted(known))
        raise Malformed("$", f"the reference systems differ ({others}): reproject the layer to the picture's")
    return _inverse(told)


def _of_world_file(picture: File) -> Affine | None:
    """The six numbers of a world file; its origin is the center of the first pixel, ours its corner."""
    name = PurePosixPath(picture.name)
    short = f".{name.suffix[1:2]}{name.suffix[-1:]}w"
    endings = (short, f"{name.suffix}w", ".wld")
    files = (picture.place.find(str(name.with_suffix(ending))) for ending in endings)
    file = next((each for each in files if each), None)
    if file is None:
        return None
    try:
        a, d, b, e, x, y = map(float, file.read().split())
    except ValueError:
        raise FormatError("a world file is six numbers", file=file.path) from None
    return a, b, x - a / 2 - b / 2, d, e, y - d / 2 - e / 2


def _of_raster(picture: File) -> tuple[Affine, str]:
    """The transform that a GeoTIFF tells itself, and its reference system."""
    rasterio = library("rasterio", extra="gis", reader="a picture of a map")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a picture that lies nowhere is refused below
        try:
            with rasterio.MemoryFile(picture.read()) as memory, memory.open() as raster:
                told, system = raster.transform, raster.crs
        except (*DAMAGE, rasterio.errors.RasterioError):
            told, system = None, None
    if told is None or told.is_identity:
        name = PurePosixPath(picture.name).name
        raise Malformed("$", f"'{name}' does not say where it lies: put its world file beside it")
    return (told.a, told.b, told.c, told.d, told.e, told.f), system.to_string() if system else ""


def _same(systems: frozenset[str]) -> bool:
    rasterio = library("rasterio", extra="gis", reader="a picture of a map")
    known = [rasterio.crs.CRS.from_user_input(system) for system in systems]
    return all(system == known[0] for system in known)


def _inverse(told: Affine) -> Affine:
    a, b, c, d, e, f = told
    size = a * e - b * d
    if not np.isfinite(size) or size == 0:
        raise Malformed("$", "the picture's transform has no inverse")
    return e / size, -b / size, (b * f - c * e) / size, -d / size, a / size, (c * d - a * f) / size


def polygons_in(geometry: bytes, transform: Affine) -> tuple[Polygon, ...] | None:
    """The polygons of a geometry, in pixels; None for what is no polygon. Raises `Malformed`."""
    try:
        parts, _ = _parts(geometry, 0)
    except (struct.error, ValueError, IndexError):
        raise Malformed("$", "a damaged geometry") from None
    if parts is None:
        return None
    return tuple(moved(Polygon(rings[0], rings[1:]), transform) for rings in parts if rings)


def moved(polygon: Polygon, transform: Affine) -> Polygon:
    """A polygon of a map in pixels."""
    a, b, c, d, e, f = transform
    turn = np.array([[a, d], [b, e]])
    exterior, *holes = (ring @ turn + (c, f) for ring in polygon.rings)
    return Polygon(exterior, holes)


def _parts(data: bytes, at: int) -> tuple[list[list[np.ndarray]] | None, int]:
    """The rings of each polygon, and where what follows begins; None instead of them for what is none."""
    order = "<" if data[at] else ">"
    (code,) = struct.unpack_from(f"{order}I", data, at + 1)
    if code % 1000 not in (_POLYGON, _MULTIPOLYGON) or code // 1000 not in _NUMBERS:
        return None, at
    (count,) = struct.unpack_from(f"{order}I", data, at + 5)
    at += 9
    if code % 1000 == _POLYGON:
        rings, at = _rings(data, at, count, order=order, numbers=_NUMBERS[code // 1000])
        return [rings], at
    parts: list[list[np.ndarray]] = []
    for _ in range(count):
        inner, at = _parts(data, at)
        if inner is None:
            return None, at
        parts += inner
    return parts, at


def _rings(data: bytes, at: int, count: int, *, order: str, numbers: int) -> tuple[list[np.ndarray], int]:
    rings = []
    for _ in range(count):
        (points,) = struct.unpack_from(f"{order}I", data, at)
        flat = np.frombuffer(data, f"{order}f8", points * numbers, at + 4)
        rings.append(flat.reshape(points, numbers)[:, :2].astype(np.float64))
        at += 4 + 8 * points * numbers
    return rings, at
