"""DICOM RTSTRUCT: contours of regions on the slices of a series, read by pydicom (extra `dicom`).

Contours are told in millimetres of the patient; a slice's position, orientation and spacing make
pixels of them. DICOM's positions are those of pixel centers, so half a pixel is added. The contours
of a region on a slice are filled even-odd: one inside another is a hole. Source: DICOM PS3.3,
C.7.6.2.1.1 (image plane), C.8.8.6 (ROI contour).
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from polymask.errors import FormatError, InputError
from polymask.formats import Annotations, ReadOptions
from polymask.formats.reading.content import Content
from polymask.formats.reading.extras import DAMAGE, library
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.records import Notes, Page, gather
from polymask.formats.reading.refusals import Malformed, inside
from polymask.model import ImageRecord, Instance, Polygon, Skipped
from polymask.storage.source_files import File, Place

MANY = True
MAGIC, MAGIC_AT = b"DICM", 128
STRUCTURES = "1.2.840.10008.5.1.4.1.1.481.3"  # the SOP class of structure sets
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR", "INTERPOLATED_PLANAR")
_PLANE = 0.01  # millimetres: how far from a slice its contours may lie where they do not name it

FACTS = Facts(
    title="DICOM RTSTRUCT",
    source="DICOM PS3.3, C.7.6.2.1.1 (image plane) and C.8.8.6 (ROI contour)",
    files="A structure set with its series in the same folder or below `--images`, or their folder. "
    "Needs `pip install 'polymask[dicom]'`.",
    sniffed="`DICM` after 128 bytes",
    read=(
        ("StructureSetROISequence: ROIName, ROINumber", "the labels, and their ids"),
        ("ROIContourSequence: ContourData", "rings of x, y, z in millimetres of the patient"),
        ("ContourImageSequence", "the slice; without it that in whose plane the contour lies"),
        (
            "ImagePositionPatient, ImageOrientationPatient, PixelSpacing, Rows, Columns",
            "of the slices: where their pixels lie",
        ),
    ),
    ignored="Pixels, doses, colors.",
    rings="The contours of a region on a slice are filled even-odd: one inside another is a hole.",
    order="The order of `ROIContourSequence`; later regions are painted over earlier ones.",
    labels="In the order of `StructureSetROISequence`, with the numbers of the regions as ids.",
    frame="`Rows` and `Columns` of the slice. Every slice of the series gets a mask.",
    limits=(
        "Points, open contours and those whose slice is not there are listed, and the run exits 1.",
        "Two structure sets of one series are refused (name one of them), and so are deflated files.",
    ),
    sample="dicom/rs.dcm",
)


class _Slice(msgspec.Struct):
    """A slice: its file, its SOP instance and series, its size in pixels, and where it lies."""

    name: str
    key: str
    series: str
    rows: int
    columns: int
    position: list[float]
    orientation: list[float]
    spacing: list[float]

    def pixels(self, points: list[list[float]]) -> NDArray[np.float64]:
        """(N, 3) of points: x, y in pixels, and the distance from the slice in millimetres."""
        across, down = np.array(self.orientation[:3]), np.array(self.orientation[3:])
        axes = np.column_stack([across / self.spacing[1], down / self.spacing[0], np.cross(across, down)])
        moved = (np.array(points) - self.position) @ axes + (0.5, 0.5, 0)
        return np.asarray(moved, np.float64)


class _Contour(msgspec.Struct):
    region: int
    label: str
    points: list[list[float]]
    where: str


class _Drawn(msgspec.Struct):
    slice: _Slice
    contours: list[_Contour]


_drawn = msgspec.json.Decoder(_Drawn)


def sniff(content: Content) -> bool:
    """Whether the file is DICOM."""
    return content.data[MAGIC_AT : MAGIC_AT + 4] == MAGIC


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each slice of the series that the structure sets are about."""
    sets = list(_structure_sets(content))
    if not sets:
        raise FormatError("no structure set (RTSTRUCT) in it", file=content.path)
    place = Place(options.images, options.limits) if options.images is not None else content.place
    if place.is_file:
        place = Place(content.path.parent, options.limits)
    slices = {part.key: part for part in _slices(place)}
    if not slices:
        raise InputError(
            "no slice is beside it, and only they tell the pixels",
            file=content.path,
            advice="add --images DIR",
        )
    strays, pages = list[Skipped](), list[Page]()
    labels: dict[str, int] = {}
    for file, data in sets:
        pages += _pages(file, data, slices, labels, strays)
    _refuse_doubled(content, pages)
    annotations = gather(
        content, options, pages, format="dicom", parse=_parse, categories=list(labels.items())
    )
    return replace(annotations, unsupported=(*strays, *annotations.unsupported))


def _structure_sets(content: Content) -> Iterator[tuple[File, Any]]:
    place = content.place
    for name in place.names:
        file = place.file(name)
        if place.is_file or _is_dicom(file):
            data = _dataset(file)
            with _understood(file, "no DICOM that can be read"):
                kind = str(data.get("SOPClassUID", ""))
            if kind == STRUCTURES:
                yield file, data


def _is_dicom(file: File) -> bool:
    with file.open() as opened:
        return opened.read(MAGIC_AT + 4)[MAGIC_AT:] == MAGIC


def _dataset(file: File) -> Any:
    """A file's elements, and with them pydicom; raises `FormatError` for what is no DICOM."""
    pydicom = library("pydicom", extra="dicom", what="DICOM")
    with (
        _understood(file, "no DICOM that can be read"),
        file.open() as opened,
    ):
        if _DEFLATED in opened.read(1024):
            raise FormatError(
                "a deflated file", file=file.path, advice="store it as Explicit VR Little Endian"
            )
        opened.seek(0)
        return pydicom.dcmread(opened, stop_before_pixels=True)


