"""Cityscapes: what its own scripts, and those who train on it, look for."""

import json

import numpy as np
import pytest

from polymask import LabelError, LabelMap, convert
from polymask.analysis.masks.mask_sets import open_masks
from polymask.labels.cityscapes import CITYSCAPES
from tests.conftest import coco, square
from tests.support.layouts import INDEX, picture

STEM = "gtFine/train/aachen/aachen_000001_000019_gtFine"


def street(**changes):
    """A car, another in front of it, on a road that fills the image."""
    document = coco(
        images=[{"id": 1, "file_name": "aachen_000001_000019_leftImg8bit.png", "height": 6, "width": 8}],
        categories=[{"id": 1, "name": "road"}, {"id": 2, "name": "car"}],
        annotations=[
            {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[0, 0, 7, 0, 7, 6, 0, 6]]},
            {"id": 2, "image_id": 1, "category_id": 2, "segmentation": [square(1, 1, 3)]},
            {"id": 3, "image_id": 1, "category_id": 2, "segmentation": [square(3, 2, 3)]},
        ],
    )
    return document | changes


@pytest.fixture
def made(coco_file, tmp_path):
    convert(coco_file(street()), tmp_path / "out", to="cityscapes")
    return tmp_path / "out"


def test_label_ids_are_cityscapes_own_whatever_the_label_map_says(made):
    """7 is road, 26 is car, 0 unlabeled."""
    assert picture(made / f"{STEM}_labelIds.png")[1].tolist() == [
        [7, 7, 7, 7, 7, 7, 7, 0],
        [7, 26, 26, 26, 7, 7, 7, 0],
        [7, 26, 26, 26, 26, 26, 7, 0],
        [7, 26, 26, 26, 26, 26, 7, 0],
        [7, 7, 7, 26, 26, 26, 7, 0],
        [7, 7, 7, 7, 7, 7, 7, 0],
    ]


def test_train_ids_ignore_what_is_unlabeled(made):
    """Road is 0, car 13, everything else 255."""
    mode, pixels = picture(made / f"{STEM}_labelTrainIds.png")
    assert mode == "L"
    assert pixels[2].tolist() == [0, 13, 13, 13, 13, 13, 0, 255]


def test_instance_ids_are_id_times_1000_plus_a_number(made):
    """Cars are numbered from 0 in paint order; road has no instances and keeps its plain id."""
    mode, pixels = picture(made / f"{STEM}_instanceIds.png")
    assert mode == "I;16"
    assert pixels[2].tolist() == [7, 26000, 26000, 26001, 26001, 26001, 7, 0]


def test_a_group_keeps_its_plain_id(coco_file, tmp_path):
    """Cityscapes' `cargroup`, here a crowd, is no instance and takes no number."""
    document = street()
    document["annotations"][1]["iscrowd"] = 1
    convert(coco_file(document), tmp_path / "out", to="cityscapes")
    pixels = picture(tmp_path / "out" / f"{STEM}_instanceIds.png")[1]
    assert pixels[2].tolist() == [7, 26, 26, 26000, 26000, 26000, 7, 0]


def test_colors_are_cityscapes_own(made):
    mode, pixels = picture(made / f"{STEM}_color.png")
    assert mode == "RGB"
    assert pixels[1, :2].tolist() == [[128, 64, 128], [0, 0, 142]]
    assert pixels[0, 7].tolist() == [0, 0, 0]


def test_other_labels_use_the_label_maps_values(coco_file, tmp_path):
    """Ids are the values, train ids count from 0, and every label has instances."""
    convert(coco_file(), tmp_path / "out", to="cityscapes")
    stem = tmp_path / "out/gtFine/train/all/a_gtFine"
    assert (picture(f"{stem}_labelIds.png")[1] == INDEX).all()
    assert picture(f"{stem}_labelTrainIds.png")[1][2].tolist() == [255, 0, 0, 1, 1, 1, 255, 255]
    assert picture(f"{stem}_instanceIds.png")[1][2].tolist() == [0, 1000, 1000, 2000, 2000, 2000, 0, 0]


def test_the_label_ids_read_back_are_the_index_mask(made):
    masks = open_masks(made)
    assert masks.label_map == LabelMap.from_names(["road", "car"])
    assert masks.decode(masks.names[0])[1].tolist() == [1, 2, 2, 2, 1, 1, 1, 0]


def test_cityscapes_own_folders_are_read_by_its_table(made):
    """Without labels.json and a manifest, 26 is still a car."""
    for name in ("labels.json", "id2label.json", "manifest.jsonl"):
        (made / name).unlink()
    masks = open_masks(made)
    assert masks.names == ("aachen_000001_000019",)
    assert masks.label_map.value_of("car") == masks.decode(masks.names[0])[1, 1] == 26


def test_a_folder_is_the_city(coco_file, tmp_path):
    """Split and city are the two levels that Cityscapes' readers expect."""
    images = [{"id": 1, "file_name": "ulm/x.png", "height": 6, "width": 8}]
    convert(coco_file(street(images=images)), tmp_path / "out", to="cityscapes", split="val")
    assert (tmp_path / "out/gtFine/val/ulm/x_gtFine_labelIds.png").is_file()


def test_values_whose_instance_ids_need_more_than_16_bits(coco_file, tmp_path):
    """They have no instanceIds, and asking for them is refused."""
    document = coco()
    document["categories"][1]["id"] = document["annotations"][1]["category_id"] = 65
    convert(coco_file(document), tmp_path / "out", to="cityscapes", ids="source")
    assert not (tmp_path / "out/gtFine/train/all/a_gtFine_instanceIds.png").exists()
    with pytest.raises(LabelError, match="16 bits"):
        convert(coco_file(document), tmp_path / "b", to="cityscapes", ids="source", instances=True)


