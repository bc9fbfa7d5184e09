"""One-hot archives: a channel a class, the same bytes on every run."""

import numpy as np
import pytest

from polymask import FormatError, convert
from polymask.analysis.masks.mask_sets import open_masks
from tests.support.layouts import INDEX


def test_channels_are_background_and_labels_in_value_order(coco_file, tmp_path):
    convert(coco_file(), tmp_path / "out", to="onehot", ids="source")
    with np.load(tmp_path / "out/onehot/a.npz") as archive:
        assert archive["mask"].dtype == np.uint8
        assert archive["mask"].shape == (6, 8, 3)
        assert archive["values"].tolist() == [0, 3, 7]
        assert (archive["mask"].argmax(axis=2) == INDEX).all()
        assert (archive["mask"].sum(axis=2) == 1).all()


def test_void_is_of_no_class(coco_file, tmp_path):
    """All its channels are 0, and it comes back as void."""
    convert(coco_file(), tmp_path / "out", to="onehot", overlap="void")
    with np.load(tmp_path / "out/onehot/a.npz") as archive:
        assert archive["mask"][2, 3].tolist() == [0, 0, 0]
    assert open_masks(tmp_path / "out").decode("a")[2].tolist() == [0, 1, 1, 255, 2, 2, 0, 0]


def test_a_damaged_archive_is_an_error(coco_file, tmp_path):
    convert(coco_file(), tmp_path / "out", to="onehot")
    path = tmp_path / "out/onehot/a.npz"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(FormatError, match=r"a\.npz"):
        open_masks(tmp_path / "out").decode("a")
