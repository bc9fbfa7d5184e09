"""COCO-Stuff pixel maps: ids minus one, 255 for what is unlabeled."""

import numpy as np

from polymask import convert
from polymask.analysis.masks.mask_sets import open_masks
from tests.support.layouts import INDEX, picture


def test_pixels_are_ids_minus_one(coco_file, tmp_path):
    """With the source's ids 3 and 7."""
    convert(coco_file(), tmp_path / "out", to="coco-stuff", ids="source")
    mode, pixels = picture(tmp_path / "out/stuffthingmaps/a.png")
    assert mode == "L"
    assert (pixels == np.array([255, 2, 6])[INDEX]).all()
    assert (tmp_path / "out/labels.txt").read_text() == "0: unlabeled\n3: cat\n7: dog\n"


def test_labels_txt_alone_names_the_ids(coco_file, tmp_path):
    convert(coco_file(), tmp_path / "out", to="coco-stuff", ids="source")
    for name in ("labels.json", "id2label.json", "manifest.jsonl"):
        (tmp_path / "out" / name).unlink()
    masks = open_masks(tmp_path / "out")
    assert masks.label_map.value_of("dog") == 7
    assert (masks.decode("a") == np.array([0, 3, 7])[INDEX]).all()


def test_void_is_unlabeled(coco_file, tmp_path):
    """The format has one word for background and void; read back, both are background."""
    convert(coco_file(), tmp_path / "out", to="coco-stuff", overlap="void")
    assert open_masks(tmp_path / "out").decode("a")[2].tolist() == [0, 1, 1, 0, 2, 2, 0, 0]
