"""Legends: what color is which label, with its counts, drawn as pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from polymask.layouts.overlays.lettering import INK, RULE, SOFT, shortened, width_of, write
from polymask.validation import Color
from polymask.wording import counted

PAPER = (255, 255, 255)
_LONGEST_NAME = 18  # letters' sizes
_LINE = 1.7  # letters' sizes from one row to the next
_HEAD = ("Label", "Instances", "Pixels", "Of image")


@dataclass(frozen=True, slots=True)
class LegendRow:
    """A label of a legend; `instances` is None where they are not known."""

    name: str
    color: Color
    instances: int | None
    pixels: int


def blank(width: int, height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """An empty piece of paper, and a pen for it."""
    paper = Image.new("RGB", (width, height), PAPER)
    return paper, ImageDraw.Draw(paper)


def legend_table(rows: Sequence[LegendRow], of: int, *, letter: int, most: int) -> Image.Image:
    """A table of labels with their counts and their share of `of` pixels; at most `most` of them."""
    line, swatch = round(_LINE * letter), letter + letter // 2
    lines = [_HEAD, *(_cells(row, of, letter) for row in rows[:most])]
    if any(row.instances is None for row in rows):
        lines = [(name, *counts) for name, _, *counts in lines]
    widths = [max(width_of(cell, letter) for cell in column) for column in zip(*lines, strict=True)]
    last = _last_line(len(rows), most)
    wide = swatch + sum(widths) + letter * (len(widths) - 1)
    paper, pen = blank(max(wide, width_of(last, letter)) + letter, line * (len(lines) + bool(last)))
    for number, cells in enumerate(lines):
        middle = number * line + line // 2
        if number:
            draw_swatch(pen, (0, middle), letter, rows[number - 1].color)
        write(pen, (swatch, middle), cells[0], size=letter, ink=INK if number else SOFT)
        right = swatch + widths[0]
        for cell, width in zip(cells[1:], widths[1:], strict=True):
            right += width + letter
            write(pen, (right, middle), cell, size=letter, ink=INK if number else SOFT, right=True)
    pen.line([(0, line), (wide, line)], fill=RULE, width=max(1, letter // 14))
    write(pen, (0, paper.height - line // 2), last, size=letter, ink=SOFT)
    return paper


def _cells(row: LegendRow, of: int, letter: int) -> tuple[str, ...]:
    name = shortened(row.name, letter, _LONGEST_NAME * letter)
    return name, f"{row.instances or 0:,}", f"{row.pixels:,}", f"{100 * row.pixels / of:.1f} %"


def _last_line(count: int, most: int) -> str:
    if not count:
        return "Nothing is painted."
    return f"and {counted(count - most, 'more label')}" if count > most else ""


def draw_swatch(pen: ImageDraw.ImageDraw, at: tuple[int, int], letter: int, color: Color) -> None:
    """A square in a label's color, from its middle left point."""
    left, middle = at
    box = (left, middle - letter // 2, left + letter, middle + letter - letter // 2)
    pen.rectangle(box, fill=color, outline=SOFT)


def legend_lines(rows: Sequence[LegendRow], width: int, *, letter: int, most: int) -> Image.Image:
    """Labels with their counts side by side, in columns, as many as fit into `width` pixels."""
    line, swatch = round(_LINE * letter), letter + letter // 2
    texts = [
        (shortened(row.name, letter, _LONGEST_NAME * letter), f"{_instances(row)}{row.pixels:,} px")
        for row in rows[:most]
    ]
    names = [width_of(name, letter) for name, _ in texts]
    widest = max((a + width_of(text, letter) for a, (_, text) in zip(names, texts, strict=True)), default=0)
    cell = swatch + widest + 3 * letter
    columns = max(1, width // cell)
    last = _last_line(len(rows), most)
    lines = -(-len(texts) // columns) + bool(last)
    paper, pen = blank(max(width, cell), line * lines)
    for number, (row, name, (text, counts)) in enumerate(zip(rows, names, texts, strict=False)):
        left, middle = number % columns * cell, number // columns * line + line // 2
        draw_swatch(pen, (left, middle), letter, row.color)
        write(pen, (left + swatch, middle), text, size=letter)
        write(pen, (left + swatch + name + letter // 2, middle), counts, size=letter, ink=SOFT)
    write(pen, (0, paper.height - line // 2), last, size=letter, ink=SOFT)
    return paper


def _instances(row: LegendRow) -> str:
    return "" if row.instances is None else f"{counted(row.instances, 'instance')} · "
