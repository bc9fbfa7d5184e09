"""Arrays for learning: pairs that stay pairs, planes that invert, weights and IoU."""

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from polymask import InputError, LabelError, LabelMap, LimitError, Limits, NotFound, convert, stats
from polymask.codecs.pictures import frame_of_bytes
from polymask.training import (
    MaskDataset,
    class_values,
    class_weights,
    colors_to_index,
    label_iou,
    one_hot,
    one_hot_to_index,
    random_crop,
    resize,
    voc_colors,
)
from tests.conftest import SAMPLE

PICTURES = SAMPLE.parent / "images"
_masks = arrays.arrays(np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, max_side=9))


@pytest.fixture
def dest(tmp_path):
    convert(SAMPLE, tmp_path / "masks")
    return tmp_path / "masks"


def test_a_dataset_is_a_sequence_of_pairs_sorted_by_name(dest):
    pairs = MaskDataset(PICTURES, dest)
    assert pairs.names == ("empty", "harbor", "meadow")
    assert len(pairs) == len(list(pairs)) == 3
    assert pairs[-1][1].tolist() == pairs[2][1].tolist()
    assert [image.shape for image, _ in pairs[:2]] == [(120, 160, 3)] * 2
    with pytest.raises(IndexError):
        pairs[3]


def test_a_pickled_dataset_opens_its_paths_anew(dest):
    """Loader processes that are spawned, not forked, get it this way."""
    pairs = MaskDataset(PICTURES, dest)
    _ = pairs[0]
    again = pickle.loads(pickle.dumps(pairs))
    for (image, mask), (other_image, other_mask) in zip(pairs, again, strict=True):
        assert (image == other_image).all()
        assert (mask == other_mask).all()


def test_a_transform_takes_the_pair(dest):
    pairs = MaskDataset(PICTURES, dest, transform=lambda image, mask: resize(image, mask, (32, 48)))
    assert [part.shape for part in pairs[0]] == [(32, 48, 3), (32, 48)]


@pytest.mark.parametrize("layout", ["voc", "binary", "camvid"])
def test_any_layout_that_can_be_read_back_is_a_dataset(tmp_path, dest, layout):
    """Its values are those of the label map, whatever the files hold."""
    convert(SAMPLE, tmp_path / layout, to=layout)
    assert len(MaskDataset(PICTURES, tmp_path / layout)) == 3


def test_a_mask_without_picture_and_a_picture_of_another_size_are_told(tmp_path, dest):
    (tmp_path / "pictures").mkdir()
    with pytest.raises(NotFound, match=r"no picture of 3 masks, e\.g\. '"):
        MaskDataset(tmp_path / "pictures", dest)
    convert(SAMPLE, tmp_path / "small", size=(12, 16))
    with pytest.raises(InputError, match="the picture is 120 × 160 px, the mask 12 × 16"):
        MaskDataset(PICTURES, tmp_path / "small")[0]


@given(_masks, st.data())
def test_a_crop_is_the_same_window_of_picture_and_mask(mask, data):
    height, width = (data.draw(st.integers(1, side)) for side in mask.shape)
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    places = np.arange(mask.size).reshape(mask.shape)
    image, cut = random_crop(np.stack([mask, mask, mask], axis=2), mask, (height, width), rng=rng)
    assert cut.shape == (height, width)
    assert (image == cut[..., None]).all()
    rng = np.random.default_rng(7)
    where, part = random_crop(places, mask, (height, width), rng=rng)
    assert (mask.reshape(-1)[where] == part).all()


def test_equal_generators_give_equal_crops():
    mask = np.arange(100, dtype=np.uint8).reshape(10, 10)
    cuts = [random_crop(mask, mask, (3, 3), rng=np.random.default_rng(5))[1] for _ in range(2)]
    assert (cuts[0] == cuts[1]).all()


def test_a_crop_that_does_not_fit_and_two_that_are_no_pair_are_refused():
    mask = np.zeros((4, 4), np.uint8)
    with pytest.raises(InputError, match="no crop of 5 × 4 px in a picture of 4 × 4"):
        random_crop(mask, mask, (5, 4), rng=np.random.default_rng(0))
    with pytest.raises(InputError, match="are no pair"):
        resize(mask[:3], mask, (2, 2))


@given(_masks, st.integers(1, 20), st.integers(1, 20))
def test_a_resized_mask_holds_no_value_that_was_not_there(mask, height, width):
    image, small = resize(np.stack([mask] * 3, axis=2), mask, (height, width))
    assert image.shape == (height, width, 3)
    assert small.shape == (height, width)
    assert set(np.unique(small)) <= set(np.unique(mask))


def test_doubling_repeats_each_pixel_and_halving_undoes_it():
    mask = np.array([[1, 2], [3, 4]], np.uint16)
    double = resize(mask, mask, (4, 4))[1]
    assert double.tolist() == [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]
    assert resize(double, double, (2, 2))[1].tolist() == mask.tolist()
    assert double.dtype == np.uint16


@given(_masks)
def test_one_hot_inverts(mask):
    """Values that are classes come back; the others come back as void."""
    classes = (0, 3, 7, 200)
    planes = one_hot(mask, classes)
    assert planes.shape == (*mask.shape, 4)
    assert set(np.unique(planes)) <= {0, 1}
    expected = np.where(np.isin(mask, classes), mask, 255)
    assert one_hot_to_index(planes, classes).tolist() == expected.tolist()


def test_one_hot_of_16_bit_values_and_of_probabilities():
    mask = np.array([[0, 300, 65535]], np.uint16)
    back = one_hot_to_index(one_hot(mask, (0, 300)), (0, 300), void=65535)
    assert (back == mask).all()
    assert back.dtype == np.uint16
    assert one_hot_to_index(np.array([[[0.2, 0.7], [0.6, 0.4]]]), 2).tolist() == [[1, 0]]


