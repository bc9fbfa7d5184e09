"""What every layout promises: read back, it is the same index mask, on any run and any number of workers."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polymask import LabelError, LabelMap, convert, index_mask, read
from polymask.analysis.masks.mask_sets import open_masks
from polymask.layouts import LAYOUTS, layout_named
from tests.conftest import SAMPLE, coco, tree

READABLE = [name for name in LAYOUTS if hasattr(layout_named(name), "open_folder")]
INDEX_MASKS = [name for name in READABLE if layout_named(name).INDEX]
UNLABELED_ONLY = {"coco-panoptic", "coco-stuff", "segnet"}  # one word for background and void
ASKED = {"nnunet": {"void_as": "ignore"}}  # what becomes of void
EIGHT_BITS = ["voc", "cityscapes", "idd", "ade20k", "mmseg", "yolo-semantic", "coco-stuff"]
_corner = st.integers(-4, 24).map(lambda halves: halves / 2)
_ring = st.lists(st.tuples(_corner, _corner), min_size=3, max_size=6)


def expected(source, **rules):
    label_map = LabelMap.from_source(source)
    return {record.name: index_mask(record, label_map, **rules) for record in read(source)}


@pytest.mark.parametrize("layout", READABLE)
def test_the_new_layouts_are_readable(layout):
    """Everything in the table but pictures for people, and Dataloop's own files."""
    assert set(LAYOUTS) - set(READABLE) <= {"overlay", "dataloop"}


@pytest.mark.parametrize("layout", INDEX_MASKS)
@settings(max_examples=15)
@given(rings=st.lists(st.tuples(_ring, st.sampled_from([3, 7])), max_size=4), border=st.integers(0, 1))
def test_any_mask_comes_back_as_it_was(tmp_path_factory, layout, rings, border):
    """Overlaps, parts outside the frame, void borders: pixel for pixel, value for value."""
    folder = tmp_path_factory.mktemp("round")
    annotations = [
        {"id": n, "image_id": 1, "category_id": label, "segmentation": [np.ravel(ring).tolist()]}
        for n, (ring, label) in enumerate(rings)
    ]
    (folder / "a.json").write_text(json.dumps(coco(annotations=annotations)))
    convert(folder / "a.json", folder / "out", to=layout, border=border, **ASKED.get(layout, {}))
    mask = expected(folder / "a.json", border=border)["a.jpg"]
    if layout in UNLABELED_ONLY:
        mask[mask == 255] = 0
    found = open_masks(folder / "out").decode("a")
    assert found.dtype == mask.dtype
    assert (found == mask).all()


@pytest.mark.parametrize("layout", ["binary", "coco"])
def test_label_masks_come_back_with_later_labels_on_top(coco_file, tmp_path, layout):
    """They overlap; as one index mask, the label map's order decides."""
    source = coco_file()
    convert(source, tmp_path / "out", to=layout)
    assert (open_masks(tmp_path / "out").decode("a") == expected(source)["a.jpg"]).all()


@pytest.mark.parametrize("layout", READABLE)
def test_an_image_without_instances_is_all_background(tmp_path, layout):
    convert(SAMPLE, tmp_path, to=layout)
    mask = open_masks(tmp_path).decode("empty")
    assert mask.shape == (120, 160)
    assert not mask.any()


@pytest.mark.parametrize("layout", READABLE)
def test_the_number_of_workers_changes_no_byte(tmp_path, layout):
    for workers in (1, 2):
        convert(SAMPLE, tmp_path / f"{workers}", to=layout, workers=workers, split_ratio="0.4,0.3,0.3")
    assert tree(tmp_path / "1") == tree(tmp_path / "2")


@pytest.mark.parametrize("layout", EIGHT_BITS)
def test_values_above_8_bits_are_refused_before_anything_is_written(coco_file, tmp_path, layout):
    document = coco(categories=[{"id": 3, "name": "cat"}, {"id": 300, "name": "dog"}])
    document["annotations"][1]["category_id"] = 300
    with pytest.raises(LabelError, match="--to index"):
        convert(coco_file(document), tmp_path / "out", to=layout, ids="source")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("layout", [name for name in READABLE if name not in EIGHT_BITS])
def test_values_above_8_bits_come_back(coco_file, tmp_path, layout):
    document = coco(categories=[{"id": 3, "name": "cat"}, {"id": 300, "name": "dog"}])
    document["annotations"][1]["category_id"] = 300
    convert(coco_file(document), tmp_path / "out", to=layout, ids="source")
    mask = open_masks(tmp_path / "out").decode("a")
    assert mask.dtype == np.uint16
    assert np.unique(mask).tolist() == [0, 3, 300]


def test_another_layout_in_the_same_folder_is_refused(coco_file, tmp_path):
    """Its manifest would speak of masks that lie elsewhere; --overwrite takes the old ones away."""
    source = coco_file()
    convert(source, tmp_path / "out", to="mmseg")
    with pytest.raises(ValueError, match="another layout or split"):
        convert(source, tmp_path / "out", to="mmseg", split="val")
    convert(source, tmp_path / "out", to="mmseg", split="val", overwrite=True)
    assert [path for path in tree(tmp_path / "out") if path.startswith("ann_dir")] == ["ann_dir/val/a.png"]
