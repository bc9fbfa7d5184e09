"""Files that follow the splits: no copied picture is lost with a move, and lists of tiles are removed."""

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from polymask import InputError, convert, remove_masks
from polymask.layouts import LAYOUTS, TILE_LAYOUTS
from tests.conftest import tree
from tests.layouts.test_kept_splits import entries, source


def pictures(folder: Path, names: str) -> Path:
    """Gray pictures of 6 × 8 px."""
    folder.mkdir()
    for name in names:
        Image.fromarray(np.full((6, 8, 3), ord(name), np.uint8)).save(folder / f"{name}.jpg")
    return folder


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name not in ("overlay", "dataloop")])
def test_no_copied_picture_is_lost_when_images_move(tmp_path: Path, layout: str) -> None:
    """Without the pictures, a run keeps each copy where it is, or is refused; with them, it moves all."""
    path, out = source(tmp_path / "s.json", "ab"), tmp_path / "out"
    images = pictures(tmp_path / "pics", "ab")
    convert(path, out, to=layout, images=images, copy_images=True, split="train")
    before = tree(out)
    copies = sorted(file for row in entries(out) for file in row["files"])
    with suppress(InputError):
        convert(path, out, to=layout, split="test", overwrite=True)
        before = {file: (out / file).read_bytes() for file in copies}
    after = tree(out)
    assert {file: after.get(file) for file in before} == before
    convert(path, out, to=layout, split="test", overwrite=True, images=images, copy_images=True)
    assert all((out / file).is_file() for row in entries(out) for file in row["files"])
    assert all(row["files"] for row in entries(out))


@pytest.mark.parametrize("layout", TILE_LAYOUTS)
def test_of_tiles_all_is_removed_too(tmp_path: Path, layout: str) -> None:
    """`remove-masks` knows the lists of tiles as its own, as those of whole images."""
    out = tmp_path / "out"
    convert(source(tmp_path / "s.json", "ab"), out, to=layout, tile=(3, 8), split="test")
    report = remove_masks(out)
    assert (report.exit_code, report.failures) == (0, [])
    assert not [file for file in out.rglob("*") if file.is_file()]


def test_the_refusal_of_a_lost_picture_names_the_way_out(tmp_path: Path) -> None:
    """The copy is named, and so are the options that move it."""
    path, out = source(tmp_path / "s.json", "a"), tmp_path / "out"
    images = pictures(tmp_path / "pics", "a")
    convert(path, out, to="mmseg", images=images, copy_images=True)
    with pytest.raises(InputError, match=r"img_dir/train/a\.jpg is a copied picture.*--copy-images"):
        convert(path, out, to="mmseg", split="val", overwrite=True)
