"""Cityscapes' polygon JSON, which paints the very mask that it lies beside when it is read back."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polymask import (
    ImageRecord,
    Instance,
    LabelMap,
    Polygon,
    Runs,
    convert,
    decode_png,
    index_mask,
    read,
    verify,
)
from polymask.labels.cityscapes import CITYSCAPES
from polymask.layouts import LayoutOptions, cityscapes
from polymask.painting.painting import Painting, Rules
from tests.conftest import square, tree
from tests.layouts.test_cityscapes import STEM, street

LABELS = ["road", "car", "pole", "unlabeled", "license plate", "background", "__ignore__"]
STREET = LabelMap.from_names(["car", "pole", "road", "license plate"])
IDS = {name: row.id for name, row in CITYSCAPES.items() if row.id > 0}
FRAME = (9, 12)
POINTS = st.tuples(st.floats(-2, 14, width=16), st.floats(-2, 11, width=16))
RINGS = st.lists(POINTS, min_size=3, max_size=5)
POLYGONS = st.builds(Polygon, RINGS, st.lists(RINGS, max_size=2))
SHAPES = st.lists(POLYGONS, min_size=1, max_size=2).map(tuple) | st.lists(
    st.integers(0, 40), min_size=3, max_size=3
).map(lambda c: Runs([*c, 108 - sum(c)], FRAME) if sum(c) <= 108 else Runs([108], FRAME))
INSTANCES = st.lists(
    st.tuples(st.sampled_from(LABELS[:3] + LABELS[4:]), SHAPES, st.booleans()), max_size=5
).map(
    lambda rows: tuple(Instance(n, label, shape, crowd=crowd) for n, (label, shape, crowd) in enumerate(rows))
)
RULES = st.fixed_dictionaries(
    {
        "overlap": st.sampled_from(["last", "first", "smallest", "void"]),
        "border": st.sampled_from([0, 0, 1]),
        "pixel_rule": st.sampled_from(["center", "center", "coco"]),
        "crowd": st.sampled_from(["keep", "void", "skip"]),
        "holes": st.sampled_from([None, None, "union", "even-odd"]),
    }
)


def objects(out: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((out / f"{STEM}_polygons.json").read_text())["objects"]
    return rows


@settings(max_examples=60)
@given(INSTANCES, RULES)
def test_read_back_it_is_the_mask(
    tmp_path_factory: pytest.TempPathFactory, instances: tuple[Instance, ...], rules: dict[str, Any]
) -> None:
    """Under every rule and for every shape: labelIds are those that Cityscapes' own order gives."""
    painting = Painting(ImageRecord(1, "a.png", FRAME, instances), STREET, Rules(**rules))
    files = cityscapes.draw(painting, LayoutOptions(label_map=STREET)).files
    folder = tmp_path_factory.mktemp("street")
    (folder / "a_gtFine_polygons.json").write_bytes(files[-1][1])
    (record,) = read(folder, format="cityscapes")
    assert (index_mask(record, IDS) == decode_png(files[0][1])).all()


def test_objects_are_the_instances_in_paint_order(coco_file: Any, tmp_path: Path) -> None:
    """With the coordinates that were drawn, under `first` too."""
    convert(coco_file(street()), tmp_path / "a", to="cityscapes")
    convert(coco_file(street()), tmp_path / "b", to="cityscapes", overlap="first")
    road, car, front = objects(tmp_path / "a")
    assert (road["label"], car["label"]) == ("road", "car")
    assert front == {"label": "car", "polygon": [[3, 2], [6, 2], [6, 5], [3, 5]]}
    assert objects(tmp_path / "b") == [front, car, road]
    assert verify(tmp_path / "a").unchanged == 1


def test_parts_and_holes_are_one_object(coco_file: Any, tmp_path: Path) -> None:
    """Through seams; parts that overlap are objects of their own, for a seam would cut them out."""
    document = street()
    document["annotations"] = [
        {"id": 1, "image_id": 1, "category_id": 2, "segmentation": [square(0, 0, 2), square(4, 0, 2)]},
        {"id": 2, "image_id": 1, "category_id": 2, "segmentation": [square(0, 3, 2), square(1, 3, 2)]},
    ]
    convert(coco_file(document), tmp_path, to="cityscapes")
    apart, *overlapping = objects(tmp_path)
    assert apart["polygon"] == [
        [0, 0], [2, 0], [2, 2], [0, 2], [0, 0], [4, 0], [6, 0], [6, 2], [4, 2], [4, 0],
    ]  # fmt: skip
    assert len(overlapping) == 2


def test_a_crowd_is_a_group_but_for_poles(coco_file: Any, tmp_path: Path) -> None:
    """`polegroup` is a class of its own."""
    document = street(categories=[{"id": 1, "name": "pole"}, {"id": 2, "name": "car"}])
    for row in document["annotations"]:
        row["iscrowd"] = 1
    convert(coco_file(document), tmp_path, to="cityscapes")
    assert [row["label"] for row in objects(tmp_path)] == ["pole", "cargroup", "cargroup"]


def test_a_border_leaves_what_is_visible_traced(coco_file: Any, tmp_path: Path) -> None:
    """Of each instance, at the corners of pixels."""
    convert(coco_file(street()), tmp_path, to="cityscapes", border=1)
    labels = [row["label"] for row in objects(tmp_path)]
    assert labels == ["road", "car", "car"][: len(labels)]
    assert all(
        isinstance(side, int) for row in objects(tmp_path) for point in row["polygon"] for side in point
    )


def test_other_labels_have_no_polygons(coco_file: Any, tmp_path: Path) -> None:
    """Readers of the file would not know them."""
    convert(coco_file(), tmp_path / "out", to="cityscapes")
    assert not list((tmp_path / "out").rglob("*_polygons.json"))


def test_masks_go_beside_the_polygons_that_they_are_made_of(coco_file: Any, tmp_path: Path) -> None:
    """As cityscapesScripts puts them: the polygons stay as they are, and no others are written."""
    convert(coco_file(street()), tmp_path / "first", to="cityscapes")
    data = tmp_path / "data"
    file = data / f"{STEM}_polygons.json"
    file.parent.mkdir(parents=True)
    file.write_bytes((tmp_path / "first" / f"{STEM}_polygons.json").read_bytes())
    before = file.read_bytes()
    convert(data / "gtFine/train", data, to="cityscapes")
    assert file.read_bytes() == before
    kinds = ("labelIds", "labelTrainIds", "instanceIds", "color")
    first, second = tree(tmp_path / "first"), tree(data)
    assert all(second[f"{STEM}_{kind}.png"] == first[f"{STEM}_{kind}.png"] for kind in kinds)
    assert np.array_equal(*(decode_png(side[f"{STEM}_labelIds.png"]) for side in (first, second)))
