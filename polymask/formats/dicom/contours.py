"""The contours of a structure set, by slice."""

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np

from polymask.formats.dicom.series import Slice, format_errors
from polymask.formats.reading.texts.pages import Page
from polymask.storage.source_files import File

STRAYS = "contours on no slice"
_CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR", "INTERPOLATED_PLANAR")
_PLANE = 0.01  # millimetres: the largest distance of a contour from the slice it belongs to


class Contour(msgspec.Struct):
    """A contour of a region: its points x, y, z in millimetres, and its place in the file."""

    region: int
    label: str
    points: list[list[float]]
    where: str


class SliceContours(msgspec.Struct):
    """A slice with the contours on it."""

    slice: Slice
    contours: list[Contour]


class Stray(msgspec.Struct):
    """A contour that is no area of a slice, and the reason."""

    what: str
    reason: str


slice_decoder = msgspec.json.Decoder(SliceContours)
stray_decoder = msgspec.json.Decoder(list[Stray])


def pages_of(file: File, data: Any, slices: dict[str, Slice], labels: dict[str, int]) -> Iterator[Page]:
    """A page for each slice of the series with contours, and one for the contours on no slice."""
    strays: list[Stray] = []
    contours_by_slice: dict[str, list[Contour]] = {}
    with format_errors(file, "a structure set that cannot be read"):
        names = {int(region.ROINumber): str(region.ROIName) for region in data.StructureSetROISequence}
        for number, name in names.items():
            labels.setdefault(name, number)
        for key, contour in _contours(data, names, slices, strays):
            contours_by_slice.setdefault(key, []).append(contour)
    series = ({slices[key].series for key in contours_by_slice} or _only_series(slices)) - {""}
    for key, part in slices.items():
        if key in contours_by_slice or part.series in series:
            text = msgspec.json.encode(SliceContours(part, contours_by_slice.get(key, [])))
            yield Page(file, f"slice {part.name}", text)
    if strays:
        yield Page(file, STRAYS, msgspec.json.encode(strays))


def _only_series(slices: dict[str, Slice]) -> set[str]:
    """The only series among the slices, for structure sets without contours; none where there are several."""
    series = {part.series for part in slices.values()}
    return series if len(series) == 1 else set()


def _contours(
    data: Any, names: dict[int, str], slices: dict[str, Slice], strays: list[Stray]
) -> Iterator[tuple[str, Contour]]:
    for region in data.get("ROIContourSequence") or ():
        number = int(region.ReferencedROINumber)
        label = names.get(number, "")
        for index, row in enumerate(region.get("ContourSequence") or ()):
            where = f"region {number}, contour {index}"
            kind = str(row.get("ContourGeometricType", ""))
            numbers = [float(value) for value in row.get("ContourData") or ()]
            points = [numbers[start : start + 3] for start in range(0, len(numbers), 3)]
            key = _slice_of(row, points, slices)
            if kind not in _CLOSED:
                strays.append(Stray(f"{where} ('{label}')", f"{kind or 'a contour'} is no area"))
            elif key is None:
                strays.append(Stray(f"{where} ('{label}')", "its slice is not there; add --images DIR"))
            else:
                yield key, Contour(number, label, points, where)


def _slice_of(row: Any, points: list[list[float]], slices: dict[str, Slice]) -> str | None:
    """The slice that a contour names, else the one in whose plane it lies; None where it is missing."""
    for image in row.get("ContourImageSequence") or ():
        key = str(image.ReferencedSOPInstanceUID)
        return key if key in slices else None
    if not points or len(points[-1]) != 3:
        return None
    for key, part in slices.items():
        if np.abs(part.pixels(points)[:, 2]).max() <= _PLANE:
            return key
    return None
