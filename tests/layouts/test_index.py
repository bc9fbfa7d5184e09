"""Index masks: 8 or 16 bit gray, and instance ids beside them."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from polymask import convert, decode_png
from polymask.storage.image_names import stem
from tests.conftest import SAMPLE, tree
from tests.support.oracles import drawn

Write = Callable[..., Path]


def test_many_labels_make_sixteen_bit_masks(coco_file: Write, tmp_path: Path) -> None:
    """Category ids above 255 are kept, not wrapped."""
    categories = [{"id": 300, "name": "cat"}, {"id": 7, "name": "dog"}]
    annotations = [{"id": 1, "image_id": 1, "category_id": 300, "segmentation": [[1, 1, 3, 1, 3, 3, 1, 3]]}]
    convert(coco_file(categories=categories, annotations=annotations), tmp_path / "out", ids="source")
    mask = decode_png((tmp_path / "out/masks/a.png").read_bytes())
    assert mask.dtype == np.uint16
    assert np.unique(mask).tolist() == [0, 300]


def test_instance_ids_are_sixteen_bit_and_count_from_one(coco_file: Write, tmp_path: Path) -> None:
    """The cat is 1, the dog on top is 2."""
    convert(coco_file(), tmp_path / "out", instances=True)
    ids = decode_png((tmp_path / "out/instances/a.png").read_bytes())
    assert ids.dtype == np.uint16
    assert (ids == drawn("........", ".###....", ".##222..", ".##222..", "...222..", "........")).all()


def test_masks_are_gray_pngs_of_eight_or_sixteen_bit(tmp_path: Path) -> None:
    """Fewer bits would be scaled by readers."""
    convert(SAMPLE, tmp_path)
    for name, data in tree(tmp_path / "masks").items():
        with Image.open(BytesIO(data)) as image:
            assert (name, image.mode, data[24]) == (name, "L", 8)


def test_names_lose_their_suffix_and_keep_their_folders() -> None:
    """Only the last suffix goes; a name that is all suffix stays."""
    names = {"a.jpg": "a", "x/y.z.png": "x/y.z", "plain": "plain", ".hidden": ".hidden", "a.b/c": "a.b/c"}
    assert {name: stem(name) for name in names} == names
