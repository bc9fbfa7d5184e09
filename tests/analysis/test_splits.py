"""A split of images, of any layout and of annotations: read by every command, under one name."""

import json
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import polymask
from polymask import InputError, PolymaskError, check, compare, convert, read, stats, verify
from polymask.layouts import LAYOUTS, layout_named
from polymask.layouts.common.splits import assign
from polymask.report.html import preview
from polymask.storage.image_names import stem
from polymask.training import MaskDataset, class_weights
from tests.conftest import SAMPLE, Run, coco, square
from tests.support.formats import written

READABLE = [name for name in LAYOUTS if hasattr(layout_named(name), "open_folder")]
PICTURES = SAMPLE.parent / "images"
NAMES = ["a.jpg", "b.png", "north/a.jpg", "north/c.jpg", "south/d.jpg", "e.jpg", "f.jpg", "south/g.jpg"]
SPLITS = ("train", "val", "test")


def scene(names: list[str] = NAMES) -> dict[str, Any]:
    """Image n has a cat of n + 1 px, side by side."""
    images = [{"id": n, "file_name": name, "height": 6, "width": 12} for n, name in enumerate(names)]
    rings = [[1, 1, n + 2, 1, n + 2, 2, 1, 2] for n in range(len(names))]
    annotations = [
        {"id": n, "image_id": n, "category_id": 3, "segmentation": [ring]} for n, ring in enumerate(rings)
    ]
    return coco(images=images, annotations=annotations)


def cats(path: object, **options: Any) -> dict[str, int]:
    """The cat's pixels in each image, by the image's last name: the images of a set."""
    return {image.name: image.pixels.get("cat", 0) for image in stats(path, **options).images}  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("layout", READABLE)
def test_each_image_is_in_one_split_and_all_splits_are_the_whole(
    coco_file: Any, tmp_path: Path, layout: str, seed: int
) -> None:
    """For every layout: the splits that --split-ratio drew, no more and no less, with their own masks."""
    convert(coco_file(scene()), tmp_path / "out", to=layout, split_ratio="0.4,0.3,0.3", seed=seed)
    drawn = assign(NAMES, (0.4, 0.3, 0.3), seed=seed)
    sizes = Counter(drawn.values())
    parts = {split: cats(tmp_path / "out", split=split) for split in SPLITS if sizes[split]}
    assert {split: len(part) for split, part in parts.items()} == sizes
    for split, part in parts.items():
        expected = {NAMES.index(name) + 1 for name in NAMES if drawn[name] == split}
        assert set(part.values()) == expected
    assert sum((Counter(part) for part in parts.values()), Counter()) == cats(tmp_path / "out")


@pytest.mark.parametrize("layout", READABLE)
def test_two_runs_into_their_splits_are_read_apart(tmp_path: Path, layout: str) -> None:
    """--split of `convert` says where images go, that of `stats` which are read; a third is refused."""
    if layout == "coco":
        pytest.skip("its one file is written in one run")
    for split, names in (("train", NAMES[:3]), ("val", NAMES[4:6])):
        source = written(tmp_path / f"{split}.json", scene(names))
        convert(source, tmp_path / "out", to=layout, split=split)
    assert len(cats(tmp_path / "out", split="train")) == 3
    assert len(cats(tmp_path / "out", split="valid")) == 2
    with pytest.raises(InputError, match=r"no split 'dev'.*: .*val"):
        stats(tmp_path / "out", split="dev")


@pytest.mark.parametrize("layout", [name for name in READABLE if name not in ("coco", "dataloop", "nnunet")])
def test_without_a_manifest_lists_or_folders_tell(coco_file: Any, tmp_path: Path, layout: str) -> None:
    """As in data sets of other tools."""
    convert(coco_file(scene()), tmp_path / "out", to=layout, split_ratio="0.5,0.5")
    (tmp_path / "out/manifest.jsonl").unlink()
    drawn = assign(NAMES, (0.5, 0.5))
    for split in ("train", "val"):
        expected = {NAMES.index(name) + 1 for name in NAMES if drawn[name] == split}
        assert set(cats(tmp_path / "out", split=split).values()) == expected


