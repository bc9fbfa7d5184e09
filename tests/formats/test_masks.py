"""Masks with a table: whichever file names the values or the colors, and what has no name."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from polymask import (
    FormatError,
    LabelError,
    LabelMap,
    LimitError,
    Limits,
    compare,
    convert,
    encode_png,
    stats,
)
from polymask.formats import ReadOptions, open_annotations
from polymask.labels.as_label_map import as_mask_table
from polymask.labels.mask_table import BORDER, SEGNET, MaskTable
from tests.conftest import Run
from tests.support.formats import FIXTURES, written
from tests.support.oracles import drawn

VALUES = drawn("11..", "1v22", "..22")


def gray(path: Path, values: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_png(values if values.dtype == np.uint16 else values.astype(np.uint8)))
    return path


def rgb(path: Path, values: np.ndarray, colors: dict[int, tuple[int, int, int]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = np.zeros((256, 3), np.uint8)
    for value, color in colors.items():
        table[value] = color
    Image.fromarray(table[values]).save(path)
    return path


def pixels(path: Path, **options: Any) -> dict[str, int]:
    """The painted pixels by label."""
    report = convert(path, path.with_name(f"{path.name}-out"), dry_run=True, **options)
    return {name: row["pixels"] for name, row in report.labels.items() if row["pixels"]}


TABLES = {
    "_classes.csv": "Pixel Value, Class\n0, background\n1, cat\n2, dog\n255, __ignore__\n",
    "labelmap.txt": "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncat:1,2,3::\ndog:4,5,6::\n",
    "class_names.txt": "cat\ndog\n",
    "id2label.json": '{"1": "cat", "2": "dog"}',
    "labels.json": LabelMap.from_names(["cat", "dog"]).to_json().decode(),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_any_kind_names_the_values(name: str, tmp_path: Path) -> None:
    """Beside the mask, or above it; three pixels of cat, four of dog, and one void."""
    for place in ("in", "in/deep/er"):
        gray(tmp_path / place / "a_mask.png", VALUES)
        written(tmp_path / "in" / name, TABLES[name])
        if name != "_classes.csv" or place == "in":
            assert pixels(tmp_path / "in", from_="masks") == {"cat": 3, "dog": 4}
        (tmp_path / place / "a_mask.png").unlink()


def test_the_nearest_table_is_a_masks_own(tmp_path: Path) -> None:
    """Splits may number their classes in other orders."""
    for split, names in (("train", "cat\ndog\n"), ("valid", "dog\ncat\n")):
        gray(tmp_path / f"in/{split}/a.png", VALUES)
        written(tmp_path / f"in/{split}/class_names.txt", names)
    records = list(open_annotations(tmp_path / "in", format="masks"))
    assert [[each.label for each in record.instances] for record in records] == [
        ["cat", "dog", "__ignore__"],
        ["dog", "cat", "__ignore__"],
    ]


def test_labels_name_the_values_where_no_table_does(tmp_path: Path) -> None:
    """`--labels` serves reading; a table that lies beside the masks says what they mean, and wins."""
    gray(tmp_path / "in/a.png", VALUES)
    path = written(tmp_path / "labels.txt", "cat\ndog\n")
    assert pixels(tmp_path / "in", from_="masks", labels=path) == {"cat": 3, "dog": 4}
    assert pixels(tmp_path / "in", from_="masks", labels={"dog": 1, "cat": 2}) == {"dog": 3, "cat": 4}
    written(tmp_path / "in/class_names.txt", "dog\ncat\n")
    assert pixels(tmp_path / "in", from_="masks", labels=path) == {"dog": 3, "cat": 4}


def test_labels_of_colors_name_colors(tmp_path: Path) -> None:
    """A file that is a table of colors serves for masks in colors; its Void stays void."""
    colors = {0: (0, 0, 0), 1: (9, 8, 7), 2: (6, 5, 4), 255: (1, 1, 1)}
    rgb(tmp_path / "in/a.png", VALUES, colors)
    path = written(tmp_path / "colors.txt", "9 8 7 cat\n6 5 4 dog\n1 1 1 Void\n0 0 0 background\n")
    report = convert(tmp_path / "in", tmp_path / "out", from_="masks", labels=path)
    assert (np.array(Image.open(tmp_path / "out/masks/a.png")) == VALUES).all()
    assert report.exit_code == 0


LACKING = {
    "_classes.csv": "Pixel Value, Class\n0, background\n1, cat\n2, dog\n",
    "id2label.json": '{"1": "cat"}',
}
FIRST = {
    "_classes.csv": "the value 255 at row 1, column 1",
    "id2label.json": "the value 2 at row 1, column 2",
}


@pytest.mark.parametrize("name", LACKING)
def test_a_value_that_the_table_lacks_is_refused(name: str, tmp_path: Path) -> None:
    """It is never guessed: refused with its first pixel, or its image left out and listed."""
    gray(tmp_path / "in/a_mask.png", VALUES)
    gray(tmp_path / "in/b_mask.png", VALUES * (VALUES == 1))
    written(tmp_path / "in" / name, LACKING[name])
    with pytest.raises(FormatError, match=rf"a_mask\.png: .*{FIRST[name]} is no label's"):
        open_annotations(tmp_path / "in", format="masks")
    lenient = open_annotations(tmp_path / "in", format="masks", options=ReadOptions(skip_invalid=True))
    assert (len(lenient.names), len(lenient.skipped), lenient.used) == (1, 1, {"cat": 1})


def test_colors_without_a_table_of_colors_are_refused(tmp_path: Path) -> None:
    """A table of values says nothing of colors."""
    rgb(tmp_path / "in/a_mask.png", VALUES, {1: (9, 8, 7)})
    written(tmp_path / "in/_classes.csv", TABLES["_classes.csv"])
    with pytest.raises(FormatError, match="no table of colors"):
        open_annotations(tmp_path / "in")


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_gray_masks_of_few_bits_keep_their_values(bits: int, tmp_path: Path) -> None:
    """Pillow stretches 2 and 4 bits over 0 to 255; a value of 1 stays 1."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = int("".join(f"{pixel % 2:0{bits}b}" for pixel in range(8 // bits)), 2)
    head = struct.pack(">IIBBBBB", 8 // bits, 1, bits, 0, 0, 0, 0)
    body = zlib.compress(bytes([0, row]))
    path = tmp_path / "in/a.png"
    path.parent.mkdir()
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b""))
    (record,) = open_annotations(path, format="masks")
    assert [each.label for each in record.instances] == ["1"]


