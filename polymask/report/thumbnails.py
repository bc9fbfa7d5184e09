"""The pictures of a report, found by name and reduced to fit into the file."""

from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from io import BytesIO
from pathlib import Path

from PIL import Image

from polymask.codecs.picture_files import PictureFinder
from polymask.codecs.pixels import reduced
from polymask.errors import InputError
from polymask.formats import Annotations
from polymask.model import Frame
from polymask.storage.image_names import stem
from polymask.storage.remote.urls import Location
from polymask.storage.source_files import Place

# (longest side, JPEG quality), from a large screen to a postage stamp
SIZES = (
    (1600, 92),
    (1600, 80),
    (1280, 75),
    (1024, 75),
    (800, 70),
    (640, 65),
    (480, 60),
    (320, 50),
    (192, 45),
)
LARGE_SIZES = ((4096, 90), (2560, 90))  # for so few pictures that one zooms into each, and memory holds them
FEW = 3


class ReportPictures:
    """The pictures of a report: those of its annotations, else those with the names of its masks."""

    def __init__(
        self, annotations: Annotations | None, masks: Location | None, images: Location | None
    ) -> None:
        self.annotations, self.masks, self.images = annotations, masks, images

    def read(self, name: str, index: int) -> bytes | None:
        """The bytes of the picture of the image at `index`, or None where there is none."""
        try:
            if self.annotations is not None:
                if self.annotations.picture is not None and self.images is None:
                    return self.annotations.picture(index)
                if file := self.annotations.picture_file(index):
                    return file.read()
            file = (
                self._finder.find_stem(name if self.annotations is None else stem(name))
                if self._finder
                else None
            )
            return file.read() if file else None
        except (OSError, ValueError):  # a report without the picture is better than no report
            return None

    @cached_property
    def _finder(self) -> PictureFinder | None:
        """Finds pictures by the names of masks; a bucket is not searched."""
        masks = self.masks
        if masks is None or not (isinstance(masks, Path) or masks.listing):
            return PictureFinder(Place(self.images), self.images) if self.images else None
        return PictureFinder(Place(masks), self.images)


def small_jpeg(data: bytes, frame: Frame, size: tuple[int, int]) -> bytes:
    """A picture as JPEG, upright, at most `size[0]` px long; raises `InputError` for another file."""
    return _jpeg(reduced(BytesIO(data), frame, size[0]), size)


def _jpeg(picture: Image.Image, size: tuple[int, int]) -> bytes:
    (side, quality), out = size, BytesIO()
    small = picture.copy()
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    small.save(out, "JPEG", quality=quality, subsampling=0 if quality > 90 else 2)
    return out.getvalue()


def best_size(examples: Sequence[tuple[bytes, Frame]], count: int, budget: int) -> tuple[int, int] | None:
    """The largest size at which `count` pictures like the examples fit; None where none fit."""
    pictures, candidates = [], (*LARGE_SIZES, *SIZES) if count <= FEW else SIZES
    for data, frame in examples:
        with suppress(InputError):  # `add_pictures` reports it
            pictures.append(reduced(BytesIO(data), frame, candidates[0][0]))
    for size in candidates:
        sizes = [len(_jpeg(picture, size)) for picture in pictures]
        if sizes and sum(sizes) / len(sizes) * count * 4 / 3 <= budget:
            return size
    return None
