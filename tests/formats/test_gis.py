"""Vector files of maps: pixels by the picture's transform, checked against rasterio's own rasterizer."""

import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from polymask import FormatError, InputError, PolymaskError, convert, index_mask
from polymask.formats import ReadOptions, open_annotations
from polymask.formats.geojson import gis
from polymask.formats.reading.refusals import Malformed
from polymask.labels.label_map import LabelMap
from tests.support.formats import written
from tests.support.oracles import drawn

pyogrio = pytest.importorskip("pyogrio")
rasterio = pytest.importorskip("rasterio")

# The picture is 6 × 4 px of half a meter; its upper left corner lies at x 1000, y 2000.
WORLD = "0.5\n0\n0\n-0.5\n1000.25\n1999.75\n"
UTM = "EPSG:32633"
Ring = list[tuple[float, float]]
FIELD: list[Ring] = [[(1000.5, 2000), (1002, 2000), (1002, 1998.5), (1000.5, 1998.5)]]
FIELD += [[(1001, 1999.5), (1001.5, 1999.5), (1001.5, 1999), (1001, 1999)]]  # a hole
LAKE: list[Ring] = [[(1002, 1998.5), (1003, 1998.5), (1003, 1998), (1002, 1998)]]
MASK = drawn(".111..", ".1.1..", ".111..", "....22")


def wkb(rings: list[Ring], *, order: str = "<", z: bool = False) -> bytes:
    """A polygon as OGC 06-103r4 writes it."""
    data = struct.pack(f"{order}BII", order == "<", 1003 if z else 3, len(rings))
    for ring in rings:
        closed = [*ring, ring[0]]
        data += struct.pack(f"{order}I", len(closed))
        for x, y in closed:
            data += struct.pack(f"{order}{'ddd' if z else 'dd'}", *((x, y, 7) if z else (x, y)))
    return data


def layer(path: Path, *, field: str = "class", system: str = UTM, **more: Any) -> Path:
    """A layer of a field with a hole, and a lake."""
    path.parent.mkdir(parents=True, exist_ok=True)
    geometry: Any = np.array([wkb(FIELD), wkb(LAKE, order=">")], dtype=object)
    names = [np.array(["field", "lake"], object)]
    pyogrio.raw.write(
        path, geometry, names, [field], geometry_type="Polygon", crs=system, encoding="UTF-8", **more
    )
    return path


def picture(folder: Path, *, world: str | None = WORLD) -> None:
    folder.mkdir(exist_ok=True)
    Image.new("RGB", (6, 4)).save(folder / "map.png")
    if world:
        written(folder / "map.pgw", world)


def read(path: Path, **options: Any) -> np.ndarray:
    (record,) = open_annotations(path, options=ReadOptions(**options))
    return index_mask(record, LabelMap.from_names(["field", "lake"]))


@pytest.mark.parametrize("ending", [".shp", ".gpkg"])
def test_a_layer_is_painted_by_the_pictures_world_file(ending: str, tmp_path: Path) -> None:
    """From a folder, from the file, from a zip; nothing is left beside the source."""
    picture(tmp_path / "in")
    path = layer(tmp_path / f"in/map{ending}")
    before = {file.name for file in (tmp_path / "in").iterdir()}
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        for name in before:
            archive.write(tmp_path / "in" / name, name)
    for source in (tmp_path / "in", path, tmp_path / "in.zip"):
        assert (read(source) == MASK).all()
    assert {file.name for file in (tmp_path / "in").iterdir()} == before


def test_geojson_with_a_reference_system_is_a_maps(tmp_path: Path) -> None:
    """`crs` says so; without it the numbers are pixels."""
    shapes = {"field": FIELD, "lake": LAKE}
    features: list[Any] = [
        {
            "type": "Feature",
            "properties": {"class": name},
            "geometry": {"type": "Polygon", "coordinates": rings},
        }
        for name, rings in shapes.items()
    ]
    system = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32633"}}
    picture(tmp_path / "in")
    written(tmp_path / "in/map.geojson", {"type": "FeatureCollection", "crs": system, "features": features})
    assert (read(tmp_path / "in") == MASK).all()


def test_a_geotiff_says_itself_where_it_lies(tmp_path: Path) -> None:
    """rasterio's own rasterizer, of pixel centers, paints the same."""
    from rasterio.features import rasterize

    rng = np.random.default_rng(5)
    transform = rasterio.Affine(0.37, 0, 1000, 0, -0.53, 2000)
    tmp_path.joinpath("in").mkdir()
    profile = {"driver": "GTiff", "height": 40, "width": 50, "count": 1, "dtype": "uint8", "crs": UTM}
    with rasterio.open(tmp_path / "in/map.tif", "w", transform=transform, **profile) as raster:
        raster.write(np.zeros((40, 50), np.uint8), 1)
    ring = (rng.uniform(0, 1, (9, 2)) * (18, -21) + (1000, 2000)).tolist()
    geometry = np.array([wkb([ring])], object)
    names = [np.array(["field"], object)]
    options = {"geometry_type": "Polygon", "crs": UTM, "encoding": "UTF-8"}
    pyogrio.raw.write(tmp_path / "in/map.gpkg", geometry, names, ["class"], **options)
    shape = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
    assert (read(tmp_path / "in") == rasterize([shape], (40, 50), transform=transform)).all()


