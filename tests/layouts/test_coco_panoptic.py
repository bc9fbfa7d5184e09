"""COCO panoptic: segment ids as colors, and what panopticapi needs to know of each."""

import json

import numpy as np
import pytest

from polymask import FormatError, InputError, LabelError, convert
from polymask.analysis.masks.mask_sets import open_masks
from polymask.layouts import LAYOUTS
from tests.conftest import coco, square, tree
from tests.support.layouts import INDEX, picture


@pytest.fixture
def made(coco_file, tmp_path):
    convert(coco_file(), tmp_path / "out", to="coco-panoptic")
    return tmp_path / "out"


def test_a_segments_color_is_its_id(made):
    """Red is the lowest byte; each instance has a segment, background none."""
    mode, pixels = picture(made / "annotations/panoptic_train/a.png")
    assert mode == "RGB"
    assert (pixels[..., 0] == INDEX).all()
    assert not pixels[..., 1:].any()


def test_segments_are_described(made):
    """Area and box are those of what is visible."""
    document = json.loads((made / "annotations/panoptic_train.json").read_text())
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
    (annotation,) = json.loads((tmp_path / "out/annotations/panoptic_train.json").read_text())["annotations"]
    assert [segment["id"] for segment in annotation["segments_info"]] == [2]


def test_more_than_255_segments_reach_into_green(coco_file, tmp_path):
    """Three hundred dogs: the last one is 300 = 44 + 256."""
    annotations = [
        {"id": n, "image_id": 1, "category_id": 7, "segmentation": [square(n % 20, n // 20, 1)]}
        for n in range(300)
    ]
    images = [{"id": 1, "file_name": "a.jpg", "height": 15, "width": 20}]
    convert(coco_file(coco(images=images, annotations=annotations)), tmp_path / "out", to="coco-panoptic")
    assert picture(tmp_path / "out/annotations/panoptic_train/a.png")[1][14, 19].tolist() == [44, 1, 0]
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
    document = json.loads((made / "annotations/panoptic_train.json").read_text())
    document["annotations"][0]["segments_info"].pop()
    (made / "annotations/panoptic_train.json").write_text(json.dumps(document))
    with pytest.raises(FormatError, match=r"segments \[2\]"):
        open_masks(made).decode("a")


def stuff_and_things(coco_file):
    """Sea drawn in two parts, one of them over a cat, and a second cat of its own."""
    return coco_file(
        categories=[{"id": 3, "name": "cat"}, {"id": 7, "name": "sea"}],
        annotations=[
            {"id": 1, "image_id": 1, "category_id": 7, "segmentation": [square(0, 0, 2)]},
            {"id": 2, "image_id": 1, "category_id": 3, "segmentation": [square(2, 2, 3)]},
            {"id": 3, "image_id": 1, "category_id": 7, "segmentation": [square(4, 4, 2)], "iscrowd": 1},
            {"id": 4, "image_id": 1, "category_id": 3, "segmentation": [square(6, 0, 2)]},
        ],
    )


def test_stuff_has_one_segment_an_image(coco_file, tmp_path):
    """Both parts of the sea are segment 1, and no crowd; cats keep theirs."""
    convert(stuff_and_things(coco_file), tmp_path / "out", to="coco-panoptic", stuff=["sea"])
    assert picture(tmp_path / "out/annotations/panoptic_train/a.png")[1][..., 0].tolist() == [
        [1, 1, 0, 0, 0, 0, 4, 4],
        [1, 1, 0, 0, 0, 0, 4, 4],
        [0, 0, 2, 2, 2, 0, 0, 0],
        [0, 0, 2, 2, 2, 0, 0, 0],
        [0, 0, 2, 2, 1, 1, 0, 0],
        [0, 0, 0, 0, 1, 1, 0, 0],
    ]
    document = json.loads((tmp_path / "out/annotations/panoptic_train.json").read_text())
    assert [(row["name"], row["isthing"]) for row in document["categories"]] == [("cat", 1), ("sea", 0)]
    assert document["annotations"][0]["segments_info"] == [
        {"id": 1, "category_id": 2, "area": 8, "bbox": [0, 0, 6, 6], "iscrowd": 0},
        {"id": 2, "category_id": 1, "area": 8, "bbox": [2, 2, 3, 3], "iscrowd": 0},
        {"id": 4, "category_id": 1, "area": 4, "bbox": [6, 0, 2, 2], "iscrowd": 0},
    ]
    assert json.loads((tmp_path / "out/categories.json").read_text()) == document["categories"]
    assert open_masks(tmp_path / "out").decode("a")[4].tolist() == [0, 0, 1, 1, 2, 2, 0, 0]


def segments_of(folder):
    """Each image's segments that are no crowd, as (category id, mask); the JSON tells what the PNG holds."""
    document = json.loads((folder / "annotations/panoptic_train.json").read_text())
    for row in document["annotations"]:
        ids = picture(folder / "annotations/panoptic_train" / row["file_name"])[1].astype(int) @ [
            1,
            256,
            65536,
        ]
        assert {*ids.flat} - {0} == {segment["id"] for segment in row["segments_info"]}
        drawn = [segment for segment in row["segments_info"] if not segment["iscrowd"]]
        yield [(segment["category_id"], ids == segment["id"]) for segment in drawn]


def best_ious(segments, others):
    """Each segment's category, and its overlap with the best of the others of that category."""
    for category, mask in segments:
        yield category, max([0.0, *((mask & m).sum() / (mask | m).sum() for c, m in others if c == category)])


def panoptic_quality(truth, other):
    """PQ by Kirillov et al., "Panoptic segmentation", equation 1, over all, things and stuff, in percent.

    Segments match above an IoU of one half. Each segment of either side counts half, so that a match
    counts IoU and the rest half of nothing. A part is the mean over its categories that occur.
    """
    ious = {}
    for ours, theirs in zip(segments_of(truth), segments_of(other), strict=True):
        for category, iou in (*best_ious(ours, theirs), *best_ious(theirs, ours)):
            ious.setdefault(category, []).append(iou if iou > 0.5 else 0)
    categories = json.loads((truth / "annotations/panoptic_train.json").read_text())["categories"]
    kinds = {row["id"]: row["isthing"] for row in categories}
    return {
        part: 100 * np.mean([np.mean(found) for category, found in ious.items() if kinds[category] in chosen])
        for part, chosen in {"all": (0, 1), "things": (1,), "stuff": (0,)}.items()
    }


def test_a_folder_scored_against_itself_is_100(coco_file, tmp_path):
    """Over all, things and stuff: each part has a category, or the scorer would divide by none."""
    convert(stuff_and_things(coco_file), tmp_path / "out", to="coco-panoptic", stuff="sea")
    scores = panoptic_quality(tmp_path / "out", tmp_path / "out")
    assert scores == {"all": 100, "things": 100, "stuff": 100}


def test_stuff_that_is_no_label_is_refused(coco_file, tmp_path):
    with pytest.raises(LabelError, match=r"--stuff: no label 'dgo'; did you mean 'dog'"):
        convert(coco_file(), tmp_path / "out", to="coco-panoptic", stuff=["dgo"])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "coco-panoptic"])
def test_stuff_has_no_effect_on_other_layouts(coco_file, tmp_path, layout):
    with pytest.raises(InputError, match=f"--stuff has no effect on the layout `{layout}`"):
        convert(coco_file(), tmp_path / "out", to=layout, stuff=["dog"])


def test_a_second_run_with_other_stuff_is_refused(coco_file, tmp_path):
    """The first run's dogs are things, each with a segment."""
    convert(coco_file(), tmp_path / "out", to="coco-panoptic")
    images = [{"id": 1, "file_name": "b.jpg", "height": 6, "width": 8}]
    before = tree(tmp_path / "out")
    with pytest.raises(InputError, match=r"categories\.json holds another label map"):
        convert(coco_file(images=images), tmp_path / "out", to="coco-panoptic", stuff=["dog"])
    assert tree(tmp_path / "out") == before


def test_the_command_line_takes_stuff(coco_file, tmp_path, polymask_command):
    """The flag repeats."""
    flags = ["--to", "coco-panoptic", "--stuff", "cat", "--stuff", "dog"]
    done = polymask_command("convert", coco_file(), tmp_path / "out", *flags)
    assert done.returncode == 0, done.stderr
    categories = json.loads((tmp_path / "out/annotations/panoptic_train.json").read_text())["categories"]
    assert [row["isthing"] for row in categories] == [0, 0]
