"""nnU-Net: values without gaps, one file ending, and no void that nobody decided on."""

import json

import numpy as np
import pytest
from PIL import Image

from polymask import InputError, convert
from polymask.analysis.masks.mask_sets import open_masks
from tests.conftest import SAMPLE, coco, square, tree
from tests.layouts.test_several_runs import NAMES, document
from tests.support.layouts import INDEX, picture

VOID_IN_ROW_2 = [0, 1, 1, 255, 2, 2, 0, 0]  # where cat and dog meet, with `--overlap void`


def test_values_have_no_gaps_and_dataset_json_names_them(coco_file, tmp_path):
    """The source's ids 3 and 7 are 1 and 2 in the files, and themselves again when they are read back."""
    convert(coco_file(), tmp_path / "out", to="nnunet", ids="source")
    mode, pixels = picture(tmp_path / "out/labelsTr/a.png")
    assert mode == "L"
    assert (pixels == INDEX).all()
    assert json.loads((tmp_path / "out/dataset.json").read_text()) == {
        "channel_names": {"0": "R", "1": "G", "2": "B"},
        "labels": {"background": 0, "cat": 1, "dog": 2},
        "numTraining": 1,
        "file_ending": ".png",
        "overwrite_image_reader_writer": "NaturalImage2DIO",
    }
    assert (open_masks(tmp_path / "out").decode("a") == np.array([0, 3, 7])[INDEX]).all()


def test_void_is_refused_before_anything_is_written(coco_file, tmp_path):
    """Where the rules make it."""
    for rules in ({"border": 1}, {"overlap": "void"}, {"crowd": "void"}):
        with pytest.raises(InputError, match=r"--void-as ignore.*--void-as background"):
            convert(coco_file(), tmp_path / "out", to="nnunet", **rules)
    assert not (tmp_path / "out").exists()


def test_void_of_the_annotations_themselves_fails_its_image(coco_file, tmp_path):
    """The other image is written."""
    images = [{"id": n, "file_name": f"{n}.jpg", "height": 6, "width": 8} for n in (1, 2)]
    categories = [{"id": 3, "name": "cat"}, {"id": 7, "name": "__ignore__"}]
    rows = [
        {"id": n, "image_id": image, "category_id": label, "segmentation": [square(1, 1, 2)]}
        for n, (image, label) in enumerate([(1, 3), (2, 7), (2, 3)])
    ]
    source = coco_file(coco(images=images, categories=categories, annotations=rows[:2]))
    report = convert(source, tmp_path / "out", to="nnunet")
    assert [failure.name for failure in report.failures] == ["2.jpg"]
    assert "--void-as" in report.failures[0].reason
    assert [path for path in tree(tmp_path / "out") if path.startswith("labels")] == [
        "labels.json",
        "labelsTr/1.png",
    ]


@pytest.mark.parametrize(("choice", "stored", "back"), [("ignore", 3, 255), ("background", 0, 0)])
def test_void_becomes_what_is_asked(coco_file, tmp_path, choice, stored, back):
    """nnU-Net's label `ignore` has the highest value, and is void again when it is read back."""
    convert(coco_file(), tmp_path / "out", to="nnunet", overlap="void", void_as=choice)
    row = np.array(VOID_IN_ROW_2)
    assert (
        picture(tmp_path / "out/labelsTr/a.png")[1][2].tolist() == np.where(row == 255, stored, row).tolist()
    )
    assert open_masks(tmp_path / "out").decode("a")[2].tolist() == np.where(row == 255, back, row).tolist()
    labels = json.loads((tmp_path / "out/dataset.json").read_text())["labels"]
    assert labels.get("ignore") == (3 if choice == "ignore" else None)


def test_a_run_that_would_take_the_ignored_label_away_is_refused(coco_file, tmp_path):
    """Masks there hold its value."""
    convert(coco_file(), tmp_path / "out", to="nnunet", overlap="void", void_as="ignore")
    images = [{"id": 1, "file_name": "b.jpg", "height": 6, "width": 8}]
    before = tree(tmp_path / "out")
    with pytest.raises(InputError, match=r"id2label\.json holds another label map"):
        convert(coco_file(images=images), tmp_path / "out", to="nnunet")
    assert tree(tmp_path / "out") == before


def test_pictures_are_rgb_pngs_of_one_name_with_their_masks(tmp_path):
    """Whatever they were: JPEG, gray, with a palette."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name in ("harbor", "meadow", "empty"):
        with Image.open(SAMPLE.parent / "images" / f"{name}.png") as image:
            image.convert({"harbor": "RGB", "meadow": "L", "empty": "P"}[name]).save(pictures / f"{name}.png")
    report = convert(SAMPLE, tmp_path / "out", to="nnunet", images=pictures, copy_images=True)
    assert not report.failures
    assert sorted(path.name for path in (tmp_path / "out/imagesTr").iterdir()) == [
        "empty_0000.png",
        "harbor_0000.png",
        "meadow_0000.png",
    ]
    for path in (tmp_path / "out/imagesTr").iterdir():
        assert picture(path)[0] == "RGB"
        with Image.open(pictures / path.name.replace("_0000", "")) as image:
            assert (picture(path)[1] == np.array(image.convert("RGB"))).all()


def test_test_images_are_no_training_cases_and_val_is_a_fold(coco_file, tmp_path):
    """imagesTs and labelsTs; splits_final.json tells val from train."""
    convert(coco_file(document()), tmp_path / "out", to="nnunet", split_ratio="0.4,0.3,0.3")
    (fold,) = json.loads((tmp_path / "out/splits_final.json").read_text())
    test = {path.stem for path in (tmp_path / "out/labelsTs").iterdir()}
    assert all((fold["train"], fold["val"], test))
    assert sorted([*fold["train"], *fold["val"], *test]) == sorted(name[0] for name in NAMES)
    number = json.loads((tmp_path / "out/dataset.json").read_text())["numTraining"]
    assert number == len(fold["train"]) + len(fold["val"]) == len([*(tmp_path / "out/labelsTr").iterdir()])


def test_folders_become_part_of_the_case(coco_file, tmp_path):
    """nnU-Net looks into no folders below; two images that would then be one are refused."""
    image = {"height": 6, "width": 8}
    images = [{"id": n, "file_name": name, **image} for n, name in enumerate(["x/a.jpg", "y/a.jpg"])]
    convert(coco_file(coco(images=images, annotations=[])), tmp_path / "out", to="nnunet")
    assert sorted(path.name for path in (tmp_path / "out/labelsTr").iterdir()) == ["x_a.png", "y_a.png"]
    images[1]["file_name"] = "x_a.jpg"
    with pytest.raises(InputError, match="x_a"):
        convert(coco_file(coco(images=images, annotations=[])), tmp_path / "other", to="nnunet")
