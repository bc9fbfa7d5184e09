"""mmsegmentation: folders, and a METAINFO that fits the masks under both settings of reduce_zero_label."""

import runpy

import numpy as np

from polymask import convert
from tests.conftest import coco
from tests.support.layouts import INDEX, picture


def test_masks_and_pictures_mirror_each_other(coco_file, tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"picture")
    convert(coco_file(), tmp_path / "out", to="mmseg", images=tmp_path, copy_images=True)
    assert (picture(tmp_path / "out/ann_dir/train/a.png")[1] == INDEX).all()
    assert (tmp_path / "out/img_dir/train/a.jpg").is_file()


def test_every_value_is_the_place_of_its_name_in_metainfo(coco_file, tmp_path):
    """Also where the source's ids leave gaps: the loader counts places, not names."""
    convert(coco_file(), tmp_path / "out", to="mmseg", ids="source")
    info = runpy.run_path(str(tmp_path / "out/metainfo.py"))["METAINFO"]
    pixels = picture(tmp_path / "out/ann_dir/train/a.png")[1]
    assert [info["classes"][value] for value in np.unique(pixels)] == ["background", "cat", "dog"]
    assert len(info["classes"]) == len(info["palette"]) == 8


def test_the_reduced_metainfo_fits_what_the_loader_makes_of_the_masks(coco_file, tmp_path):
    """reduce_zero_label: 0 becomes 255, the others go down by one; then 255 - 1 becomes 255 again."""
    convert(coco_file(), tmp_path / "out", to="mmseg", overlap="void")
    info = runpy.run_path(str(tmp_path / "out/metainfo.py"))["METAINFO_REDUCED"]
    mask = picture(tmp_path / "out/ann_dir/train/a.png")[1].copy()
    mask[mask == 0] = 255
    mask = mask - 1
    mask[mask == 254] = 255
    assert mask[2].tolist() == [255, 0, 0, 255, 1, 1, 255, 255]
    assert info["classes"] == ("cat", "dog")


def test_names_with_quotes_stay_python(coco_file, tmp_path):
    categories = [{"id": 3, "name": 'a "cat"\'s'}, {"id": 7, "name": "dog\\"}]
    convert(coco_file(coco(categories=categories)), tmp_path / "out", to="mmseg")
    info = runpy.run_path(str(tmp_path / "out/metainfo.py"))["METAINFO"]
    assert info["classes"] == ("background", 'a "cat"\'s', "dog\\")