def test_the_table_is_the_official_one():
    """Ids and train ids, listed by hand; what is not listed is ignored in training and scoring."""
    ids = {
        "unlabeled": 0, "ego vehicle": 1, "rectification border": 2, "out of roi": 3, "static": 4,
        "dynamic": 5, "ground": 6, "road": 7, "sidewalk": 8, "parking": 9, "rail track": 10, "building": 11,
        "wall": 12, "fence": 13, "guard rail": 14, "bridge": 15, "tunnel": 16, "pole": 17, "polegroup": 18,
        "traffic light": 19, "traffic sign": 20, "vegetation": 21, "terrain": 22, "sky": 23, "person": 24,
        "rider": 25, "car": 26, "truck": 27, "bus": 28, "caravan": 29, "trailer": 30, "train": 31,
        "motorcycle": 32, "bicycle": 33, "license plate": -1,
    }  # fmt: skip
    trained = [
        "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign",
        "vegetation", "terrain", "sky", "person", "rider", "car", "truck", "bus", "train", "motorcycle",
        "bicycle",
    ]  # fmt: skip
    assert {name: row.id for name, row in CITYSCAPES.items()} == ids
    assert {name: row.train_id for name, row in CITYSCAPES.items()} == {
        name: trained.index(name) if name in trained else 255 for name in ids
    }
    assert {name for name, row in CITYSCAPES.items() if row.instances} == {
        name for name, number in ids.items() if 24 <= number <= 33
    }
    assert CITYSCAPES["road"].color == (128, 64, 128)


def polygons(folder, *labels):
    """A Cityscapes file: a column of two pixels for each label, from the left."""
    rows = [
        {"label": label, "polygon": [[x, 0], [x + 2, 0], [x + 2, 4], [x, 4]]}
        for x, label in zip(range(0, 20, 2), labels, strict=False)
    ]
    path = folder / "bonn_000000_000001_gtFine_polygons.json"
    path.write_text(json.dumps({"imgHeight": 4, "imgWidth": 2 * len(labels) + 2, "objects": rows}))
    return path


def columns(folder, kind):
    """The value in each of the columns of `polygons`."""
    (path,) = folder.rglob(f"*_gtFine_{kind}.png")
    return picture(path)[1][1, ::2].tolist()


@pytest.mark.parametrize("ids", ["contiguous", "source"])
def test_cityscapes_files_keep_its_own_numbers_and_colors(tmp_path, ids):
    """Road, sky and car; a group of cars is no instance, nor is a license plate anything."""
    source = polygons(tmp_path, "road", "sky", "car", "car", "cargroup", "parking", "license plate")
    convert(source, tmp_path / "out", to="cityscapes", ids=ids)
    assert columns(tmp_path / "out", "labelIds") == [7, 23, 26, 26, 26, 9, 0, 0]
    assert columns(tmp_path / "out", "labelTrainIds") == [0, 10, 13, 13, 13, 255, 255, 255]
    assert columns(tmp_path / "out", "instanceIds") == [7, 23, 26000, 26001, 26, 9, 0, 0]
    assert columns(tmp_path / "out", "color")[:3] == [[128, 64, 128], [70, 130, 180], [0, 0, 142]]
    masks = open_masks(tmp_path / "out")
    assert masks.label_map.name_of("car") in masks.label_map.names
    values = masks.decode(masks.names[0])[1, ::2]
    assert values.tolist() == [masks.label_map.value_of(name) for name in (
        "road", "sky", "car", "car", "car", "parking", "background", "background"
    )]  # fmt: skip


def test_lane_lines_are_ignored_and_change_nothing_else(tmp_path):
    """Some files have them, the official table has not: ids above its own, no train ids."""
    convert(polygons(tmp_path, "road", "dashed", "boundary"), tmp_path / "out", to="cityscapes")
    assert columns(tmp_path / "out", "labelIds") == [7, 34, 45, 0]
    assert columns(tmp_path / "out", "labelTrainIds") == [0, 255, 255, 255]


def test_unused_labels_do_not_make_others_unofficial(coco_file, tmp_path):
    """A zebra that no image shows; without labels.json, id2label.json still tells the numbers."""
    categories = [{"id": 1, "name": "road"}, {"id": 2, "name": "car"}, {"id": 9, "name": "zebra"}]
    convert(coco_file(street(categories=categories)), tmp_path / "out", to="cityscapes")
    assert picture(tmp_path / "out" / f"{STEM}_labelIds.png")[1][1, :2].tolist() == [7, 26]
    masks = open_masks(tmp_path / "out")
    assert masks.decode(masks.names[0])[1, :2].tolist() == [1, 2]
    (tmp_path / "out/labels.json").unlink()
    masks = open_masks(tmp_path / "out")
    assert [masks.label_map.value_of(name) for name in ("road", "car")] == [7, 26]
    assert masks.decode(masks.names[0])[1, :2].tolist() == [7, 26]


def test_void_is_unlabeled(coco_file, tmp_path):
    """Cityscapes has no value for void but 0; in train ids it is 255 as well."""
    convert(coco_file(street()), tmp_path / "out", to="cityscapes", overlap="void")
    assert picture(tmp_path / "out" / f"{STEM}_labelIds.png")[1][2].tolist() == [7, 0, 0, 0, 0, 0, 7, 0]
    (line,) = (tmp_path / "out/manifest.jsonl").read_text().splitlines()
    assert json.loads(line)["mask"] == f"{STEM}_labelIds.png"
    assert np.unique(picture(tmp_path / "out" / f"{STEM}_instanceIds.png")[1]).tolist() == [0, 7]