def test_a_list_may_be_edited_and_has_no_image_without_a_mask(coco_file: Any, tmp_path: Path) -> None:
    """VOC's lists are the user's: a fourth is a split; a name without a mask is named, with its line."""
    convert(coco_file(scene()), tmp_path, to="voc")
    few = written(tmp_path / "ImageSets/Segmentation/few.txt", "a\r\nnorth/c\r\n")
    assert cats(tmp_path, split="few") == {"a": 1, "north/c": 4}
    written(tmp_path / "ImageSets/Segmentation/README.txt", "Lists of images.\n")
    assert cats(tmp_path, split="few") == {"a": 1, "north/c": 4}
    few.write_text("a\nz\n")
    with pytest.raises(InputError, match=r"few\.txt: line 2: z has no mask"):
        stats(tmp_path, split="few")


def test_images_of_two_splits_may_have_one_name(tmp_path: Path) -> None:
    """In a data set of another tool: both are read, each by its split."""
    convert(written(tmp_path / "a.json", scene(["a.jpg"])), tmp_path / "one", to="mmseg")
    mask = tmp_path / "one/ann_dir/train/a.png"
    for split in ("train", "val"):
        written(tmp_path / f"ann_dir/{split}/a.png", mask.read_bytes())
    assert {image.name for image in stats(tmp_path, labels=["cat"]).images} == {"train/a", "val/a"}
    assert cats(tmp_path, labels=["cat"], split="val") == {"val/a": 1}


def test_bare_masks_are_of_the_split_that_their_folder_names(tmp_path: Path) -> None:
    """`validation` is val; elsewhere nothing tells."""
    convert(written(tmp_path / "a.json", scene(["a.jpg"])), tmp_path / "one")
    mask = (tmp_path / "one/masks/a.png").read_bytes()
    for folder in ("train", "validation", "more"):
        written(tmp_path / f"bare/{folder}/{folder}.png", mask)
    for split in ("validation", "val"):
        names = [image.name for image in stats(tmp_path / "bare", split=split).images]
        assert names == ["validation/validation"]
    with pytest.raises(InputError, match="nothing says which split"):
        stats(tmp_path / "bare/more", split="val")


PARTS = {
    "mmseg": "ann_dir/val",
    "yolo-semantic": "masks/val",
    "ade20k": "annotations/validation",
    "camvid": "valannot",
    "segnet": "valannot",
    "cityscapes": "gtFine/val",
    "idd": "gtFine/val/north",
    "index": "masks/north",
    "binary": "masks/north",
    "voc": "SegmentationClass/north",
}


@pytest.mark.parametrize("layout", PARTS)
def test_a_folder_of_a_converted_one_keeps_its_names_and_values(
    coco_file: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str
) -> None:
    """A split's folder: labels.json lies above, and the manifest there says that the masks are its own."""
    out = tmp_path / "out"
    convert(coco_file(scene(["north/a.jpg", "north/b.jpg"])), out, to=layout, split="val")
    assert sorted(cats(out / PARTS[layout]).values()) == [1, 2]
    monkeypatch.chdir(out / PARTS[layout])
    assert sorted(cats(".").values()) == [1, 2]
    assert class_weights(".")["cat"]


def test_a_manifest_of_another_program_names_nothing(tmp_path: Path) -> None:
    """Nor does ours, where it does not list the masks below."""
    convert(written(tmp_path / "a.json", scene(["a.jpg"])), tmp_path / "out")
    mask = (tmp_path / "out/masks/a.png").read_bytes()
    written(tmp_path / "theirs/manifest.jsonl", '{"audio_filepath": "a.wav"}\n')
    for folder in ("theirs/masks", "out/other"):
        written(tmp_path / folder / "a.png", mask)
        assert "cat" not in stats(tmp_path / folder).labels


