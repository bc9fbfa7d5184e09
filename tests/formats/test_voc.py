"""Existing masks: by value, by color, with label files and without."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from polymask import FormatError, LabelMap, LimitError, Limits, convert, decode_png, encode_png
from polymask.formats import ReadOptions, open_annotations
from polymask.labels.voc_palette import voc_colors
from tests.support.formats import FIXTURES, masks, written
from tests.support.oracles import drawn

VALUES = drawn("11..", "1v22", "..22")


def palette(path: Path, values: np.ndarray, colors: np.ndarray | None = None) -> Path:
    """A palette PNG, in VOC's colors unless others are given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(values.astype(np.uint8))
    image.putpalette((voc_colors() if colors is None else colors).tobytes())
    image.save(path)
    return path


def test_masks_are_laid_out_again(tmp_path: Path) -> None:
    """The same pixels, void too, under VOC's twenty names."""
    path = palette(tmp_path / "in/SegmentationClass/a.png", VALUES)
    report = convert(path.parent.parent, tmp_path / "out", to="voc")
    assert (report.labels["aeroplane"]["pixels"], report.labels["bicycle"]["pixels"]) == (3, 4)
    (found,) = (tmp_path / "out").rglob("SegmentationClass/*.png")
    assert (decode_png(found.read_bytes()) == VALUES).all()


def gray(path: Path, values: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_png(values.astype(np.uint8)))
    return path


def street(path: Path, values: np.ndarray) -> Path:
    """A palette that is not VOC's: value 1 is Cityscapes' purple road."""
    colors = np.full((256, 3), 9, np.uint8)
    colors[1] = (128, 64, 128)
    return palette(path, values, colors)


@pytest.mark.parametrize("draw", [gray, street])
def test_masks_without_vocs_colors_and_without_a_table_have_numbers(tmp_path: Path, draw: Any) -> None:
    """Nothing says that value 3 is a bird: it is `3`, stays 3 in the new mask, and a note tells."""
    draw(tmp_path / "in/a.png", VALUES + 2 * (VALUES == 1))
    report = convert(tmp_path / "in", tmp_path / "out", from_="voc")
    assert {name: row["pixels"] for name, row in report.labels.items() if row["pixels"]} == {"2": 4, "3": 3}
    assert (decode_png((tmp_path / "out/masks/a.png").read_bytes()) == VALUES + 2 * (VALUES == 1)).all()
    (note,) = report.notes
    assert "labels are the pixel values: 2, 3" in note
    written(tmp_path / "in/class_names.txt", "road\ncar\nsky\n")  # what the note advises
    report = convert(tmp_path / "in", tmp_path / "named", from_="voc")
    assert (report.labels["sky"]["pixels"], report.notes) == (3, [])


def test_few_of_the_numbers_are_enough(tmp_path: Path) -> None:
    """A val folder that lacks a label numbers the others as the train folder does."""
    gray(tmp_path / "in/a.png", VALUES * 2)
    convert(tmp_path / "in", tmp_path / "out", from_="voc")
    assert (decode_png((tmp_path / "out/masks/a.png").read_bytes())[VALUES == 2] == 4).all()


def test_values_above_vocs_are_named_by_number(tmp_path: Path) -> None:
    """Unless a label file tells them."""
    path = palette(tmp_path / "a.png", VALUES * 0 + 77)
    assert open_annotations(path).used == {"77": 1}
    written(tmp_path / "class_names.txt", "_background_\n" + "\n".join(f"class {n}" for n in range(1, 78)))
    assert open_annotations(path).used == {"class 77": 1}


def test_colors_become_values(tmp_path: Path) -> None:
    """By `labelmap.txt`; VOC's border color is void; a stranger is refused with its place."""
    rgb = np.zeros((2, 3, 3), np.uint8)
    rgb[0, 0], rgb[0, 1], rgb[1, 2] = (10, 20, 30), (224, 224, 192), (40, 50, 60)
    (tmp_path / "SegmentationClass").mkdir()
    Image.fromarray(rgb).save(tmp_path / "SegmentationClass/a.png")
    head = "# label:color_rgb:parts:actions\nbackground:0,0,0::\n"
    written(tmp_path / "labelmap.txt", head + "cat:10,20,30::\ndog:40,50,60::\n")
    labels = LabelMap.from_names(["cat", "dog"])
    assert (masks(tmp_path, labels)["a.png"] == drawn("1v.", "..2")).all()
    written(tmp_path / "labelmap.txt", head + "cat:10,20,30::\n")
    with pytest.raises(FormatError, match=r"the color \(40, 50, 60\) at row 1, column 2"):
        open_annotations(tmp_path)


def test_polymasks_own_output_is_read_again(tmp_path: Path) -> None:
    """`labels.json` tells the names; converting again gives the same pixels."""
    convert(FIXTURES / "cityscapes", tmp_path / "a", ids="source", to="voc")
    convert(tmp_path / "a", tmp_path / "b", ids="source", from_="voc")
    (first,) = (tmp_path / "a").rglob("SegmentationClass/*.png")
    (second,) = (tmp_path / "b/masks").rglob("*.png")
    assert (decode_png(first.read_bytes()) == decode_png(second.read_bytes())).all()


def test_sixteen_bits_are_read(tmp_path: Path) -> None:
    """Gray masks must be named: they look like photos."""
    Image.fromarray(np.array([[0, 300]], np.uint16)).save(tmp_path / "a.png")
    with pytest.raises(FormatError, match="none of the formats"):
        open_annotations(tmp_path / "a.png")
    assert open_annotations(tmp_path / "a.png", format="voc").used == {"300": 1}


def test_damaged_and_large_masks_are_refused(tmp_path: Path) -> None:
    """Before memory is taken."""
    path = palette(tmp_path / "a.png", VALUES)
    with pytest.raises(LimitError, match="--max-pixels"):
        open_annotations(path, options=ReadOptions(limits=Limits(max_pixels=11)))
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(FormatError, match="a damaged PNG"):
        open_annotations(path, format="voc")