@contextmanager
def _understood(file: File, otherwise: str) -> Iterator[None]:
    """Values become what they are only when they are asked for: what is wrong then is `FormatError`."""
    broken = library("pydicom.errors", extra="dicom", what="DICOM")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of values that are odd, and read all the same
            yield
    except FormatError:
        raise
    except (*DAMAGE, broken.InvalidDicomError, broken.BytesLengthException) as error:
        raise FormatError(f"{otherwise}: {error}", file=file.path) from None


def _slices(place: Place) -> Iterator[_Slice]:
    for name in place.names:
        file = place.file(name)
        if _is_dicom(file):
            data = _dataset(file)
            if "Rows" in data and "ImagePositionPatient" in data:
                yield _slice(data, file)


def _slice(data: Any, file: File) -> _Slice:
    with _understood(file, "it does not tell where its pixels lie"):
        made = _Slice(
            name=file.name,
            key=str(data.SOPInstanceUID),
            series=str(data.get("SeriesInstanceUID", "")),
            rows=int(data.Rows),
            columns=int(data.Columns),
            position=_numbers(data.ImagePositionPatient, 3),
            orientation=_numbers(data.ImageOrientationPatient, 6),
            spacing=_numbers(data.PixelSpacing, 2),
        )
    if min(made.spacing) <= 0:
        raise FormatError(f"PixelSpacing: {made.spacing} is no distance", file=file.path)
    return made


def _numbers(values: Any, count: int) -> list[float]:
    numbers = [float(value) for value in values]
    if len(numbers) != count or not np.isfinite(numbers).all():
        raise ValueError(f"expected {count} numbers, got {len(numbers)}")
    return numbers


def _pages(
    file: File, data: Any, slices: dict[str, _Slice], labels: dict[str, int], strays: list[Skipped]
) -> Iterator[Page]:
    """A page for each slice of the series that have contours."""
    drawn: dict[str, list[_Contour]] = {}
    with _understood(file, "a structure set that cannot be read"):
        names = {int(region.ROINumber): str(region.ROIName) for region in data.StructureSetROISequence}
        for number, name in names.items():
            labels.setdefault(name, number)
        for key, contour in _contours(data, names, slices, strays, file):
            drawn.setdefault(key, []).append(contour)
    series = {slices[key].series for key in drawn} - {""}
    for key, part in slices.items():
        if key in drawn or part.series in series:
            text = msgspec.json.encode(_Drawn(part, drawn.get(key, [])))
            yield Page(file, f"slice {part.name}", text)


def _contours(
    data: Any, names: dict[int, str], slices: dict[str, _Slice], strays: list[Skipped], file: File
) -> Iterator[tuple[str, _Contour]]:
    for region in data.get("ROIContourSequence") or ():
        number = int(region.ReferencedROINumber)
        label = names.get(number, "")
        for index, row in enumerate(region.get("ContourSequence") or ()):
            where = f"region {number}, contour {index}"
            kind = str(row.get("ContourGeometricType", ""))
            numbers = [float(value) for value in row.get("ContourData") or ()]
            points = [numbers[at : at + 3] for at in range(0, len(numbers), 3)]
            key = _slice_of(row, points, slices)
            if kind not in _CLOSED:
                strays.append(Skipped(file.name, f"{where} ('{label}'): {kind or 'a contour'} is no area"))
            elif key is None:
                told = f"{where} ('{label}'): its slice is not there; add --images DIR"
                strays.append(Skipped(file.name, told))
            else:
                yield key, _Contour(number, label, points, where)


def _slice_of(row: Any, points: list[list[float]], slices: dict[str, _Slice]) -> str | None:
    """The slice that a contour names, else the one in whose plane it lies; None where it is not there."""
    for image in row.get("ContourImageSequence") or ():
        key = str(image.ReferencedSOPInstanceUID)
        return key if key in slices else None
    if not points or len(points[-1]) != 3:
        return None
    for key, part in slices.items():
        if np.abs(part.pixels(points)[:, 2]).max() <= _PLANE:
            return key
    return None


def _refuse_doubled(content: Content, pages: list[Page]) -> None:
    seen: dict[str, Page] = {}
    for page in pages:
        if page.where in seen:
            two = f"'{seen[page.where].file.name}' and '{page.file.name}'"
            raise InputError(
                f"{two} are structure sets of the {page.where}", file=content.path, advice="name one of them"
            )
        seen[page.where] = page


def _parse(page: Page, notes: Notes) -> ImageRecord:
    drawn = page.decode(_drawn)
    part = drawn.slice
    with inside("$"):
        frame = notes.told_frame(part.rows, part.columns)
    regions: dict[int, list[NDArray[np.float64]]] = {}
    labels: dict[int, str] = {}
    for contour in drawn.contours:
        ring = notes.refusals.catch(f"{page.where}: {contour.where}", _ring, contour, part)
        if ring is not None:
            regions.setdefault(contour.region, []).append(ring)
            labels[contour.region] = contour.label
    instances = []
    for number, rings in regions.items():
        made = notes.refusals.catch(
            f"{page.where}: region {number}", _instance, number, labels[number], rings
        )
        instances += [made] if made else []
    return ImageRecord(PurePosixPath(part.name).stem, part.name, frame, tuple(instances))


def _ring(contour: _Contour, part: _Slice) -> NDArray[np.float64]:
    if not contour.label:
        raise Malformed("", "the region has no name")
    if len(contour.points) < 3 or len(contour.points[-1]) != 3:
        raise Malformed("", "a contour has at least 3 points of x, y and z")
    return part.pixels(contour.points)[:, :2]


def _instance(number: int, label: str, rings: list[Any]) -> Instance:
    with inside(""):
        return Instance(number, label, (Polygon(rings[0], rings[1:]),))
