"""Masks of labels that overlap: each label is proven, scored and counted by its own mask."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from polymask import FormatError, ProofError, compare, convert, decode_png, encode_png, stats, verify
from polymask.analysis.masks.label_sets import LabelMasks, LabelSets
from polymask.report.html import preview
from polymask.training import MaskDataset
from tests.conftest import coco, square

Write = Callable[..., Path]
BY_LABEL = ["binary", "coco", "dataloop"]
HIDDEN = square(2, 2, 2)  # 4 px of a cat, all of them below the dog
DOG = square(1, 1, 4)  # 16 px
frames = arrays.arrays(bool, (4, 5))


def document(cat: list[float]) -> dict[str, object]:
    """A cat, and a dog that covers it."""
    document = coco()
    for annotation, ring in zip(document["annotations"], (cat, DOG), strict=True):
        annotation["segmentation"] = [ring]
    return document


@pytest.fixture
def source(coco_file: Write, tmp_path: Path) -> Path:
    return coco_file(document(HIDDEN)).rename(tmp_path / "source.json")


@pytest.fixture
def edited(coco_file: Write, tmp_path: Path) -> Path:
    """The same, with 1 px of cat."""
    return coco_file(document(square(3, 3, 1))).rename(tmp_path / "edited.json")


@pytest.mark.parametrize("layout", BY_LABEL)
def test_a_false_mask_below_another_is_no_proof(
    source: Path, edited: Path, tmp_path: Path, layout: str
) -> None:
    convert(edited, tmp_path / "out", to=layout)
    assert verify(tmp_path / "out", source=edited).unchanged == 1
    with pytest.raises(ProofError, match="3 px differ"):
        verify(tmp_path / "out", source=source)


def test_a_mask_that_is_gone_from_below_another_is_told(source: Path, tmp_path: Path) -> None:
    """By every command that reads it."""
    convert(source, tmp_path / "out", to="binary")
    (tmp_path / "out/masks/a/cat.png").unlink()
    with pytest.raises(ProofError, match=r"missing.*cat"):
        verify(tmp_path / "out", source=source)
    assert [failure.name for failure in compare(tmp_path / "out", source).failures] == ["a"]
    with pytest.raises(FormatError, match=r"missing.*cat"):
        stats(tmp_path / "out")


def test_a_mask_of_a_label_that_the_image_has_not_differs(source: Path, tmp_path: Path) -> None:
    convert(source, tmp_path / "out", to="binary")
    (tmp_path / "out/manifest.jsonl").unlink()
    mask = np.zeros((6, 8), np.uint8)
    mask[2, 2] = 255
    (tmp_path / "out/masks/a/cat.png").write_bytes(encode_png(mask))
    with pytest.raises(ProofError, match="3 px differ"):
        verify(tmp_path / "out", source=source)


def test_two_annotations_of_a_label_are_its_union(source: Path, tmp_path: Path) -> None:
    """As whoever reads the COCO file takes them: the second does not replace the first."""
    convert(source, tmp_path / "out", to="coco")
    path = tmp_path / "out/annotations.json"
    content = json.loads(path.read_text())
    dog = next(row for row in content["annotations"] if row["category_id"] == 2)
    content["annotations"].append(dog | {"id": 3, "category_id": 1})
    path.write_text(json.dumps(content))
    assert stats(tmp_path / "out").labels["cat"]["pixels"] == 16
    with pytest.raises(ProofError, match="cat"):
        verify(tmp_path / "out")


def test_a_one_hot_pixel_of_two_classes_is_damage(source: Path, tmp_path: Path) -> None:
    convert(source, tmp_path / "out", to="onehot")
    path = tmp_path / "out/onehot/a.npz"
    with np.load(path) as archive:
        parts = dict(archive)
    parts["mask"][3, 3, 1] = 1  # the cat's channel, below the dog's
    data = io.BytesIO()
    np.savez_compressed(data, **parts)
    path.write_bytes(data.getvalue())
    for source_or_none in (None, source):
        with pytest.raises(ProofError, match="several classes"):
            verify(tmp_path / "out", source=source_or_none)


@pytest.mark.parametrize("layout", BY_LABEL)
def test_hidden_labels_are_scored_and_counted_by_their_own_masks(
    source: Path, edited: Path, tmp_path: Path, layout: str
) -> None:
    """1 of 4 px of cat is the same; the dog over them is no less."""
    for path in (source, edited):
        convert(path, tmp_path / path.stem, to=layout)
    result = compare(tmp_path / "source", tmp_path / "edited")
    assert dict(result) == {"cat": 0.25, "dog": 1.0}
    assert (result.differing_pixels, result.mistaken) == (3, [("cat", "background", 3)])
    counted = stats(tmp_path / "source")
    assert {name: counts["pixels"] for name, counts in counted.labels.items()} == {"cat": 4, "dog": 16}
    assert counted.pixels_of("background") == 6 * 8 - 16


def test_annotations_beside_label_masks_give_label_masks(source: Path, tmp_path: Path) -> None:
    convert(source, tmp_path / "out", to="binary")
    assert dict(compare(tmp_path / "out", source)) == {"cat": 1.0, "dog": 1.0}
    assert dict(compare(source, tmp_path / "out")) == {"cat": 1.0, "dog": 1.0}


def test_an_index_mask_lacks_what_lies_below(source: Path, tmp_path: Path) -> None:
    """It gives each label the pixels of its value: the dog is all there, the cat is missing."""
    convert(source, tmp_path / "labels", to="binary")
    convert(source, tmp_path / "index")
    result = compare(tmp_path / "labels", tmp_path / "index")
    assert dict(result) == {"cat": 0.0, "dog": 1.0}
    assert result.labels["cat"].other_pixels == 0


def test_only_the_labels_that_are_asked_for_are_compared(source: Path, edited: Path, tmp_path: Path) -> None:
    for path in (source, edited):
        convert(path, tmp_path / path.stem, to="binary")
    assert dict(compare(tmp_path / "source", tmp_path / "edited", only=["cat"])) == {"cat": 0.25}


def test_void_in_truth_is_left_out_beside_label_masks(source: Path, tmp_path: Path) -> None:
    convert(source, tmp_path / "labels", to="binary")
    convert(source, tmp_path / "index", overlap="void")
    assert dict(compare(tmp_path / "index", tmp_path / "labels")) == {"dog": 1.0}


def test_the_report_counts_label_by_label(source: Path, edited: Path, tmp_path: Path) -> None:
    """And says that its pictures show later labels on top."""
    pytest.importorskip("jinja2")
    convert(edited, tmp_path / "out", to="binary")
    made = preview([source, tmp_path / "out"], tmp_path / "report.html")
    assert (made.facts[0].differing, made.facts[0].pixels) == (3, {"cat": 1, "dog": 16})
    assert "later labels on top" in (tmp_path / "report.html").read_text()


def test_a_dry_run_shows_hidden_labels_that_would_change(source: Path, edited: Path, tmp_path: Path) -> None:
    """And no change where there is none, however labels lie on each other."""
    pytest.importorskip("jinja2")
    convert(edited, tmp_path / "out", to="binary")
    for path, rows in ((edited, 0), (source, 1)):
        options = {"to": "binary", "overwrite": True, "dry_run": True}
        convert(path, tmp_path / "out", preview=tmp_path / "changes.html", **options)
        text = (tmp_path / "changes.html").read_text()
        assert text.count("the mask changes") >= rows
        assert ("the mask changes" in text) == bool(rows)


def test_training_gets_one_index_mask_with_later_labels_on_top(source: Path, tmp_path: Path) -> None:
    """The cat is in none of its pixels: so say the layouts' pages."""
    convert(source, tmp_path / "out", to="binary")
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.png").write_bytes(encode_png(np.zeros((6, 8), np.uint8)))
    _, mask = MaskDataset(tmp_path / "images", tmp_path / "out")[0]
    assert np.unique(mask).tolist() == [0, 2]
    assert decode_png((tmp_path / "out/masks/a/cat.png").read_bytes()).any()


