"""Pictures as JPEG or PNG, for loaders that look for one suffix: nothing is turned, scaled or dropped.

A picture that is of the format already keeps its bytes. Else its pixels are stored anew, upright or not as
they were: EXIF, with the orientation in it, and the color profile go along. JPEG is written at quality 95
without subsampling of colors, so it is near, and never equal; what JPEG has no room for is refused.

Pictures that are cut into windows or scaled are upright as their masks, and keep the color profile only.
"""

from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from polymask.codecs.pictures import opened_picture
from polymask.codecs.pixels import is_turned, other_size, resampled, upright_in
from polymask.errors import InputError
from polymask.model import Frame, Window

if TYPE_CHECKING:
    from PIL import Image

FORMATS = {"jpg": "JPEG", "png": "PNG"}
_SAVED: dict[str, dict[str, Any]] = {"jpg": {"quality": 95, "subsampling": 0}, "png": {}}
_HELD = {"jpg": ("L", "RGB", "CMYK"), "png": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")}
_SAME_IN_RGB = ("P", "YCbCr", "CMYK", "RGBA", "LA")  # where no pixel is transparent
_SAME_IN_GRAY = ("1",)


def as_format(data: bytes, suffix: str, *, mode: str = "") -> bytes:
    """A picture's bytes as `jpg` or `png`; with `mode`, a PNG of exactly that mode.

    Raises `InputError` for what is no picture, is damaged, or does not fit without loss of bits or
    transparency.

    Examples:
        >>> from PIL import Image
        >>> Image.new("RGB", (2, 1), (9, 8, 7)).save(bmp := BytesIO(), "BMP")
        >>> with Image.open(BytesIO(as_format(bmp.getvalue(), "png"))) as picture:
        ...     picture.format, picture.getpixel((0, 0))
        ('PNG', (9, 8, 7))
    """
    with opened_picture(BytesIO(data)) as picture:
        if picture.format == FORMATS[suffix] and mode in ("", picture.mode):
            return data
        extra = {"exif": picture.getexif().tobytes(), "icc_profile": picture.info.get("icc_profile")}
        kept = {name: value for name, value in extra.items() if value}
        stored = BytesIO()
        _fitting(picture, suffix, mode).save(stored, FORMATS[suffix], **_SAVED[suffix], **kept)
    return stored.getvalue()


def require_frame(data: bytes, declared: Frame) -> None:
    """Raise `InputError` for a picture that has another (height, width) than its annotations declare.

    What is no picture that can be read has no size, and passes.
    """
    try:
        with opened_picture(BytesIO(data), header=True) as picture:
            problem = other_size(picture, declared)
    except InputError:
        return
    _refuse(problem)


def _refuse(problem: str) -> None:
    if problem:
        raise InputError(
            problem,
            advice="name the folder of the right pictures with --images DIR, or leave --copy-images out",
        )


def cut_picture(
    data: bytes, suffix: str, *, declared: Frame, frame: Frame, mode: str = ""
) -> Callable[[Window], bytes]:
    """A function from windows to these parts of a picture, as `jpg` or `png`; the picture is decoded once.

    The picture is turned upright, where that is the (height, width) frame that its annotations declare, and
    scaled to `frame`, in which the windows (row, column, height, width) lie. Raises `InputError` as
    `as_format` does, and where the picture has another size than `declared`.

    Examples:
        >>> from PIL import Image
        >>> Image.new("RGB", (4, 2), (9, 8, 7)).save(bmp := BytesIO(), "BMP")
        >>> cut = cut_picture(bmp.getvalue(), "png", declared=(2, 4), frame=(2, 4))
        >>> with Image.open(BytesIO(cut((0, 1, 1, 3)))) as part:
        ...     part.size
        (3, 1)
    """
    with opened_picture(BytesIO(data), header=True) as picture:
        _refuse(other_size(picture, declared))
        whole = upright_in(picture, turned=is_turned(picture, declared))
        whole.load()
        profile = {"icc_profile": kept} if (kept := picture.info.get("icc_profile")) else {}
        whole = _fitting(whole if frame == declared else _resampled(whole, frame), suffix, mode)

    def cut(window: Window) -> bytes:
        row, column, height, width = window
        stored = BytesIO()
        part = whole.crop((column, row, column + width, row + height))
        part.save(stored, FORMATS[suffix], **_SAVED[suffix], **profile)
        return stored.getvalue()

    return cut


def _resampled(picture: "Image.Image", frame: Frame) -> "Image.Image":
    from PIL import Image

    if picture.mode in ("P", "CMYK", "YCbCr"):
        picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    elif picture.mode == "1":
        picture = picture.convert("L")
    return Image.fromarray(resampled(np.array(picture), frame))


def _fitting(picture: "Image.Image", suffix: str, mode: str) -> "Image.Image":
    """The picture in a mode that the format holds, with the same colors."""
    held = (mode,) if mode else _HELD[suffix]
    if picture.mode in held:
        return picture
    if _is_opaque(picture):
        if picture.mode in _SAME_IN_RGB and "RGB" in held:
            return picture.convert("RGB")
        if picture.mode in (*_SAME_IN_GRAY, "L"):
            return picture.convert("L" if "L" in held else "RGB")
    raise InputError(
        f"a picture of mode {picture.mode} cannot be stored as {mode or FORMATS[suffix]} without loss",
        advice="leave --copy-images out, and convert it yourself",
    )


def _is_opaque(picture: "Image.Image") -> bool:
    if not picture.has_transparency_data:
        return True
    return picture.convert("RGBA").getchannel("A").getextrema() == (255, 255)
