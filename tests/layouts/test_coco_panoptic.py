"""COCO panoptic: segment ids as colors, and what panopticapi needs to know of each."""

import json

import pytest

from polymask import FormatError, convert
from polymask.masks import open_masks
from tests.conftest import coco, square
from tests.layouts.drawn import INDEX, picture


@pytest.fixture
def made(coco_file, tmp_path):
    convert(coco_file(), tmp_path / "out", to="coco-panoptic")
    return tmp_path / "out"


def test_a_segments_color_is_its_id(made):
    """Red is the lowest byte; each instance has a segment, background none."""
    mode, pixels = picture(made / "panoptic/a.png")
    assert mode == "RGB"
    assert (pixels[..., 0] == INDEX).all()
    assert not pixels[..., 1:].any()


def test_segments_are_described(made):
    """Area and box are those of what is visible."""
    document = json.loads((made / "panoptic.json").read_text())
    assert document["images"] == [{"id": 1, "file_name": "a.jpg", "height": 6, "width": 8}]
    assert document["annotations"] == [
        {
            "image_id": 1,
            "file_name": "a.png",
            "segments_info": [
                {"id": 1, "category_id": 1, "area": 7, "bbox": [1, 1, 3, 3], "iscrowd": 0},
                {"id": 2, "category_id": 2, "area": 9, "bbox": [3, 2, 3, 3], "iscrowd": 0},
            ],
        }
    ]
    assert [(c["id"], c["name"], c["isthing"]) for c in document["categories"]] == [
        (1, "cat", 1),
        (2, "dog", 1),
    ]


def test_what_is_painted_over_has_no_segment(coco_file, tmp_path):
    """panopticapi refuses a segment that no pixel has."""
    document = coco()
    document["annotations"][0]["segmentation"] = [square(3, 2, 2)]
    convert(coco_file(document), tmp_path / "out", to="coco-panoptic")
    (annotation,) = json.loads((tmp_path / "out/panoptic.json").read_text())["annotations"]
    assert [segment["id"] for segment in annotation["segments_info"]] == [2]


def test_more_than_255_segments_reach_into_green(coco_file, tmp_path):
    """Three hundred dogs: the last one is 300 = 44 + 256."""
    annotations = [
        {"id": n, "image_id": 1, "category_id": 7, "segmentation": [square(n % 20, n // 20, 1)]}
        for n in range(300)
    ]
    images = [{"id": 1, "file_name": "a.jpg", "height": 15, "width": 20}]
    convert(coco_file(coco(images=images, annotations=annotations)), tmp_path / "out", to="coco-panoptic")
    assert picture(tmp_path / "out/panoptic/a.png")[1][14, 19].tolist() == [44, 1, 0]
    assert (open_masks(tmp_path / "out").decode("a") == 2).all()


def test_void_is_unlabeled(coco_file, tmp_path):
    """The format has one word for background and void; read back, both are background."""
    convert(coco_file(), tmp_path / "out", to="coco-panoptic", overlap="void")
    assert open_masks(tmp_path / "out").decode("a")[2].tolist() == [0, 1, 1, 0, 2, 2, 0, 0]


def test_a_file_of_another_tool_names_its_categories_itself(made):
    for name in ("labels.json", "id2label.json", "manifest.jsonl"):
        (made / name).unlink()
    masks = open_masks(made)
    assert masks.label_map.names == ("cat", "dog")
    assert (masks.decode("a") == INDEX).all()


def test_a_segment_that_the_file_does_not_know_is_an_error(made):
    document = json.loads((made / "panoptic.json").read_text())
    document["annotations"][0]["segments_info"].pop()
    (made / "panoptic.json").write_text(json.dumps(document))
    with pytest.raises(FormatError, match=r"segments \[2\]"):
        open_masks(made).decode("a")
