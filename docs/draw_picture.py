"""Draws the docs' pictures from the fixture: sample.png (polygons, their mask) and look.png (a preview).

`python docs/draw_picture.py`; with `--check`, fails where a picture is not up to date.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import polymask

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "fixtures" / "aerial"
DOCS = ROOT / "docs"
GAP, LEGEND, SWATCH, ENTRY = 16, 56, 24, 180


def with_outlines(record: polymask.ImageRecord, label_map: polymask.LabelMap) -> Image.Image:
    """The picture with every ring drawn over it in its label's color."""
    picture = Image.open(SAMPLE / record.name).convert("RGB")
    draw = ImageDraw.Draw(picture)
    colors = {label.name: label.color for label in label_map.labels}
    for instance in record.instances:
        for polygon in instance.shape if isinstance(instance.shape, tuple) else ():
            points = [tuple(point) for point in polygon.exterior.tolist()]
            draw.line([*points, points[0]], fill=(255, 255, 255), width=4, joint="curve")
            draw.line([*points, points[0]], fill=colors[instance.label], width=2, joint="curve")
    return picture


def mask_picture(record: polymask.ImageRecord, label_map: polymask.LabelMap) -> Image.Image:
    """The index mask in its labels' colors."""
    return Image.fromarray(label_map.palette()[polymask.index_mask(record, label_map)])


def legend(label_map: polymask.LabelMap, size: tuple[int, int]) -> Image.Image:
    """A colored square and a name for each label."""
    canvas = Image.new("RGB", size, (255, 255, 255))
    draw = ImageDraw.Draw(canvas)
    top = (size[1] - SWATCH) // 2
    for number, label in enumerate(label_map.labels):
        draw.rectangle((number * ENTRY, top, number * ENTRY + SWATCH, top + SWATCH), fill=label.color)
        place = (number * ENTRY + SWATCH + 8, size[1] // 2)
        draw.text(place, label.name, fill=(40, 40, 40), anchor="lm", font=ImageFont.load_default(24))
    return canvas


def sheet() -> Image.Image:
    """The picture on the left, its mask on the right, the legend below."""
    label_map = polymask.LabelMap.from_source(SAMPLE / "instances.json")
    (record,) = polymask.read(SAMPLE / "instances.json")
    left, right = with_outlines(record, label_map), mask_picture(record, label_map)
    width, height = left.size
    canvas = Image.new("RGB", (2 * width + GAP, height + LEGEND), (255, 255, 255))
    canvas.paste(left, (0, 0))
    canvas.paste(right, (width + GAP, 0))
    canvas.paste(legend(label_map, (2 * width + GAP, LEGEND)), (0, height))
    return canvas


def look() -> Image.Image:
    """What `polymask preview -o look.png` makes of the fixture."""
    with tempfile.TemporaryDirectory() as folder:
        polymask.preview(SAMPLE / "instances.json", f"{folder}/look.png")
        return Image.open(f"{folder}/look.png").convert("RGB")


def is_current(drawn: Image.Image, path: Path) -> bool:
    """Whether a picture looks as it was drawn, however its letters and colors are rounded."""
    stored, new = (np.array(picture.convert("RGB"), int) for picture in (Image.open(path), drawn))
    return stored.shape == new.shape and bool(np.abs(new - stored).mean() <= 4)


def main() -> None:
    """Write the pictures, or compare them."""
    pictures = {"sample.png": sheet().quantize(256), "look.png": look()}  # the latter in its exact colors
    for name, drawn in pictures.items():
        if "--check" not in sys.argv:
            drawn.save(DOCS / name, optimize=True)
        elif not is_current(drawn, DOCS / name):
            sys.exit(f"docs/{name} is not up to date: run python docs/draw_picture.py")


if __name__ == "__main__":
    main()
