"""ImageJ ROIs: `.roi` files, and the zips of the ROI Manager, read by roifile (extra `imagej`).

A zip belongs to the picture of the same name. A ROI's name is its label, except for names that the ROI
Manager assigns automatically (0012-0345). Source: ImageJ's `RoiDecoder` and the documentation of roifile.
"""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath
from typing import Any

import msgspec
import numpy as np

from polymask.codecs.picture_files import PictureFinder
from polymask.errors import InputError, NotFound
from polymask.extras import DAMAGE, library
from polymask.formats import Annotations, ReadOptions
from polymask.formats.drawing.shapes import ellipse, rectangle
from polymask.formats.reading.content import Content
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.images.addresses import picture_frame
from polymask.formats.reading.notes import Notes, ReadAnnotation
from polymask.formats.reading.records import gather
from polymask.formats.reading.refusals import Malformed, inside
from polymask.formats.reading.texts.pages import Page, rows_at
from polymask.ledger import Omitted
from polymask.model import Frame, ImageRecord, Instance, Polygon, Shape
from polymask.storage.source_files import File, Place

MANY = True
MAGIC, LABEL = b"Iout", "object"
_ZIP = b"PK\x03\x04"
_AUTOMATIC_NAME = re.compile(r"\d{4}-\d{4}(-\d{4})?(-\d+)?|")  # assigned by the ROI Manager
_AREAS = ("POLYGON", "FREEHAND", "TRACED", "RECT", "OVAL")

FACTS = Facts(
    title="ImageJ ROIs",
    source="ImageJ's `RoiDecoder`, and the documentation of roifile",
    files="A `.zip` of the ROI Manager, or a `.roi` file, named as the picture is; a folder of both, where "
    "`.roi` files without such a picture are of one picture, named as the folder. Needs `pip install "
    "'polymask[imagej]'`.",
    sniffed="a file that begins with `Iout`, or a zip with such in it",
    read=(
        ("name", "the label"),
        ("coordinates", "one ring of x, y in pixels, of a part of a pixel where the ROI has them"),
        ("type", "polygon, freehand, traced, rectangle, oval, composite"),
        ("paths", "the rings of a composite, filled even-odd"),
    ),
    ignored="Colors, strokes, groups, positions in a stack of one picture.",
    rings="A ROI is one ring; the rings of a composite are filled even-odd, as ImageJ fills them.",
    order="The order of the zip; later ROIs are painted over earlier ones.",
    labels=f"Sorted by name. ROIs that have no name of their own are `{LABEL}`, or the `--default-label`.",
    frame="That of the picture of the zip's (or file's) name, in the same folder or below `--images`.",
    limits=(
        "Lines, points, angles, curved composites, rounded rectangles, ROIs of other slices are left alone "
        "and listed, and the run exits 1.",
        "Ovals are the ellipses in their boxes, by the rule of pixel centers.",
    ),
    sample="imagej/boat.zip",
)


