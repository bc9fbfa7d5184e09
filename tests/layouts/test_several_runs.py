"""For every layout, several runs into one folder are one, or they are refused before a byte is written."""

import json
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from polymask import InputError, compare, convert, stats, verify
from polymask.layouts import LAYOUTS, layout_named
from tests.conftest import coco, square, tree

NAMES = [f"{letter}.jpg" for letter in "dbaecf"]  # not in order of name
ONE_FILE = {"coco"}  # all images are in one file, which is written as a whole
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


def same_or_refused(
    one: Callable[[Path], Any], several: Callable[[Path], Any], folder: Path, layout: str
) -> None:
    one(folder / "one")
    if layout in ONE_FILE:
        with pytest.raises(InputError, match="in one run"):
            several(folder / "several")
        return
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
        same_or_refused(lambda out: convert(source, out, to=layout), several, tmp_path / f"{order}", layout)


@pytest.mark.parametrize("options", [{}, {"split": "val"}, {"split_ratio": "0.5,0.25,0.25"}], ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_choosing_images_twice_is_choosing_them_all(coco_file, tmp_path, layout, options):
    """`--where`, in a split, and with splits drawn by ratio."""
    source = coco_file(document())
    several = runs(
        lambda out: convert(source, out, to=layout, where=["[a-c]*"], **options),
        lambda out: convert(source, out, to=layout, where=["[d-f]*"], **options),
    )
    same_or_refused(lambda out: convert(source, out, to=layout, **options), several, tmp_path, layout)


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
    several = runs(run["val"], run["train"])
    if layout in ONE_FILE:
        with pytest.raises(InputError, match="in one run"):
            several(tmp_path / "several")
        return
    runs(run["train"], run["val"])(tmp_path / "one")
    several(tmp_path / "several")
    assert tree(tmp_path / "several") == tree(tmp_path / "one")


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name not in ONE_FILE])
def test_every_image_is_in_the_list_of_its_split_alone(tmp_path, layout):
    """After both runs, in layouts that have lists."""
    for run in by_split(tmp_path).values():
        run(tmp_path / "out", to=layout)
    for split, names in (("train", NAMES[:4]), ("val", NAMES[4:])):
        for path in (tmp_path / "out" / place.format(split) for place in LISTED):
            if path.is_file():
                first = [line.split()[0] for line in path.read_text().splitlines()]
                assert sorted(Path(name).stem for name in first) == sorted(name[0] for name in names)


@pytest.mark.parametrize("layout", [name for name in READABLE if name not in ONE_FILE])
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
def test_a_list_that_loses_its_images_is_emptied(coco_file, tmp_path, layout):
    """Another ratio with --overwrite moves images: no list keeps what moved away."""
    source = coco_file(document())
    convert(source, tmp_path / "out", to=layout, split_ratio="0,0,1")
    convert(source, tmp_path / "out", to=layout, split_ratio="1,0", overwrite=True)
    lists = [path for place in LISTED if (path := tmp_path / "out" / place.format("test")).is_file()]
    assert [path.read_text() for path in lists] == [""]


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
