"""stats: instances and painted pixels, of annotations before any conversion and of masks after it."""

import json

import pytest

from polymask import NotFound, convert, stats
from tests.conftest import coco, square


def test_painted_pixels_count_once(coco_file):
    """The cat's square has 9 px, 2 of them below the dog."""
    found = stats(coco_file())
    assert found.labels == {
        "cat": {"instances": 1, "pixels": 7, "images": 1},
        "dog": {"instances": 1, "pixels": 9, "images": 1},
    }
    assert found.pixels_of("background") == 48 - 16


def test_a_label_wholly_painted_over_keeps_its_instances(coco_file):
    document = coco()
    document["annotations"][0]["segmentation"] = [square(3, 2, 2)]
    assert stats(coco_file(document)).labels["cat"] == {"instances": 1, "pixels": 0, "images": 1}


def test_labels_that_are_not_used_are_listed(coco_file):
    document = coco(annotations=[])
    assert stats(coco_file(document)).labels["dog"] == {"instances": 0, "pixels": 0, "images": 0}


@pytest.mark.parametrize("layout", ["index", "voc", "camvid", "onehot", "coco-panoptic"])
def test_a_converted_folder_has_the_same_pixels(coco_file, tmp_path, layout):
    """Masks do not tell instances apart, so there is no number of them."""
    convert(coco_file(), tmp_path / "out", to=layout)
    assert stats(tmp_path / "out").labels == {
        "cat": {"instances": None, "pixels": 7, "images": 1},
        "dog": {"instances": None, "pixels": 9, "images": 1},
    }


def test_void_is_told_apart(coco_file, tmp_path):
    convert(coco_file(), tmp_path / "out", overlap="void")
    found = stats(tmp_path / "out")
    assert (found.pixels_of("__ignore__"), found.labels["cat"]["pixels"]) == (2, 7)


def test_nothing_there_is_not_found(tmp_path):
    with pytest.raises(NotFound):
        stats(tmp_path / "nowhere")


def test_the_command_line(coco_file, polymask_command):
    """Overall and by image, as JSON; as text, the labels with most pixels first."""
    document = json.loads(polymask_command("stats", coco_file(), "--json", "--workers", 1).stdout)
    assert document["images"] == 1
    assert document["instances"] == 2
    assert document["labels"]["dog"]["pixels"] == 9
    assert document["per_image"] == [
        {
            "name": "a.jpg",
            "height": 6,
            "width": 8,
            "labels": {"cat": {"instances": 1, "pixels": 7}, "dog": {"instances": 1, "pixels": 9}},
        }
    ]
    lines = polymask_command("stats", coco_file()).stdout.splitlines()
    assert lines[3].split() == ["dog", "1", "1", "9", "56.2", "%"]
    assert lines[-1] == "background 32 px, void 0 px"
