"""compare: IoU and pixels by label between two mask sets, whatever they are made of."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from polymask import InputError, LabelError, LabelMap, NotFound, compare, convert, decode_png, encode_png
from polymask.labels.cityscapes import CITYSCAPES
from tests.conftest import SAMPLE, coco, square

TRUTH = np.array([[1, 1, 1, 0], [2, 2, 0, 255]], np.uint8)
OTHER = np.array([[1, 1, 0, 0], [2, 3, 0, 3]], np.uint8)
NAMES = ["cat", "dog", "cow"]
masks = arrays.arrays(np.uint8, (5, 7), elements=st.sampled_from([0, 1, 2, 3, 255]))


def test_iou_by_label_drawn_by_hand():
    """Cat: 2 of 3 px. Dog: 1 of 2. Cow: only in OTHER, 0 of 1; its other pixel is void in TRUTH."""
    result = compare(TRUTH, OTHER, NAMES)
    assert {name: (s.intersection, s.union) for name, s in result.labels.items()} == {
        "cat": (2, 3),
        "dog": (1, 2),
        "cow": (0, 1),
    }
    assert result.mean_iou == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    assert result["dog"] == 0.5
    assert result.differing_pixels == 2
    assert result.mistaken == [("cat", "background", 1), ("dog", "cow", 1)]


def test_labels_that_neither_set_has_do_not_count():
    assert list(compare(TRUTH, TRUTH, [*NAMES, "bird"])) == ["cat", "dog"]


def test_background_counts_when_asked_for():
    """Background: 2 px of TRUTH's 2, and one more in OTHER."""
    score = compare(TRUTH, OTHER, NAMES, with_background=True).labels["background"]
    assert (score.intersection, score.union, score.truth_pixels, score.other_pixels) == (2, 3, 2, 3)


def test_void_in_other_is_a_miss():
    """Only TRUTH may say that a pixel shall not count."""
    assert compare(OTHER, TRUTH, NAMES)["cow"] == 0


def test_an_ignored_label_of_truth_is_as_void():
    """The pixels where TRUTH has it are left out, and it has no score; where OTHER has it, it is a miss."""
    result = compare(TRUTH, OTHER, NAMES, ignore="cat")
    assert {name: (s.intersection, s.union) for name, s in result.labels.items()} == {
        "dog": (1, 2),
        "cow": (0, 1),
    }
    assert compare(OTHER, TRUTH, NAMES, ignore=["cow"])["dog"] == 1
    assert compare(TRUTH, OTHER, NAMES, ignore=["dog", "cow", "cat"]).mean_iou == 1


@given(masks, masks, st.sets(st.sampled_from(["background", *NAMES])))
def test_ignoring_labels_is_making_them_void_first(truth, other, ignored):
    """In TRUTH; labels that are ignored have no score."""
    values = [value for value, name in enumerate(["background", *NAMES]) if name in ignored]
    as_void = np.where(np.isin(truth, values), np.uint8(255), truth)
    expected = {name: iou for name, iou in compare(as_void, other, NAMES).items() if name not in ignored}
    assert dict(compare(truth, other, NAMES, ignore=sorted(ignored))) == expected


def test_a_label_to_ignore_that_neither_has_is_refused():
    with pytest.raises(LabelError, match=r"--ignore: no label 'dgo'; did you mean 'dog'"):
        compare(TRUTH, OTHER, NAMES, ignore="dgo")


def test_each_split_has_its_scores(tmp_path):
    """As the manifest tells; they are those of the split's images alone, and the whole is of all."""
    convert(SAMPLE, tmp_path / "all", split_ratio="0.5,0.5", seed=3)
    other = convert(SAMPLE, tmp_path / "other", overlap="first", pixel_rule="pil") and tmp_path / "other"
    result = compare(tmp_path / "all", other)
    assert sorted(result.splits) == ["train", "val"]
    for split, images in (("train", ["meadow"]), ("val", ["harbor", "empty"])):
        of_split = compare(tmp_path / "all", other, where=images)
        assert result.splits[split] == of_split.labels
        assert result.to_dict()["splits"][split]["mean_iou"] == of_split.mean_iou
        assert of_split.splits == {}
    assert result.mean_iou == compare(SAMPLE, other).mean_iou


