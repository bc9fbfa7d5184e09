"""`id2label.json` and its kind: they name the values that the masks of the layout hold on disk."""

import json
from pathlib import Path

import numpy as np
import pytest

from polymask import InputError, convert
from polymask.layouts import LAYOUTS
from tests.conftest import coco
from tests.support.layouts import picture

# the sample's cat is at (1, 1), its dog at row 3, column 4, and nothing at (0, 0)
CAT, DOG, NONE = (1, 1), (3, 4), (0, 0)
MASKS = {
    "index": "masks/a.png",
    "voc": "SegmentationClass/a.png",
    "cityscapes": "gtFine/train/all/a_gtFine_labelIds.png",
    "idd": "gtFine/train/all/a_gtFine_labelids.png",
    "segnet": "trainannot/a.png",
    "ade20k": "annotations/training/a.png",
    "mmseg": "ann_dir/train/a.png",
    "yolo-semantic": "masks/train/a.png",
    "coco-stuff": "stuffthingmaps/a.png",
    "nnunet": "labelsTr/a.png",
}
CATEGORIES = {"coco": "annotations.json", "coco-panoptic": "annotations/panoptic_train.json"}


def table(folder: Path, name: str = "id2label.json") -> dict[int, str]:
    return {int(value): label for value, label in json.loads((folder / name).read_text()).items()}


@pytest.mark.parametrize("ids", ["contiguous", "source"])
@pytest.mark.parametrize("layout", MASKS)
def test_id2label_names_the_values_of_the_masks(coco_file, tmp_path, layout, ids):
    """The picture, as everybody else sees it, looked up in the table as everybody else does."""
    convert(coco_file(), tmp_path / "out", to=layout, ids=ids)
    pixels, names = picture(tmp_path / "out" / MASKS[layout])[1], table(tmp_path / "out")
    assert (names[pixels[CAT]], names[pixels[DOG]]) == ("cat", "dog")
    assert names.get(pixels[NONE]) == (None if layout == "coco-stuff" else "background")
    assert len(names) == len({*names.values()})


def test_train_ids_have_a_table_of_their_own(coco_file, tmp_path):
    """255 is in none: it is ignored, and no class."""
    convert(coco_file(), tmp_path / "out", to="cityscapes")
    pixels = picture(tmp_path / "out/gtFine/train/all/a_gtFine_labelTrainIds.png")[1]
    names = table(tmp_path / "out", "id2label_trainIds.json")
    assert names == {0: "cat", 1: "dog"}
    assert (names[pixels[CAT]], names[pixels[DOG]], pixels[NONE]) == ("cat", "dog", 255)


def test_cityscapes_labels_have_its_numbers_in_both(coco_file, tmp_path):
    """A category that no image shows, and that Cityscapes has not, does not change the numbers."""
    categories = [{"id": 3, "name": "road"}, {"id": 7, "name": "car"}, {"id": 9, "name": "zebra"}]
    convert(coco_file(categories=categories), tmp_path / "out", to="cityscapes")
    assert table(tmp_path / "out") == {0: "unlabeled", 7: "road", 26: "car"}
    assert table(tmp_path / "out", "id2label_trainIds.json") == {0: "road", 13: "car"}
    assert picture(tmp_path / "out" / MASKS["cityscapes"])[1][CAT] == 7


def test_reduced_values_have_a_table_of_their_own(coco_file, tmp_path):
    """What a reader makes who turns 0 into 255, and every other value into itself minus one."""
    convert(coco_file(), tmp_path / "out", to="ade20k", ids="source")
    pixels = picture(tmp_path / "out" / MASKS["ade20k"])[1]
    reduced = np.where(pixels == 0, 255, pixels - 1)
    names = table(tmp_path / "out", "id2label_reduced.json")
    assert (names[reduced[CAT]], names[reduced[DOG]]) == ("cat", "dog")
    assert names == {2: "cat", 6: "dog"}


@pytest.mark.parametrize(
    ("layout", "file"), [("coco", "annotations.json"), ("coco-panoptic", "annotations/panoptic_train.json")]
)
def test_category_ids_are_named_as_in_the_file(coco_file, tmp_path, layout, file):
    """There is no category for the background."""
    convert(coco_file(), tmp_path / "out", to=layout, ids="source")
    categories = json.loads((tmp_path / "out" / file).read_text())["categories"]
    assert table(tmp_path / "out") == {row["id"]: row["name"] for row in categories} == {3: "cat", 7: "dog"}


@pytest.mark.parametrize(
    "layout", [name for name in LAYOUTS if name not in (*MASKS, "coco", "coco-panoptic")]
)
def test_other_layouts_name_the_label_maps_values(coco_file, tmp_path, layout):
    """Their masks hold no values of labels; these are what they are read back as."""
    convert(coco_file(), tmp_path / "out", to=layout)
    assert table(tmp_path / "out") == {0: "background", 1: "cat", 2: "dog"}


def test_a_run_whose_numbers_differ_is_refused(coco_file, tmp_path):
    """The same label map, but the second source shows a zebra: its road would be 1 where the first had 7."""
    categories = [{"id": 3, "name": "road"}, {"id": 7, "name": "zebra"}]
    cars = [annotation for annotation in coco()["annotations"] if annotation["category_id"] == 3]
    convert(coco_file(categories=categories, annotations=cars), tmp_path / "out", to="cityscapes")
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.*")}
    images = [{"id": 1, "file_name": "b.jpg", "height": 6, "width": 8}]
    for overwrite in (False, True):
        with pytest.raises(InputError, match="another label map"):
            source = coco_file(images=images, categories=categories)
            convert(source, tmp_path / "out", to="cityscapes", overwrite=overwrite)
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.*")} == before
