"""Text in pictures: Pillow's font, and for what that lacks a font of the system."""

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

from PIL import ImageDraw, ImageFont

INK, SOFT, RULE = (23, 26, 32), (84, 92, 105), (217, 221, 228)  # text, what is beside it, thin lines
# Fonts that many systems have, those with most scripts first
_OTHERS = (
    "NotoSansCJK-Regular.ttc", "NotoSans-Regular.ttf", "DejaVuSans.ttf", "Arial Unicode.ttf", "msyh.ttc",
    "Hiragino Sans GB.ttc", "arial.ttf", "Arial.ttf",
)  # fmt: skip
_NO_CHARACTER = "\U0010ffff"


@cache
def _fonts(size: int) -> Sequence[Any]:
    """The fonts to draw with, the one that comes with Pillow first: ASCII looks the same everywhere."""
    fonts: list[Any] = [ImageFont.load_default(size)]
    for name in _OTHERS:
        try:
            fonts.append(ImageFont.truetype(name, size))
        except OSError:
            continue
    return fonts


@lru_cache(4096)
def _has(font: Any, character: str) -> bool:
    """Whether a font draws a character, and not the box that stands for those it lacks."""
    box, glyph = font.getmask(_NO_CHARACTER), font.getmask(character)
    return (glyph.size, bytes(glyph)) != (box.size, bytes(box))


@lru_cache(4096)
def _drawable(text: str, size: int) -> tuple[str, Any]:
    """A text and a font that has all of it; without one, the escapes of what no font has."""
    for font in _fonts(size):
        if all(character.isspace() or _has(font, character) for character in set(text)):
            return text, font
    return text.encode("ascii", "backslashreplace").decode(), _fonts(size)[0]


def width_of(text: str, size: int) -> int:
    """The width of a line of text in pixels."""
    line, font = _drawable(text, size)
    return int(font.getlength(line)) + 1


def shortened(text: str, size: int, most: int) -> str:
    """A text, cut in its middle so that it is at most `most` pixels wide.

    Examples:
        >>> shortened("cat", 12, 100)
        'cat'
        >>> shortened("a very long name of a picture.png", 12, 100)
        'a very ...ture.png'
    """
    if width_of(text, size) <= most:
        return text
    kept = len(text)
    while kept > 2 and width_of(_cut(text, kept), size) > most:
        kept -= 1
    return _cut(text, kept)


def _cut(text: str, kept: int) -> str:
    return f"{text[: kept - kept // 2 - 1]}...{text[len(text) - kept // 2 :]}"


def write(
    pen: ImageDraw.ImageDraw,
    at: tuple[int, int],
    text: str,
    *,
    size: int,
    ink: tuple[int, int, int] = INK,
    right: bool = False,
) -> None:
    """Draw a line of text from its middle left (or, with `right`, to its middle right) point."""
    line, font = _drawable(text, size)
    pen.text(at, line, fill=ink, font=font, anchor="rm" if right else "lm")