def test_layers_of_another_reference_system_are_refused(tmp_path: Path) -> None:
    """Silently they would lie elsewhere."""
    tmp_path.joinpath("in").mkdir()
    profile = {"driver": "GTiff", "height": 4, "width": 6, "count": 1, "dtype": "uint8", "crs": "EPSG:3857"}
    transform = rasterio.Affine(0.5, 0, 1000, 0, -0.5, 2000)
    with rasterio.open(tmp_path / "in/map.tif", "w", transform=transform, **profile) as raster:
        raster.write(np.zeros((4, 6), np.uint8), 1)
    layer(tmp_path / "in/map.gpkg")
    with pytest.raises(FormatError, match=r"reference systems differ.*reproject the layer"):
        read(tmp_path / "in")


def test_a_picture_that_does_not_say_where_it_lies_is_refused(tmp_path: Path) -> None:
    """The advice works: a world file beside it."""
    picture(tmp_path / "in", world=None)
    layer(tmp_path / "in/map.gpkg")
    with pytest.raises(FormatError, match="put its world file beside it"):
        read(tmp_path / "in")
    written(tmp_path / "in/map.pgw", WORLD)
    assert (read(tmp_path / "in") == MASK).all()
    written(tmp_path / "in/map.pgw", "0 0 0")
    with pytest.raises(FormatError, match="a world file is six numbers"):
        read(tmp_path / "in")


def test_the_label_is_an_attribute(tmp_path: Path) -> None:
    """One that is called so, or `--label-attribute`; else the attributes that there are are named."""
    picture(tmp_path / "in")
    path = layer(tmp_path / "in/map.gpkg", field="crop")
    with pytest.raises(FormatError, match=r"which attribute is the label \(crop\): add --label-attribute"):
        open_annotations(path)
    assert open_annotations(path, options=ReadOptions(label_attribute="crop")).used == {"field": 1, "lake": 1}
    assert open_annotations(path, options=ReadOptions(default_label="plot")).used == {"plot": 2}


def test_what_is_no_polygon_is_listed_and_what_is_empty_counted(tmp_path: Path) -> None:
    """A point is left alone and listed; a feature without geometry paints nothing."""
    picture(tmp_path / "in")
    point = struct.pack("<BIdd", 1, 1, 1000.0, 2000.0)
    geometry = np.array([wkb(FIELD), point, None], object)
    names = [np.array(["field", "tree", "gone"], object)]
    options = {"geometry_type": "Unknown", "crs": UTM, "encoding": "UTF-8"}
    pyogrio.raw.write(tmp_path / "in/map.gpkg", geometry, names, ["class"], **options)
    report = convert(tmp_path / "in", tmp_path / "out")
    assert (len(report.unsupported), report.declared, report.painted) == (1, 3, 1)


def test_several_polygons_of_a_feature_are_united() -> None:
    """A multipolygon, in either order of bytes, with heights; cut off anywhere, it is refused."""
    parts = wkb(FIELD, z=True) + wkb(LAKE, order=">")
    data = struct.pack("<BII", 1, 6, 2) + parts
    field, lake = gis.polygons_in(data, gis.IDENTITY) or ()
    assert (len(field.holes), lake.exterior[0].tolist()) == (1, [1002, 1998.5])
    for stop in range(len(data)):
        with pytest.raises(Malformed):
            gis.polygons_in(data[:stop], gis.IDENTITY)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    """With its name."""
    picture(tmp_path / "in")
    path = layer(tmp_path / "in/map.gpkg")
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(FormatError, match=r"map\.gpkg: no vector file"):
        open_annotations(path)


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An import that fails is no traceback."""
    import sys

    path = layer(tmp_path / "in/map.gpkg")
    monkeypatch.setitem(sys.modules, "pyogrio", None)
    with pytest.raises(InputError, match=r"polymask\[gis\]"):
        open_annotations(path)


def test_json_without_crs_stays_in_pixels(tmp_path: Path) -> None:
    """QuPath's files have none."""
    picture(tmp_path / "in")
    ring = [[1, 0], [4, 0], [4, 1], [1, 1]]
    feature = {"type": "Feature", "properties": None, "geometry": {"type": "Polygon", "coordinates": [ring]}}
    written(tmp_path / "in/map.geojson", json.dumps({"type": "FeatureCollection", "features": [feature]}))
    (record,) = open_annotations(tmp_path / "in")
    assert index_mask(record, LabelMap.from_names(["object"])).sum() == 3


@pytest.mark.parametrize("ending", [".shp", ".gpkg"])
def test_damage_anywhere_is_refused_or_read(ending: str, tmp_path: Path) -> None:
    """Bytes changed at random: an error of ours, never another."""
    picture(tmp_path / "in")
    path = layer(tmp_path / f"in/map{ending}")
    data, rng = path.read_bytes(), np.random.default_rng(7)
    for _ in range(25):
        damaged = bytearray(data)
        for at in rng.integers(0, len(data), 3):
            damaged[at] = rng.integers(0, 256)
        path.write_bytes(bytes(damaged))
        try:
            list(open_annotations(path, format="geojson"))
        except PolymaskError:
            continue