def test_every_image_is_told_the_worst_first(tmp_path):
    convert(SAMPLE, tmp_path / "other", overlap="first", pixel_rule="pil")
    result = compare(SAMPLE, tmp_path / "other")
    rows = result.to_dict()["by_image"]
    assert {row["name"]: row["mean_iou"] for row in rows} == result.images
    assert [row["mean_iou"] for row in rows] == sorted(result.images.values())


@pytest.mark.parametrize("layout", ["cityscapes", "idd", "ade20k", "segnet", "coco-stuff", "coco-panoptic"])
def test_what_is_unlabeled_in_truth_is_not_scored_where_its_scorers_do_not(tmp_path, layout):
    """A boat too many on unlabeled ground costs nothing there; on an index mask's background it does."""
    more = json.loads(SAMPLE.read_text())
    boat = {"image_id": more["images"][2]["id"], "category_id": more["categories"][1]["id"], "id": 99}
    more["annotations"].append(boat | {"segmentation": [square(10, 10, 20)], "iscrowd": 0})
    (tmp_path / "more.json").write_text(json.dumps(more))
    for to, equal in ((layout, True), ("index", False)):
        convert(SAMPLE, tmp_path / f"{to}-truth", to=to)
        score = compare(tmp_path / f"{to}-truth", tmp_path / "more.json")
        assert (score.mean_iou == 1) is equal
    assert compare(tmp_path / f"{layout}-truth", tmp_path / "more.json", with_background=True).mean_iou < 1


@given(masks, masks)
def test_iou_is_that_of_sets(truth, other):
    """For each label, of the pixels that are not void in TRUTH."""
    result = compare(truth, other, NAMES)
    counted = truth != 255
    for value, name in enumerate(NAMES, 1):
        a, b = (truth == value) & counted, (other == value) & counted
        if (a | b).any():
            assert result[name] == (a & b).sum() / (a | b).sum()
        else:
            assert name not in result


@given(masks)
def test_a_set_is_equal_to_itself(mask):
    assert compare(mask, mask, NAMES).mean_iou == 1


def test_values_without_names_go_by_their_numbers():
    assert list(compare(TRUTH, OTHER)) == ["1", "2", "3"]


@pytest.mark.parametrize(
    "other", ["index", "voc", "cityscapes", "camvid", "coco-panoptic", "coco-stuff", "onehot"]
)
def test_layouts_of_one_source_agree_wholly(tmp_path, other):
    """Also with different values: labels are matched by name."""
    convert(SAMPLE, tmp_path / "a", ids="source")
    convert(SAMPLE, tmp_path / "b", to=other, split="val")
    result = compare(tmp_path / "a", tmp_path / "b")
    assert result.mean_iou == 1
    assert len(result.images) == 3
    assert not result.mistaken


def test_annotations_are_painted_to_be_compared(tmp_path):
    convert(SAMPLE, tmp_path)
    assert compare(SAMPLE, tmp_path).mean_iou == 1