def test_classes_are_different_values_that_fit_the_planes():
    for classes in ((1, 1), (), 0):
        with pytest.raises(LabelError, match="classes are different values"):
            one_hot(np.zeros((1, 1), np.uint8), classes)
    with pytest.raises(LabelError, match="3 classes need"):
        one_hot_to_index(np.zeros((1, 1, 2)), 3)


@given(_masks)
def test_colors_invert(mask):
    """Painted in VOC's 256 colors, every value comes back."""
    assert (colors_to_index(voc_colors()[mask], voc_colors()) == mask).all()


def test_a_color_that_is_none_of_them_is_told_with_its_place():
    rgb = np.zeros((2, 2, 3), np.uint8)
    rgb[1, 0] = (1, 2, 3)
    with pytest.raises(LabelError, match=r"row 1, column 0 has the color \(1, 2, 3\)"):
        colors_to_index(rgb, voc_colors(21))


def test_weights_are_the_median_frequency_by_the_labels_own(coco_file):
    """Of 48 px the cat has 7, the dog 9, background 32: the median is the dog's."""
    weights = class_weights(stats(coco_file()))
    assert weights == pytest.approx({"background": 9 / 32, "cat": 9 / 7, "dog": 1.0})
    assert class_values(LabelMap.from_names(weights)) == (0, 1, 2)


def test_iou_leaves_out_what_is_no_class_in_the_truth():
    truth, other = np.array([[0, 0, 1, 1, 255]]), np.array([[0, 1, 1, 1, 0]])
    assert label_iou(truth, other, 3).tolist()[:2] == pytest.approx([1 / 2, 2 / 3])
    assert np.isnan(label_iou(truth, other, 3)[2])


def test_importing_polymask_imports_neither_training_nor_torch():
    """A quick start is a promise."""
    heavy = ("torch", "jinja2", "polymask.training", "polymask.report.html")
    told = f"import sys, polymask.cli.app; print([n for n in {heavy} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def _pairs(tmp_path, picture, *, frame, kind="TIFF", **saved):
    """One picture, and a mask of 1 in its upper left quarter as it is annotated."""
    height, width = frame
    ring = [0, 0, width // 2, 0, width // 2, height // 2, 0, height // 2]
    document = {
        "images": [{"id": 1, "file_name": "a.tif", "height": height, "width": width}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [ring]}],
    }
    (tmp_path / "a.json").write_text(json.dumps(document))
    (tmp_path / "pictures").mkdir()
    picture.save(tmp_path / "pictures/a.tif", kind, **saved)
    convert(tmp_path / "a.json", tmp_path / "masks")
    return MaskDataset(tmp_path / "pictures", tmp_path / "masks")


TURNS = {  # what an upright picture was turned by before it was stored, by its EXIF orientation
    1: lambda p: p, 2: np.fliplr, 3: lambda p: np.rot90(p, 2), 4: np.flipud,
    5: lambda p: p.transpose(1, 0, 2), 6: np.rot90, 7: lambda p: np.rot90(p, 2).transpose(1, 0, 2),
    8: lambda p: np.rot90(p, 3),
}  # fmt: skip


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("frame", [(4, 6), (6, 4), (6, 6)])
@pytest.mark.parametrize("orientation", TURNS)
def test_pictures_are_upright_as_their_masks(orientation, frame, kind, tmp_path):
    """The white quarter lies under the mask, however the camera was held."""
    upright = np.zeros((*frame, 3), np.uint8)
    upright[: frame[0] // 2, : frame[1] // 2] = 255
    stored = Image.fromarray(np.ascontiguousarray(TURNS[orientation](upright)))
    exif = Image.Exif()
    exif[0x0112] = orientation
    ((image, mask),) = _pairs(tmp_path, stored, frame=frame, kind=kind, exif=exif)
    with (tmp_path / "pictures/a.tif").open("rb") as file:
        assert frame_of_bytes(file.read(), Path()) == frame
    assert ((image[..., 0] > 0) == (mask == 1)).all()


def test_a_picture_that_was_annotated_as_stored_stays_as_stored(tmp_path):
    """Only the stored size is that of the annotations."""
    stored = np.zeros((4, 6, 3), np.uint8)
    stored[:2, :3] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    ((image, mask),) = _pairs(tmp_path, Image.fromarray(stored), frame=(4, 6), kind="PNG", exif=exif)
    assert ((image[..., 0] > 0) == (mask == 1)).all()


@pytest.mark.parametrize("kind", [np.uint16, np.int32, np.float32])
def test_pictures_of_many_bits_keep_their_values(kind, tmp_path):
    """Nothing is clipped: 24 values far above 255 stay 24, in all three channels."""
    values = (np.arange(24).reshape(4, 6) * 150 + 7).astype(kind)
    ((image, mask),) = _pairs(tmp_path, Image.fromarray(values), frame=(4, 6))
    assert image.dtype == kind
    assert (image == values[..., None]).all()
    assert image.shape == (4, 6, 3)
    small, _ = resize(image, mask, (2, 3))
    assert (small.dtype, small.shape) == (kind, (2, 3, 3))
    assert small.max() > 2500


def test_the_limits_are_those_of_pictures_too(tmp_path):
    """And they name the picture; what Pillow takes for a bomb is no other limit."""
    picture = Image.new("L", (6, 4))
    pairs = _pairs(tmp_path, picture, frame=(4, 6))
    pairs._limits = Limits(max_pixels=24)
    assert len(pairs[0]) == 2
    Image.new("L", (60, 4)).save(tmp_path / "pictures/a.tif")
    with pytest.raises(LimitError, match=r"a\.tif.*--max-pixels"):
        pairs[0]
