"""DICOM structure sets: millimetres, slices, holes, what is not there."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polymask import FormatError, InputError, index_mask
from polymask.formats import open_annotations
from tests.support.formats import FIXTURES, LABELS, SCENE, masks, written
from tests.support.oracles import drawn

pydicom = pytest.importorskip("pydicom")
CT, SETS = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.481.3"
BOX = [(1, 1), (6, 1), (6, 5), (1, 5)]


def elements(**values: Any) -> Any:
    made = pydicom.Dataset()
    for name, value in values.items():
        setattr(made, name, value)
    return made


def stored(kind: str, key: str, syntax: str = "1.2.840.10008.1.2.1", **values: Any) -> bytes:
    made = elements(SOPClassUID=kind, SOPInstanceUID=f"1.2.{key}", **values)
    made.file_meta = pydicom.dataset.FileMetaDataset()
    made.file_meta.MediaStorageSOPClassUID = kind
    made.file_meta.MediaStorageSOPInstanceUID = f"1.2.{key}"
    made.file_meta.TransferSyntaxUID = syntax
    data = BytesIO()
    pydicom.dcmwrite(data, made, enforce_file_format=True)
    return data.getvalue()


def ct(number: int = 0, **more: Any) -> bytes:
    place = {"ImagePositionPatient": [0, 0, 3 * number], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}
    place |= {"PixelSpacing": [1, 1], "Rows": 6, "Columns": 8, "SeriesInstanceUID": "1.9"}
    return stored(CT, str(number), **(place | more))


def contour(points: Any = BOX, kind: str = "CLOSED_PLANAR", slice_: int | None = 0, z: float = 0) -> Any:
    made = elements(ContourGeometricType=kind)
    made.ContourData = [number for x, y in points for number in (x - 0.5, y - 0.5, z)]
    if slice_ is not None:
        made.ContourImageSequence = [elements(ReferencedSOPInstanceUID=f"1.2.{slice_}")]
    return made


def sets(*contours: Any, name: str = "cat") -> bytes:
    region = elements(ReferencedROINumber=7, ContourSequence=list(contours))
    regions = [elements(ROINumber=7, ROIName=name)]
    return stored(SETS, "99", StructureSetROISequence=regions, ROIContourSequence=[region])


def test_the_scene_in_millimetres() -> None:
    """Pixels of 2 × 0.5 mm; the boat's window is a contour inside its outline; each slice gets a mask."""
    annotations = open_annotations(FIXTURES / "dicom")
    found = {record.name: index_mask(record, LABELS) for record in annotations}
    assert (found["boat.dcm"] == SCENE).all()
    assert not found["empty.dcm"].any()
    assert annotations.categories == (("sea", 1), ("boat", 2), ("sun", 3))
    assert annotations.used == {"sea": 1, "boat": 1, "sun": 1}


def test_a_slice_may_lie_anyhow_in_the_patient(tmp_path: Path) -> None:
    """Turned: columns run along the patient's y, rows along −z; the slice is found by its plane."""
    turned = {"ImagePositionPatient": [5, 1, 9], "ImageOrientationPatient": [0, 1, 0, 0, 0, -1]}
    written(tmp_path / "ct.dcm", ct(0, **turned))
    made = contour(slice_=None)
    made.ContourData = [mm for x, y in BOX for mm in (5, 1 + x - 0.5, 9 - (y - 0.5))]
    written(tmp_path / "rs.dcm", sets(made))
    expected = drawn("........", *[".#####.."] * 4, "........")
    assert (masks(tmp_path / "rs.dcm")["ct.dcm"] == expected).all()


def test_the_slices_may_lie_elsewhere(tmp_path: Path) -> None:
    """Below `--images`; without any the refusal says so, and it helps."""
    path = written(tmp_path / "a/rs.dcm", sets(contour()))
    written(tmp_path / "b/ct.dcm", ct())
    with pytest.raises(InputError, match=r"no slice is beside it.*--images"):
        open_annotations(path)
    assert masks(path, images=tmp_path / "b")["ct.dcm"].any()


def test_what_is_no_area_of_a_slice_is_listed(tmp_path: Path) -> None:
    """Points, open contours, slices that are not there; nothing is dropped."""
    kinds = [contour(kind=kind) for kind in ("POINT", "OPEN_PLANAR", "OPEN_NONPLANAR")]
    rest = [contour(slice_=55), contour(slice_=None, z=1.5)]
    for name, data in (("ct.dcm", ct()), ("rs.dcm", sets(contour(), *kinds, *rest))):
        written(tmp_path / name, data)
    annotations = open_annotations(tmp_path)
    assert (annotations.used, len(annotations.unsupported)) == ({"cat": 1}, 5)


def test_two_structure_sets_of_a_series_are_refused(tmp_path: Path) -> None:
    """The message says what to do, and it helps."""
    for name, data in (("ct.dcm", ct()), ("a.dcm", sets(contour())), ("b.dcm", sets(contour()))):
        written(tmp_path / name, data)
    with pytest.raises(InputError, match=r"'a\.dcm' and 'b\.dcm' are structure sets.*name one"):
        open_annotations(tmp_path)
    assert list(open_annotations(tmp_path / "a.dcm").names) == ["ct.dcm"]


@pytest.mark.parametrize(
    ("structures", "image", "message"),
    [
        (lambda: sets(contour(BOX[:2])), ct, "region 7, contour 0: a contour has at least 3 points"),
        (lambda: sets(contour(), name=""), ct, "the region has no name"),
        (
            lambda: sets(contour())[:300],
            ct,
            "no DICOM that can be read|cannot be read|no structure set|nothing",
        ),
        (lambda: sets(contour()), lambda: ct(PixelSpacing=[0, 1]), "PixelSpacing: .* is no distance"),
        (lambda: sets(contour()), lambda: ct(ImageOrientationPatient=[1, 0]), "where its pixels lie"),
        (lambda: ct(5), ct, "no structure set"),
        (lambda: stored(SETS, "9", "1.2.840.10008.1.2.1.99"), ct, "a deflated file"),
    ],
)
def test_malformed_files_are_refused(tmp_path: Path, structures: Any, image: Any, message: str) -> None:
    """With file and place."""
    written(tmp_path / "ct.dcm", image())
    with pytest.raises(FormatError, match=message):
        list(open_annotations(written(tmp_path / "rs.dcm", structures()), format="dicom"))


def test_the_answer_is_pydicoms_geometry() -> None:
    """What the fixture holds, read by pydicom and moved to pixels by hand, are the scene's corners."""
    data = pydicom.dcmread(FIXTURES / "dicom/rs.dcm")
    sea = np.array(data.ROIContourSequence[0].ContourSequence[0].ContourData, float).reshape(-1, 3)
    corners = np.column_stack([(sea[:, 0] - 10) / 0.5 + 0.5, (sea[:, 1] - 20) / 2 + 0.5])
    assert corners.tolist() == [[0, 5], [12, 5], [12, 8], [0, 8]]
