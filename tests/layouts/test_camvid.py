"""CamVid: masks in colors, and the tables that say what the colors mean."""

import numpy as np
import pytest

from polymask import FormatError, LabelError, convert
from polymask.analysis.masks.mask_sets import open_masks
from polymask.codecs.png import encode_color
from tests.support.layouts import INDEX, picture


def test_masks_are_in_the_labels_colors(coco_file, tmp_path):
    """Background black, the first label VOC's dark red, the second its green."""
    convert(coco_file(), tmp_path / "out", to="camvid")
    mode, pixels = picture(tmp_path / "out/trainannot/a.png")
    colors = np.array([[0, 0, 0], [128, 0, 0], [0, 128, 0]])
    assert mode == "RGB"
    assert (pixels == colors[INDEX]).all()


def test_tables_and_lists(coco_file, tmp_path):
    """Both class tables that readers of CamVid use, and pairs of picture and mask."""
    convert(coco_file(), tmp_path / "out", to="camvid")
    assert (tmp_path / "out/label_colors.txt").read_text().splitlines() == [
        "0 0 0 background",
        "128 0 0 cat",
        "0 128 0 dog",
        "224 224 192 void",
    ]
    assert (tmp_path / "out/class_dict.csv").read_text().splitlines()[:2] == [
        "name,r,g,b",
        "background,0,0,0",
    ]
    assert (tmp_path / "out/train.txt").read_text() == "/train/a.jpg /trainannot/a.png\n"


def test_a_folder_with_nothing_but_the_color_table_is_read(coco_file, tmp_path):
    """Labels are numbered in the table's order."""
    convert(coco_file(), tmp_path / "out", to="camvid", overlap="void")
    for name in ("labels.json", "id2label.json", "manifest.jsonl"):
        (tmp_path / "out" / name).unlink()
    mask = open_masks(tmp_path / "out").decode("a")
    assert mask[2].tolist() == [0, 1, 1, 255, 2, 2, 0, 0]


def test_a_color_that_is_not_in_the_table_is_an_error(coco_file, tmp_path):
    """The message says which, and how many pixels have it."""
    convert(coco_file(), tmp_path / "out", to="camvid")
    (tmp_path / "out/trainannot/a.png").write_bytes(encode_color(np.full((6, 8, 3), 7, np.uint8)))
    with pytest.raises(FormatError, match=r"48 px have colors like \(7, 7, 7\)"):
        open_masks(tmp_path / "out").decode("a")


def test_two_labels_of_one_color_are_refused(coco_file, tmp_path):
    """Nothing else could tell them apart."""
    labels = tmp_path / "labelmap.txt"
    labels.write_text("# label:color_rgb:parts:actions\ncat:1,2,3::\ndog:1,2,3::\n")
    with pytest.raises(LabelError, match="'cat' and 'dog' both have the color"):
        convert(coco_file(), tmp_path / "out", to="camvid", labels=labels)
