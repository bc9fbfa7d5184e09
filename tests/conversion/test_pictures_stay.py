"""Pictures are input, protected as the annotations are: nothing is written over them, nor removes them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from polymask import InputError, convert
from tests.conftest import coco, tree

Write = Callable[..., Path]


@pytest.mark.parametrize("images", ["out/masks", "out", "link"])
@pytest.mark.parametrize("options", [{}, {"overwrite": True}, {"overwrite": True, "copy_images": True}])
def test_a_mask_is_not_written_over_a_picture(
    coco_file: Write, tmp_path: Path, options: dict[str, Any], images: str
) -> None:
    """Whatever is asked, and by whatever name the pictures are reached."""
    pictures = tmp_path / "out/masks"
    pictures.mkdir(parents=True)
    (tmp_path / "link").symlink_to(pictures)
    Image.new("RGB", (8, 6)).save(pictures / "a.png")
    before = tree(tmp_path / "out")
    path = coco_file(images=[{"id": 1, "file_name": "a.png", "height": 6, "width": 8}])
    with pytest.raises(InputError):
        convert(path, tmp_path / "out", images=tmp_path / images, **options)
    with pytest.raises(InputError, match="is what is read"):
        convert(path, tmp_path / "out", images=tmp_path / images, **{**options, "overwrite": True})
    assert tree(tmp_path / "out") == before


def test_a_picture_in_the_place_of_its_copy_stays_its_owners(coco_file: Write, tmp_path: Path) -> None:
    """Its image moves to another split, and the picture is copied there; the folder that is read keeps it."""
    pictures = tmp_path / "out/leftImg8bit/train/all"
    pictures.mkdir(parents=True)
    Image.new("RGB", (8, 6)).save(pictures / "a_leftImg8bit.png")
    path = coco_file(coco(images=[{"id": 1, "file_name": "a_leftImg8bit.png", "height": 6, "width": 8}]))
    for split in ("train", "val"):
        report = convert(
            path,
            tmp_path / "out",
            to="cityscapes",
            images=pictures,
            copy_images=True,
            split=split,
            overwrite=True,
        )
        assert report.failed == 0
    assert (pictures / "a_leftImg8bit.png").exists()
    assert (tmp_path / "out/leftImg8bit/val/all/a_leftImg8bit.png").exists()
