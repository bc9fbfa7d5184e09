"""Sizes of pictures, read from their headers.

A picture's frame is its size as viewers show it: EXIF orientations 5 to 8 swap height and width.
The formats that take the size from the picture (VIA, YOLO, Label Studio, Dataloop) draw on that frame.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO

from polymask.codecs.png import DAMAGE
from polymask.errors import InputError, PolymaskError
from polymask.model import Frame
from polymask.storage.remote.urls import Location
from polymask.storage.source_files import File

if TYPE_CHECKING:
    from PIL import Image

PICTURES = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif")
EXIF_ORIENTATION = 0x0112
SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that swap height and width


def frame_of(file: File) -> Frame:
    """The (height, width) of a picture as viewers show it.

    Raises `InputError` for a file that is no picture.
    """
    try:
        with file.open() as opened:
            return _frame_of(opened, file.path)
    except OSError as error:
        raise InputError(f"the picture cannot be read: {error}", file=file.path) from None


def frame_of_bytes(data: bytes, path: Location) -> Frame:
    """The (height, width) of a picture in bytes; errors name `path`, the file that contains it."""
    return _frame_of(BytesIO(data), path)


def orientation_of(picture: "Image.Image") -> int:
    """The EXIF orientation by which a picture must still be turned; Pillow turns TIFFs itself."""
    from PIL import Image

    if picture.format == "TIFF":
        return 1
    # the getexif of Pillow's PNG class would decode the pixels
    return int(Image.Image.getexif(picture).get(EXIF_ORIENTATION, 1))


def _frame_of(opened: BinaryIO, path: Location) -> Frame:
    try:
        with opened_picture(opened, header=True) as picture:
            width, height = picture.size
            orientation = orientation_of(picture)
    except InputError as error:
        raise error.within(file=path) from None
    return (width, height) if orientation in SIDEWAYS else (height, width)


@contextmanager
def opened_picture(source: BinaryIO, *, header: bool = False) -> "Iterator[Image.Image]":
    """Open a picture of a supported kind; any failure, also in later decoding, becomes `InputError`.

    Pillow's warning of a decompression bomb refuses a picture, except when only the `header` is read:
    there `--max-pixels` limits the frame.
    """
    from PIL import Image, UnidentifiedImageError  # late: formats that know their frames need no pictures

    bombs = (Image.DecompressionBombError, Image.DecompressionBombWarning)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # warnings of odd metadata
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with _identified(source) if header else Image.open(source, formats=PICTURES) as opened:
                yield opened
    except PolymaskError:
        raise
    except UnidentifiedImageError:
        raise InputError(f"no picture of a kind that is read ({', '.join(PICTURES)})") from None
    except (*DAMAGE, *bombs) as error:
        raise InputError(f"the picture cannot be read: {error}") from None


def _identified(source: BinaryIO) -> "Image.Image":
    """Open a picture by its kind as `PIL.Image.open` does, but without the check of its size."""
    from PIL import Image, UnidentifiedImageError

    Image.preinit()  # only the usual kinds, because all kinds take longer to load
    prefix = source.read(16)
    for kind in PICTURES:
        if kind not in Image.OPEN:
            Image.init()
        factory, accepts = Image.OPEN[kind]
        source.seek(0)
        if accepts is None or accepts(prefix) is True:
            with suppress(*DAMAGE):
                return factory(source, "")
    raise UnidentifiedImageError
