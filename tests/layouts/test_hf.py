"""Hugging Face's imagefolder: pairs of picture and mask, as `datasets` looks for them."""

import json
from pathlib import Path
from typing import Any

import pytest

from polymask import convert
from polymask.analysis.masks.mask_sets import open_masks
from tests.conftest import SAMPLE, coco, tree
from tests.support.layouts import INDEX, picture

PICTURES = SAMPLE.parent / "images"


def pairs(out: Path, split: str) -> list[dict[str, str]]:
    return [json.loads(row) for row in (out / split / "metadata.jsonl").read_text().splitlines()]


def test_each_line_names_a_picture_and_its_mask(coco_file: Any, tmp_path: Path) -> None:
    """A column NAME_file_name becomes the column NAME; paths are those beside metadata.jsonl."""
    (tmp_path / "a.jpg").write_bytes(b"picture")
    out = tmp_path / "out"
    convert(coco_file(), out, to="hf", images=tmp_path, copy_images=True)
    assert pairs(out, "train") == [{"image_file_name": "images/a.jpg", "label_file_name": "masks/a.png"}]
    mode, pixels = picture(out / "train/masks/a.png")
    assert mode == "L"
    assert (pixels == INDEX).all()
    assert (out / "train/images/a.jpg").is_file()


def test_folders_and_other_letters_stay_in_names(coco_file: Any, tmp_path: Path) -> None:
    images = [{"id": 1, "file_name": "nörd/a.jpg", "height": 6, "width": 8}]
    convert(coco_file(coco(images=images)), tmp_path / "out", to="hf")
    (row,) = pairs(tmp_path / "out", "train")
    assert row["label_file_name"] == "masks/nörd/a.png"
    assert (tmp_path / "out/train" / row["label_file_name"]).is_file()
    assert open_masks(tmp_path / "out").names == ("nörd/a",)


def test_a_split_without_images_has_no_table(tmp_path: Path) -> None:
    """`load_dataset` would fail; one that loses its last image loses its table too."""
    out, path = tmp_path / "out", tmp_path / "s.json"
    images = [{"id": n, "file_name": f"{n}.jpg", "height": 6, "width": 8} for n in range(1, 9)]
    path.write_text(json.dumps(coco(images=images)))
    convert(path, out, to="hf", split_ratio="0.5,0.5,0")
    assert sorted(file.parent.name for file in out.glob("*/metadata.jsonl")) == ["train", "val"]
    kept = {row["label_file_name"] for row in pairs(out, "train")}
    images = [row for row in images if f"masks/{row['id']}.png" in kept]
    path.write_text(json.dumps(coco(images=images, annotations=[])))
    convert(path, out, to="hf", split_ratio="0.5,0.5,0", update=True, prune=True)
    assert [file.parent.name for file in out.glob("*/metadata.jsonl")] == ["train"]


def test_pictures_in_another_format_are_named_so(tmp_path: Path) -> None:
    convert(SAMPLE, tmp_path, to="hf", images=PICTURES, copy_images=True, picture_format="jpg")
    for row in pairs(tmp_path, "train"):
        assert row["image_file_name"].endswith(".jpg")
        assert (tmp_path / "train" / row["image_file_name"]).is_file()


@pytest.mark.parametrize("workers", [1, 2])
def test_two_runs_are_one(tmp_path: Path, workers: int) -> None:
    """Train, then val, equal both at once, but for the runs' own words on splits."""
    for where, split in (("harbor*", "val"), ("[em]*", "train")):
        convert(SAMPLE, tmp_path / "a", to="hf", where=where, split=split, workers=workers)
    assert [row["label_file_name"] for row in pairs(tmp_path / "a", "train")] == [
        "masks/empty.png", "masks/meadow.png",
    ]  # fmt: skip
    assert len(pairs(tmp_path / "a", "val")) == 1
    assert len(tree(tmp_path / "a")) == 8
