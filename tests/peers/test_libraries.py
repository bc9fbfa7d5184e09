"""What libraries of the field read in the files of services and labs: `pytest -m peers tests/peers`.

Each reads the file itself; of ours only the masks are compared, bit for bit.
"""

import json
import zipfile
from collections.abc import Iterator
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polymask import index_mask
from polymask.formats import ReadOptions, open_annotations
from polymask.formats.bsds.matlab import variables
from polymask.limits import Limits
from tests.support.formats import FIXTURES, LABELS, SCENE

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]
NUMBERS = {"boat": 1, "sea": 2, "sun": 3}


def with_shapely(shapes: Iterator[tuple[str, object]]) -> np.ndarray:
    """(8, 12): the value of the last shape that holds a pixel's center."""
    import shapely

    row, column = np.mgrid[:8, :12] + 0.5
    mask = np.zeros((8, 12), int)
    for label, shape in shapes:
        mask[shapely.contains_xy(shape, column, row)] = NUMBERS[label]
    return mask


def test_shapely_paints_the_geojson_alike() -> None:
    """Of the geometry as it parses it."""
    from shapely.geometry import shape

    features = json.loads((FIXTURES / "geojson/boat.geojson").read_text())["features"]
    drawn = ((one["properties"]["classification"]["name"], shape(one["geometry"])) for one in features)
    (record,) = (one for one in open_annotations(FIXTURES / "geojson") if one.name == "boat.png")
    assert (with_shapely(drawn) == SCENE).all()
    assert (index_mask(record, LABELS) == SCENE).all()


def test_roifile_and_shapely_paint_the_rois_alike() -> None:
    """Composites as the difference of their rings."""
    import roifile
    from shapely.geometry import Polygon

    def shapes() -> Iterator[tuple[str, object]]:
        with zipfile.ZipFile(FIXTURES / "imagej/boat.zip") as archive:
            for name in archive.namelist():
                roi = roifile.ImagejRoi.frombytes(archive.read(name))
                rings = [Polygon(ring) for ring in roi.coordinates(multi=True)]
                shape = rings[0]
                for ring in rings[1:]:
                    shape = shape.symmetric_difference(ring)
                yield roi.name, shape

    assert (with_shapely(shapes()) == SCENE).all()


def test_pydicom_and_shapely_paint_the_contours_alike() -> None:
    """Moved to pixels by the slice's own numbers."""
    import pydicom
    from shapely.geometry import Polygon

    image, sets = (pydicom.dcmread(FIXTURES / f"dicom/{name}.dcm") for name in ("boat", "rs"))
    down, across = map(float, image.PixelSpacing)
    left, top, _ = map(float, image.ImagePositionPatient)

    def shapes() -> Iterator[tuple[str, object]]:
        for roi, region in zip(sets.StructureSetROISequence, sets.ROIContourSequence, strict=True):
            shape = Polygon()
            for contour in region.ContourSequence:
                points = np.array(contour.ContourData, float).reshape(-1, 3)
                ring = np.column_stack([(points[:, 0] - left) / across, (points[:, 1] - top) / down]) + 0.5
                shape = shape.symmetric_difference(Polygon(ring))
            yield roi.ROIName, shape

    assert (with_shapely(shapes()) == SCENE).all()


def test_pyarrow_reads_the_same_segments() -> None:
    """Type by type, pixel by pixel."""
    from PIL import Image
    from pyarrow import parquet

    table = parquet.read_table(FIXTURES / "waymo/camera_segmentation/harbor.parquet").to_pydict()
    records = list(open_annotations(FIXTURES / "waymo"))
    pngs = table["[CameraSegmentationLabelComponent].panoptic_label"]
    for record, data in zip(records, pngs, strict=True):
        codes = np.array(Image.open(BytesIO(data)))
        assert {one.id for one in record.instances} == set(np.unique(codes[codes > 0]).tolist())
        assert record.frame == codes.shape


@given(st.lists(st.lists(st.integers(0, 300), min_size=4, max_size=4), min_size=1, max_size=5), st.booleans())
@settings(max_examples=50, deadline=None)
def test_scipy_writes_what_we_read(rows: list[list[int]], compressed: bool) -> None:
    """Any matrix in a cell in a struct; and what we give is what scipy reads again."""
    from scipy.io import loadmat, savemat

    values, cells, data = np.array(rows, np.uint16), np.empty((1, 1), object), BytesIO()
    cells[0, 0] = {"Segmentation": values}
    savemat(data, {"groundTruth": cells}, do_compression=compressed)
    ((name, read),) = variables(data.getvalue(), Limits(max_zip_ratio=10**6))
    assert name == "groundTruth"
    assert (read[0]["Segmentation"] == values).all()
    again = loadmat(BytesIO(data.getvalue()))["groundTruth"][0, 0]["Segmentation"][0, 0]
    assert (again == read[0]["Segmentation"]).all()


def test_scipy_reads_the_same_segments_of_the_fixture() -> None:
    """Whose drawing is chosen."""
    from scipy.io import loadmat

    drawings = loadmat(FIXTURES / "bsds-500/groundTruth/test/boat.mat")["groundTruth"]
    for number in (1, 2):
        values = drawings[0, number - 1]["Segmentation"][0, 0]
        (record,) = open_annotations(FIXTURES / "bsds-500", options=ReadOptions(annotator=str(number)))
        assert [one.label for one in record.instances] == [str(n) for n in np.unique(values)]
