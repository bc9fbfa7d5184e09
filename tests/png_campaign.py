"""Nasty masks as PNGs, read by others: `python -m tests.png_campaign 10000`.

Each mask is written by the compiled kernel and by its twin, which must give the same bytes, and
decoded by zlib, Pillow and OpenCV, and by isal and pyspng where they are installed, which must give the mask.
"""

import importlib
import random
import sys
import zlib
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
from PIL import Image

from polymask import native
from polymask.codecs import scanlines
from polymask.codecs.painted_png import encode, encode_colors
from polymask.labels.voc_palette import voc_colors
from polymask.raster.painted import PaintedSpans, scan

Mask = np.ndarray[Any, Any]
WINDOW = 32768
TWIN_SPANS = 1000  # beyond, the twin takes seconds


def frame(rng: random.Random) -> tuple[int, int]:
    """Small, one row, one column, about as wide as the window, or wider than a match reaches."""
    around = rng.randint(-3, 3)
    return rng.choice(
        [
            (rng.randint(1, 12), rng.randint(1, 12)),
            (rng.randint(1, 60), rng.randint(1, 90)),
            (1, rng.choice([rng.randint(1, 900), WINDOW + around, 65_535, 70_000])),
            (rng.choice([rng.randint(1, 900), 65_535]), 1),
            (rng.randint(400, 900), rng.randint(300, 900)),
            (rng.randint(2, 3), WINDOW // rng.choice([1, 2, 3, 4]) + around),
            (
                rng.randint(1, 5),
                rng.choice([256, 257, 258, 259, 260, 261, 515, 516, 517, 518, 519, 520]) + around,
            ),
        ]
    )


def mask_of(rng: random.Random, frame: tuple[int, int], most: int) -> Mask:
    """Noise, a checkerboard, blocks, rows that repeat or move by a pixel, or nothing but one value."""
    height, width = frame
    values = np.random.default_rng(rng.randrange(2**32))
    shades = values.integers(0, most + 1, rng.choice([1, 2, 3, 40]))
    kind = rng.randrange(6)
    if kind == 0:
        return shades[values.integers(0, len(shades), frame)]
    if kind == 1:
        return shades[np.add.outer(np.arange(height), np.arange(width)) % min(2, len(shades))]
    if kind == 2:
        mask = np.full(frame, rng.choice([0, int(shades[0])]))
        mask[height // 2, width // 2 :] = shades[0]
        return mask
    tall, wide = rng.randint(1, 9), rng.choice([1, 3, 15, 16, 17, 300])
    blocks = shades[values.integers(0, len(shades), (height // tall + 1, width // wide + 1))]
    mask = np.repeat(np.repeat(blocks, tall, 0), wide, 1)[:height, :width]
    if kind == 3:
        return mask
    if kind == 4:
        return np.stack([np.roll(mask[0], values.integers(-2, 3)) for _ in range(height)])
    mask[values.integers(0, 2, height).astype(bool)] = 0
    return mask


def installed(*names: str) -> Iterator[Any]:
    """Those of the libraries that can be imported."""
    for name in names:
        with suppress(ImportError):
            yield importlib.import_module(name)


INFLATERS = [zlib, *installed("isal.isal_zlib")]
SPNG = list(installed("pyspng"))


def decoded(data: bytes) -> list[Mask]:
    """The pixels as Pillow, OpenCV and pyspng read them, colors as red, green, blue and alpha."""
    with Image.open(BytesIO(data)) as image:
        pillow = np.array(image)
        if image.mode == "P":
            return [pillow]
    other = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert other is not None
    if other.ndim == 3:
        other = other[..., [2, 1, 0, 3][: other.shape[2]]]
    return [pillow, other, *(library.load(data).reshape(pillow.shape) for library in SPNG)]


def scanlines_of(pixels: Mask) -> bytes:
    """A filter type, 0, before each row; 16 bits with the high byte first."""
    lines = pixels.astype(pixels.dtype.newbyteorder(">")).view(np.uint8).reshape(len(pixels), -1)
    return np.pad(lines, ((0, 0), (1, 0))).tobytes()


def check(painted: PaintedSpans, data: bytes, pixels: Mask, table: Mask | None = None) -> None:
    """Raise `AssertionError` where a decoder, or the twin, says something else."""
    pixel = pixels.dtype.itemsize * (pixels.shape[2] if pixels.ndim == 3 else 1)
    stream = scanlines.zlib_stream(painted, pixel=pixel, table=table)
    for library in INFLATERS:
        assert library.decompress(stream) == scanlines_of(pixels)
    for seen in decoded(data):
        np.testing.assert_array_equal(seen, pixels)
    if native.compiled and len(painted) <= TWIN_SPANS:
        assert scanlines.written(painted, pixel=pixel, table=table) == stream


def try_mask(rng: random.Random) -> None:
    """One mask in one of the five kinds of PNG."""
    size = frame(rng)
    kind = rng.choice(["gray", "gray16", "palette", "rgb", "rgba"])
    most = rng.choice([1, 255, 65535]) if kind == "gray16" else rng.choice([1, 255])
    mask = np.ascontiguousarray(mask_of(rng, size, most), np.uint16 if kind == "gray16" else np.uint8)
    background = rng.choice([0, int(mask[0, 0]), most])
    painted = scan(mask, background=background)
    if kind in ("rgb", "rgba"):
        bands = len(kind)
        colors = (
            np.random.default_rng(rng.randrange(99))
            .integers(0, rng.choice([2, 256]), (256, bands))
            .astype(np.uint8)
        )
        colors[0] = 0
        check(painted, encode_colors(painted, colors), colors[mask], colors)
        return
    palette = voc_colors() if kind == "palette" else None
    check(painted, encode(painted, depth=16 if kind == "gray16" else 8, palette=palette), mask)


def campaign(masks: int, seed: int) -> None:
    """Try masks; the first that is wrong raises."""
    with patch.object(Image, "MAX_IMAGE_PIXELS", None):  # for this campaign alone
        for number in range(masks):
            try:
                try_mask(random.Random(f"{seed} {number}"))
            except AssertionError as error:
                error.add_note(f"mask {number} of seed {seed}")
                raise


if __name__ == "__main__":
    count = int(sys.argv[1])
    campaign(count, 20261127)
    readers = ", ".join(library.__name__ for library in (*INFLATERS, *SPNG))
    print(f"{count:,} masks: the same bytes from either kernel, the same pixels by Pillow, cv2, {readers}")
