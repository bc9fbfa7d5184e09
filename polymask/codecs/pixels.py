"""The pixels of pictures, upright as they are annotated: at full size for training, reduced for viewing.

Annotations usually lie on the picture as viewers show it, turned by its EXIF orientation. If the
annotated frame only fits the picture as stored, it stays as stored.
Source: Exif 2.32, tag 0x0112.
"""

from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from polymask.codecs.pictures import SIDEWAYS, opened_picture, orientation_of
from polymask.errors import InputError, LimitError
from polymask.limits import Limits
from polymask.model import Frame
from polymask.storage.remote.urls import Location

if TYPE_CHECKING:
    from PIL import Image

DEEP = {"I;16": np.uint16, "I;16L": np.uint16, "I;16B": np.uint16, "I": np.int32, "F": np.float32}
MOST_DECODED = 1 << 27  # pixels of a picture that is decoded whole before it is reduced: 0.5 GB
MOST_REDUCED = 1 << 30  # pixels of a picture that is reduced while it is read


def read_picture(path: Location, frame: Frame, *, limits: Limits | None = None) -> NDArray[Any]:
    """A picture's (height, width, 3) pixels, upright in the frame of its annotations; 8 bits give uint8.

    Gray pictures of more bits keep their values, as uint16, int32 or float32, repeated in three channels.
    Raises `InputError` for a file that is no picture, `LimitError` above `limits`.
    """
    try:
        with path.open("rb") as source, opened_picture(source, header=True) as picture:
            (limits or Limits()).check_frame(str(path), (picture.height, picture.width))
            return _pixels(upright_in(picture, turned=is_turned(picture, frame)))
    except LimitError:
        raise
    except InputError as error:
        raise InputError(f"{error}", file=path, advice="replace it by one that opens") from None


def resampled(pixels: NDArray[Any], frame: Frame) -> NDArray[Any]:
    """A picture's pixels at (height, width): averages of areas where it becomes smaller, else linear.

    Source: OpenCV's `INTER_AREA` and `INTER_LINEAR`.

    Examples:
        >>> resampled(np.array([[0, 100, 200, 200]], np.uint8), (1, 2)).tolist()
        [[50, 200]]
    """
    import cv2

    height, width = frame
    smaller = height * width < pixels.shape[0] * pixels.shape[1]
    interpolation = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    is_int32 = pixels.dtype == np.int32  # OpenCV cannot resize int32
    resized: NDArray[Any] = cv2.resize(
        pixels.astype(np.float64) if is_int32 else pixels, (width, height), interpolation=interpolation
    )
    return np.rint(resized).astype(np.int32) if is_int32 else resized


def _pixels(picture: "Image.Image") -> NDArray[Any]:
    if picture.mode in DEEP:
        gray = np.array(picture).astype(DEEP[picture.mode])
        return np.repeat(gray[..., None], 3, axis=2)
    return np.array(picture if picture.mode == "RGB" else picture.convert("RGB"))


def is_turned(picture: "Image.Image", frame: Frame) -> bool:
    """Whether a picture must be turned by its EXIF orientation to fit a (height, width) frame."""
    orientation = orientation_of(picture)
    if orientation in SIDEWAYS:
        (width, height), (h, w) = picture.size, frame
        as_stored = width != height and (width > height, height > width) == (w > h, h > w)
        return not as_stored
    return orientation != 1


def upright_in(picture: "Image.Image", *, turned: bool) -> "Image.Image":
    """The picture, turned by its EXIF orientation if it is `turned`."""
    from PIL import ImageOps

    return ImageOps.exif_transpose(picture) if turned else picture


def other_size(picture: "Image.Image", frame: Frame) -> str:
    """What is wrong where a picture has another (height, width) than its annotations; else an empty text.

    A picture that is shown turned has either of its sizes.

    Examples:
        >>> from PIL import Image
        >>> other_size(Image.new("L", (6, 4)), (4, 6)), other_size(Image.new("L", (6, 4)), (6, 4))
        ('', 'the picture is 4 × 6 px, its annotations are of 6 × 4')
    """
    is_sideways = is_turned(picture, frame) and orientation_of(picture) in SIDEWAYS
    width, height = picture.size[::-1] if is_sideways else picture.size
    if (height, width) == frame:
        return ""
    return f"the picture is {height} × {width} px, its annotations are of {frame[0]} × {frame[1]}"


def size_problem(source: BinaryIO, frame: Frame) -> str:
    """`other_size` of a file; raises `InputError` for a source that is no picture."""
    with opened_picture(source, header=True) as picture:
        return other_size(picture, frame)


def upright(source: BinaryIO, frame: Frame) -> "Image.Image":
    """A picture for viewing, upright, in the size of a (height, width) frame; RGB unless it has fewer bytes.

    Raises `InputError` for a source that is no picture.
    """
    with opened_picture(source, header=True) as picture:
        _refuse_large(picture, max(MOST_DECODED, frame[0] * frame[1]))
        shown = upright_in(picture, turned=is_turned(picture, frame))
        shown.load()  # decode here, so that errors are raised here
        if shown.mode in DEEP:
            shown = for_people(np.asarray(shown))
        size = frame[1], frame[0]
        return shown if shown.size == size else shown.convert("RGB").resize(size)


def reduced(source: BinaryIO, frame: Frame, side: int) -> "Image.Image":
    """A picture for viewing: RGB, upright, at most `side` px long.

    Where the kind allows, the picture is reduced while it is read. Of more than 8 bits, the least value
    becomes black and the largest white. Raises `InputError` for a source that is no picture, and
    for a picture that is too large to be decoded whole.
    """
    from PIL import Image

    with opened_picture(source, header=True) as picture:
        turned = is_turned(picture, frame)
        _refuse_large(picture, MOST_REDUCED if _is_reduced_while_read(picture) else MOST_DECODED)
        picture.draft("RGB", (side, side))
        small = upright_in(_smaller(picture, side), turned=turned)
        small.thumbnail((side, side), Image.Resampling.LANCZOS)
        return small


def _is_reduced_while_read(picture: "Image.Image") -> bool:
    """Whether reading reduces: a progressive JPEG needs all coefficients in memory before its first pixel."""
    return picture.format == "JPEG" and "progressive" not in picture.info


def _refuse_large(picture: "Image.Image", most: int) -> None:
    if picture.width * picture.height > most:
        raise InputError(
            (
                f"{picture.width:,} × {picture.height:,} px are too many for a {picture.format} "
                f"picture to be shown, at most {most:,}"
            ),
            advice="save it smaller, or as baseline JPEG, which is reduced while read",
        )


def _smaller(picture: "Image.Image", side: int) -> "Image.Image":
    """The picture as RGB, reduced to about twice `side`, without a full-size copy in memory."""
    factor = max(1, max(picture.size) // (2 * side))
    if picture.mode in DEEP:
        return for_people(np.asarray(picture)[::factor, ::factor])
    if factor > 1 and picture.mode in ("L", "RGB", "RGBA", "CMYK"):
        return picture.reduce(factor).convert("RGB")
    return picture.convert("RGB")


def for_people(values: NDArray[Any]) -> "Image.Image":
    """(height, width) values of more than 8 bits as an RGB picture: the least black, the largest white.

    Examples:
        >>> for_people(np.array([[0, 2000, 4000]], np.uint16)).getpixel((1, 0))
        (128, 128, 128)
    """
    from PIL import Image

    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    scaled = np.clip((values.astype(np.float32) - low) * (255 / ((high - low) or 1.0)), 0, 255)
    return Image.fromarray(np.rint(np.nan_to_num(scaled)).astype(np.uint8)).convert("RGB")
