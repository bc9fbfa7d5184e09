"""IDD: what its own scripts, and those who train on it, look for."""

import json

import numpy as np
import pytest

from polymask import LabelError, compare, convert
from polymask.analysis.masks.mask_sets import open_masks
from polymask.formats import open_annotations
from polymask.labels.cityscapes import IDD_ROWS
from tests.conftest import square
from tests.support.layouts import INDEX, picture

# The public table, copied out by column: csId (355 is 255 in 8 bits), csTrainId, level 3, 2 and 1.
NAMES = [
    "road", "parking", "drivable fallback", "sidewalk", "rail track", "non-drivable fallback", "person",
    "animal", "rider", "motorcycle", "bicycle", "autorickshaw", "car", "truck", "bus", "caravan",
    "trailer", "train", "vehicle fallback", "curb", "wall", "fence", "guard rail", "billboard",
    "traffic sign", "traffic light", "pole", "polegroup", "obs-str-bar-fallback", "building", "bridge",
    "tunnel", "vegetation", "sky", "fallback background", "unlabeled", "ego vehicle",
    "rectification border", "out of roi", "license plate",
]  # fmt: skip
COLUMNS = {
    "cs_id": "7 9 255 8 10 255 24 255 25 32 33 255 26 27 28 29 30 31 255 255 12 13 14 255 20 19 17 18 255 "
    "11 15 16 21 23 255 0 1 2 3 255",
    "cs_train_id": "0 255 255 1 255 9 11 255 12 17 18 255 13 14 15 255 255 16 255 255 3 4 255 255 7 6 5 255 "
    "255 2 255 255 8 10 255 255 255 255 255 255",
    "level3_id": "0 1 1 2 3 3 4 4 5 6 7 8 9 10 11 12 12 12 12 13 14 15 16 17 18 19 20 20 21 22 23 23 24 25 "
    "25 255 255 255 255 255",
    "level2_id": "0 1 1 2 3 3 4 4 5 6 6 7 7 8 8 8 8 8 8 9 9 10 10 11 11 11 12 12 12 13 13 13 14 15 15 "
    "255 255 255 255 255",
    "level1_id": "0 0 0 1 1 1 2 2 2 3 3 3 3 3 3 3 3 3 3 4 4 4 4 4 4 4 4 4 4 5 5 5 5 6 6 255 255 255 255 255",
}


def drive(tmp_path, *labels, **more):
    """Squares side by side, one an object; the last two columns are nothing."""
    rows = [
        {"label": label, "polygon": np.reshape(square(2 * at, 0, 2), (-1, 2)).tolist(), "deleted": 0}
        for at, label in enumerate(labels)
    ]
    folder = tmp_path / "in"
    folder.mkdir(exist_ok=True)
    path = folder / "000001_gtFine_polygons.json"
    path.write_text(json.dumps({"imgHeight": 2, "imgWidth": 2 * len(labels) + 2, "objects": rows}))
    return path


def columns(folder, kind):
    """The value in each of the columns of `drive`."""
    (path,) = folder.rglob(f"*_gtFine_{kind}.png")
    return picture(path)[1][1, ::2].tolist()


@pytest.mark.parametrize("column", COLUMNS)
def test_the_table_is_the_public_one(column):
    """Every number of it, and ids in the order of the names."""
    numbers = [int(number) for number in COLUMNS[column].split()]
    assert {name: getattr(row, column) for name, row in IDD_ROWS.items()} == dict(
        zip(NAMES, numbers, strict=True)
    )
    assert [row.id for row in IDD_ROWS.values()] == list(range(40))
    assert [name for name, row in IDD_ROWS.items() if row.instances] == [*NAMES[6:19]]


@pytest.mark.parametrize("ids", ["contiguous", "source"])
def test_idds_numbers_at_every_level(tmp_path, ids):
    """Whatever the label map's values are; a group of cars is no instance, nothing is unlabeled."""
    source = drive(tmp_path, "road", "autorickshaw", "car", "car", "cargroup", "license plate", "sky")
    convert(source, tmp_path / "out", to="idd", from_="idd", ids=ids)
    out = tmp_path / "out"
    assert columns(out, "labelids") == [0, 11, 12, 12, 12, 39, 33, 35]
    assert columns(out, "labellevel3Ids") == [0, 8, 9, 9, 9, 255, 25, 255]
    assert columns(out, "labelcsIds") == [7, 255, 26, 26, 26, 255, 23, 0]
    assert columns(out, "instanceids") == [0, 11000, 12000, 12001, 12, 39, 33, 35]


