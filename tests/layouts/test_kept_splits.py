"""Splits stay as they are: those of earlier runs, those that somebody edited; tables name what is there."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polymask import ConflictError, InputError, convert, encode_png, remove_masks, stats
from polymask.layouts import LAYOUTS
from tests.conftest import coco, square, tree

NAMES = "abcdefgh"
LISTED = ("splits/{}.txt", "ImageSets/Segmentation/{}.txt", "{}.txt", "{}/metadata.jsonl")
SPLITS = ("train", "val", "test")
RATIO = {"split_ratio": "0.4,0.3,0.3", "seed": 2}
FOLDERS = {"ade20k": {"train": "training", "val": "validation", "test": "test"}}


def source(path: Path, names: str = NAMES) -> Path:
    """Images of 6 × 8 px, each with a cat."""
    images = [{"id": ord(n), "file_name": f"{n}.jpg", "height": 6, "width": 8} for n in names]
    rows = [
        {"id": ord(n), "image_id": ord(n), "category_id": 3, "segmentation": [square(1, 1, 3)]} for n in names
    ]
    path.write_text(json.dumps(coco(images=images, annotations=rows)))
    return path


def short(name: str) -> str:
    return re.split(r"[_./]", name.rpartition("/")[2])[0]


def tables(out: Path) -> Iterator[tuple[str, dict[str, list[str]]]]:
    """What each table of splits says: the images of each split that it names."""
    for pattern in LISTED:
        if files := {split: file for split in SPLITS if (file := out / pattern.format(split)).is_file()}:
            yield (
                pattern,
                {split: [_in_line(row) for row in f.read_text().splitlines()] for split, f in files.items()},
            )
    for pattern in ("annotations/instances_{}.json", "annotations/panoptic_{}.json"):
        if files := {split: file for split in SPLITS if (file := out / pattern.format(split)).is_file()}:
            documents = {split: json.loads(file.read_text()) for split, file in files.items()}
            yield pattern, {s: [short(row["file_name"]) for row in d["images"]] for s, d in documents.items()}
    if (file := out / "splits_final.json").is_file():
        yield file.name, json.loads(file.read_text())[0]
    for name, pattern in (("dataset.py", r'"ann_dir/(\w+)"'), ("data.yaml", r'^\w+: "images/(\w+)"$')):
        if (file := out / name).is_file():
            splits = re.findall(pattern, file.read_text(), re.MULTILINE)
            folder = "ann_dir" if name == "dataset.py" else "masks"
            yield (
                name,
                {split: [mask.stem for mask in (out / folder / split).glob("*.png")] for split in splits},
            )


def _in_line(row: str) -> str:
    return short(json.loads(row)["label_file_name"] if row.startswith("{") else row.split(maxsplit=1)[0])


def shown(out: Path, layout: str, *, whole: bool = True) -> dict[str, str]:
    """The split of each image, where all tables agree; each named split has images, each image one split."""
    said: dict[str, dict[str, str]] = {}
    for table, splits in tables(out):
        assert all(splits.values()), (table, splits)
        if whole or table != "splits_final.json":
            times = Counter(name for names in splits.values() for name in names)
            assert set(times.values()) <= {1}, (table, splits)
        said[table] = {name: split for split, names in splits.items() for name in names}
    stored = {short(r["name"]): r.get("split", "train") for r in entries(out)}
    for table, splits in said.items():
        of_table = {n: s for n, s in stored.items() if table != "splits_final.json" or s != "test"}
        assert splits == of_table, table
    return stored


def entries(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]


def names_in(out: Path, split: str) -> set[str]:
    return {short(row["name"]) for row in entries(out) if row.get("split", "train") == split}


# tables name the splits that hold images, and no others


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "overlay"])
def test_every_table_names_the_splits_that_hold_images(tmp_path: Path, layout: str) -> None:
    """After a ratio that fills only some splits, after --prune, after more images, after remove-masks."""
    path, out = tmp_path / "s.json", tmp_path / "out"
    convert(source(path), out, to=layout, split_ratio="0.5,0.5,0")
    assert set(shown(out, layout).values()) == {"train", "val"}
    staying = "".join(sorted(names_in(out, "train")))
    convert(source(path, staying), out, to=layout, prune=True)
    assert set(shown(out, layout).values()) == {"train"}
    convert(source(path), out, to=layout)
    assert set(shown(out, layout).values()) == {"train", "val"}
    mask = next(row["mask"] for row in entries(out) if row.get("split", "train") == "train")
    if mask.endswith(".png"):
        (out / mask).write_bytes(encode_png(np.zeros((6, 8), np.uint8)))
        assert remove_masks(out).exit_code == 4
        assert set(shown(out, layout).values()) == {"train"}
        return
    remove_masks(out)
    assert not [table for table, _ in tables(out)]


# a run that asks for no splits keeps those that are there


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_run_without_options_of_splits_keeps_them(tmp_path: Path, layout: str) -> None:
    """No byte changes; new images are drawn as the ratio of the first run draws them."""
    path, out, whole = tmp_path / "s.json", tmp_path / "out", tmp_path / "whole"
    convert(source(path, NAMES[:5]), out, to=layout, **RATIO)
    before = tree(out)
    convert(path, out, to=layout)
    assert tree(out) == before
    convert(source(path), out, to=layout)
    convert(path, whole, to=layout, **RATIO)
    assert tree(out) == tree(whole)


@pytest.mark.parametrize("other", [{"split_ratio": "0,1"}, {"split": "test"}, {"split": "train"}], ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_other_splits_are_refused_with_a_way_out(tmp_path: Path, layout: str, other: dict[str, Any]) -> None:
    """Nothing is written; with --overwrite, images move, and tables of splits without images go."""
    path, out = source(tmp_path / "s.json"), tmp_path / "out"
    convert(path, out, to=layout, **RATIO)
    before = tree(out)
    others: tuple[dict[str, Any], ...] = ({"split": "train"}, {"split_ratio": "0,0,1"})
    for other in others:
        with pytest.raises(InputError, match="--overwrite"):
            convert(path, out, to=layout, **other)
        assert tree(out) == before
    convert(path, out, to=layout, overwrite=True, **other)
    assert set(shown(out, layout).values()) == {"test"}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_new_images_may_go_to_another_split(tmp_path: Path, layout: str) -> None:
    """`--split train` says so, though earlier images were drawn; these stay."""
    path, out = tmp_path / "s.json", tmp_path / "out"
    convert(source(path, NAMES[:4]), out, to=layout, split_ratio="0,1")
    convert(source(path, NAMES[4:]), out, to=layout, split="train")
    assert shown(out, layout) == {n: "val" if n in NAMES[:4] else "train" for n in NAMES}


def test_groups_and_seed_are_kept_too(tmp_path: Path) -> None:
    """The manifest's lines say how a split was drawn."""
    path, out = tmp_path / "s.json", tmp_path / "out"
    options = {"split_ratio": "0.5,0.5", "seed": 7, "split_by": "^([a-d]|.)"}
    convert(source(path, "abcd"), out, **options)
    assert all(row["split_by"] == "^([a-d]|.)" and row["seed"] == 7 for row in entries(out))
    convert(source(path), out)
    convert(path, tmp_path / "whole", **options)
    assert tree(out) == tree(tmp_path / "whole")


