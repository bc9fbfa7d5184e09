"""A mask over its picture: see-through colors, and outlines that stand out on any ground and at any size."""

import math
from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from polymask.codecs.pixels import size_problem, upright
from polymask.errors import InputError
from polymask.labels.palettes import colored
from polymask.model import Frame, IndexMask
from polymask.painting.painting import Painting
from polymask.raster.painted import fill
from polymask.validation import Color

if TYPE_CHECKING:
    from PIL import Image

ALPHA = 55  # percent
GRAY = 110
STRIP_PIXELS = 1 << 17  # pixels that are blended at a time, about 40 bytes each
_LINES = 600  # widths of a line along a square picture's side: a good pixel of a screen
_WEIGHTS = (299, 587, 114)  # of red, green, blue in lightness, in thousandths. Source: ITU-R BT.601
_MIDDLE = 110  # the lightness above which a color is a light one

Pixels = NDArray[np.uint8]


class Layer(Protocol):
    """What lies over a picture: label values, and who owns each pixel."""

    frame: Frame

    def index(self, top: int, bottom: int) -> IndexMask:
        """The label values of the rows from `top` to `bottom`."""

    def owners(self, top: int, bottom: int) -> NDArray[np.int32]:
        """A number for each pixel of these rows; outlines part unequal ones."""


class PaintedLayer:
    """The instances of a painting; outlines part instances."""

    def __init__(self, painting: Painting) -> None:
        self.painting, self.frame = painting, painting.record.frame

    def index(self, top: int, bottom: int) -> IndexMask:
        """The label values of the rows."""
        return fill(self.painting.painted.within(top, bottom), self.painting.label_map.dtype)

    def owners(self, top: int, bottom: int) -> NDArray[np.int32]:
        """The instance on top of each pixel of the rows."""
        return self.painting.owners(top, bottom)


class MaskLayer:
    """A stored mask, which knows no instances; outlines part labels."""

    def __init__(self, mask: IndexMask) -> None:
        self.mask, self.frame = mask, (mask.shape[0], mask.shape[1])

    def index(self, top: int, bottom: int) -> IndexMask:
        """The label values of the rows."""
        return self.mask[top:bottom]

    def owners(self, top: int, bottom: int) -> NDArray[np.int32]:
        """The label values again."""
        return self.mask[top:bottom].astype(np.int32)


class Backdrop:
    """The rows of a picture at the mask's size; gray without a picture."""

    def __init__(self, picture: "Image.Image | None", frame: Frame) -> None:
        self.picture, self.frame = picture, frame

    @classmethod
    def of(cls, data: bytes | None, frame: Frame, name: str, *, annotated: Frame | None = None) -> "Backdrop":
        """The picture in a file's bytes, scaled to a frame.

        Raises `InputError` for what is no picture, and for a picture of another size than `annotated`, where
        that frame is known: on it, the labels would lie wrongly.
        """
        try:
            if data is not None and annotated and (problem := size_problem(BytesIO(data), annotated)):
                raise InputError(problem)
            return cls(upright(BytesIO(data), frame) if data is not None else None, frame)
        except InputError as error:
            raise InputError(f"{name}: {error}", advice="leave --images out for gray") from None

    def rows(self, top: int, bottom: int) -> Pixels:
        """(bottom - top, width, 3) uint8."""
        width = self.frame[1]
        if self.picture is None:
            return np.full((bottom - top, width, 3), GRAY, np.uint8)
        return np.array(self.picture.crop((0, top, width, bottom)).convert("RGB"))


def line_width(frame: Frame) -> int:
    """The width in pixels of each of the two lines of an outline; it grows with the picture.

    Examples:
        >>> line_width((120, 160)), line_width((3000, 4000))
        (1, 6)
    """
    return max(1, round(math.sqrt(frame[0] * frame[1]) / _LINES))


def blended_strips(layer: Layer, backdrop: Backdrop, colors: dict[int, Color]) -> Iterator[Pixels]:
    """The overlay in strips of whole rows; outlines need some rows above and below each strip."""
    height, width = layer.frame
    line = line_width(layer.frame)
    rows = max(STRIP_PIXELS // width, 2 * line)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        above, below = min(top, 2 * line), min(height - bottom, 2 * line)
        outer, inner = outlines(layer.owners(top - above, bottom + below), line)
        strip = slice(above, above + bottom - top)
        index = layer.index(top, bottom)
        yield blended(backdrop.rows(top, bottom), index, (outer[strip], inner[strip]), colors)


def blended(
    picture: Pixels,
    mask: IndexMask,
    lines: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    colors: dict[int, Color],
) -> Pixels:
    """A (height, width, 3) uint8 picture with a mask's colors on top.

    Inside, the color lies see-through on the picture in gray, so that the hue is the label's whatever the
    picture's is. The outer line is the label's color itself, the inner one black or white, whichever is
    further from it: one of the two stands out on any ground. What no label paints is left as it is.

    Examples:
        >>> flat = np.zeros((1, 3, 3), np.uint8)
        >>> mask = np.array([[0, 1, 1]], np.uint8)
        >>> blended(flat, mask, outlines(mask.astype(np.int32), 1), {1: (200, 0, 0)})[..., 0].tolist()
        [[0, 200, 255]]
    """
    outer, inner = lines
    pixels, of_labels = picture.copy(), colored(mask, colors)
    painted = np.isin(mask, list(colors))
    gray = (100 - ALPHA) * _lightness(picture).astype(np.uint16) + 50
    mixed = gray[..., None] + ALPHA * of_labels.astype(np.uint16)
    contrast = np.where(_lightness(of_labels) > _MIDDLE, np.uint8(0), np.uint8(255))
    np.copyto(pixels, mixed // 100, where=painted[..., None], casting="unsafe")
    np.copyto(pixels, contrast[..., None], where=(painted & inner)[..., None])
    np.copyto(pixels, of_labels, where=(painted & outer)[..., None])
    return pixels


def _lightness(pixels: Pixels) -> NDArray[np.uint8]:
    """(height, width) uint8, in whole numbers, so that it is the same on any machine."""
    total = np.full(pixels.shape[:2], 500, np.uint32)
    for band, weight in enumerate(_WEIGHTS):
        total += pixels[..., band].astype(np.uint32) * np.uint32(weight)
    return (total // 1000).astype(np.uint8)


def outlines(owners: NDArray[np.int32], line: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The pixels of the outer and of the inner line along both sides of each boundary between owners.

    Examples:
        >>> outer, inner = outlines(np.array([[0, 1, 1, 1, 1]], np.int32), 1)
        >>> outer.tolist(), inner.tolist()
        ([[True, True, False, False, False]], [[False, False, True, False, False]])
    """
    edges = _edges(owners)
    outer, both = _widened(edges, line - 1), _widened(edges, 2 * line - 1)
    return outer, both & ~outer


def _edges(owners: NDArray[np.int32]) -> NDArray[np.bool_]:
    edges = np.zeros(owners.shape, bool)
    across, down = owners[:, 1:] != owners[:, :-1], owners[1:] != owners[:-1]
    edges[:, 1:] |= across
    edges[:, :-1] |= across
    edges[1:] |= down
    edges[:-1] |= down
    return edges


def _widened(edges: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    """The pixels at most `by` rows and columns away."""
    import cv2

    kernel = np.ones((2 * by + 1, 2 * by + 1), np.uint8)
    wide: NDArray[np.bool_] = cv2.dilate(edges.view(np.uint8), kernel).view(bool)
    return wide
