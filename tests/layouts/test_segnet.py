"""SegNet's CamVid: gray masks whose classes count from 0."""

import json

import numpy as np

from polymask import convert
from polymask.analysis.masks.mask_sets import open_masks
from polymask.formats import open_annotations
from tests.conftest import coco
from tests.support.layouts import INDEX, picture


def test_classes_count_from_0_and_the_last_is_unlabelled(coco_file, tmp_path):
    """A cat is 0, a dog 1; what is background or void is 2, to be ignored."""
    convert(coco_file(), tmp_path / "out", to="segnet", overlap="void")
    mode, pixels = picture(tmp_path / "out/trainannot/a.png")
    contested = np.zeros(INDEX.shape, bool)
    contested[2:4, 3] = True  # the cat's right column, which the dog covers
    assert mode == "L"
    assert (pixels == np.where(contested, 2, np.array([2, 0, 1])[INDEX])).all()
    assert json.loads((tmp_path / "out/id2label.json").read_text()) == {
        "0": "cat",
        "1": "dog",
        "2": "background",
    }
    assert (tmp_path / "out/train.txt").read_text() == "train/a.jpg trainannot/a.png\n"


def test_segnets_own_labels_have_its_values(coco_file, tmp_path):
    """A car is 8, a road 3, and 11 is unlabelled; the format reads them as SegNet's."""
    categories = [{"id": 3, "name": "Road"}, {"id": 7, "name": "Car"}]
    convert(coco_file(coco(categories=categories)), tmp_path / "out", to="segnet")
    assert (picture(tmp_path / "out/trainannot/a.png")[1] == np.array([11, 3, 8])[INDEX]).all()
    for name in ("labels.json", "id2label.json", "manifest.jsonl"):
        (tmp_path / "out" / name).unlink()
    assert open_annotations(tmp_path / "out", format="camvid").used == {"Road": 1, "Car": 1, "__ignore__": 1}


def test_the_values_are_read_back_by_their_table(coco_file, tmp_path):
    """By labels.json as the label map's, by id2label.json alone as they are."""
    convert(coco_file(), tmp_path / "out", to="segnet")
    assert (open_masks(tmp_path / "out").decode("a") == INDEX).all()
    for name in ("labels.json", "manifest.jsonl"):
        (tmp_path / "out" / name).unlink()
    masks = open_masks(tmp_path / "out")
    assert (masks.kind, masks.label_map.value_of("dog"), masks.label_map.background) == ("segnet", 1, 2)
    assert (masks.decode("a") == np.array([2, 0, 1])[INDEX]).all()
