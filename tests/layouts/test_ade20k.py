"""ADE20K: annotations by split, and a table of objects."""

from polymask import convert
from polymask.analysis.masks.mask_sets import open_masks
from tests.support.layouts import INDEX, picture


def test_masks_lie_below_the_splits_long_name(coco_file, tmp_path):
    """`train` is `training` there, `val` is `validation`."""
    convert(coco_file(), tmp_path / "out", to="ade20k")
    mode, pixels = picture(tmp_path / "out/annotations/training/a.png")
    assert mode == "L"
    assert (pixels == INDEX).all()
    convert(coco_file(), tmp_path / "val", to="ade20k", split="val")
    assert (tmp_path / "val/annotations/validation/a.png").is_file()


def test_pictures_lie_beside(coco_file, tmp_path):
    """images/training mirrors annotations/training."""
    (tmp_path / "a.jpg").write_bytes(b"picture")
    convert(coco_file(), tmp_path / "out", to="ade20k", images=tmp_path, copy_images=True)
    assert (tmp_path / "out/images/training/a.jpg").read_bytes() == b"picture"


def test_the_table_names_the_values_and_is_read_back(coco_file, tmp_path):
    convert(coco_file(), tmp_path / "out", to="ade20k")
    assert (tmp_path / "out/objectInfo.txt").read_text() == "Idx\tName\n1\tcat\n2\tdog\n"
    for name in ("labels.json", "id2label.json", "manifest.jsonl"):
        (tmp_path / "out" / name).unlink()
    masks = open_masks(tmp_path / "out")
    assert masks.label_map.names == ("cat", "dog")
    assert (masks.decode("a") == INDEX).all()