def test_pictures_are_no_masks_and_give_images_their_suffix(tmp_path: Path) -> None:
    """Roboflow's picture lies beside its mask; `--copy-images` copies the picture."""
    gray(tmp_path / "in/train/boat.rf.1_mask.png", VALUES)
    written(tmp_path / "in/train/_classes.csv", TABLES["_classes.csv"])
    Image.new("RGB", (4, 3), (1, 2, 3)).save(tmp_path / "in/train/boat.rf.1.jpg")
    Image.new("RGB", (4, 3)).save(tmp_path / "in/train/other.png")
    annotations = open_annotations(tmp_path / "in")
    assert (annotations.format, list(annotations.names)) == ("masks", ["train/boat.rf.1.jpg"])
    file = annotations.picture_file(0)
    assert file is not None
    assert file.name == "train/boat.rf.1.jpg"


def test_a_mask_is_never_taken_for_its_picture(tmp_path: Path) -> None:
    """VOC's mask has its picture's name, and lies in the same data set."""
    gray(tmp_path / "in/SegmentationClass/a.png", VALUES)
    written(tmp_path / "in/class_names.txt", "cat\ndog\n")
    assert open_annotations(tmp_path / "in", format="voc").picture_file(0) is None
    (tmp_path / "in/JPEGImages").mkdir()
    Image.new("RGB", (4, 3)).save(tmp_path / "in/JPEGImages/a.jpg")
    annotations = open_annotations(tmp_path / "in", format="voc")
    assert list(annotations.names) == ["a.jpg"]
    assert "JPEGImages" in str(annotations.picture_file(0))


