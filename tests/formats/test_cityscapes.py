"""Cityscapes and IDD: label tables, groups, what is not drawn, draw order, names."""

import json
from pathlib import Path
from typing import Any

import pytest

from polymask import FormatError, LabelError, convert, decode_png
from polymask.formats import cityscapes, idd, open_annotations
from tests.support.formats import FIXTURES, written
from tests.support.oracles import drawn


def document(*objects: tuple[str, list] | dict[str, Any]) -> dict[str, Any]:
    rows = [one if isinstance(one, dict) else {"label": one[0], "polygon": one[1]} for one in objects]
    return {"imgHeight": 4, "imgWidth": 6, "objects": rows}


BOX = [[0, 0], [3, 0], [3, 4], [0, 4]]


def mask(tmp_path: Path, document: dict[str, Any], **options: Any) -> Any:
    path = written(tmp_path / "x_gtFine_polygons.json", document)
    convert(path, tmp_path / "out", ids="source", **options)
    return decode_png((tmp_path / "out/masks/x.png").read_bytes())


def test_source_ids_are_label_ids(tmp_path: Path) -> None:
    """Road 7, car 26 (a group painted as its member), no license plate, later over earlier."""
    convert(FIXTURES / "cityscapes", tmp_path / "out", ids="source")
    path = tmp_path / "out/masks/bonn_000000_000001.png"
    found = decode_png(path.read_bytes())
    assert sorted({*found.flat}) == [0, 7, 24, 26]
    assert (found[2:6, 2:8] == 26).all()
    assert (found[1:3, 9:11] == 24).all()  # the sky that was there is deleted


def test_idd_has_its_own_table_and_draws_license_plates(tmp_path: Path) -> None:
    """Road is 0 there, so background is 35, IDD's own `unlabeled`; autorickshaw 11, plate 39."""
    convert(FIXTURES / "idd", tmp_path / "out", ids="source")
    found = decode_png((tmp_path / "out/masks/000001.png").read_bytes())
    assert sorted({*found.flat}) == [0, 11, 12, 35, 39]
    assert (found[3:5, 4:6] == 39).all()


def test_tables_hold_the_published_ids() -> None:
    """A few that everybody knows."""
    known = {"ego vehicle": 1, "road": 7, "polegroup": 18, "person": 24, "bicycle": 33, "boundary": 45}
    assert {name: cityscapes.LABELS[name] for name in known} == known
    known = {"road": 0, "autorickshaw": 11, "curb": 19, "polegroup": 27, "sky": 33, "license plate": 39}
    assert {name: idd.LABELS[name] for name in known} == known
    assert (len(cityscapes.LABELS), len(idd.LABELS)) == (46, 40)


def test_a_group_is_a_crowd_of_its_members(tmp_path: Path) -> None:
    """`cargroup` is cars that nobody drew apart; `polegroup` is a class of its own."""
    path = written(
        tmp_path / "x_gtFine_polygons.json", document(("cargroup", BOX), ("polegroup", BOX), ("car", BOX))
    )
    (record,) = open_annotations(path)
    assert [(found.label, found.crowd) for found in record.instances] == [
        ("car", True),
        ("polegroup", False),
        ("car", False),
    ]


def test_unlabeled_paints_background(tmp_path: Path) -> None:
    """It covers what is below it."""
    hole = ("unlabeled", [[1, 1], [2, 1], [2, 3], [1, 3]])
    found = mask(tmp_path, document(("road", BOX), hole))
    assert (found // 7 == drawn("###...", "#.#...", "#.#...", "###...")).all()


def test_unknown_labels_are_reported(tmp_path: Path) -> None:
    """Refused with the nearest name, unless `--labels` knows them."""
    found = document(("road", BOX), ("raod", BOX))
    with pytest.raises(LabelError, match="own table of labels; did you mean 'road'"):
        mask(tmp_path, found)
    labels = written(tmp_path / "labels.txt", "raod\nroad\n")
    path = written(tmp_path / "x_gtFine_polygons.json", found)
    report = convert(path, tmp_path / "own", labels=labels)
    assert report.labels["raod"]["pixels"] == 12


def test_a_label_of_idd_tells_idd(tmp_path: Path) -> None:
    """In the first file it decides the format; in a later one it is refused with what to say."""
    plain, own = document(("road", BOX)), document(("road", BOX), ("autorickshaw", BOX))
    for name, content in (("a", plain), ("b", own)):
        written(tmp_path / f"{name}_gtFine_polygons.json", content)
    assert open_annotations(tmp_path / "b_gtFine_polygons.json").format == "idd"
    with pytest.raises(FormatError, match=r"b_gtFine_polygons\.json: 'autorickshaw' is .* --from idd"):
        open_annotations(tmp_path)
    assert len(open_annotations(tmp_path, format="idd").names) == 2


def test_only_polygon_files_of_a_folder_are_read(tmp_path: Path) -> None:
    """A data set's folder holds other JSON too."""
    written(tmp_path / "train/bonn/a_gtFine_polygons.json", document(("road", BOX)))
    written(tmp_path / "cityscapes_panoptic_train.json", "{}")
    assert list(open_annotations(tmp_path).names) == ["train/bonn/a.png"]


def test_a_polygon_of_two_points_paints_nothing(tmp_path: Path) -> None:
    """Both data sets have some."""
    annotations = open_annotations(written(tmp_path / "a.json", document(("road", BOX[:2]), ("car", BOX))))
    assert (annotations.unsegmented, annotations.used) == (1, {"car": 1})


def test_malformed_objects_are_refused(tmp_path: Path) -> None:
    """With file and place."""
    path = written(tmp_path / "a.json", json.dumps(document({"label": "car", "polygon": [[0, 0], [1]]})))
    with pytest.raises(FormatError, match=r"a\.json: \$\.objects\[0\]\.polygon\[1\]"):
        open_annotations(path)
