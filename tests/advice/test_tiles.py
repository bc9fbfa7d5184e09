"""Advice on tiles and scales, and on putting tiles together again."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from polymask import PolymaskError, convert, training
from tests.advice.sites import Case, follows
from tests.conftest import SAMPLE
from tests.conversion.test_tiles import wide

PICTURES = SAMPLE.parent / "images"
TILE = np.ones((3, 3), np.uint8)


@follows(
    "conversion/planning/effects: add --tile WxH, or leave it out",
    "conversion/planning/effects: choose one of them, or leave --tile out",
    "conversion/planning/effects: convert without --tile first, or leave --delete-source out",
    "painting/tiles: make --tile-overlap {min(self.size) - 1} or less",
)
def test_tiles_are_asked_for_as_told(case: Case) -> None:
    """With a size, in a layout that has them, of masks that stay beside their polygons."""
    source = case.write("a.json", SAMPLE.read_text())
    case.fails("convert", source, case.out, "--tile-overlap", 4)
    case.works("convert", source, case.out, "--tile-overlap", 4, "--tile", "64x64")
    case.fails("convert", source, case.out, "--tile", "64x64", "--to", "binary")
    case.works("convert", source, case.out, "--tile", "64x64", "--to", "voc")
    case.works("convert", source, case.out, "--to", "binary")
    case.fails("convert", source, case.out, "--tile", "8x9", "--tile-overlap", 8)
    case.works("convert", source, case.out, "--tile", "8x9", "--tile-overlap", 7)
    case.fails("convert", source, case.out, "--tile", "64x64", "--delete-source")
    case.works("convert", source, case.out, "--tile", "64x64")
    case.works("convert", source, case.out, "--delete-source")


@follows("painting/tiles: make --tile larger, or --tile-overlap smaller")
def test_too_many_tiles_are_made_fewer(case: Case) -> None:
    """A million of an image are the most."""
    document = wide(case.folder / "a.json", "a.jpg", width=400_000)
    case.fails("convert", document, case.out, "--tile", "2x2", "--tile-overlap", 1, code=1)
    case.works("convert", document, case.out, "--tile", "9999x6")


@follows("conversion/planning/tile_names: add --prune to remove them, or choose another DEST")
def test_stale_tiles_are_pruned(case: Case) -> None:
    """Of an image that became smaller."""
    source, out = case.folder / "a.json", case.folder / "same"
    case.works("convert", wide(source, "a.jpg"), out, "--tile", "4x6")
    case.fails("convert", wide(source, "a.jpg", width=5), out, "--tile", "4x6", "--update")
    case.works("convert", source, out, "--tile", "4x6", "--update", "--prune")
    case.works("convert", source, case.out, "--tile", "4x6")


@follows(
    "conversion/planning/effects: leave one out",
    "conversion/planning/effects: leave --scale out, or --delete-source",
)
def test_a_scale_goes_alone(case: Case) -> None:
    """Without a size, and without deletion."""
    source = case.write("a.json", SAMPLE.read_text())
    case.fails("convert", source, case.out, "--scale", 0.5, "--size", "8x8")
    case.works("convert", source, case.out, "--size", "8x8")
    case.fails("convert", source, case.out, "--scale", 0.5, "--delete-source")
    case.works("convert", source, case.out, "--scale", 0.5)
    case.works("convert", source, case.out, "--delete-source")


@follows("conversion/planning/layout_plan: leave --copy-images out, or --scale")
def test_items_keep_their_pictures_at_their_size(case: Case) -> None:
    """In Dataloop's JSON."""
    flags = ("--to", "dataloop", "--images", PICTURES)
    case.fails("convert", SAMPLE, case.out, *flags, "--copy-images", "--scale", 0.5)
    case.works("convert", SAMPLE, case.out, *flags, "--scale", 0.5)
    case.works("convert", SAMPLE, case.out, *flags, "--copy-images")


@follows("conversion/planning/layout_plan: leave --size and --scale out, or choose another layout")
def test_masks_of_an_item_have_its_size(case: Case) -> None:
    """Where they are added to the item's own JSON."""
    items = SAMPLE.parents[1] / "dataloop"
    for flags in (("--size", "6x4"), ("--scale", 0.5)):
        case.fails("convert", items, case.out, "--to", "dataloop", *flags)
        case.works("convert", items, case.out, *flags)
    case.works("convert", items, case.out, "--to", "dataloop")


@follows(
    "conversion/copies: choose another DEST",
    "codecs/picture_formats: name the folder of the right pictures with --images DIR, or leave --copy-images",
)
def test_the_right_pictures_are_scaled_and_stay(case: Case) -> None:
    """Those of another size are none, and nobody's picture is written over."""
    out, wrong = case.folder / "here", case.folder / "wrong"
    for folder, size in ((out / "images", (9, 6)), (wrong, (6, 9))):
        folder.mkdir(parents=True)
        Image.new("RGB", size).save(folder / "a.png")
    source = wide(case.folder / "a.json", "a.png")
    flags = ("--scale", 0.5, "--copy-images", "--images")
    case.fails("convert", source, out, *flags, out / "images", code=1)
    case.works("convert", source, case.out, *flags, out / "images")
    case.fails("convert", source, case.out, *flags, wrong, code=1)
    case.works("convert", source, case.out, "--scale", 0.5)


@follows("analysis/masks/whole_images: convert it again with --overwrite")
def test_a_lost_tile_is_made_again(tmp_path: Path) -> None:
    """Also where its line is lost."""
    source, out = wide(tmp_path / "a.json", "a.jpg"), tmp_path / "out"
    convert(source, out, tile=(6, 5))
    first, *others = (out / "manifest.jsonl").read_text().splitlines(keepends=True)
    (out / "manifest.jsonl").write_text("".join(others))
    with pytest.raises(PolymaskError):
        training.stitch(out)
    convert(source, out, tile=(6, 5), overwrite=True)
    assert training.stitch(out).shape == (6, 9)
    assert first in (out / "manifest.jsonl").read_text()


@follows(
    "analysis/masks/joined_tiles: hand in all tiles of the image",
    "analysis/masks/joined_tiles: hand in all tiles",
    "training/stitching: name an image, such as {', '.join(images[:3]) or 'none'}",
    "training/stitching: name them as the manifest does: a_r00000_c00064",
)
def test_tiles_are_handed_in_as_told() -> None:
    """All of one image, under their names."""
    corner, right, below = "a_r00000_c00000", "a_r00000_c00003", "a_r00003_c00000"
    for tiles in ({corner: TILE, "a_r00003_c00003": TILE}, {right: TILE}, {"a": TILE}):
        with pytest.raises(PolymaskError):
            training.stitch(tiles)
    assert training.stitch({corner: TILE, right: TILE}).shape == (3, 6)
    with pytest.raises(PolymaskError, match=r"such as a, b"):
        training.stitch({corner: TILE, "b_r00000_c00000": TILE})
    assert training.stitch({corner: TILE, below: TILE, "b_r00000_c00000": TILE}, "a").shape == (6, 3)
    with pytest.raises(PolymaskError):
        training.stitch({corner: TILE}, frame=(3, 6))
