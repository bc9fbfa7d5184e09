"""Cityscapes: what its own scripts, and those who train on it, look for."""

import json

import numpy as np
import pytest

from polymask import LabelError, LabelMap, convert
from polymask.cityscapes_labels import CITYSCAPES
from polymask.masks import open_masks
from tests.conftest import coco, square
from tests.layouts.drawn import INDEX, picture

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


def test_the_table_is_complete():
    """34 classes with the ids 0 … 33, 19 of them trained on, and the license plate that is not painted."""
    ids = [row.id for name, row in CITYSCAPES.items() if name != "license plate"]
    assert ids == list(range(34))
    assert sorted(row.train_id for row in CITYSCAPES.values() if row.train_id != 255) == list(range(19))


def test_void_is_unlabeled(coco_file, tmp_path):
    """Cityscapes has no value for void but 0; in train ids it is 255 as well."""
    convert(coco_file(street()), tmp_path / "out", to="cityscapes", overlap="void")
    assert picture(tmp_path / "out" / f"{STEM}_labelIds.png")[1][2].tolist() == [7, 0, 0, 0, 0, 0, 7, 0]
    (line,) = (tmp_path / "out/manifest.jsonl").read_text().splitlines()
    assert json.loads(line)["mask"] == f"{STEM}_labelIds.png"
    assert np.unique(picture(tmp_path / "out" / f"{STEM}_instanceIds.png")[1]).tolist() == [0, 7]
