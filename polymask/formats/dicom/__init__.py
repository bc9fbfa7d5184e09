"""DICOM RTSTRUCT: contours of regions on the slices of a series, read by pydicom (extra `dicom`).

Contours are in millimetres of the patient; a slice's position, orientation and spacing turn them into
pixels. DICOM's positions are those of pixel centers, so half a pixel is added. The contours of a region
on a slice are filled even-odd: one inside another is a hole. Source: DICOM PS3.3, C.7.6.2.1.1 (image
plane), C.8.8.6 (ROI contour).
"""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polymask.errors import FormatError, InputError
from polymask.formats import Annotations, ReadOptions
from polymask.formats.dicom.contours import STRAYS, Contour, pages_of, slice_decoder, stray_decoder
from polymask.formats.dicom.series import MAGIC, MAGIC_AT, Slice, dataset, format_errors, is_dicom, slices_in
from polymask.formats.reading.content import Content
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.notes import MALFORMED, Notes
from polymask.formats.reading.records import gather
from polymask.formats.reading.refusals import Malformed, inside
from polymask.formats.reading.texts.pages import Page
from polymask.ledger import Omitted
from polymask.model import ImageRecord, Instance, Polygon
from polymask.storage.source_files import File, Place

MANY = True
STRUCTURES = "1.2.840.10008.5.1.4.1.1.481.3"  # the SOP class of structure sets

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


def sniff(content: Content) -> bool:
    """Whether the file is DICOM."""
    return content.data[MAGIC_AT : MAGIC_AT + 4] == MAGIC


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each slice of the series to which the structure sets refer."""
    sets = list(_structure_sets(content))
    if not sets:
        raise FormatError("no structure set (RTSTRUCT) in it", file=content.path)
    place = Place(options.images, options.limits) if options.images is not None else content.place
    if place.is_file:
        place = Place(content.path.parent, options.limits)
    slices = {part.key: part for part in slices_in(place)}
    if not slices:
        raise InputError(
            "no slice is beside it, and only they tell the pixels",
            file=content.path,
            advice="add --images DIR",
        )
    labels: dict[str, int] = {}
    pages = [page for file, data in sets for page in pages_of(file, data, slices, labels)]
    _refuse_doubled(content, pages)
    return gather(
        content,
        options,
        pages,
        format="dicom",
        parse=_parse,
        categories=list(labels.items()),
        declares=_declared,
    )


def _declared(page: Page) -> int:
    return len(page.decode(stray_decoder) if page.where == STRAYS else page.decode(slice_decoder).contours)


def _structure_sets(content: Content) -> Iterator[tuple[File, Any]]:
    place = content.place
    for name in place.names:
        file = place.file(name)
        if place.is_file or is_dicom(file):
            data = dataset(file)
            with format_errors(file, "no DICOM that can be read"):
                kind = str(data.get("SOPClassUID", ""))
            if kind == STRUCTURES:
                yield file, data


def _refuse_doubled(content: Content, pages: list[Page]) -> None:
    page_of_slice: dict[str, Page] = {}
    for page in pages:
        if page.where in page_of_slice and page.where != STRAYS:
            names = f"'{page_of_slice[page.where].file.name}' and '{page.file.name}'"
            raise InputError(
                f"{names} are structure sets of the {page.where}",
                file=content.path,
                advice="name one of them",
            )
        page_of_slice[page.where] = page


def _parse(page: Page, notes: Notes) -> ImageRecord | None:
    if page.where == STRAYS:
        notes.image, notes.no_image = page.file.name, True
        for stray in page.decode(stray_decoder):
            notes.leave_out(Omitted("unsupported", stray.reason, stray.what))
        return None
    slice_contours = page.decode(slice_decoder)
    part = slice_contours.slice
    with inside("$"):
        frame = notes.declared_frame(part.rows, part.columns)
    regions: dict[int, list[NDArray[np.float64]]] = {}
    labels = {contour.region: contour.label for contour in slice_contours.contours}
    for contour in slice_contours.contours:
        ring = notes.refusals.catch(f"{page.where}: {contour.where}", _ring, contour, part)
        if ring is None:
            notes.leave_out(MALFORMED)
        else:
            regions.setdefault(contour.region, []).append(ring)
    instances: list[Instance] = []
    for number, rings in regions.items():
        notes.declared, notes.joined = notes.declared + len(rings), notes.joined + len(rings) - 1
        instances.append(Instance(number, labels[number], (Polygon(rings[0], rings[1:]),)))
    return ImageRecord(PurePosixPath(part.name).stem, part.name, frame, tuple(instances))


def _ring(contour: Contour, part: Slice) -> NDArray[np.float64]:
    if not contour.label:
        raise Malformed("", "the region has no name")
    if len(contour.points) < 3 or len(contour.points[-1]) != 3:
        raise Malformed("", "a contour has at least 3 points of x, y and z")
    ring = part.pixels(contour.points)[:, :2]
    if not np.isfinite(ring).all():
        raise Malformed("", "a contour's coordinates must be finite numbers")
    return ring