def test_every_command_reads_them(tmp_path: Path, polymask_command: Run) -> None:
    """convert, stats, check, compare and preview say the same of Roboflow's folder."""
    folder = FIXTURES / "masks"
    report = convert(folder, tmp_path / "out")
    assert {name: row["pixels"] for name, row in report.labels.items()} == {"sea": 30, "boat": 20, "sun": 4}
    counted = stats(folder).to_dict()["labels"]
    assert {name: row["pixels"] for name, row in counted.items()} == {"sea": 30, "boat": 20, "sun": 4}
    assert polymask_command("check", folder).returncode == 0
    assert compare(folder, tmp_path / "out").mean_iou == 1
    assert polymask_command("preview", folder, "-o", tmp_path / "a.html").returncode == 0
    assert "boat" in (tmp_path / "a.html").read_text()


def test_a_folder_of_gray_masks_says_how_to_name_the_format(tmp_path: Path, polymask_command: Run) -> None:
    """The advice works when it is followed."""
    gray(tmp_path / "in/a.png", VALUES)
    done = polymask_command("convert", tmp_path / "in", tmp_path / "out")
    assert (done.returncode, "--from masks" in done.stderr) == (2, True)
    labels = written(tmp_path / "labels.txt", "cat\ndog\n")
    done = polymask_command(
        "convert", tmp_path / "in", tmp_path / "out", "--from", "masks", "--labels", labels
    )
    assert done.returncode == 0


@pytest.mark.parametrize("folder", ["voc", "camvid", "masks", "segmentsai"])
@pytest.mark.parametrize("limit", ["max_pixels", "max_bytes", "max_instances", "max_labels"])
def test_limits_are_kept(limit: str, folder: str) -> None:
    """Each names its flag; with the limit at what is there, nothing is refused."""
    there = {"max_pixels": 96, "max_bytes": 2000, "max_instances": 3, "max_labels": 3}[limit]
    open_annotations(FIXTURES / folder, options=ReadOptions(limits=Limits(**{limit: there})))
    with pytest.raises(LimitError, match=f"--{limit.replace('_', '-')}"):
        open_annotations(FIXTURES / folder, options=ReadOptions(limits=Limits(**{limit: 1})))


# --- VOC's objects

CLASSES = drawn("11.1", "1v.1", "22..")
OBJECTS = drawn("11.2", "1v.2", "33..")


def test_objects_are_kept_as_instances(tmp_path: Path) -> None:
    """Two cats and a dog, hand-drawn; what is void in both stays void."""
    gray(tmp_path / "in/SegmentationClass/a.png", CLASSES)
    gray(tmp_path / "in/SegmentationObject/a.png", OBJECTS)
    written(tmp_path / "in/class_names.txt", "cat\ndog\n")
    (record,) = open_annotations(tmp_path / "in", format="voc")
    assert [(each.id, each.label) for each in record.instances] == [
        (1, "cat"), (2, "cat"), (3, "dog"), (255, "__ignore__"),
    ]  # fmt: skip
    convert(tmp_path / "in", tmp_path / "out", from_="voc", to="voc", instances=True)
    again = np.array(Image.open(tmp_path / "out/SegmentationObject/a.png"))
    assert (again == OBJECTS).all()
    assert (np.array(Image.open(tmp_path / "out/SegmentationClass/a.png")) == CLASSES).all()


@pytest.mark.parametrize("source", ["in/SegmentationClass", "in/SegmentationClass/a.png", "."])
def test_objects_are_found_from_every_side(source: str, tmp_path: Path) -> None:
    """From the folder of masks, from a mask alone, from above."""
    gray(tmp_path / "in/SegmentationClass/a.png", CLASSES)
    gray(tmp_path / "in/SegmentationObject/a.png", OBJECTS)
    written(tmp_path / "in/class_names.txt", "cat\ndog\n")
    (record,) = open_annotations(tmp_path / source, format="voc")
    assert len(record.instances) == 4


def test_objects_of_another_size_are_refused(tmp_path: Path) -> None:
    """They are of another image."""
    gray(tmp_path / "in/SegmentationClass/a.png", CLASSES)
    gray(tmp_path / "in/SegmentationObject/a.png", OBJECTS[:2])
    with pytest.raises(FormatError, match="a mask of 2 × 4 px"):
        open_annotations(tmp_path / "in", format="voc")


