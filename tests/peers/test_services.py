"""What the libraries of labeling services read in their own formats: `pytest -m services tests/peers`.

They come with the extra `services`, in an environment of its own: their versions of others' libraries differ
from those of `peers`. Each reads the file itself; of ours only the masks are compared, bit for bit.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from polymask import label_masks
from polymask.formats import ReadOptions, open_annotations
from tests.support.formats import FIXTURES, LABELS, SCENE, written

pytestmark = [pytest.mark.services, pytest.mark.filterwarnings("ignore")]
ROW, COLUMN = np.mgrid[:8, :12] + 0.5


def scene(label: str) -> np.ndarray:
    """The pixels that the scene shows of a label; of the sea, all that it covers."""
    mask = LABELS.value_of(label) == SCENE
    mask[5:] |= label == "sea"
    return mask


def in_rings(rings: Iterator[list[tuple[float, float]]]) -> np.ndarray:
    """(8, 12): the pixel centers in an odd number of rings, by matplotlib's paths."""
    from matplotlib.path import Path as Outline

    centers = np.column_stack([COLUMN.ravel(), ROW.ravel()])
    inside = np.zeros(centers.shape[0], bool)
    for ring in rings:
        inside ^= Outline([*ring, ring[0]], closed=True).contains_points(centers)
    return inside.reshape(ROW.shape)


def assert_scene(format: str, masks: dict[str, np.ndarray], name: str = "boat.png") -> None:
    """Their masks, ours and the hand-drawn scene are one."""
    record = next(record for record in open_annotations(FIXTURES / format) if Path(record.name).name == name)
    ours = {found.label: found.mask for found in label_masks(record)}
    assert masks.keys() == ours.keys() == {"boat", "sea", "sun"}
    for label, mask in masks.items():
        assert (mask == ours[label]).all(), label
        assert (mask == scene(label)).all(), label


def test_darwin_py(tmp_path: Path) -> None:
    """Its paths of polygons, and the runs of its raster layer as its exporter unpacks them."""
    from darwin.exporter.formats.mask import rle_decode
    from darwin.utils import parse_darwin_json

    document = json.loads((FIXTURES / "darwin/boat.json").read_text())
    for row in document["annotations"]:
        row.pop("bounding_box", None)  # a stub in the sample, which it does not need
    file = parse_darwin_json(written(tmp_path / "boat.json", document), None)
    assert file is not None
    assert file.filename == "boat.png"
    masks, ids = {}, {}
    for annotation in file.annotations:
        name, kind = annotation.annotation_class.name, annotation.annotation_class.annotation_type
        if kind == "polygon":
            rings = ([(point["x"], point["y"]) for point in path] for path in annotation.data["paths"])
            masks[name] = in_rings(rings)
        elif kind == "mask":
            ids[annotation.id] = name
        else:
            runs, numbers = annotation.data["dense_rle"], annotation.data["mask_annotation_ids_mapping"]
    for key, number in numbers.items():
        codes = np.array(rle_decode(runs, {number: number, 0: 0})).reshape(8, 12)
        masks[ids[key]] = codes == number
    assert_scene("darwin", masks)


def test_scalabel() -> None:
    """The paths that it draws, Bézier sides included, and its runs."""
    from scalabel.label.transforms import poly_to_patch, rle_to_mask
    from scalabel.label.typing import RLE, Poly2D

    frame = json.loads((FIXTURES / "bdd100k/labels.json").read_text())["frames"][0]
    masks = {}
    centers = np.column_stack([COLUMN.ravel(), ROW.ravel()])
    for label in frame["labels"]:
        if "rle" in label:
            masks[label["category"]] = rle_to_mask(RLE(**label["rle"])) > 0
            continue
        (poly,) = (Poly2D(**row) for row in label["poly2d"])
        patch = poly_to_patch(poly.vertices, poly.types, (1, 1, 1), closed=poly.closed)
        masks[label["category"]] = patch.get_path().contains_points(centers).reshape(ROW.shape)
    assert_scene("bdd100k", masks)


def test_encord() -> None:
    """Its bitmask, and its polygons in shares of the picture."""
    from encord.objects.bitmask import BitmaskCoordinates
    from encord.objects.coordinates import PolygonCoordinates

    (row, *_) = json.loads((FIXTURES / "encord/labels.json").read_text())
    (unit,) = row["data_units"].values()
    masks = {}
    for item in unit["labels"]["objects"]:
        if item["shape"] == "bitmask":
            masks[item["name"]] = np.asarray(BitmaskCoordinates.from_dict(item).to_numpy_array(), bool)
            continue
        shape = PolygonCoordinates.from_dict(item)
        rings = [ring for polygon in shape.polygons or [[shape.values]] for ring in polygon]
        masks[item["name"]] = in_rings([(point.x * 12, point.y * 8) for point in ring] for ring in rings)
    assert_scene("encord", masks)


def test_supervisely_bitmaps() -> None:
    """Its bitmaps, at their origins. (It rounds polygons to whole pixels, which we do not.)"""
    import supervisely as sly

    meta = sly.ProjectMeta.from_json(json.loads((FIXTURES / "supervisely/meta.json").read_text()))
    document = json.loads((FIXTURES / "supervisely/harbor/ann/boat.png.json").read_text())
    record = next(record for record in open_annotations(FIXTURES / "supervisely") if "boat" in record.name)
    ours = {found.label: found.mask for found in label_masks(record)}
    labels = sly.Annotation.from_json(document, meta).labels
    (label,) = (label for label in labels if isinstance(label.geometry, sly.Bitmap))
    mask, shape = np.zeros((8, 12), bool), label.geometry
    top, left = shape.origin.row, shape.origin.col
    mask[top : top + shape.data.shape[0], left : left + shape.data.shape[1]] = shape.data
    assert (mask == ours[label.obj_class.name]).all()
    assert (mask == scene(label.obj_class.name)).all()


@pytest.mark.parametrize("angle", [0, 0.3, -1.1, 2.5])
def test_supervisely_oriented_boxes(tmp_path: Path, angle: float) -> None:
    """The pixel centers that it finds in a rotated box, whose center it rounds to a whole pixel."""
    from supervisely.geometry.oriented_bbox import OrientedBBox

    box = OrientedBBox(top=2, left=3, bottom=6, right=9, angle=angle)
    row = {"classTitle": "cat", "geometryType": "oriented_bbox", "tags": [], **box.to_json()}
    path = written(tmp_path / "a.png.json", {"size": {"height": 8, "width": 12}, "objects": [row]})
    (record,) = open_annotations(path, options=ReadOptions(boxes=True))
    (ours,) = (found.mask for found in label_masks(record))
    centers = zip(ROW.ravel(), COLUMN.ravel(), strict=True)
    theirs = [box.contains_point_location(SimpleNamespace(row=row, col=column)) for row, column in centers]
    assert (ours.ravel() == theirs).all()
