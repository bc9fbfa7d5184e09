"""Splits: drawn from names and a seed, and from nothing else."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polymask import InputError, convert
from polymask.layouts.common.splits import assign, group_of, parse_ratio, split_options
from tests.conftest import SAMPLE, coco, tree

MANY = [{"id": n, "file_name": f"{n:03}.jpg", "height": 2, "width": 2} for n in range(20)]


@given(st.permutations([f"{n}.jpg" for n in range(10)]), st.integers(0, 9))
def test_order_does_not_matter(names, seed):
    assert assign(names, (0.8, 0.1, 0.1), seed=seed) == assign(sorted(names), (0.8, 0.1, 0.1), seed=seed)


names = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=6), max_size=30)
ratios = st.sampled_from([(1.0,), (0.8, 0.2), (0.8, 0.1, 0.1), (0, 0.5, 0.5), (1 / 3, 1 / 3, 1 / 3)])


@given(names, names, ratios, st.integers(0, 9))
def test_growing_data_never_moves_an_image(before, added, shares, seed):
    """Whatever images come or go, an image's split is its own."""
    first, grown = (assign(found, shares, seed=seed) for found in (before, before + added))
    assert grown.items() >= first.items()


def test_sizes_are_those_of_the_shares_on_the_average():
    """Ten thousand images at 0.8, 0.15, 0.05: within four standard deviations of 8000, 1500 and 500."""
    splits = list(assign(map(str, range(10_000)), (0.8, 0.15, 0.05)).values())
    for split, share in zip(("train", "val", "test"), (0.8, 0.15, 0.05), strict=True):
        assert abs(splits.count(split) - 10_000 * share) < 4 * (10_000 * share * (1 - share)) ** 0.5


@given(st.text(max_size=5), st.integers(0, 9))
def test_a_split_without_a_share_has_no_image(name, seed):
    assert assign([name], (0, 1), seed=seed) == {name: "val"}
    assert assign([name], (0.5, 0, 0.5), seed=seed)[name] in ("train", "test")


def test_the_split_is_that_of_the_digest():
    """SHA-256 of `0:a.jpg` begins with 2d1b…: 0.176 of the way, so it is train at 0.18 and val at 0.17."""
    digest = sha256(b"0:a.jpg").digest()
    assert int.from_bytes(digest[:4], "big") / 2**32 == pytest.approx(0.17619, abs=1e-4)
    assert assign(["a.jpg"], (0.18, 0.82)) == {"a.jpg": "train"}
    assert assign(["a.jpg"], (0.17, 0.83)) == {"a.jpg": "val"}


def test_another_seed_is_another_split():
    images = [image["file_name"] for image in MANY]
    assert assign(images, (0.5, 0.5), seed=1) != assign(images, (0.5, 0.5), seed=2)


@pytest.mark.parametrize(
    "text", ["0.8,0.1", "0.8,0.3", "1.2,-0.2", "a,b", "", "0.25,0.25,0.25,0.25", "nan,1"]
)
def test_shares_that_are_none_are_refused(text):
    with pytest.raises(InputError):
        parse_ratio(text)


def lists(folder):
    return {path: data.decode().split() for path, data in tree(folder).items() if path.endswith(".txt")}


def test_voc_has_its_lists(coco_file, tmp_path):
    """Every image is in one of them."""
    convert(
        coco_file(coco(images=MANY, annotations=[])), tmp_path / "out", to="voc", split_ratio=(0.8, 0.1, 0.1)
    )
    found = {
        path.rpartition("/")[2]: names
        for path, names in lists(tmp_path / "out").items()
        if "ImageSets" in path
    }
    splits = assign([image["file_name"] for image in MANY], (0.8, 0.1, 0.1))
    learned = found.pop("trainval.txt")
    assert learned == [name[:3] for name in splits if splits[name] != "test"]
    assert found == {
        f"{split}.txt": [name[:3] for name in splits if splits[name] == split]
        for split in ("train", "val", "test")
    }
    assert sorted(name for names in found.values() for name in names) == [f"{n:03}" for n in range(20)]


@pytest.mark.parametrize(
    ("layout", "folder"),
    [
        ("mmseg", "ann_dir/val"),
        ("yolo-semantic", "masks/val"),
        ("ade20k", "annotations/validation"),
        ("camvid", "valannot"),
        ("segnet", "valannot"),
        ("cityscapes", "gtFine/val/all"),
        ("idd", "gtFine/val/all"),
    ],
)
def test_layouts_of_folders_have_a_folder_a_split(coco_file, tmp_path, layout, folder):
    source = coco_file(coco(images=MANY, annotations=[]))
    convert(source, tmp_path / "out", to=layout, split_ratio="0.8,0.1,0.1", seed=3)
    expected = assign([image["file_name"] for image in MANY], (0.8, 0.1, 0.1), seed=3)
    found = {path.name[:3] for path in (tmp_path / "out" / folder).iterdir()}
    assert found == {name[:3] for name, split in expected.items() if split == "val"}


