"""DICOM files, and the slices of a series: where their pixels lie in the patient."""

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


def is_dicom(file: File) -> bool:
    """Whether a file is DICOM, by its first bytes."""
    with file.open() as opened:
        return opened.read(MAGIC_AT + 4)[MAGIC_AT:] == MAGIC


def dataset(file: File) -> Any:
    """A file's elements, and with them pydicom; raises `FormatError` for what is no DICOM."""
    pydicom = library("pydicom", extra="dicom", reader="DICOM")
    with (
        understood(file, "no DICOM that can be read"),
        file.open() as opened,
    ):
        if _DEFLATED in opened.read(1024):
            raise FormatError(
                "a deflated file", file=file.path, advice="store it as Explicit VR Little Endian"
            )
        opened.seek(0)
        return pydicom.dcmread(opened, stop_before_pixels=True)


@contextmanager
def understood(file: File, otherwise: str) -> Iterator[None]:
    """Values become what they are only when they are asked for: what is wrong then is `FormatError`."""
    broken = library("pydicom.errors", extra="dicom", reader="DICOM")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of values that are odd, and read all the same
            yield
    except FormatError:
        raise
    except (*DAMAGE, broken.InvalidDicomError, broken.BytesLengthException) as error:
        raise FormatError(f"{otherwise}: {error}", file=file.path) from None


def slices_in(place: Place) -> Iterator[Slice]:
    """The slices among the files of a place; raises `FormatError` for a slice that lies nowhere."""
    for name in place.names:
        file = place.file(name)
        if is_dicom(file):
            data = dataset(file)
            if "Rows" in data and "ImagePositionPatient" in data:
                yield _slice(data, file)


def _slice(data: Any, file: File) -> Slice:
    with understood(file, "it does not tell where its pixels lie"):
        made = Slice(
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
