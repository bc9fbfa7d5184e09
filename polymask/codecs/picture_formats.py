"""Pictures as JPEG or PNG, for loaders that look for one suffix: nothing is turned, scaled or dropped.

A picture that is of the format already keeps its bytes. Else its pixels are stored anew, upright or not as
they were: EXIF, with the orientation in it, and the color profile go along. JPEG is written at quality 95
without subsampling of colors, so it is near, and never equal; what JPEG has no room for is refused.
"""

from io import BytesIO
from typing import TYPE_CHECKING, Any

from polymask.codecs.pictures import opened_picture
from polymask.errors import InputError

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
