"""Overlays, small: thumbnails, and sheets of many of them by name."""

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from polymask.codecs.png import encode_color
from polymask.layouts import Drawn
from polymask.model import Frame

THUMBNAIL = 160  # px, the longer side
COLUMNS, ROWS = 8, 12  # of a contact sheet
SHEET = COLUMNS * ROWS
_CAPTION = 14

Pixels = NDArray[np.uint8]


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

    def png(self) -> bytes:
        """The thumbnail of all rows."""
        last = [self._reduced(self.waiting)] if len(self.waiting) else []
        return thumbnail_png(np.concatenate([*self.blocks, *last]))


def thumbnail_png(pixels: Pixels) -> bytes:
    """PNG bytes of pixels, made small."""
    from PIL import Image

    small = Image.fromarray(pixels)
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    return encode_color(np.array(small))


def contact_sheet(drawn: Sequence[Drawn]) -> bytes:
    """PNG bytes: the thumbnails in rows, each above its name."""
    from PIL import Image, ImageDraw, ImageFont

    columns = min(COLUMNS, len(drawn))
    cell = THUMBNAIL + 8
    sheet = Image.new("RGB", (columns * cell, -(-len(drawn) // columns) * (cell + _CAPTION)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for number, image in enumerate(drawn):
        left, top = number % columns * cell, number // columns * (cell + _CAPTION)
        with Image.open(BytesIO(image.row), formats=("PNG",)) as small:
            sheet.paste(small, (left + (cell - small.width) // 2, top + (cell - small.height) // 2))
        name = image.name if len(image.name) <= 26 else f"…{image.name[-25:]}"
        pen.text((left + 4, top + cell), name, fill="black", font=font)
    return encode_color(np.array(sheet))