def test_vocs_own_names_stay_where_labels_choose_among_them(tmp_path: Path) -> None:
    """`--labels` of some of VOC's names, for masks in VOC's colors, numbers the output, not the input."""
    from tests.formats.test_voc import palette

    palette(tmp_path / "in/SegmentationClass/a.png", (CLASSES == 1) * 15)  # 15 is a person
    assert pixels(tmp_path / "in", labels=["person", "car"]) == {"person": 5}
    gray(tmp_path / "gray/a.png", (CLASSES == 1) * np.uint8(1))
    assert pixels(tmp_path / "gray", from_="voc", labels=["person", "car"]) == {"person": 5}


# --- the masks of scripts

IDS = drawn("11..", "1.22", "..22")


def ids(values: dict[int, int], dtype: type = np.uint8) -> np.ndarray:
    table: np.ndarray = np.zeros(256, dtype)
    for old, new in values.items():
        table[old] = new
    return np.asarray(table[IDS])


@pytest.mark.parametrize(
    ("ending", "values", "labels"),
    [
        ("labelIds", {0: 0, 1: 7, 2: 26}, {"road": 3, "car": 4}),
        ("labelTrainIds", {0: 255, 1: 0, 2: 13}, {"road": 3, "car": 4}),
        ("labelids", {0: 35, 1: 0, 2: 12}, {"road": 3, "car": 4}),
        ("labellevel3Ids", {0: 255, 1: 0, 2: 9}, {"road": 3, "car": 4}),
        ("labellevel3Ids", {0: 255, 1: 1, 2: 13}, {"parking & drivable fallback": 3, "curb": 4}),
        ("labelcsIds", {0: 0, 1: 7, 2: 26}, {"road": 3, "car": 4}),
        ("labelcsTrainIds", {0: 255, 1: 0, 2: 13}, {"road": 3, "car": 4}),
    ],
)  # fmt: skip
def test_masks_of_scripts_are_known_by_their_names(
    ending: str, values: dict[int, int], labels: dict[str, int], tmp_path: Path
) -> None:
    """Without polygons, and in whichever ids; image names are those of the polygons' files."""
    gray(tmp_path / f"in/gtFine/val/ulm/ulm_000000_000001_gtFine_{ending}.png", ids(values))
    annotations = open_annotations(tmp_path / "in")
    assert (annotations.format, list(annotations.names)) == (
        "masks",
        ["gtFine/val/ulm/ulm_000000_000001.png"],
    )
    assert pixels(tmp_path / "in") == labels
    rest = 5  # background, or void where the ids ignore it
    report = convert(tmp_path / "in", tmp_path / "out")
    (written_mask,) = (tmp_path / "out/masks").rglob("*.png")
    counts = dict(zip(*np.unique(np.array(Image.open(written_mask)), return_counts=True), strict=True))
    assert counts[0 if values[0] in (0, 35) else 255] == rest
    assert report.exit_code == 0


def test_the_finest_of_an_images_masks_is_read_and_its_instances_kept(tmp_path: Path) -> None:
    """Two cars, a group of cars, which is no instance, and a road."""
    folder = tmp_path / "in/gtFine/val/ulm"
    gray(folder / "a_gtFine_labelIds.png", np.array([[7, 26, 26, 26]], np.uint8))
    gray(folder / "a_gtFine_instanceIds.png", np.array([[7, 26000, 26001, 26]], np.uint16))
    gray(folder / "a_gtFine_labelTrainIds.png", np.array([[0, 13, 13, 13]], np.uint8))
    rgb(folder / "a_gtFine_color.png", np.array([[1, 2, 2, 2]]), {1: (128, 64, 128), 2: (0, 0, 142)})
    (record,) = open_annotations(tmp_path / "in")
    assert [(each.id, each.label, each.crowd) for each in record.instances] == [
        (7, "road", False), (26, "car", True), (26000, "car", False), (26001, "car", False),
    ]  # fmt: skip
    convert(tmp_path / "in", tmp_path / "out", to="cityscapes")
    (again,) = (tmp_path / "out").rglob("*_gtFine_instanceIds.png")
    assert np.array(Image.open(again)).tolist() == [[7, 26000, 26001, 26]]


