"""CamVid as Cambridge, Kaggle, CVAT and SegNet have it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from polymask import FormatError, convert, encode_png, stats
from polymask.formats import open_annotations
from tests.support.formats import written
from tests.support.oracles import drawn

# rows of the published table, as everybody has them
ROWS = [((64, 0, 128), "Car"), ((128, 64, 128), "Road"), ((128, 128, 128), "Sky"), ((0, 0, 0), "Void")]
MASK = drawn("11..", "1.22", "..22")  # a car, a road, the rest is Void


def color_mask(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    colors = np.array([ROWS[3][0], ROWS[0][0], ROWS[1][0]], np.uint8)
    Image.fromarray(colors[MASK]).save(path)


def cambridge(root: Path) -> str:
    written(root / "label_colors.txt", "".join(f"{r} {g} {b}\t\t{name}\n" for (r, g, b), name in ROWS))
    color_mask(root / "LabeledApproved_full/0001TP_L.png")
    return "0001TP.png"


def kaggle(root: Path) -> str:
    lines = [f"{name},{r},{g},{b}" for (r, g, b), name in ROWS]
    written(root / "class_dict.csv", "\r\n".join(["name,r,g,b", *lines]))
    color_mask(root / "train_labels/0001TP_L.png")
    (root / "train").mkdir()
    Image.new("RGB", (4, 3), (9, 9, 9)).save(root / "train/0001TP.png")
    return "train/0001TP.png"


def segnet(root: Path) -> str:
    written(root / "train.txt", "/SegNet/CamVid/train/0001TP.png /SegNet/CamVid/trainannot/0001TP.png\n")
    (root / "trainannot").mkdir()
    values = np.array([11, 8, 3], np.uint8)
    (root / "trainannot/0001TP.png").write_bytes(encode_png(values[MASK]))
    return "train/0001TP.png"


@pytest.mark.parametrize("make", [cambridge, kaggle, segnet])
def test_each_of_camvids_forms_is_read(make: Callable[[Path], str], tmp_path: Path) -> None:
    """A car of three pixels, a road of four, and the rest void, whoever packed them."""
    (tmp_path / "in").mkdir()
    name = make(tmp_path / "in")
    annotations = open_annotations(tmp_path / "in")
    assert (annotations.format, list(annotations.names)) == ("camvid", [name])
    report = convert(tmp_path / "in", tmp_path / "out", labels=["Car", "Road", "Sky"])
    (path,) = (tmp_path / "out/masks").rglob("*.png")
    assert (np.array(Image.open(path)) == np.where(MASK == 0, 255, MASK)).all()
    assert report.exit_code == 0
    counted = stats(tmp_path / "in").to_dict()["labels"]
    assert {key: row["pixels"] for key, row in counted.items() if row["pixels"]} == {"Car": 3, "Road": 4}


def test_cvats_export_is_one_to_every_command(tmp_path: Path) -> None:
    """Its layout is that which polymask writes; what `convert` says, `stats` says."""
    written(tmp_path / "in/label_colors.txt", "0 0 0 background\n64 0 128 Car\n128 64 128 Road\n")
    color_mask(tmp_path / "in/defaultannot/a.png")
    convert(tmp_path / "in", tmp_path / "out")
    for folder in ("in", "out"):
        counted = stats(tmp_path / folder).to_dict()["labels"]
        assert {key: row["pixels"] for key, row in counted.items()} == {"Car": 3, "Road": 4}


def test_void_is_void_to_every_command(tmp_path: Path) -> None:
    """A folder of `*annot` beside Cambridge's table: black is Void there, not background."""
    cambridge(tmp_path / "in")
    color_mask(tmp_path / "in/trainannot/0001TP.png")
    from polymask.analysis.masks.mask_sets import open_masks

    masks = open_masks(tmp_path / "in")
    assert (masks.decode("0001TP") == np.where(MASK == 0, 255, MASK)).all()


def test_segnets_values_stay_with_ids_source(tmp_path: Path) -> None:
    """Written again, the file's values are those of SegNet: 3 road, 8 car, 11 void; a note tells."""
    (tmp_path / "in").mkdir()
    segnet(tmp_path / "in")
    report = convert(tmp_path / "in", tmp_path / "out", ids="source")
    (path,) = (tmp_path / "out/masks").rglob("*.png")
    assert (np.array(Image.open(path)) == np.array([11, 8, 3])[MASK]).all()
    assert "SegNet's CamVid" in report.notes[0]


def test_gray_masks_that_are_not_said_to_be_camvids_are_not_taken_for_it(tmp_path: Path) -> None:
    """A list of pairs tells nothing of classes; `--from camvid` says it."""
    (tmp_path / "in").mkdir()
    segnet(tmp_path / "in")
    written(tmp_path / "in/train.txt", "train/0001TP.png trainannot/0001TP.png\n")
    with pytest.raises(FormatError, match="no file in it shows a format"):
        open_annotations(tmp_path / "in")
    assert open_annotations(tmp_path / "in", format="camvid").used == {"Road": 1, "Car": 1, "__ignore__": 1}


def test_a_value_beyond_segnets_is_refused(tmp_path: Path) -> None:
    """12 is nobody's."""
    (tmp_path / "in").mkdir()
    segnet(tmp_path / "in")
    (tmp_path / "in/trainannot/b.png").write_bytes(encode_png(np.full((3, 4), 12, np.uint8)))
    with pytest.raises(FormatError, match="the value 12 at row 0, column 0 is no label's"):
        open_annotations(tmp_path / "in")


def test_a_color_that_the_table_lacks_is_refused(tmp_path: Path) -> None:
    """A train that the table does not name: with its first pixel."""
    cambridge(tmp_path / "in")
    written(tmp_path / "in/label_colors.txt", "64 0 128 Car\n0 0 0 Void\n")
    with pytest.raises(FormatError, match=r"the color \(128, 64, 128\) at row 1, column 2 is no label's"):
        open_annotations(tmp_path / "in")


def test_gray_masks_beside_colors_are_read_as_colors(tmp_path: Path) -> None:
    """Black and white masks are often saved so; a value is no color's number."""
    written(tmp_path / "in/class_dict.csv", "name,r,g,b\nsky,255,255,255\nbackground,0,0,0\n")
    (tmp_path / "in/train_labels").mkdir()
    (tmp_path / "in/train_labels/a.png").write_bytes(encode_png(np.where(MASK == 1, 255, 0).astype(np.uint8)))
    assert stats(tmp_path / "in").to_dict()["labels"]["sky"]["pixels"] == 3