def test_instances_are_counted_by_their_level_3(tmp_path):
    """A trailer is the second of the large vehicles that level 3 does not tell apart."""
    convert(drive(tmp_path, "caravan", "trailer", "truck"), tmp_path / "out", to="idd", from_="idd")
    assert columns(tmp_path / "out", "instanceids") == [15000, 16001, 13000, 35]


def test_tables_name_the_numbers_of_each_kind(tmp_path):
    """Labels of one number are named together; what a level ignores has no name."""
    source = drive(tmp_path, "road", "parking", "drivable fallback", "license plate")
    labels = ["road", "parking", "drivable fallback", "license plate"]
    convert(source, tmp_path / "out", to="idd", from_="idd", labels=labels)
    read = {path.name: json.loads(path.read_text()) for path in (tmp_path / "out").glob("id2label*.json")}
    assert read == {
        "id2label.json": {
            "0": "road", "1": "parking", "2": "drivable fallback", "35": "unlabeled", "39": "license plate",
        },
        "id2label_level3Ids.json": {"0": "road", "1": "parking & drivable fallback"},
        "id2label_csIds.json": {"7": "road", "9": "parking"},
    }  # fmt: skip


@pytest.mark.parametrize("without", [[], ["labels.json"], ["labels.json", "id2label.json", "manifest.jsonl"]])
def test_the_ids_read_back_are_the_index_mask(tmp_path, without):
    """With labels.json, by id2label.json alone, and as IDD's own folders are, by its table."""
    convert(drive(tmp_path, "road", "car", "sky"), tmp_path / "out", to="idd", from_="idd")
    for name in without:
        (tmp_path / "out" / name).unlink()
    masks = open_masks(tmp_path / "out")
    names = ("road", "car", "sky", "background")
    values = [masks.label_map.value_of(name) for name in names]
    assert (masks.kind, masks.decode(masks.names[0])[1, ::2].tolist()) == ("idd", values)


def test_the_format_reads_what_the_layout_writes(tmp_path):
    """Masks of ids without the polygons, with every car an instance; `compare` finds no difference."""
    convert(drive(tmp_path, "road", "car", "car", "sky"), tmp_path / "out", to="idd", from_="idd")
    annotations = open_annotations(tmp_path / "out", format="masks")
    (record,) = annotations
    assert sorted((each.label, each.id) for each in record.instances) == [
        ("car", 12000), ("car", 12001), ("road", 0), ("sky", 33),
    ]  # fmt: skip
    convert(tmp_path / "out/gtFine", tmp_path / "again", from_="masks")
    assert compare(tmp_path / "out", tmp_path / "again").mean_iou == 1


def test_other_labels_have_the_label_maps_values(coco_file, tmp_path):
    """IDD has no cat: ids are the values, and there is no level 3 to tell; the format reads them so too."""
    convert(coco_file(), tmp_path / "out", to="idd")
    (folder,) = (tmp_path / "out/gtFine").rglob("all")
    assert sorted(path.name for path in folder.iterdir()) == [
        "a_gtFine_instanceids.png", "a_gtFine_labelids.png",
    ]  # fmt: skip
    assert (picture(folder / "a_gtFine_labelids.png")[1] == INDEX).all()
    assert picture(folder / "a_gtFine_instanceids.png")[1][2].tolist() == [
        0,
        1000,
        1000,
        2000,
        2000,
        2000,
        0,
        0,
    ]
    assert open_annotations(tmp_path / "out", format="masks").used == {"cat": 1, "dog": 1}


def test_instance_ids_that_do_not_fit_are_refused(coco_file, tmp_path):
    """65 · 1000 is beyond 16 bits."""
    labels = {"cat": 1, "dog": 65}
    convert(coco_file(), tmp_path / "out", to="idd", labels=labels)
    assert not list((tmp_path / "out").rglob("*_instanceids.png"))
    with pytest.raises(LabelError, match="16 bits"):
        convert(coco_file(), tmp_path / "b", to="idd", labels=labels, instances=True)
