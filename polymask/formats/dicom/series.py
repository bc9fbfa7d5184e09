"""DICOM files, and the slices of a series with the positions of their pixels in the patient."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from polymask.errors import FormatError
from polymask.extras import DAMAGE, library
from polymask.storage.source_files import File, Place

MAGIC, MAGIC_AT = b"DICM", 128
_DEFLATED = b"1.2.840.10008.1.2.1.99"


class Slice(msgspec.Struct):
    """A slice: its file, SOP instance and series, its size in pixels, and its position in the patient."""

    name: str
    key: str
    series: str
    rows: int
    columns: int
    position: list[float]
    orientation: list[float]
    spacing: list[float]

    def pixels(self, points: list[list[float]]) -> NDArray[np.float64]:
        """The (N, 3) points in the slice: x, y in pixels, and the distance from it in millimetres."""
        row, column = np.array(self.orientation[:3]), np.array(self.orientation[3:])
        axes = np.column_stack([row / self.spacing[1], column / self.spacing[0], np.cross(row, column)])
        pixels = (np.array(points) - self.position) @ axes + (0.5, 0.5, 0)
        return np.asarray(pixels, np.float64)


def is_dicom(file: File) -> bool:
    """Whether a file is DICOM, by its first bytes."""
    with file.open() as opened:
        return opened.read(MAGIC_AT + 4)[MAGIC_AT:] == MAGIC


def dataset(file: File) -> Any:
    """The elements of a DICOM file without its pixels; raises `FormatError` for other files."""
    pydicom = library("pydicom", extra="dicom", reader="DICOM")
    with (
        format_errors(file, "no DICOM that can be read"),
        file.open() as opened,
    ):
        if _DEFLATED in opened.read(1024):
            raise FormatError(
                "a deflated file", file=file.path, advice="store it as Explicit VR Little Endian"
            )
        opened.seek(0)
        return pydicom.dcmread(opened, stop_before_pixels=True)


@contextmanager
def format_errors(file: File, problem: str) -> Iterator[None]:
    """Turn pydicom's errors into `FormatError`; it decodes values, and finds faults, only on access."""
    pydicom_errors = library("pydicom.errors", extra="dicom", reader="DICOM")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom warns of odd values that it can still read
            yield
    except FormatError:
        raise
    except (*DAMAGE, pydicom_errors.InvalidDicomError, pydicom_errors.BytesLengthException) as error:
        raise FormatError(f"{problem}: {error}", file=file.path) from None


def slices_in(place: Place) -> Iterator[Slice]:
    """The slices among the files of a place; raises `FormatError` for a slice without a position."""
    for name in place.names:
        file = place.file(name)
        if is_dicom(file):
            data = dataset(file)
            if "Rows" in data and "ImagePositionPatient" in data:
                yield _slice(data, file)


def _slice(data: Any, file: File) -> Slice:
    with format_errors(file, "it does not tell where its pixels lie"):
        part = Slice(
            name=file.name,
            key=str(data.SOPInstanceUID),
            series=str(data.get("SeriesInstanceUID", "")),
            rows=int(data.Rows),
            columns=int(data.Columns),
            position=_numbers(data.ImagePositionPatient, 3),
            orientation=_numbers(data.ImageOrientationPatient, 6),
            spacing=_numbers(data.PixelSpacing, 2),
        )
    if min(part.spacing) <= 0:
        raise FormatError(f"PixelSpacing: {part.spacing} is no distance", file=file.path)
    return part


def _numbers(values: Any, count: int) -> list[float]:
    numbers = [float(value) for value in values]
    if len(numbers) != count or not np.isfinite(numbers).all():
        raise ValueError(f"expected {count} numbers, got {len(numbers)}")
    return numbers
