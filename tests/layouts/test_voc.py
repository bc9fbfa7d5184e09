"""PASCAL VOC: palette PNGs that Pillow, and everybody else, reads as such."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from polymask import LabelError, convert, decode_png, index_mask, read
from polymask.labels.label_map import LabelMap
from polymask.labels.voc_palette import voc_colors
from tests.conftest import SAMPLE, coco, square


def test_class_masks_are_palette_pngs_with_the_voc_colors(tmp_path: Path) -> None:
    """Mode P, the VOC palette, and the values of the index mask."""
    convert(SAMPLE, tmp_path, to="voc")
    label_map = LabelMap.from_source(SAMPLE)
    for record in read(SAMPLE):
        with Image.open(tmp_path / "SegmentationClass" / record.name) as image:
            assert image.mode == "P"
            assert image.getpalette() == voc_colors().reshape(-1).tolist()
            assert (np.array(image) == index_mask(record, label_map)).all()


def test_object_masks_number_the_instances(tmp_path: Path) -> None:
    """The meadow's five instances, each seen; borders are void in both masks."""
    convert(SAMPLE, tmp_path, to="voc", instances=True, border=1)
    masks = [
        np.array(Image.open(tmp_path / folder / "meadow.png"))
        for folder in ("SegmentationClass", "SegmentationObject")
    ]
    assert set(np.unique(masks[1])) == {0, 1, 2, 3, 4, 5, 255}
    assert ((masks[0] == 255) == (masks[1] == 255)).all()
    assert ((masks[0] == 0) == (masks[1] == 0)).all()


def test_lists_and_colors_lie_beside_the_masks(tmp_path: Path) -> None:
    """The split's list names images without suffix; labelmap.txt is CVAT's and can be read again."""
    convert(SAMPLE, tmp_path, to="voc", split="val")
    assert (tmp_path / "ImageSets/Segmentation/val.txt").read_text() == "empty\nharbor\nmeadow\n"
    lines = (tmp_path / "labelmap.txt").read_text().splitlines()
    assert lines[:3] == ["# label:color_rgb:parts:actions", "background:0,0,0::", "sea:128,0,0::"]
    assert LabelMap.load(tmp_path / "labelmap.txt") == LabelMap.from_source(SAMPLE)


def test_pictures_go_where_voc_has_them(tmp_path: Path) -> None:
    """JPEGImages holds the copies, bytes unchanged."""
    convert(SAMPLE, tmp_path, to="voc", images=SAMPLE.parent / "images", copy_images=True)
    for name in ("harbor.png", "meadow.png", "empty.png"):
        assert (tmp_path / "JPEGImages" / name).read_bytes() == (SAMPLE.parent / "images" / name).read_bytes()


def test_more_labels_than_a_palette_holds_are_refused(tmp_path: Path) -> None:
    """16-bit values do not fit into a palette PNG."""
    names = tmp_path / "labels.txt"
    names.write_text("\n".join(["sea", "boat", "sun", "tree", "house", "flock", *map(str, range(300))]))
    with pytest.raises(LabelError, match="--to index"):
        convert(SAMPLE, tmp_path / "out", to="voc", labels=names)


@pytest.mark.parametrize("name", ["a:b", "two\nlines", "two\u2028lines", "#a", " a"])
def test_labels_that_cannot_stand_in_labelmap_txt_are_refused(
    coco_file: Callable[..., Path], tmp_path: Path, name: str
) -> None:
    """Before anything is written, with the way out."""
    path = coco_file(categories=[{"id": 3, "name": name}, {"id": 7, "name": "dog"}])
    with pytest.raises(LabelError, match=r"labelmap\.txt .*-> NAME"):
        convert(path, tmp_path / "out", to="voc")
    assert not (tmp_path / "out").exists()


def test_a_background_with_an_id_of_its_own_is_black(coco_file: Callable[..., Path], tmp_path: Path) -> None:
    """A category named background with id 1: its pixels are 1, and black, as labelmap.txt says."""
    categories = [{"id": 1, "name": "background"}, {"id": 3, "name": "cat"}, {"id": 7, "name": "dog"}]
    convert(coco_file(categories=categories), tmp_path / "out", to="voc", ids="source")
    path = tmp_path / "out/SegmentationClass/a.png"
    assert set(np.unique(decode_png(path.read_bytes()))) == {1, 3, 7}
    with Image.open(path) as image:
        assert image.convert("RGB").getpixel((0, 0)) == (0, 0, 0)
        assert image.convert("RGB").getpixel((1, 1)) == (128, 128, 0)
    lines = (tmp_path / "out/labelmap.txt").read_text().splitlines()
    colors = ["background:0,0,0::", "cat:128,128,0::", "dog:128,128,128::", "__ignore__:224,224,192::"]
    assert lines[1:] == colors


@pytest.mark.parametrize(("count", "mode", "void"), [(254, "P", 255), (255, "I;16", 65535)])
def test_object_masks_number_254_instances_in_8_bits(
    coco_file: Callable[..., Path], tmp_path: Path, count: int, mode: str, void: int
) -> None:
    """The 255th instance would be void's number, so with it the mask has 16 bits and void 65535."""
    document = coco(
        images=[{"id": 1, "file_name": "a.jpg", "height": 3, "width": 1100}],
        annotations=[
            {"id": n, "image_id": 1, "category_id": 3, "segmentation": [square(4 * n, 0, 3)]}
            for n in range(count)
        ],
    )
    convert(coco_file(document), tmp_path / "out", to="voc", instances=True, border=1)
    path = tmp_path / "out/SegmentationObject/a.png"
    with Image.open(path) as image:
        assert image.mode == mode
    assert set(np.unique(decode_png(path.read_bytes()))) == {0, *range(1, count + 1), void}
