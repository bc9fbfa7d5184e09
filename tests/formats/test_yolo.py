"""YOLO segmentation: rows, names, where the pictures are, and boxes refused."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from polymask import FormatError, InputError, convert, read
from polymask.formats import ReadOptions, open_annotations, sniffed
from polymask.formats.reading.content import Content
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
    assert "no-size" in polymask_command("check", path).stdout


def test_a_damaged_picture_fails_its_image(tmp_path: Path) -> None:
    """Not the run."""
    path = dataset(tmp_path, ROW)
    written(path / "images/train/a.jpg", b"no picture")
    assert "no picture of a kind" in convert(path, tmp_path / "out").failures[0].reason


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("0 0.5 0.5 0.2 0.2", r"line 2: a box, not a polygon"),
        ("0 0.5 0.5 0.2 0.2 0.1", "5 numbers after the class are no 3 or more pairs of x and y; correct"),
        (
            "0 0.1 0.1 0.2 0.2 0.3 0.1 1.5",
            "7 numbers after the class are no 3 or more pairs of x and y; correct",
        ),
        ("5 0.1 0.1 0.2 0.2 0.3 0.1", "no name in data.yaml, classes.txt or --labels has the id 5"),
        ("cat 0.1 0.1 0.2 0.2 0.3 0.1", "not `class x y"),
        ("0 0.1 0.1 nan 0.2 0.3 0.1", "nan is no share of the picture"),
        ("0.5 0.1 0.1 0.2 0.2 0.3 0.1", "not `class x y"),
        ("0 1 1 4 1 4 3", "4 is no share of the picture, 0 to 1; is it in pixels?"),
    ],
)
def test_malformed_rows_are_refused(tmp_path: Path, row: str, message: str) -> None:
    """With file and line; left out when told to."""
    path = dataset(tmp_path, ROW, row)
    with pytest.raises(FormatError, match=rf"a\.txt: .*{message}"):
        open_annotations(path)
    annotations = open_annotations(path, options=ReadOptions(skip_invalid=True))
    assert (len(annotations.skipped), annotations.used) == (1, {"cat": 1})


@pytest.mark.parametrize("names", ["3", "[cat, [dog]]", "[cat, '']", "{a: b}", "[cat"])
def test_names_that_are_none_are_refused(tmp_path: Path, names: str) -> None:
    """`data.yaml` is named."""
    with pytest.raises(FormatError, match=r"data\.yaml"):
        open_annotations(dataset(tmp_path, ROW, names=names), format="yolo")


SQUARE = drawn("........", ".###....", ".###....", "........")


def test_the_class_may_be_written_as_the_numbers_are(tmp_path: Path) -> None:
    """As numpy writes them; the format is found without a word, too."""
    path = dataset(tmp_path, ROW.replace("0 ", "1.000000000000000000e+00 ", 1))
    assert (masks(path)["train/a.jpg"] == SQUARE).all()
    assert open_annotations(path).used == {"dog": 1}
    assert sniffed(Content(path / "labels/train/a.txt")) == "yolo"


@pytest.mark.parametrize("name", ["02146", "1e3", "yes", "null", "2024-01-01", "3.50"])
def test_a_name_is_the_text_that_is_written(tmp_path: Path, name: str) -> None:
    """Though YAML would take it for a number, a truth or a date."""
    assert open_annotations(dataset(tmp_path, ROW, names=f"[{name}]")).used == {name: 1}
    (tmp_path / "data.yaml").write_text(f"names:\n  0: {name}\n")
    assert open_annotations(tmp_path).used == {name: 1}


def without_yaml(tmp_path: Path, row: str = ROW) -> Path:
    (dataset(tmp_path, row) / "data.yaml").unlink()
    return tmp_path


@pytest.mark.parametrize("where", ["classes.txt", "labels/classes.txt", "labels/train/classes.txt"])
def test_a_list_of_classes_stands_in_for_data_yaml(tmp_path: Path, where: str) -> None:
    """One a line, the first of class 0, beside the label files or above; it is no label file itself."""
    path = without_yaml(tmp_path, ROW.replace("0 ", "1 ", 1))
    written(path / where, "cat\nsea lion \n\n")
    annotations = open_annotations(path)
    assert (annotations.names, annotations.used) == (["train/a.jpg"], {"sea lion": 1})
    assert annotations.categories == (("cat", 0), ("sea lion", 1))
    assert (masks(path)["train/a.jpg"] == SQUARE).all()
    if where == "classes.txt":
        options = ReadOptions(images=path / "images/train")
        assert open_annotations(path / "labels/train/a.txt", options=options).used == {"sea lion": 1}


def test_rows_in_pixels_are_refused_without_data_yaml_too(tmp_path: Path) -> None:
    """By their place, not as a file that shows no format: they lie in `labels/`."""
    path = without_yaml(tmp_path, "0 4 3 12 3 12 9 4 9")
    written(path / "classes.txt", "cat\n")
    with pytest.raises(FormatError, match=r"a\.txt: line 1: .*4 is no share of the picture.*in pixels"):
        open_annotations(path)


def test_an_image_may_be_called_as_the_list_of_classes_is(tmp_path: Path) -> None:
    """Its rows are rows."""
    path = dataset(tmp_path, ROW)
    (path / "labels/train/a.txt").rename(path / "labels/train/classes.txt")
    (path / "images/train/a.jpg").rename(path / "images/train/classes.jpg")
    assert (masks(path)["train/classes.jpg"] == SQUARE).all()


def test_an_empty_line_among_classes_is_refused(tmp_path: Path) -> None:
    """The numbers of those below would be guessed."""
    path = without_yaml(tmp_path)
    written(path / "classes.txt", "cat\n\ndog\n")
    with pytest.raises(FormatError, match=r"classes\.txt: line 2: an empty line"):
        open_annotations(path)


def test_labels_stand_in_for_a_list_of_classes(tmp_path: Path, polymask_command: Run) -> None:
    """As the refusal says; the background's name takes a number where it is in the file."""
    path = without_yaml(tmp_path / "set", ROW.replace("0 ", "1 ", 1))
    refused = polymask_command("stats", path)
    assert refused.returncode == 2
    assert "names of the classes, one a line from 0 on, with --labels FILE" in refused.stderr
    labels = written(tmp_path / "labels.txt", "background\ndog\n")
    for command in (("stats", path), ("check", path), ("convert", path, tmp_path / "out")):
        done = polymask_command(*command, "--labels", labels)
        assert done.returncode == 0, done.stderr
    assert (np.array(Image.open(tmp_path / "out/masks/train/a.png")) == SQUARE).all()
    for names in (labels, ["background", "dog"]):
        assert [record.instances[0].label for record in read(path, labels=names)] == ["dog"]