def test_an_id_that_cityscapes_does_not_have_is_refused(tmp_path: Path) -> None:
    """99 is nobody's."""
    gray(tmp_path / "in/a_gtFine_labelIds.png", np.array([[7, 99]], np.uint8))
    with pytest.raises(FormatError, match="the value 99 at row 0, column 1 is no label's"):
        open_annotations(tmp_path / "in")


# --- what polymask wrote

VALUED = ["index", "voc", "cityscapes", "idd", "camvid", "ade20k", "segnet", "mmseg", "yolo-semantic"]


@pytest.mark.parametrize("ids", ["contiguous", "source"])
@pytest.mark.parametrize("layout", VALUED)
def test_every_layout_of_index_masks_is_read_again(layout: str, ids: str, tmp_path: Path) -> None:
    """Whatever values or colors it writes: the same pixels by label, and void where it was."""
    source = FIXTURES / "shapes/instances.json"
    convert(source, tmp_path / "index", ids=ids, overlap="void")
    convert(source, tmp_path / "out", ids=ids, overlap="void", to=layout)
    convert(tmp_path / "out", tmp_path / "again", ids=ids, from_="camvid" if layout == "camvid" else "masks")
    assert compare(tmp_path / "index", tmp_path / "again").mean_iou == 1
    counted = [stats(tmp_path / folder).to_dict() for folder in ("out", "again")]
    assert counted[0] | {"per_image": []} == counted[1] | {"per_image": []}


@pytest.mark.parametrize("layout", ["binary", "dataloop"])
def test_masks_of_a_label_each_are_refused(layout: str, tmp_path: Path) -> None:
    """255 is the label there, no void."""
    convert(FIXTURES / "shapes/instances.json", tmp_path / "out", to=layout)
    if layout == "binary":
        with pytest.raises(FormatError, match="one for each label"):
            open_annotations(tmp_path / "out", format="masks")
    else:
        with pytest.raises(FormatError):
            open_annotations(tmp_path / "out", format="masks")


# --- tables


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("1 2 3 cat\n1 2 3 dog\n", r"line 2: the color \(1, 2, 3\) is that of line 1"),
        ("1 2 3 cat\n4 5 6 cat\n", "line 2: the name cat is that of line 1"),
        ("1 2 300 cat\n", "line 1: a line is `r g b name`"),
        ("name,r,g,b\ncat,1,2\n", "line 2: a line is `name,r,g,b`"),
        ("name,r,g,b\n,1,2,3\n", "there is no name"),
        ("Pixel Value, Class\n1, cat\n1, dog\n", "line 3: the value 1 is that of line 2"),
        ("Pixel Value, Class\n-1, cat\n", "line 2: a line is `value, name`"),
        ("Pixel Value, Class\n65536, cat\n", "line 2: a line is `value, name`"),
    ],
)
def test_a_damaged_table_is_refused(text: str, problem: str, tmp_path: Path) -> None:
    """As a label file, and beside masks, with the file and the line."""
    path = written(tmp_path / "in/label_colors.txt", text)
    with pytest.raises(LabelError, match=problem):
        LabelMap.load(path)
    with pytest.raises(LabelError, match=problem):
        as_mask_table(path)
    gray(tmp_path / "in/a.png", VALUES)
    with pytest.raises(FormatError, match=problem):
        open_annotations(tmp_path / "in", format="masks")


def test_tables_are_label_files() -> None:
    """`--labels` takes them: numbered in the colors' order, or by their values."""
    colors = LabelMap.load(FIXTURES / "camvid/label_colors.txt")
    assert [(each.name, each.value) for each in colors.labels] == [("sea", 1), ("boat", 2), ("sun", 3)]
    assert colors.labels[0].color == (66, 133, 183)
    assert LabelMap.load(FIXTURES / "camvid-kaggle/class_dict.csv") == colors
    values = LabelMap.load(FIXTURES / "masks/train/_classes.csv")
    assert [(each.name, each.value) for each in values.labels] == [("sea", 1), ("boat", 2), ("sun", 3)]


