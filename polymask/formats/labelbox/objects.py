"""A drawn object, in the form that all dialects share → an instance."""

import msgspec
import numpy as np

from polymask.codecs.png import opened_png
from polymask.errors import FormatError
from polymask.formats.drawing.legend import packed
from polymask.formats.drawing.shapes import base64_bytes, crop_runs, polygon, rectangle
from polymask.formats.reading.notes import Notes, ReadAnnotation
from polymask.formats.reading.refusals import Malformed, decode_json, inside
from polymask.ledger import BOX, Omitted
from polymask.limits import Limits
from polymask.model import BoolMask, Frame, Instance, Runs
from polymask.storage.source_files import File

NULL = msgspec.Raw(b"null")
FETCHES_NONE = "its mask is an address, and polymask opens none"
GEOGRAPHIC = "in longitude and latitude, not in pixels"
OF_VIDEO = "an object of a video; only pictures are converted"


class XY(msgspec.Struct):
    """A corner in pixels."""

    x: float
    y: float


class _Box(msgspec.Struct):
    top: float
    left: float
    height: float
    width: float


_ring = msgspec.json.Decoder(list[XY])
_box = msgspec.json.Decoder(_Box)


class MaskPicture(msgspec.Struct, frozen=True, kw_only=True):
    """The mask of an object: at an address, possibly one color among others, or embedded in the file."""

    address: str = ""
    color: tuple[int, int, int] | None = None
    png: str = ""


class DrawnObject(msgspec.Struct, frozen=True, kw_only=True):
    """An object in the form that all dialects share; `kind` is the name of its drawing tool."""

    key: int | str
    name: str
    kind: str = ""
    polygon: msgspec.Raw = NULL
    box: msgspec.Raw = NULL
    mask: MaskPicture | None = None
    geographic: bool = False


def outcome_of(drawing: DrawnObject, frame: Frame, notes: Notes) -> ReadAnnotation:
    """The instance of an object, or the reason why it is omitted."""
    if drawing.geographic:
        return Omitted("unsupported", GEOGRAPHIC, f"object {drawing.key}")
    if _is_there(drawing.polygon):
        with inside("$.polygon"):
            points = [(point.x, point.y) for point in decode_json(drawing.polygon, _ring)]
            return Instance(drawing.key, _name(drawing), (polygon(points),))
    if _is_there(drawing.box):
        return _rectangle(drawing) if notes.options.boxes else BOX
    if drawing.mask:
        return _masked(drawing, drawing.mask, frame, notes)
    return Omitted("unsupported", f"'{drawing.kind}' encloses nothing", f"object {drawing.key}")


def _is_there(text: msgspec.Raw) -> bool:
    return bytes(text) != b"null"


def _name(drawing: DrawnObject) -> str:
    if not drawing.name:
        raise Malformed("$.name", "an object without a name")
    return drawing.name


def _rectangle(drawing: DrawnObject) -> Instance:
    with inside("$.bounding_box"):
        box = decode_json(drawing.box, _box)
        corner = box.left + box.width, box.top + box.height
        return Instance(drawing.key, _name(drawing), (rectangle((box.left, box.top), corner),))


def _masked(drawing: DrawnObject, picture: MaskPicture, frame: Frame, notes: Notes) -> ReadAnnotation:
    with inside("$.mask"):
        file = None if picture.png else _file(drawing, picture, notes)
        if not (file or picture.png):
            reason = "no file below --masks is called as its mask" if notes.options.masks else FETCHES_NONE
            return Omitted("linked", reason, f"object {drawing.key}")
        name, limits = _name(drawing), notes.options.limits
        if notes.frame_unknown:
            return Instance(drawing.key, name, ())
        mask = mask_in(file.read() if file else base64_bytes(picture.png), picture.color, limits)
        if mask.shape != frame:
            problem = (
                f"a mask of {mask.shape[0]} × {mask.shape[1]} px for an image of {frame[0]} × {frame[1]}"
            )
            raise Malformed("$", problem + (f": {file.path}" if file else ""))
        return Instance(drawing.key, name, runs_of(mask, frame))


def _file(drawing: DrawnObject, picture: MaskPicture, notes: Notes) -> File | None:
    """The mask's file below `--masks`: by the object's id unless objects share it, else by its address."""
    if not (masks := notes.options.masks):
        return None
    by_id = masks.named(str(drawing.key)) if picture.color is None else None
    return by_id or masks.linked(picture.address)


def runs_of(mask: BoolMask, frame: Frame) -> Runs:
    """The runs of a mask of the image's size."""
    return crop_runs(mask, (0, 0), frame)


def mask_in(data: bytes, color: tuple[int, int, int] | None, limits: Limits) -> BoolMask:
    """The (height, width) bool mask in a PNG: the pixels of a color, else all but black and transparent ones.

    Raises `Malformed` for other bytes, and `LimitError`, before it allocates memory, for a PNG that is
    too large.
    """
    try:
        with opened_png(data, limits) as opened:
            is_16_bit = opened.mode.startswith("I")
            pixels = np.array(opened if is_16_bit else opened.convert("RGBA"))
    except FormatError as error:
        raise Malformed("$", str(error)) from None
    codes = pixels if is_16_bit else packed(pixels)
    if color is None:
        return np.asarray(codes != 0, bool)
    red, green, blue = color
    return np.asarray(codes == (red << 16 | green << 8 | blue), bool)