def zipped(path: Path, files: dict[str, Any]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, document in files.items():
            archive.writestr(name, json.dumps(document))
    return path


CVAT = """<annotations><version>1.1</version>{}</annotations>"""
IMAGE = '<image id="{0}" name="{0}.jpg" subset="{1}" width="8" height="6"/>'


def annotated(folder: Path) -> dict[str, Path]:
    """Sources that tell of a split val with two images, each as its tool does."""
    two = scene(["a.jpg", "b.jpg"])
    cvat = "".join(IMAGE.format(n, subset) for n, subset in enumerate(("Train", "Validation", "Validation")))
    return {
        "roboflow": zipped(
            folder / "r.zip", {f"{part}/_annotations.coco.json": two for part in ("train", "valid", "test")}
        ),
        "two files": zipped(
            folder / "c.zip",
            {f"annotations/instances_{part}2017.json": two for part in ("train", "val")},
        ),
        "its name": written(folder / "instances_val2017.json", two),
        "its folder": written(folder / "valid/_annotations.coco.json", two),
        "folders of names": written(folder / "n.json", scene(["val/a.jpg", "val/b.jpg", "train/c.jpg"])),
        "cvat": written(folder / "annotations.xml", CVAT.format(cvat)),
    }


@pytest.mark.parametrize(
    "kind", ["roboflow", "two files", "its name", "its folder", "folders of names", "cvat"]
)
def test_annotations_tell_splits_by_subset_folder_or_file(tmp_path: Path, kind: str) -> None:
    """By the usual word for it and by the tool's own; what is not there is refused."""
    source = annotated(tmp_path)[kind]
    whole = {record.name for record in read(source)}
    for word in ("val", "valid", "Validation"):
        names = {record.name for record in read(source, split=word)}
        assert len(names) == 2
        assert names <= whole
    with pytest.raises(InputError, match=r"no split 'dev'.*val"):
        list(read(source, split="dev"))


def test_a_subset_of_any_name_is_a_split(tmp_path: Path) -> None:
    """CVAT's subsets may be called anything; an image of none is in none."""
    images = "".join(IMAGE.format(n, subset) for n, subset in enumerate(("night", "", "night")))
    source = written(tmp_path / "annotations.xml", CVAT.format(images))
    assert {record.name for record in read(source, split="night")} == {"0.jpg", "2.jpg"}


def test_check_and_preview_look_at_the_split_only(tmp_path: Path) -> None:
    """The findings, and the images of the report."""
    document = scene(["val/a.jpg", "train/b.jpg"])
    document["annotations"][1]["segmentation"] = [square(-2, 1, 4)]
    source = written(tmp_path / "n.json", document)
    assert check(source, split="val") == []
    assert {finding.image for finding in check(source, split="train")} == {"train/b.jpg"}
    report = preview(source, tmp_path / "page.html", split="val")
    assert [facts.name for facts in report.facts] == ["val/a.jpg"]


def test_masks_tell_the_split_for_annotations_that_know_none(coco_file: Any, tmp_path: Path) -> None:
    """`compare`, `preview` and `verify --source` take both sides' images of it."""
    source, out = coco_file(scene()), tmp_path / "out"
    convert(source, out, to="voc", split_ratio="0.5,0.5", seed=2)
    names = {stem(name) for name, split in assign(NAMES, (0.5, 0.5), seed=2).items() if split == "val"}
    for sides in ((out, source), (source, out)):
        result = compare(*sides, split="val")
        assert (set(result.images), result.mean_iou) == (names, 1)
        assert result.only_in_truth == result.only_in_other == ()
    report = preview([source, out], tmp_path / "page.html", split="val")
    assert {stem(facts.name) for facts in report.facts} == names
    assert not report.notes
    assert verify(out, source=source, split="val").images == len(names)
    assert verify(out, split="val").unchanged == len(names)
    with pytest.raises(InputError, match="nothing says which split"):
        compare(source, source, split="val")


def test_damage_in_another_split_is_not_looked_at(coco_file: Any, tmp_path: Path) -> None:
    """`verify --split` proves the masks of that split, of overlays too."""
    convert(coco_file(scene()), tmp_path / "out", to="overlay", split_ratio="0.5,0.5")
    drawn = assign(NAMES, (0.5, 0.5))
    assert verify(tmp_path / "out", split="val").images == [*drawn.values()].count("val")
    convert(coco_file(scene()), tmp_path / "b", to="mmseg", split_ratio="0.5,0.5")
    next((tmp_path / "b/ann_dir/train").rglob("*.png")).unlink()
    assert verify(tmp_path / "b", split="val").unchanged == [*drawn.values()].count("val")
    with pytest.raises(PolymaskError, match="1 of"):
        verify(tmp_path / "b", split="train")


def test_arrays_are_of_no_split() -> None:
    """A split is never ignored."""
    with pytest.raises(InputError, match="nothing says which split"):
        compare([], [], ["cat"], split="val")


def test_a_dataset_of_training_is_a_split_and_so_are_its_weights(tmp_path: Path) -> None:
    """Pictures of other splits need not be there."""
    convert(SAMPLE, tmp_path / "out", to="voc", split_ratio="0.5,0.5", seed=3)
    drawn = assign(["empty.png", "harbor.png", "meadow.png"], (0.5, 0.5), seed=3)
    assert {*drawn.values()} == {"train", "val"}
    for split in ("train", "val"):
        names = tuple(stem(name) for name in drawn if drawn[name] == split)
        pairs = MaskDataset(PICTURES, tmp_path / "out", split=split)
        assert pairs.names == names
        assert len([*pairs]) == len(names)
        assert class_weights(tmp_path / "out", split=split) == class_weights(
            stats(tmp_path / "out", split=split)
        )
    with pytest.raises(InputError, match="no split 'test'"):
        MaskDataset(PICTURES, tmp_path / "out", split="test")


def test_stats_print_the_weights_of_a_split(tmp_path: Path, polymask_command: Run) -> None:
    """As text and in --json, equal to the library's; without --weights there are none."""
    out = tmp_path / "out"
    convert(SAMPLE, out, to="mmseg", split_ratio="0.5,0.5", seed=3)
    printed = polymask_command("stats", out, "--split", "train", "--weights", "--json")
    weights = class_weights(out, split="train")
    assert json.loads(printed.stdout)["weights"] == weights
    assert "weights" not in json.loads(polymask_command("stats", out, "--json").stdout)
    told = polymask_command("stats", out, "--split", "train", "--weights").stdout
    for name, weight in weights.items():
        assert [name, f"{weight:.4f}"] in [line.split() for line in told.splitlines()]


def test_the_command_of_a_refusal_does_not_hand_on_where_images_go(tmp_path: Path) -> None:
    """`convert --split val` of two malformed records names `check` without --split."""
    document = scene()
    for annotation in document["annotations"][:2]:
        annotation["segmentation"] = [[1, 2]]
    source = written(tmp_path / "a.json", document)
    with pytest.raises(PolymaskError) as error:
        polymask.convert(source, tmp_path / "out", split="val")
    assert "polymask check" in f"{error.value}"
    assert "--split" not in f"{error.value}"


def test_compare_scores_the_splits_that_either_side_tells(coco_file: Any, tmp_path: Path) -> None:
    """Lists that somebody edited, as `--split` reads them; trainval, which is the whole, is none of them."""
    path, out = coco_file(scene()), tmp_path / "out"
    convert(path, out, to="voc", split_ratio="0.5,0.5", seed=1)
    truth = compare(path, out)
    assert truth.splits.keys() == {"train", "val"}
    lists = out / "ImageSets/Segmentation"
    train, val = ((lists / f"{split}.txt").read_text().split() for split in ("train", "val"))
    (lists / "train.txt").write_text("".join(f"{name}\n" for name in train[1:]))
    (lists / "val.txt").write_text("".join(f"{name}\n" for name in [*val, train[0]]))
    pixels = {split: sum(cats(out, split=split).values()) for split in ("train", "val")}
    for sides in ((path, out), (out, path)):
        scores = compare(*sides).splits
        assert {split: scores[split]["cat"].union for split in scores} == pixels


def test_a_list_with_an_image_without_a_mask_hinders_no_comparison(coco_file: Any, tmp_path: Path) -> None:
    """As VOC's own test.txt; only who asks for the split is told."""
    path, out = coco_file(scene()), tmp_path / "out"
    convert(path, out, to="voc", split_ratio="0.5,0.5", seed=1)
    (out / "ImageSets/Segmentation/test.txt").write_text("a\nelsewhere\n")
    assert compare(path, out).mean_iou == 1
    with pytest.raises(PolymaskError, match="elsewhere has no mask"):
        compare(path, out, split="test")