def test_poses_are_refused_with_a_way_out(tmp_path: Path) -> None:
    """Their points enclose nothing; without the word the rows are polygons."""
    path = dataset(tmp_path, ROW, names="[cat]\nkpt_shape: [4, 2]")
    with pytest.raises(FormatError, match=r"data\.yaml: kpt_shape.*take `kpt_shape` out of the file"):
        open_annotations(path)
    for without in ("", "kpt_shape: null\n", "kpt_shape:\n", "kpt_shape: ~\n"):
        (path / "data.yaml").write_text(f"names: [cat]\n{without}")
        assert open_annotations(path).used == {"cat": 1}


def test_boxes_among_polygons_are_painted_when_asked_for(tmp_path: Path) -> None:
    """A center and a size; slightly outside of the picture is cut off."""
    path = dataset(tmp_path, ROW, "1 0.875 0.5 0.25 1.02")
    expected = drawn("......22", ".111..22", ".111..22", "......22")
    assert (masks(path, boxes=True)["train/a.jpg"] == expected).all()


def test_label_studios_export_is_read(tmp_path: Path) -> None:
    """A list of classes, and notes that are none of the annotations'."""
    path = without_yaml(tmp_path)
    written(path / "classes.txt", "cat\ndog\n")
    written(path / "notes.json", {"categories": [{"id": 0, "name": "cat"}], "info": {"version": "1.0"}})
    assert (masks(path)["train/a.jpg"] == SQUARE).all()


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


@pytest.mark.parametrize(
    "text", ["names: {3: cat, 5: dog}", '{"3": "cat", "5": "dog"}', "id,name\n3,cat\n5,dog\n"]
)
def test_a_label_file_with_ids_names_classes_by_these(tmp_path: Path, text: str) -> None:
    """Class 5 is no second class; one without a name is refused."""
    path = without_yaml(tmp_path / "set", ROW.replace("0 ", "5 ", 1))
    labels = written(tmp_path / "labels", text)
    assert [record.instances[0].label for record in read(path, labels=labels)] == ["dog"]
    written(path / "labels/train/a.txt", ROW)
    with pytest.raises(FormatError, match="has the id 0"):
        list(read(path, labels=labels))


def test_a_class_0_of_a_label_file_gets_a_value_of_its_own(tmp_path: Path) -> None:
    """0 is the background's in what is written."""
    path = without_yaml(tmp_path / "set", ROW)
    labels = written(tmp_path / "id2label.json", {"0": "cat", "1": "dog"})
    report = convert(path, tmp_path / "out", labels=labels)
    assert report.labels["cat"]["pixels"] == SQUARE.sum()
    assert (np.array(Image.open(tmp_path / "out/masks/train/a.png")) == SQUARE).all()
