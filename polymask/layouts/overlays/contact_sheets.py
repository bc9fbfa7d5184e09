"""Overlays, small: thumbnails, and sheets of many of them by name."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from polymask.codecs.png import decode_color, encode_color
from polymask.layouts.overlays.blending import Pixels
from polymask.layouts.overlays.figures import VOID_NAME, Caption, caption_in, captioned_png
from polymask.layouts.overlays.legends import LegendRow, blank, legend_lines
from polymask.layouts.overlays.lettering import RULE, SOFT, shortened, write
from polymask.limits import Limits
from polymask.model import Frame
from polymask.wording import counted

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

THUMBNAIL = 200  # px, the longer side
COLUMNS, ROWS = 6, 8  # of a contact sheet
SHEET = COLUMNS * ROWS
_FEWEST = 3  # columns, so that title and legend have room
_LETTER, _TITLE, _MARGIN, _GAP = 13, 22, 28, 16  # px
_NAMES = 42  # px below a thumbnail for its name and counts
_MOST_LABELS = 30  # in a legend

Thumbnail = tuple[Pixels, Caption]


class ThumbnailBuilder:
    """Makes a thumbnail from strips: averages of blocks, then reduced further."""

    def __init__(self, frame: Frame) -> None:
        self.step = max(1, max(frame) // (4 * THUMBNAIL))
        self.blocks: list[Pixels] = []
        self.waiting = np.zeros((0, frame[1], 3), np.uint8)

    def add(self, strip: Pixels) -> None:
        """Take the next rows in; those that fill no block wait for more."""
        rows = np.concatenate([self.waiting, strip])
        whole = len(rows) // self.step * self.step
        self.waiting = rows[whole:].copy()
        if whole:
            self.blocks.append(self._reduced(rows[:whole]))

    def _reduced(self, rows: Pixels) -> Pixels:
        from PIL import Image

        return np.array(Image.fromarray(rows).reduce(self.step))

    def png(self, caption: Caption) -> bytes:
        """The thumbnail of all rows, with its caption."""
        last = [self._reduced(self.waiting)] if len(self.waiting) else []
        return thumbnail_png(np.concatenate([*self.blocks, *last]), caption)


def thumbnail_png(pixels: Pixels, caption: Caption) -> bytes:
    """PNG bytes of pixels, made small, with a caption as text."""
    from PIL import Image

    image = Image.fromarray(pixels)
    image.thumbnail((THUMBNAIL, THUMBNAIL))
    small = np.array(image)
    return captioned_png([small], (small.shape[0], small.shape[1]), caption)


def contact_sheets(rows: Sequence[bytes]) -> Iterator[bytes]:
    """PNG bytes of each sheet of thumbnails, 48 on one."""
    sheets = -(-len(rows) // SHEET)
    for number in range(sheets):
        note = f"Page {number + 1} of {sheets}" if sheets > 1 else ""
        page = rows[number * SHEET : (number + 1) * SHEET]
        yield contact_sheet(page, title=counted(len(rows), "image"), note=note)


def contact_sheet(rows: Sequence[bytes], *, title: str, note: str = "") -> bytes:
    """PNG bytes of one sheet of thumbnails, under a title and, on its right, a note."""
    return encode_color(_sheet([_read(row) for row in rows], title, note))


def _read(row: bytes) -> Thumbnail:
    pixels = decode_color(row, limits=Limits(max_pixels=THUMBNAIL**2))
    return pixels, caption_in(row) or Caption("", (1, 1), ())


def _sheet(images: Sequence[Thumbnail], title: str, note: str) -> Pixels:
    """A page: title and counts, the legend, and the thumbnails in rows, each above its name."""
    columns = min(COLUMNS, max(_FEWEST, len(images)))
    width = 2 * _MARGIN + columns * (THUMBNAIL + _GAP) - _GAP
    legend_rows = _all_labels(caption for _, caption in images)
    legend = legend_lines(legend_rows, width - 2 * _MARGIN, letter=_LETTER, most=_MOST_LABELS)
    top = 84 + legend.height + _GAP
    lines = [images[at : at + columns] for at in range(0, len(images), columns)]
    heights = [max(len(pixels) for pixels, _ in line) for line in lines]
    paper, pen = blank(width, top + sum(heights) + (_NAMES + _GAP) * len(lines) + _MARGIN - _GAP)
    write(
        pen, (_MARGIN, 36), shortened(title, _TITLE, width - 2 * _MARGIN - len(note) * _LETTER), size=_TITLE
    )
    write(pen, (width - _MARGIN, 36), note, size=_LETTER, ink=SOFT, right=True)
    write(pen, (_MARGIN, 64), " · ".join(Caption("", (1, 1), legend_rows).facts), size=_LETTER, ink=SOFT)
    paper.paste(legend, (_MARGIN, 84))
    for line, height in zip(lines, heights, strict=True):
        for column, image in enumerate(line):
            _paste(paper, pen, (_MARGIN + column * (THUMBNAIL + _GAP), top, height), image)
        top += height + _NAMES + _GAP
    return np.array(paper)


def _paste(
    paper: "Image.Image", pen: "ImageDraw.ImageDraw", place: tuple[int, int, int], image: Thumbnail
) -> None:
    """Paste a thumbnail in the middle of its cell, and write its name and counts below."""
    from PIL import Image

    (left, top, height), (pixels, caption) = place, image
    rows, columns, _ = pixels.shape
    box = (left, top, left + THUMBNAIL - 1, top + height - 1)
    pen.rectangle(box, fill=(244, 245, 248), outline=RULE)
    paper.paste(Image.fromarray(pixels), (left + (THUMBNAIL - columns) // 2, top + (height - rows) // 2))
    write(pen, (left, top + height + 14), shortened(caption.name, _LETTER, THUMBNAIL), size=_LETTER)
    write(pen, (left, top + height + 32), " · ".join(caption.facts), size=_LETTER - 1, ink=SOFT)


def _all_labels(captions: Iterable[Caption]) -> list[LegendRow]:
    """The labels of several images with their sums, the most painted first and void last."""
    sums: dict[str, LegendRow] = {}
    for row in (row for caption in captions for row in caption.rows):
        before = sums.get(row.name, LegendRow(row.name, row.color, 0, 0))
        known = before.instances is not None and row.instances is not None
        instances = (before.instances or 0) + (row.instances or 0) if known else None
        sums[row.name] = LegendRow(row.name, row.color, instances, before.pixels + row.pixels)
    return sorted(sums.values(), key=lambda row: (row.name == VOID_NAME, -row.pixels))
