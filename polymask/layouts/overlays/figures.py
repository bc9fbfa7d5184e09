"""An overlay as a figure: a title above the picture and a legend beside it, on light paper."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from polymask.codecs.png import decode_color, encode_color_strips, text_in
from polymask.errors import FormatError, LimitError
from polymask.labels.label_map import LabelMap
from polymask.labels.palettes import label_colors
from polymask.layouts.overlays.blending import Pixels
from polymask.layouts.overlays.legends import PAPER, LegendRow, blank, legend_table
from polymask.layouts.overlays.lettering import SOFT, shortened, width_of, write
from polymask.limits import Limits
from polymask.model import Frame
from polymask.painting.painting import Painting
from polymask.wording import counted

if TYPE_CHECKING:
    from PIL import Image

VOID_NAME = "void"
_KEY = "polymask"  # of the caption, among the PNG's texts
_LETTERS = 50  # letters' sizes along a square picture's side
_SMALLEST = 13  # px of a letter
_FEWEST_ROWS = 24  # of a legend, however low the picture is


@dataclass(frozen=True, slots=True)
class Caption:
    """What a figure says of its image; `at` is the picture's first row and column in the figure."""

    name: str
    frame: Frame
    rows: Sequence[LegendRow]
    at: tuple[int, int] = (0, 0)

    @property
    def facts(self) -> list[str]:
        """How many instances, where they are known, and how many labels."""
        instances = [row.instances for row in self.rows if row.instances is not None]
        known = [counted(sum(instances), "instance")] if len(instances) == len(self.rows) else []
        return [*known, counted(sum(row.name != VOID_NAME for row in self.rows), "label")]


def caption_of(painting: Painting, palette: str) -> Caption:
    """The caption of a painted record."""
    instances, pixels, record = Counter(painting.values), painting.pixels, painting.record
    counts = {value: (instances[value], pixels.get(value, 0)) for value in {*instances, *pixels}}
    return captioned(record.name, record.frame, counts, label_map=painting.label_map, palette=palette)


def captioned(
    name: str,
    frame: Frame,
    counts: Mapping[int, tuple[int | None, int]],
    *,
    label_map: LabelMap,
    palette: str,
) -> Caption:
    """The caption of an image by the instances and pixels of each value, the most painted label first."""
    colors, names = label_colors(label_map, palette), {label.value: label.name for label in label_map.labels}
    names.setdefault(label_map.void, VOID_NAME)
    rows = [LegendRow(names[value], colors[value], *counts[value]) for value in names if value in counts]
    return Caption(name, frame, sorted(rows, key=lambda row: -row.pixels))


def figure_png(strips: Iterable[Pixels], caption: Caption) -> bytes:
    """PNG bytes of a figure around the picture that strips make, with its caption as text; see `parts_of`."""
    page = _Page(caption)
    return captioned_png(page.strips(strips), page.frame, replace(caption, at=(page.top, page.left)))


def captioned_png(strips: Iterable[Pixels], frame: Frame, caption: Caption) -> bytes:
    """PNG bytes of strips, with a caption as text."""
    return encode_color_strips(strips, frame, text=(_KEY, json.dumps(asdict(caption))))


def parts_of(data: bytes, *, limits: Limits | None = None) -> tuple[Pixels, Caption | None]:
    """The picture in a figure, and its caption; of another PNG its pixels, without caption.

    Raises `FormatError` for bytes that are no such PNG, `LimitError` above `limits`.
    """
    caption = caption_in(data)
    if caption is None:
        return decode_color(data, limits=limits), None
    (limits or Limits()).check_frame("an overlay", caption.frame)
    pixels = decode_color(data, limits=Limits(max_pixels=_most_pixels(caption.frame)))
    (top, left), (height, width) = caption.at, caption.frame
    return pixels[top : top + height, left : left + width], replace(caption, at=(0, 0))


def picture_in(data: bytes, *, limits: Limits | None = None) -> Pixels:
    """The picture in a figure, (height, width, 3) uint8; raises the errors of `parts_of`."""
    return parts_of(data, limits=limits)[0]


def caption_in(data: bytes) -> Caption | None:
    """The caption of a figure or thumbnail; None for another PNG. Raises `FormatError` for other bytes."""
    try:
        caption = msgspec.json.decode(text_in(data, _KEY), type=Caption)
    except msgspec.DecodeError:
        return None
    return caption if min(caption.frame) > 0 <= min(caption.at) else None


def is_same_figure(png: bytes, other: bytes) -> bool:
    """Whether two figures have the same picture and caption, whatever font their letters are drawn in."""
    if png == other:
        return True
    try:
        (pixels, caption), (other_pixels, other_caption) = parts_of(png), parts_of(other)
    except (FormatError, LimitError):
        return False
    return caption == other_caption and np.array_equal(pixels, other_pixels)


def _letter(frame: Frame) -> int:
    """The size of letters in px, which grows with the picture."""
    return max(_SMALLEST, round(math.sqrt(frame[0] * frame[1]) / _LETTERS))


def _most_pixels(frame: Frame) -> int:
    """The pixels of the largest page around a picture: what is read is bounded by the picture's frame."""
    letter = _letter(frame)
    return (frame[0] + 60 * letter) * (frame[1] + 80 * letter)


class _Page:
    """Where things lie on the page of a figure, in pixels."""

    def __init__(self, caption: Caption) -> None:
        height, width = caption.frame
        self.letter = _letter(caption.frame)
        most = max(_FEWEST_ROWS, int(height / (1.7 * self.letter)) - 2)
        self.legend = legend_table(caption.rows, height * width, letter=self.letter, most=most)
        self.title = _title(caption, self.letter, width + self.legend.width)
        self.top, self.left, self.beside = self.title.height, self.letter, width + 3 * self.letter
        wide = max(self.beside + self.legend.width, self.title.width)
        self.frame = self.top + max(height, self.legend.height) + self.letter, wide

    def strips(self, strips: Iterable[Pixels]) -> Iterator[Pixels]:
        """The rows of the page, from the rows of its picture."""
        legend, at = np.asarray(self.legend), 0
        yield self._rows(self.top, {0: np.asarray(self.title)})
        for strip in strips:
            yield self._rows(len(strip), {self.left: strip, self.beside: legend[at : at + len(strip)]})
            at += len(strip)
        yield self._rows(self.frame[0] - self.top - at, {self.beside: legend[at:]})

    def _rows(self, count: int, parts: Mapping[int, Pixels]) -> Pixels:
        rows = np.full((count, self.frame[1], 3), PAPER, np.uint8)
        for left, pixels in parts.items():
            rows[: len(pixels), left : left + pixels.shape[1]] = pixels
        return rows


def _title(caption: Caption, letter: int, room: int) -> "Image.Image":
    """The image's name, and below it its size and counts."""
    large, (height, width) = round(1.4 * letter), caption.frame
    name = shortened(caption.name, large, max(room, 30 * letter))
    facts = " · ".join([f"{width:,} x {height:,} px", *caption.facts])
    wide = max(width_of(name, large), width_of(facts, letter)) + 2 * letter
    paper, pen = blank(wide, round(4.3 * letter))
    write(pen, (letter, round(1.5 * letter)), name, size=large)
    write(pen, (letter, round(3.1 * letter)), facts, size=letter, ink=SOFT)
    return paper