def test_folders_of_bare_pngs_are_read(tmp_path):
    """Nothing names their values; a label map may be given."""
    for folder, mask in (("a", TRUTH), ("b", OTHER)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.png").write_bytes(encode_png(mask))
    result = compare(tmp_path / "a", tmp_path / "b", LabelMap.from_names(NAMES))
    assert result["dog"] == 0.5


def test_the_worst_images_come_first(tmp_path):
    """Images that agree wholly are not among them."""
    for folder, shift in (("a", 0), ("b", 1)):
        (tmp_path / folder).mkdir()
        for name, mask in (
            ("same", TRUTH),
            ("bad", np.roll(TRUTH, 2 * shift)),
            ("poor", np.roll(TRUTH, shift)),
        ):
            (tmp_path / folder / f"{name}.png").write_bytes(encode_png(mask))
    result = compare(tmp_path / "a", tmp_path / "b")
    assert [name for name, _ in result.worst] == ["bad", "poor"]


def test_images_without_counterpart_and_of_other_sizes_are_told(tmp_path):
    """They are no part of the score, and never forgotten."""
    for folder, names in (("a", ["x", "y", "z"]), ("b", ["x", "y", "w"])):
        (tmp_path / folder).mkdir()
        for name in names:
            mask = TRUTH if (folder, name) != ("b", "y") else TRUTH[:1]
            (tmp_path / folder / f"{name}.png").write_bytes(encode_png(np.ascontiguousarray(mask)))
    result = compare(tmp_path / "a", tmp_path / "b")
    assert (result.only_in_truth, result.only_in_other) == (("z",), ("w",))
    assert [(f.name, f.reason) for f in result.failures] == [("y", "2 × 4 px in TRUTH, 1 × 4 px in OTHER")]
    assert list(result.images) == ["x"]


def test_nothing_in_common_is_an_error(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{folder}.png").write_bytes(encode_png(TRUTH))
    with pytest.raises(InputError, match="no image in common"):
        compare(tmp_path / "a", tmp_path / "b")
    with pytest.raises(NotFound):
        compare(tmp_path / "a", tmp_path / "nowhere")


@pytest.mark.parametrize(
    "array", [np.zeros(3, np.uint8), np.array([[-1]]), np.array([[70000]]), np.zeros((1, 1))]
)
def test_arrays_that_are_no_masks_are_refused(array):
    with pytest.raises(InputError):
        compare(array, array)


def test_workers_change_nothing(tmp_path):
    convert(SAMPLE, tmp_path / "a")
    convert(SAMPLE, tmp_path / "b", overlap="first")
    assert compare(tmp_path / "a", tmp_path / "b", workers=2) == compare(tmp_path / "a", tmp_path / "b")


def test_the_command_line(coco_file, tmp_path, polymask_command):
    """One JSON document, or text that names the mean; exit 1 where images are missing."""
    convert(coco_file(), tmp_path / "a")
    convert(coco_file(), tmp_path / "b", overlap="first")
    done = polymask_command("compare", tmp_path / "a", tmp_path / "b", "--json")
    document = json.loads(done.stdout)
    assert document["labels"]["cat"]["intersection"] == 7
    assert document["labels"]["cat"]["union"] == 9
    assert document["mean_iou"] == pytest.approx((7 / 9 + 7 / 9) / 2)
    assert document["confusion"]["dog"] == {"cat": 2, "dog": 7}
    assert done.returncode == 0
    done = polymask_command("compare", tmp_path / "a", tmp_path / "b")
    assert "mean IoU 0.7778 over 2 labels" in done.stdout
    images = [
        {"id": n, "file_name": name, "height": 6, "width": 8} for n, name in ((1, "a.jpg"), (2, "b.jpg"))
    ]
    convert(coco_file(coco(images=images)), tmp_path / "more")
    done = polymask_command("compare", tmp_path / "more", tmp_path / "a")
    assert done.returncode == 1
    assert "1 image is in TRUTH only, e.g. b" in done.stdout


def official_scores(truth, other, evaluated):
    """The confusion matrix rule of the scorers of Cityscapes and ADE20K, for values that are evaluated.

    Rows are truth: those of other values are left out; what was predicted there costs nobody anything.
    """
    matrix = np.zeros((256, 256), np.int64)
    np.add.at(matrix, (truth, other), 1)
    rows = np.isin(range(256), evaluated)
    scores = {}
    for value in evaluated:
        hit, of_truth, predicted = matrix[value, value], matrix[value].sum(), matrix[rows, value].sum()
        if union := of_truth + predicted - hit:
            scores[value] = hit / union
    return scores


def two_streets(folder, labels, to):
    """Truth and other of the same two images: rectangles, the other's moved, as masks of a layout."""
    images = [{"id": n, "file_name": f"bonn_00000{n}_000019.png", "height": 40, "width": 60} for n in (1, 2)]
    categories = [{"id": n, "name": name} for n, name in enumerate(labels, 1)]
    for name, step in (("truth", 0), ("other", 3)):
        annotations = [
            {
                "id": 10 * image + n,
                "image_id": image,
                "category_id": n,
                "segmentation": [square(9 * n - 7 + step, 2 * n + 5 * image + step, 12)],
            }
            for image in (1, 2)
            for n in range(1, len(labels) + 1)
        ]
        document = coco(images=images, categories=categories, annotations=annotations)
        (folder / f"{name}.json").write_text(json.dumps(document))
        convert(folder / f"{name}.json", folder / name, to=to)
    return folder / "truth", folder / "other"


def stored(folder, ending):
    paths = sorted(folder.rglob(f"*{ending}"))
    return np.stack([decode_png(path.read_bytes()) for path in paths])


def test_cityscapes_folders_are_scored_as_its_scripts_score_them(tmp_path):
    """Unlabeled truth is left out, and so is what is not evaluated: parking, caravan."""
    names = ["road", "car", "parking", "person", "caravan"]
    truth, other = two_streets(tmp_path, names, "cityscapes")
    pixels = [stored(folder, "_labelIds.png") for folder in (truth, other)]
    evaluated = [row.id for row in CITYSCAPES.values() if row.train_id != 255]
    expected = official_scores(*pixels, evaluated)
    result = compare(truth, other)
    assert {CITYSCAPES[name].id: iou for name, iou in result.items()} == pytest.approx(expected)
    assert result.mean_iou == pytest.approx(np.mean([*expected.values()]))
    assert list(result) == ["road", "car", "person"]
    assert list(compare(truth, other, with_background=True)) == ["background", "road", "car", "person"]


def test_ade20k_folders_are_scored_as_the_benchmark_scores_them(tmp_path):
    """Zero is other: not evaluated where it is the truth."""
    truth, other = two_streets(tmp_path, ["wall", "sky", "tree"], "ade20k")
    pixels = [stored(folder / "annotations", ".png") for folder in (truth, other)]
    result = compare(truth, other)
    assert dict(result) == pytest.approx(
        dict(zip(("wall", "sky", "tree"), official_scores(*pixels, [1, 2, 3]).values(), strict=True))
    )


def test_truth_of_one_layout_may_be_compared_with_another(tmp_path):
    """It is TRUTH's layout that says what does not count."""
    truth, other = two_streets(tmp_path, ["wall", "sky", "tree"], "ade20k")
    convert(tmp_path / "other.json", tmp_path / "index")
    assert dict(compare(truth, tmp_path / "index")) == dict(compare(truth, other))
    assert compare(tmp_path / "index", truth).mean_iou < compare(other, truth).mean_iou


def test_where_no_image_could_be_compared_there_is_no_iou(tmp_path, polymask_command):
    """Neither 1 nor 0: `null` in JSON, and the exit code is 1."""
    for side, size in (("truth", 4), ("other", 6)):
        (tmp_path / side).mkdir()
        (tmp_path / side / "a.png").write_bytes(encode_png(np.ones((size, size), np.uint8)))
    result = compare(tmp_path / "truth", tmp_path / "other")
    assert np.isnan(result.mean_iou)
    for flags in ([], ["--json"]):
        done = polymask_command("compare", tmp_path / "truth", tmp_path / "other", *flags)
        assert done.returncode == 1
        assert ("mean IoU" in done.stdout, "NaN" in done.stdout) == (False, False)
        assert "no image could be compared" in done.stdout or json.loads(done.stdout)["mean_iou"] is None