@pytest.mark.parametrize("layout", ["index", "binary", "coco", "coco-panoptic", "coco-stuff", "onehot"])
def test_other_layouts_have_lists(tmp_path, layout):
    """One name a line, without suffix; a split without images has no list."""
    convert(SAMPLE, tmp_path, to=layout, split_ratio="0.7,0.3,0", seed=1)
    found = {path: names for path, names in lists(tmp_path).items() if path.startswith("splits/")}
    assert sorted(name for names in found.values() for name in names) == ["empty", "harbor", "meadow"]
    assert all(found.values())


def test_choosing_images_moves_none_to_another_split(coco_file, tmp_path):
    """--where leaves the split of an image as it is without it."""
    source = coco_file(coco(images=MANY, annotations=[]))
    convert(source, tmp_path / "all", to="mmseg", split_ratio="0.5,0.5", seed=5)
    convert(source, tmp_path / "some", to="mmseg", split_ratio="0.5,0.5", seed=5, where=["01*"])
    some = {path for path in tree(tmp_path / "some") if path.startswith("ann_dir")}
    assert some == {path for path in tree(tmp_path / "all") if path.startswith("ann_dir") and "/01" in path}


def test_the_command_line_takes_ratio_and_seed(coco_file, tmp_path, polymask_command):
    source = coco_file(coco(images=MANY, annotations=[]))
    done = polymask_command(
        "convert", source, tmp_path / "out", "--to", "voc", "--split-ratio", "0.8,0.1,0.1", "--seed", 3
    )
    assert done.returncode == 0, done.stderr
    splits = assign([image["file_name"] for image in MANY], (0.8, 0.1, 0.1), seed=3)
    train = (tmp_path / "out/ImageSets/Segmentation/train.txt").read_text().split()
    assert train == [name[:3] for name in splits if splits[name] == "train"]
    done = polymask_command("convert", source, tmp_path / "b", "--split-ratio", "0.8,0.3")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "sum to 1" in done.stderr


patients = st.lists(st.sampled_from([f"p{n:02}_{eye}.png" for n in range(30) for eye in "lr"]), unique=True)


@given(patients, ratios, st.integers(0, 9))
def test_a_group_stays_together(images, shares, seed):
    """Both eyes of a patient are in the split of the patient's name, whoever else is there."""
    splits = split_options(images, shares, seed=seed, split_by="^(p[0-9]+)_")["splits"]
    assert splits == {name: assign([name[:3]], shares, seed=seed)[name[:3]] for name in images}
    whole_match = split_options(images, shares, seed=seed, split_by="^p[0-9]+")["splits"]
    assert whole_match == splits


@pytest.mark.parametrize("pattern", ["x", "^(y)?p", "", "()"])
def test_a_name_without_a_group_is_its_own(pattern):
    """Where nothing matches, or nothing but an empty text, which would put all images together."""
    assert group_of("p01_l.png", pattern) == ""
    names = [f"p{n:02}.png" for n in range(9)]
    splits = split_options(names, (0.5, 0.5), split_by=pattern)["splits"]
    assert splits == assign(names, (0.5, 0.5))


def test_images_without_a_group_are_counted_in_a_note(coco_file, tmp_path):
    """Of the images of this run; there is no note where all have one."""
    names = ["bonn/a.jpg", "bonn/b.jpg", "c.jpg", "d.jpg"]
    images = [{"id": n, "file_name": name, "height": 2, "width": 2} for n, name in enumerate(names)]
    source = coco_file(coco(images=images, annotations=[]))
    options = {"split_ratio": "0.5,0.5", "split_by": "^(.+)/"}
    report = convert(source, tmp_path / "a", **options)
    assert [note for note in report.notes if "--split-by" in note] == [
        "2 of 4 images do not match --split-by, e.g. c.jpg: each goes to a split by its own name"
    ]
    assert not convert(source, tmp_path / "b", where="bonn/*", **options).notes
    assert len({path for path, names in lists(tmp_path / "a").items() if "bonn/a" in names}) == 1


@pytest.mark.parametrize("pattern", ["(", "*", "[a", 7, b"a"])
def test_a_pattern_that_is_none_is_refused_before_anything_is_written(coco_file, tmp_path, pattern):
    with pytest.raises(InputError):
        convert(coco_file(), tmp_path / "out", split_ratio="1", split_by=pattern)
    assert not (tmp_path / "out").exists()


def test_groups_without_a_ratio_are_refused(coco_file, tmp_path, polymask_command):
    """They would do nothing."""
    done = polymask_command("convert", coco_file(), tmp_path / "out", "--split-by", "a")
    assert (done.returncode, (tmp_path / "out").exists()) == (2, False)
    assert "add --split-ratio" in done.stderr