@pytest.mark.parametrize("more", [{"workers": 2}, {"tile": (3, 8)}, {"shard": "1/1"}], ids=str)
def test_splits_are_kept_by_processes_and_of_tiles(tmp_path: Path, more: dict[str, Any]) -> None:
    """Each process draws a new image as the first run did, and a tile is where its image is."""
    path, out = tmp_path / "s.json", tmp_path / "out"
    convert(source(path, NAMES[:3]), out, to="mmseg", **RATIO, **more)
    convert(source(path), out, to="mmseg", **more)
    convert(path, tmp_path / "whole", to="mmseg", **RATIO, **more)
    assert tree(out) == tree(tmp_path / "whole")


def test_several_ratios_need_a_word_on_new_images(tmp_path: Path) -> None:
    """Which of them draws a new image cannot be known; without new images nothing has to be."""
    path, out = tmp_path / "s.json", tmp_path / "out"
    convert(source(path, "ab"), out, split_ratio="0,1")
    convert(source(path, "cd"), out, split_ratio="1,0")
    assert convert(source(path, "abcd"), out).unchanged == 4
    with pytest.raises(InputError, match=r"several --split-ratio \(0,1 and 1,0\)"):
        convert(source(path), out)
    convert(source(path, "efgh"), out, split="val")
    assert names_in(out, "val") == set("abefgh")


# lists and tables that somebody edited


def lists(out: Path) -> dict[str, Path]:
    """The list of each split, where it can be edited line by line."""
    for pattern in LISTED:
        if files := {split: file for split in SPLITS if (file := out / pattern.format(split)).is_file()}:
            return files
    return {}


WITH_LISTS = [
    name for name in LAYOUTS if name not in ("ade20k", "mmseg", "yolo-semantic", "nnunet", "overlay")
]


