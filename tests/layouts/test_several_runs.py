"""For every layout, several runs into one folder are one; what is refused changes no byte."""

import json
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from polymask import InputError, compare, convert, stats, verify
from polymask.layouts import LAYOUTS, layout_named
from tests.conftest import SAMPLE, coco, square, tree

NAMES = [f"{letter}.jpg" for letter in "dbaecf"]  # not in order of name
READABLE = [name for name in LAYOUTS if hasattr(layout_named(name), "open_folder")]
Run = Callable[[Path], Any]
LISTED = ("splits/{}.txt", "ImageSets/Segmentation/{}.txt", "{}.txt")


def document(names: Iterable[str] = NAMES) -> dict[str, Any]:
    """Each image has a cat, at a place of its own, and a dog on top."""
    images = [{"id": n, "file_name": name, "height": 6, "width": 8} for n, name in enumerate(names)]
    annotations = []
    for n, row in enumerate(images):
        cat, dog = square(NAMES.index(row["file_name"]), 1, 3), square(3, 2, 2)
        for key, label, ring in ((2 * n, 3, cat), (2 * n + 1, 7, dog)):
            annotations.append({"id": key, "image_id": n, "category_id": label, "segmentation": [ring]})
    return coco(images=images, annotations=annotations)


def runs(*steps: Run) -> Callable[[Path], None]:
    """The steps, one after another; what is refused changes no byte."""

    def do(folder: Path) -> None:
        for step in steps:
            before = tree(folder)
            try:
                step(folder)
            except InputError:
                assert tree(folder) == before
                raise

    return do


def same(one: Callable[[Path], Any], several: Callable[[Path], Any], folder: Path) -> None:
    one(folder / "one")
    several(folder / "several")
    assert tree(folder / "several") == tree(folder / "one")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_last_shard_completes_the_folder(coco_file, tmp_path, layout):
    """1/2 then 2/2, and 2/2 then 1/2."""
    source = coco_file(document())

    def shard(number: int) -> Run:
        return lambda out: convert(source, out, to=layout, shard=f"{number}/2")

    for order in ((1, 2), (2, 1)):
        several = runs(*map(shard, order))
        same(lambda out: convert(source, out, to=layout), several, tmp_path / f"{order}")


@pytest.mark.parametrize("options", [{}, {"split": "val"}, {"split_ratio": "0.5,0.25,0.25"}], ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_choosing_images_twice_is_choosing_them_all(coco_file, tmp_path, layout, options):
    """`--where`, in a split, and with splits drawn by ratio."""
    source = coco_file(document())
    several = runs(
        lambda out: convert(source, out, to=layout, where=["[a-c]*"], **options),
        lambda out: convert(source, out, to=layout, where=["[d-f]*"], **options),
    )
    same(lambda out: convert(source, out, to=layout, **options), several, tmp_path)


def by_split(folder: Path) -> dict[str, Callable[..., Any]]:
    """A run for train and one for val, of four images and of two."""
    made = {}
    for split, names in (("train", NAMES[:4]), ("val", NAMES[4:])):
        (folder / f"{split}.json").write_text(json.dumps(document(names)))
        made[split] = partial(convert, folder / f"{split}.json", split=split)
    return made


@pytest.mark.parametrize("layout", LAYOUTS)
def test_train_then_val_is_val_then_train(tmp_path, layout):
    """In either order the folder is the same."""
    run = {split: partial(convert_to, to=layout) for split, convert_to in by_split(tmp_path).items()}
    same(runs(run["train"], run["val"]), runs(run["val"], run["train"]), tmp_path)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_train_then_val_is_one_run_over_both(tmp_path, layout):
    """Of a folder with an annotation file for each split, whose images have the split as their folder."""
    both, apart = tmp_path / "both", {}
    both.mkdir()
    for split, names in (("train", NAMES[:4]), ("val", NAMES[4:])):
        (both / f"instances_{split}.json").write_text(json.dumps(document(names)))
        alone = document(names)
        for image in alone["images"]:
            image["file_name"] = f"{split}/{image['file_name']}"
        (tmp_path / f"{split}.json").write_text(json.dumps(alone))
        apart[split] = partial(convert, tmp_path / f"{split}.json", to=layout, split=split)
    same(partial(convert, both, to=layout), runs(apart["train"], apart["val"]), tmp_path)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_pictures_are_copied_by_shards_as_by_one_run(tmp_path, layout):
    """In another format, and each in the split that its name draws."""
    options: dict[str, Any] = {"to": layout, "images": SAMPLE.parent / "images", "copy_images": True}
    options |= {"split_ratio": "0.5,0.5", "seed": 3}
    options |= {} if layout == "dataloop" else {"picture_format": "png"}
    shards = [lambda out, n=n: convert(SAMPLE, out, shard=f"{n}/2", **options) for n in (1, 2)]
    same(lambda out: convert(SAMPLE, out, **options), runs(*shards), tmp_path)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_image_is_in_the_list_of_its_split_alone(tmp_path, layout):
    """After both runs, in layouts that have lists."""
    for run in by_split(tmp_path).values():
        run(tmp_path / "out", to=layout)
    for split, names in (("train", NAMES[:4]), ("val", NAMES[4:])):
        for path in (tmp_path / "out" / place.format(split) for place in LISTED):
            if path.is_file():
                first = [line.split()[0] for line in path.read_text().splitlines()]
                assert sorted(Path(name).stem for name in first) == sorted(name[0] for name in names)


@pytest.mark.parametrize("layout", READABLE)
def test_all_images_are_counted_proven_and_equal_after_the_second_run(coco_file, tmp_path, layout):
    """`stats`, `verify` and `compare` see both runs' images."""
    source = coco_file(document())
    for number in (1, 2):
        convert(source, tmp_path / "out", to=layout, shard=f"{number}/2")
    assert len(stats(tmp_path / "out").images) == len(NAMES)
    assert verify(tmp_path / "out").unchanged == len(NAMES)
    if layout_named(layout).INDEX:
        assert compare(source, tmp_path / "out").mean_iou == 1


@pytest.mark.parametrize("layout", ["index", "voc", "camvid", "coco-panoptic"])
def test_a_list_that_loses_its_images_goes(coco_file, tmp_path, layout):
    """Another ratio with --overwrite moves images: no list keeps what moved away."""
    source = coco_file(document())
    convert(source, tmp_path / "out", to=layout, split_ratio="0,0,1")
    convert(source, tmp_path / "out", to=layout, split_ratio="1,0", overwrite=True)
    lists = {
        split: [tmp_path / "out" / place.format(split) for place in LISTED] for split in ("train", "test")
    }
    assert any(path.is_file() for path in lists["train"])
    assert not any(path.exists() for path in lists["test"])


def test_a_list_once_there_holds_later_images_too(coco_file, tmp_path):
    """First by ratio, then more images without one: they are train, and in its list."""
    convert(coco_file(document(NAMES[:3])), tmp_path / "out", split_ratio="1,0")
    convert(coco_file(document(NAMES[3:])), tmp_path / "out")
    assert (tmp_path / "out/splits/train.txt").read_text().split() == list("abcdef")


def test_overlays_of_all_runs_are_on_the_contact_sheet(coco_file, tmp_path):
    """Those of the first run are small copies of what lies there."""
    source = coco_file(document())
    convert(source, tmp_path / "one", to="overlay")
    for number in (1, 2):
        convert(source, tmp_path / "two", to="overlay", shard=f"{number}/2")
    sheets = [(tmp_path / folder / "contact-sheet-1.png").read_bytes() for folder in ("one", "two")]
    assert sheets[0] == sheets[1]