def test_what_a_label_map_says_of_masks() -> None:
    """Black is background, VOC's border void; a color of two labels is neither's."""
    labels = LabelMap.from_names([f"{number}" for number in range(300)])
    table = MaskTable.of_label_map(labels)
    border = BORDER[0] << 16 | BORDER[1] << 8 | BORDER[2]
    assert (table.label(0, colored=True), table.label(border, colored=True)) == ("background", "__ignore__")
    assert table.label(128 << 16, colored=True) is None
    assert (table.label(1, colored=False), table.label(65535, colored=False)) == ("0", "__ignore__")


def test_segnets_values_keep_theirs() -> None:
    """Sky is 0, so the background is a value that no pixel has; Unlabelled, 11, is void."""
    assert SEGNET.categories[:2] == (("background", 255), ("Sky", 0))
    assert SEGNET.label(11, colored=False) == "__ignore__"


@pytest.mark.parametrize("text", ['{"cat": 255}', '{"255": "cat"}', "id,name\n255,cat\n"])
def test_255_is_a_label_where_a_label_file_says_so(tmp_path: Path, text: str, polymask_command: Run) -> None:
    """Binary masks of 0 and 255 have a way in; `check` and the other commands read them alike."""
    gray(tmp_path / "in/a.png", np.where(VALUES == 1, 255, 0))
    labels = written(tmp_path / "labels.txt", text)
    source = (tmp_path / "in", "--from", "masks", "--labels", labels)
    for command in (["convert", *source, tmp_path / "out"], ["check", *source], ["stats", *source]):
        done = polymask_command(*command)
        assert done.returncode == 0, done.stderr
    mask = np.asarray(Image.open(tmp_path / "out/masks/a.png"))
    assert (mask == (VALUES == 1)).all()
    assert LabelMap.load(tmp_path / "out/labels.json").value_of("cat") == 1


def test_0_is_a_label_where_a_table_says_so(tmp_path: Path) -> None:
    """Of `id2label.json` beside the masks, or named; what is written is numbered anew, from 1."""
    values = np.where(VALUES == 255, 1, VALUES)  # 0, 1 and 2 are labels
    text = '{"0": "wall", "1": "cat", "2": "dog"}'
    gray(tmp_path / "beside/a.png", values)
    written(tmp_path / "beside/id2label.json", text)
    gray(tmp_path / "named/a.png", values)
    beside, named = (
        {"labels": path / "id2label.json"} for path in (tmp_path / "beside", tmp_path / "tables")
    )
    written(named["labels"], text)
    for folder, options in (("beside", {}), ("beside", beside), ("named", named)):
        convert(tmp_path / folder, tmp_path / f"{folder}-out", from_="masks", overwrite=True, **options)
        written_mask = np.asarray(Image.open(tmp_path / f"{folder}-out/masks/a.png"))
        assert (written_mask == values + 1).all()
        table = LabelMap.load(tmp_path / f"{folder}-out/labels.json")
        assert [table.value_of(name) for name in ("wall", "cat", "dog")] == [1, 2, 3]


def test_255_as_a_label_has_no_source_id(tmp_path: Path) -> None:
    """It is void's in what is written; the refusal says so, and its way out works."""
    gray(tmp_path / "in/a.png", np.where(VALUES == 1, 255, 0))
    written(tmp_path / "in/id2label.json", '{"255": "cat"}')
    with pytest.raises(LabelError, match="value 255, which is that of void; use `--ids contiguous`"):
        convert(tmp_path / "in", tmp_path / "out", from_="masks", ids="source")
    assert pixels(tmp_path / "in", from_="masks", ids="contiguous") == {"cat": 3}


def test_masks_of_void_alone_tell_the_way_to_paint_it(tmp_path: Path) -> None:
    """255 is void, unless a table gives it to a label."""
    gray(tmp_path / "in/a.png", np.where(VALUES == 1, 255, 0))
    notes = open_annotations(tmp_path / "in", format="masks").notes
    assert '{"255": "NAME"}' in notes[-1]


def test_values_that_a_label_file_cannot_have_in_masks_of_polygons_are_refused(tmp_path: Path) -> None:
    """It names what is to be written there, and 0 is the background's."""
    labels = written(tmp_path / "id2label.json", '{"0": "boat", "1": "sea", "2": "sun"}')
    with pytest.raises(LabelError, match="number its labels from 1"):
        convert(FIXTURES / "labelme", tmp_path / "out", labels=labels)
