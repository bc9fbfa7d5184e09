"""YOLO segmentation: rows, names, where the pictures are, and boxes refused."""

from pathlib import Path

import pytest
from PIL import Image

from polymask import FormatError, InputError, convert
from polymask.formats import ReadOptions, open_annotations
from tests.conftest import Run
from tests.support.formats import masks, written
from tests.support.oracles import drawn

ROW = "0 0.125 0.25 0.5 0.25 0.5 0.75 0.125 0.75"


def dataset(tmp_path: Path, *rows: str, names: str = "[cat, dog]") -> Path:
    written(tmp_path / "data.yaml", f"path: ../x\ntrain: images/train\nnames: {names}\n")
    written(tmp_path / "labels/train/a.txt", "\n".join(rows))
    (tmp_path / "images/train").mkdir(parents=True)
    Image.new("RGB", (8, 4)).save(tmp_path / "images/train/a.jpg")
    return tmp_path


def test_rows_are_parts_of_the_picture(tmp_path: Path) -> None:
    """x of its width, y of its height."""
    path = dataset(tmp_path, ROW)
    expected = drawn("........", ".###....", ".###....", "........")
    assert (masks(path)["train/a.jpg"] == expected).all()
    assert (masks(path / "data.yaml")["train/a.jpg"] == expected).all()
    assert open_annotations(path).categories == (("cat", 0), ("dog", 1))


def test_one_label_file_finds_names_and_picture(tmp_path: Path) -> None:
    """Two folders up, and where `--images` says."""
    path = dataset(tmp_path, ROW)
    annotations = open_annotations(
        path / "labels/train/a.txt", options=ReadOptions(images=path / "images/train")
    )
    assert annotations.decode(0).frame == (4, 8)


def test_names_may_be_a_mapping(tmp_path: Path) -> None:
    """Ids with gaps keep them."""
    path = dataset(tmp_path, ROW.replace("0 ", "7 ", 1), names="{7: cat, 2: dog}")
    assert open_annotations(path).categories == (("dog", 2), ("cat", 7))
    assert open_annotations(path).used == {"cat": 1}


def test_a_turned_picture_counts_as_it_is_shown(tmp_path: Path) -> None:
    """EXIF orientation 6 swaps the sides; only the header is read."""
    path = dataset(tmp_path, ROW)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (8, 4)).save(path / "images/train/a.jpg", exif=exif)
    assert open_annotations(path).decode(0).frame == (8, 4)


def test_an_image_without_its_picture_fails_alone(tmp_path: Path, polymask_command: Run) -> None:
    """Exit 1, the others done; `check` lists it."""
    path = dataset(tmp_path, ROW)
    written(path / "labels/train/lost.txt", ROW)
    written(path / "labels/train/none.txt", "")
    report = convert(path, tmp_path / "out")
    assert (report.images, report.written, report.failed) == (3, 1, 2)
    assert "lost.txt: no picture for it" in report.failures[0].reason
    assert polymask_command("convert", path, tmp_path / "again").returncode == 1
    assert "missing-image" in polymask_command("check", path).stdout


def test_a_damaged_picture_fails_its_image(tmp_path: Path) -> None:
    """Not the run."""
    path = dataset(tmp_path, ROW)
    written(path / "images/train/a.jpg", b"no picture")
    assert "no picture of a kind" in convert(path, tmp_path / "out").failures[0].reason


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("0 0.5 0.5 0.2 0.2", r"line 2: a box, not a polygon"),
        ("0 0.5 0.5 0.2 0.2 0.1", "5 numbers after the class"),
        ("5 0.1 0.1 0.2 0.2 0.3 0.1", "no name in data.yaml has the id 5"),
        ("cat 0.1 0.1 0.2 0.2 0.3 0.1", "not `class x y"),
        ("0 0.1 0.1 nan 0.2 0.3 0.1", "finite"),
    ],
)
def test_malformed_rows_are_refused(tmp_path: Path, row: str, message: str) -> None:
    """With file and line; left out when told to."""
    path = dataset(tmp_path, ROW, row)
    with pytest.raises(FormatError, match=rf"a\.txt: .*{message}"):
        open_annotations(path)
    annotations = open_annotations(path, options=ReadOptions(skip_invalid=True))
    assert (len(annotations.skipped), annotations.used) == (1, {"cat": 1})


@pytest.mark.parametrize("names", ["3", "[1, 2]", "{a: b}", "[cat"])
def test_names_that_are_none_are_refused(tmp_path: Path, names: str) -> None:
    """`data.yaml` is named."""
    with pytest.raises(FormatError, match=r"data\.yaml"):
        open_annotations(dataset(tmp_path, ROW, names=names), format="yolo")


def test_a_folder_without_names_or_labels_is_refused(tmp_path: Path) -> None:
    """It says which of the two."""
    written(tmp_path / "labels/a.txt", ROW)
    with pytest.raises(FormatError, match=r"no data\.yaml"):
        open_annotations(tmp_path)
    written(tmp_path / "data.yaml", "names: [cat]\n")
    (tmp_path / "labels/a.txt").unlink()
    with pytest.raises(InputError, match="no label file"):
        open_annotations(tmp_path)


def test_pictures_elsewhere_are_found_by_every_command(tmp_path: Path, polymask_command: Run) -> None:
    """`--images` tells where, not only to `convert`."""
    path = dataset(tmp_path / "set", ROW)
    (path / "images/train").rename(tmp_path / "pictures")
    images = ("--images", tmp_path / "pictures")
    assert polymask_command("convert", path, tmp_path / "out", *images).returncode == 0
    for command in (
        ("stats", path),
        ("compare", path, tmp_path / "out"),
        ("compare", "--from", "yolo", tmp_path / "out", path),
        ("verify", tmp_path / "out", "--source", path),
    ):
        assert polymask_command(*command).returncode != 0
        done = polymask_command(*command, *images)
        assert done.returncode == 0, done.stderr
