"""--scale: coordinates times a factor, about (0, 0), painted in a frame of the rounded size."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from polymask import (
    ImageRecord,
    InputError,
    Instance,
    Polygon,
    Runs,
    convert,
    decode_png,
    index_mask,
    training,
)
from polymask.raster.resize import scaled, scaled_frame
from tests.conftest import SAMPLE, Run, coco, tree

PICTURES = SAMPLE.parent / "images"


@pytest.mark.parametrize(
    ("side", "factor", "expected"),
    [
        (3, 0.5, 2),
        (5, 0.5, 3),
        (4, 0.3, 1),
        (5, 0.3, 2),
        (1, 0.01, 1),
        (7, 1, 7),
        (7, 2.5, 18),
        (100, 0.29, 29),
    ],
)
def test_a_side_is_rounded_halves_up_and_never_to_nothing(side: int, factor: float, expected: int) -> None:
    assert scaled_frame((side, side), factor) == (expected, expected)


def test_polygons_are_scaled_about_the_origin_and_then_painted() -> None:
    """Not by the rounded sizes: 5 × 0.5 gives 3 columns, and a corner at 4.8 lies at 2.4, not at 2.88."""
    cat = Instance(1, "cat", Polygon([(0, 0), (4.8, 0), (4.8, 2), (0, 2)]))
    record = scaled(ImageRecord(1, "a", (2, 5), (cat,)), 0.5)
    assert index_mask(record, ["cat"]).tolist() == [[1, 1, 0]]


@given(
    st.lists(st.tuples(st.floats(-9, 30), st.floats(-9, 30)), min_size=3, max_size=6),
    st.sampled_from([0.25, 0.3, 0.5, 0.7, 1.0, 1.5, 3.0]),
)
@settings(max_examples=40)
def test_the_mask_is_that_of_the_scaled_coordinates(ring: list[tuple[float, float]], factor: float) -> None:
    """Each coordinate rounded once, by its multiplication."""
    record = ImageRecord(1, "a", (19, 23), (Instance(1, "cat", Polygon(ring)),))
    by_hand = ImageRecord(
        1,
        "a",
        scaled_frame((19, 23), factor),
        (Instance(1, "cat", Polygon([(x * factor, y * factor) for x, y in ring])),),
    )
    assert (index_mask(scaled(record, factor), ["cat"]) == index_mask(by_hand, ["cat"])).all()


def test_runs_are_sampled_where_the_centers_of_pixels_lie() -> None:
    """The center of the new pixel 2 lies at 2.5 / 0.5 = 5, beyond a frame of 5 columns: it stays empty."""
    full = Instance(1, "cat", Runs([0, 10], (2, 5)))
    record = scaled(ImageRecord(1, "a", (2, 5), (full,)), 0.5)
    assert index_mask(record, ["cat"]).tolist() == [[1, 1, 0]]
    doubled = scaled(ImageRecord(1, "a", (2, 5), (Instance(1, "cat", Runs([2, 2, 6], (2, 5))),)), 2)
    assert index_mask(doubled, ["cat"]).tolist() == [[0, 0, 1, 1, 0, 0, 0, 0, 0, 0]] * 4


@pytest.mark.parametrize("factor", [0.5, 1.5])
@pytest.mark.parametrize("tile", [{}, {"tile": (40, 40)}])
def test_copied_pictures_are_scaled_as_their_masks(
    tmp_path: Path, factor: float, tile: dict[str, Any]
) -> None:
    """As PNG, by averages of areas where they become smaller."""
    convert(SAMPLE, tmp_path, scale=factor, images=PICTURES, copy_images=True, **tile)
    pairs = training.MaskDataset(tmp_path / "images", tmp_path)
    frame = (round(120 * factor), round(160 * factor))
    named = [dict(zip(pairs.names, parts, strict=True)) for parts in zip(*pairs, strict=True)]
    image, mask = (
        training.stitch(named[at], "harbor", frame=frame) if tile else named[at]["harbor"] for at in (0, 1)
    )
    assert mask.shape == image.shape[:2] == frame
    picture = np.array(Image.open(PICTURES / "harbor.png").convert("RGB"))
    whole = training.resize(picture, np.zeros(picture.shape[:2], np.uint8), frame)[0]
    assert (image == whole).all()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_pictures_of_every_mode_are_scaled(tmp_path: Path, mode: str) -> None:
    """Deep ones stay deep, palettes become colors."""
    pictures, out = tmp_path / "pictures", tmp_path / "out"
    pictures.mkdir()
    Image.new("L", (8, 6), 200).convert(mode).save(pictures / "a.tif")
    path = tmp_path / "s.json"
    images = [{"id": 1, "file_name": "a.tif", "height": 6, "width": 8}]
    path.write_text(json.dumps(coco(images=images)))
    assert not convert(path, out, scale=0.5, images=pictures, copy_images=True).failures
    with Image.open(out / "images/a.png") as picture:
        assert picture.size == (4, 3)
        assert (picture.mode == "I;16") == (mode == "I;16")


def test_a_factor_of_one_changes_no_pixel(tmp_path: Path) -> None:
    for name, scale in (("a", None), ("b", 1.0)):
        convert(SAMPLE, tmp_path / name, scale=scale)
    masks = [decode_png((tmp_path / name / "masks/harbor.png").read_bytes()) for name in "ab"]
    assert (masks[0] == masks[1]).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"size": (6, 8)}, "--size and --scale are two ways"),
        ({"delete_source": True}, "leave --scale out, or --delete-source"),
        ({"scale": 0}, "above 0"),
        ({"scale": -1.5}, "above 0"),
        ({"scale": float("nan")}, "above 0"),
        ({"scale": float("inf")}, "above 0"),
        ({"scale": "half"}, "above 0"),
        ({"to": "dataloop", "images": PICTURES, "copy_images": True}, "leave --copy-images out"),
    ],
)
def test_what_cannot_be_scaled_is_refused(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        convert(SAMPLE, tmp_path / "out", **{"scale": 0.5, **options})


def test_a_picture_is_not_written_over_by_its_scaled_copy(tmp_path: Path) -> None:
    """Where it lies at the place of its copy, with --overwrite too."""
    out = tmp_path / "out"
    shutil.copytree(PICTURES, out / "images")
    before = tree(out / "images")
    for overwrite in (False, True):
        report = convert(SAMPLE, out, scale=0.5, images=out / "images", copy_images=True, overwrite=overwrite)
        assert report.failed == 3
        assert "written over the picture itself" in report.failures[0].reason
        assert tree(out / "images") == before


def test_a_frame_above_the_limit_fails_alone(tmp_path: Path) -> None:
    report = convert(SAMPLE, tmp_path, scale=2, max_pixels=160 * 120)
    assert [failure.name for failure in report.failures] == ["harbor.png", "meadow.png", "empty.png"]
    assert "--max-pixels" in report.failures[0].reason


def test_the_flag(tmp_path: Path, polymask_command: Run) -> None:
    assert polymask_command("convert", SAMPLE, tmp_path, "--scale", "0.5").returncode == 0
    assert decode_png((tmp_path / "masks/harbor.png").read_bytes()).shape == (60, 80)
    done = polymask_command("convert", SAMPLE, tmp_path, "--scale", "0")
    assert (done.returncode, "above 0" in done.stderr) == (2, True)