@given(st.dictionaries(st.sampled_from("abcdef"), frames), st.dictionaries(st.sampled_from("abcdef"), frames))
def test_numbers_are_equal_where_labels_are(truth: dict, other: dict) -> None:
    """Whatever overlaps, and in whatever order the masks come; against a set for each pixel."""
    sets = LabelSets()
    first, second = (sets.numbered(LabelMasks(list(masks.items()), (4, 5))) for masks in (truth, other))
    for row in range(4):
        for column in range(5):
            here, there = (
                {name for name, mask in masks.items() if mask[row, column]} for masks in (truth, other)
            )
            assert sets.members[first[row, column]] == here
            assert (first[row, column] == second[row, column]) == (here == there)
    pixels, background = sets.pixels_of(first)
    assert pixels == {name: int(mask.sum()) for name, mask in truth.items() if mask.any()}
    assert background == sum(not sets.members[number] for number in first.reshape(-1))


def test_masks_of_several_sizes_and_of_none_are_refused() -> None:
    with pytest.raises(FormatError, match="several sizes"):
        LabelSets().numbered(LabelMasks([("a", np.ones((1, 2), np.uint8)), ("b", np.ones((2, 1), np.uint8))]))
    with pytest.raises(FormatError, match="no mask of any label"):
        LabelSets().numbered(LabelMasks([]))