def sniff(content: Content) -> bool:
    """Whether the file is a ROI, or a zip of ROIs."""
    if content.data[:4] == _ZIP:
        try:
            return b".roi" in content.data.lower() and bool(_rois(Place(content.path, content.place.limits)))
        except (InputError, NotFound):
            return False
    return content.data[:4] == MAGIC


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each zip, and for each folder of `.roi` files."""
    pictures = _pictures(content, options)
    return gather(
        content,
        options,
        _pages(content, pictures),
        format="imagej",
        parse=partial(_parse, pictures=pictures),
        declares=rows_at(),
        pictures=pictures,
    )


def _pictures(content: Content, options: ReadOptions) -> PictureFinder:
    """Finds the pictures, which lie beside a zip that is the source itself."""
    folder = Place(content.path.parent, options.limits) if content.place.zip else content.place
    return PictureFinder(folder, options.images)


def _pages(content: Content, pictures: PictureFinder) -> Iterator[Page]:
    """A page for each zip, each `.roi` file with a picture of its name, and each folder of other ones.

    Its text is the list of the ROIs' names.
    """
    place = content.place
    if place.is_file:
        yield Page(place.file(content.name), "", msgspec.json.encode([content.name]))
        return
    folders: dict[str, list[str]] = {}
    for name in _in_order(place):
        path = PurePosixPath(name)
        if path.suffix.lower() == ".roi":
            if not place.zip and _has_picture(name, pictures):
                yield Page(place.file(name), "", msgspec.json.encode([name]))
            else:
                folders.setdefault(str(path.parent), []).append(name)
        elif path.suffix.lower() == ".zip" and not place.zip:
            inner = Place(place.root / name, place.limits)
            yield Page(File(inner.path, name, inner), "", msgspec.json.encode(_rois(inner)))
    for folder, names in folders.items():
        name_of_page = content.path.name if folder == "." else folder
        yield Page(File(content.path / folder, name_of_page, place), "", msgspec.json.encode(names))


def _has_picture(roi: str, pictures: PictureFinder) -> bool:
    try:
        return pictures.find_stem(roi[: -len(".roi")], beside=roi) is not None
    except InputError:  # several: reported when the page is parsed
        return True


def _rois(place: Place) -> list[str]:
    return [name for name in _in_order(place) if name.lower().endswith(".roi")]


def _in_order(place: Place) -> list[str]:
    """The files of a place; those of a zip in its own order, which is the paint order."""
    visible = set(place.names)
    return [name for name in (place.zip.sizes if place.zip else place.names) if name in visible]


def _parse(page: Page, notes: Notes, pictures: PictureFinder) -> ImageRecord:
    stem = str(PurePosixPath(page.file.name).with_suffix("")) if page.file.name else page.file.path.name
    name, frame = picture_frame(stem, pictures, notes)
    instances: list[Instance] = []
    for roi in msgspec.json.decode(page.text or b"[]", type=list[str]):
        instances += notes.take(roi, _instance, page.file.place.read(roi), roi, frame, notes)
    return ImageRecord(PurePosixPath(name).stem, name, frame, tuple(instances))


def _instance(data: bytes, name: str, frame: Frame, notes: Notes) -> ReadAnnotation:
    roi = _roi(data)
    key = PurePosixPath(name).stem
    label = roi.name if roi.name and not _AUTOMATIC_NAME.fullmatch(roi.name) else ""
    if reason := _refusal(roi):
        return Omitted("unsupported", reason, f"ROI {key}" + (f" (label '{label}')" if label else ""))
    with inside(""):
        return Instance(key, label or notes.options.default_label or LABEL, _shape(roi, frame))


def _roi(data: bytes) -> Any:
    roifile = library("roifile", extra="imagej", reader="ImageJ's ROIs")
    try:
        return roifile.ImagejRoi.frombytes(data)
    except DAMAGE as error:
        raise Malformed("", f"no ROI that can be read: {error}") from None


def _refusal(roi: Any) -> str | None:
    """Why a ROI is no area of the picture; None where it is one."""
    kind = roi.roitype.name
    if kind not in _AREAS or roi.subtype.name in ("TEXT", "ARROW", "IMAGE"):
        return f"a ROI of the type {kind.lower()} is no area"
    if max(roi.position, roi.z_position, roi.t_position) > 1:
        return "it lies on another picture of a stack"
    if kind == "RECT" and roi.rounded_rect_arc_size and not roi.composite:
        return "a rectangle with rounded corners"
    if roi.composite and kind == "RECT" and not _is_straight(roi):
        return "a composite with curves"
    return None


def _is_straight(roi: Any) -> bool:
    try:
        roi.coordinates(multi=True)
    except NotImplementedError:
        return False
    except DAMAGE as error:
        raise Malformed("", f"a composite whose path is broken: {error}") from None
    return True


def _shape(roi: Any, frame: Frame) -> Shape:
    if roi.roitype.name in ("RECT", "OVAL") and not roi.composite:
        left, top, right, bottom = _box(roi)
        if roi.roitype.name == "RECT":
            return (rectangle((left, top), (right, bottom)),)
        radii = (right - left) / 2, (bottom - top) / 2
        return ellipse((left + radii[0], top + radii[1]), radii, frame)
    rings = [np.asarray(ring, np.float64) for ring in roi.coordinates(multi=True)]
    if not rings or any(len(ring) < 3 for ring in rings):
        raise Malformed("", "a ring has at least 3 points")
    return (Polygon(rings[0], rings[1:]),)


def _box(roi: Any) -> tuple[float, float, float, float]:
    if roi.subpixelrect:
        return roi.xd, roi.yd, roi.xd + roi.widthd, roi.yd + roi.heightd
    return roi.left, roi.top, roi.right, roi.bottom
