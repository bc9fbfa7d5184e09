"""Ultralytics semantic segmentation: masks that mirror images, and the YAML that names them."""

import pytest
import yaml

from polymask import convert
from polymask.analysis.masks.mask_sets import open_masks
from tests.conftest import coco
from tests.support.layouts import INDEX, picture


def test_masks_mirror_images(coco_file, tmp_path):
    """`masks_dir` replaces `images` in a picture's path."""
    (tmp_path / "a.jpg").write_bytes(b"picture")
    convert(coco_file(), tmp_path / "out", to="yolo-semantic", images=tmp_path, copy_images=True)
    mode, pixels = picture(tmp_path / "out/masks/train/a.png")
    assert mode == "L"
    assert (pixels == INDEX).all()
    assert (tmp_path / "out/images/train/a.jpg").is_file()


def test_the_yaml_names_splits_and_values(coco_file, tmp_path):
    """Every value from 0 on has a name, for the number of names is the number of classes."""
    convert(coco_file(), tmp_path / "out", to="yolo-semantic", split_ratio="0.5,0.5", ids="source")
    assert (tmp_path / "out/data.yaml").read_text().splitlines()[:8] == [
        'train: "images/train"',
        'val: "images/train"  # there are no images of val yet',
        "masks_dir: masks",
        "names:",
        '  0: "background"',
        '  1: "unused-1"',
        '  2: "unused-2"',
        '  3: "cat"',
    ]


def test_a_yaml_alone_names_the_values(coco_file, tmp_path):
    categories = [{"id": 3, "name": "cat: big"}, {"id": 7, "name": "dog"}]
    convert(coco_file(coco(categories=categories)), tmp_path / "out", to="yolo-semantic")
    for name in ("labels.json", "id2label.json", "manifest.jsonl"):
        (tmp_path / "out" / name).unlink()
    masks = open_masks(tmp_path / "out")
    assert masks.label_map.names == ("cat: big", "dog")
    assert (masks.decode("a") == INDEX).all()


def splits(folder):
    """What a reader of YAML takes from the file."""
    document = yaml.safe_load((folder / "data.yaml").read_text())
    return {key: document[key] for key in ("train", "val", "test") if key in document}


def test_a_second_run_adds_its_split(coco_file, tmp_path):
    """Ultralytics refuses a file without `train` or `val`: until there are images, one stands in."""
    other = [{"id": 1, "file_name": "b.jpg", "height": 6, "width": 8}]
    convert(coco_file(coco(images=other)), tmp_path / "out", to="yolo-semantic", split="val")
    assert splits(tmp_path / "out") == {"train": "images/val", "val": "images/val"}
    convert(coco_file(), tmp_path / "out", to="yolo-semantic")
    assert splits(tmp_path / "out") == {"train": "images/train", "val": "images/val"}


@pytest.mark.parametrize("name", ["two\nlines", "a\u2028b", "a\x85b", '"', "it's: #1", "猫", "🐈"])
def test_any_label_stands_in_the_yaml(coco_file, tmp_path, name):
    """YAML has more line breaks than JSON."""
    categories = [{"id": 3, "name": name}, {"id": 7, "name": "dog"}]
    convert(coco_file(coco(categories=categories)), tmp_path / "out", to="yolo-semantic")
    document = yaml.safe_load((tmp_path / "out/data.yaml").read_text())
    assert document["names"] == {0: "background", 1: name, 2: "dog"}
    for known in ("labels.json", "id2label.json"):
        (tmp_path / "out" / known).unlink()
    assert open_masks(tmp_path / "out").label_map.names == (name, "dog")