@pytest.mark.parametrize("layout", WITH_LISTS)
def test_an_edited_list_keeps_its_edits(tmp_path: Path, layout: str) -> None:
    """An image that somebody moved stands in its new list only, whatever runs come; new images join."""
    path, out = source(tmp_path / "s.json", NAMES[:5]), tmp_path / "out"
    convert(path, out, to=layout, split_ratio="0.5,0.5")
    files = lists(out)
    first, *others = files["train"].read_text().splitlines()
    files["train"].write_text("".join(f"{line}\n" for line in others))
    files["val"].write_text(files["val"].read_text() + first)  # without a line break
    before = tree(out)
    report = convert(path, out, to=layout)
    assert {n: data for n, data in tree(out).items() if not n.endswith(".txt") or "trainval" in n} == {
        n: data for n, data in before.items() if not n.endswith(".txt") or "trainval" in n
    }
    assert any("kept with its edits" in note for note in report.notes)
    convert(source(path), out, to=layout)
    rows = {split: file.read_text().splitlines() for split, file in files.items()}
    assert first in rows["val"]
    assert first not in rows["train"]
    assert sorted(_in_line(row) for listed in rows.values() for row in listed) == list(NAMES)
    gone = _in_line(first)
    convert(source(path, NAMES.replace(gone, "")), out, to=layout, prune=True)
    assert first not in files["val"].read_text().splitlines()
    convert(source(path), out, to=layout, overwrite=True)
    assert shown(out, layout).keys() == set(NAMES)


@pytest.mark.parametrize("layout", ["index", "voc", "binary"])
def test_a_list_that_was_moved_into_another_does_not_come_back(tmp_path: Path, layout: str) -> None:
    """All images of val are to be learned: its list is emptied, or taken away."""
    for number, empty in enumerate((lambda file: file.write_text(""), lambda file: file.unlink())):
        path, out = source(tmp_path / "s.json"), tmp_path / f"{number}"
        convert(path, out, to=layout, split_ratio="0.5,0.5")
        files = lists(out)
        files["train"].write_text(files["train"].read_text() + files["val"].read_text())
        empty(files["val"])
        convert(path, out, to=layout)
        assert sorted(files["train"].read_text().split()) == list(NAMES)
        assert not files["val"].is_file() or not files["val"].read_text()
        assert len(stats(out, split="train").images) == len(NAMES)


def test_an_edited_list_loses_the_images_that_are_removed(tmp_path: Path) -> None:
    """By --prune, or by remove-masks where some masks stay; without an image left, the list goes."""
    path, out = source(tmp_path / "s.json"), tmp_path / "out"
    for way in ("prune", "remove-masks"):
        convert(source(path), out, to="voc", split_ratio="0.5,0.5", overwrite=True)
        files = lists(out)
        first, *others = files["train"].read_text().split()
        files["train"].write_text("".join(f"{name}\n" for name in others))
        files["val"].write_text(files["val"].read_text() + f"{first}\n")
        staying = others[0]
        if way == "prune":
            convert(source(path, staying), out, to="voc", prune=True)
        else:
            (out / f"SegmentationClass/{staying}.png").write_bytes(encode_png(np.zeros((6, 8), np.uint8)))
            assert remove_masks(out).exit_code == 4
        assert files["train"].read_text() == f"{staying}\n"
        assert not files["val"].exists()
        assert list(stats(out, split="train").images[0].name) == [staying]


TABLES = {
    "nnunet": ("splits_final.json", '"train"', '"learn"'),
    "mmseg": ("dataset.py", "batch_size=2", "batch_size=16"),
    "yolo-semantic": ("data.yaml", "masks_dir: masks\n", "masks_dir: masks\nchannels: 3\n"),
    "coco": ("annotations/instances_val.json", '{"images"', '{"info":{"year":2020},"images"'),
    "coco-panoptic": ("annotations/panoptic_val.json", '{"images"', '{"info":{"year":2020},"images"'),
}


@pytest.mark.parametrize("layout", TABLES)
def test_another_edited_table_stays_or_the_run_is_refused(tmp_path: Path, layout: str) -> None:
    """It stays where nothing of it changes; else nothing is written, and moving it away is a way out."""
    path, out = tmp_path / "s.json", tmp_path / "out"
    convert(source(path, NAMES[:4]), out, to=layout, split_ratio="0.5,0.5")
    file, old, new = TABLES[layout]
    text = (out / file).read_text()
    assert old in text
    (out / file).write_text(text.replace(old, new))
    before = tree(out)
    assert convert(path, out, to=layout).unchanged == 4
    assert tree(out) == before
    if layout in ("mmseg", "yolo-semantic"):  # more images change nothing of them
        convert(source(path), out, to=layout)
        assert new in (out / file).read_text()
        return
    with pytest.raises(ConflictError, match="was edited since") as caught:
        convert(source(path), out, to=layout)
    assert caught.value.exit_code == 4
    assert tree(out) == before
    is_all_there_is = layout == "coco-panoptic"  # of the segments, which cannot be made anew from elsewhere
    if not is_all_there_is:
        (out / file).rename(tmp_path / "aside")
    convert(path, out, to=layout, overwrite=is_all_there_is)
    assert shown(out, layout).keys() == set(NAMES)
