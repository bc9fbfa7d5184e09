"""Draws docs/sample.png from the fixture: polygons over pictures, and their masks beside them.

`python docs/draw_picture.py`; with `--check`, fails where the picture is not up to date.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import polymask

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "fixtures" / "shapes"
PICTURE = ROOT / "docs" / "sample.png"
SCALE, GAP = 4, 12


def with_outlines(record: polymask.ImageRecord, label_map: polymask.LabelMap) -> Image.Image:
    """The picture, enlarged, with every ring drawn over it in its label's color."""
    height, width = record.frame
    picture = Image.open(SAMPLE / "images" / record.name).convert("RGB")
    large = picture.resize((width * SCALE, height * SCALE), Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(large)
    colors = {label.name: label.color for label in label_map.labels}
    for instance in record.instances:
        for polygon in instance.shape if isinstance(instance.shape, tuple) else ():
            points = [tuple(point) for point in (polygon.exterior * SCALE).tolist()]
            draw.line([*points, points[0]], fill=(255, 255, 255), width=4)
            draw.line([*points, points[0]], fill=colors[instance.label], width=2)
    return large


def mask_picture(record: polymask.ImageRecord, label_map: polymask.LabelMap) -> Image.Image:
    """The index mask in its labels' colors, enlarged."""
    mask = polymask.index_mask(record, label_map)
    return Image.fromarray(label_map.palette()[mask]).resize(
        (mask.shape[1] * SCALE, mask.shape[0] * SCALE), Image.Resampling.NEAREST
    )


def sheet() -> Image.Image:
    """Pictures on the left, masks on the right."""
    label_map = polymask.LabelMap.from_source(SAMPLE / "instances.json")
    records = [record for record in polymask.read(SAMPLE / "instances.json") if record.instances]
    rows = [(with_outlines(record, label_map), mask_picture(record, label_map)) for record in records]
    width, height = rows[0][0].size
    canvas = Image.new("RGB", (2 * width + GAP, len(rows) * (height + GAP) - GAP), (255, 255, 255))
    for number, pair in enumerate(rows):
        for side, picture in enumerate(pair):
            canvas.paste(picture, (side * (width + GAP), number * (height + GAP)))
    return canvas


def main() -> None:
    """Write the picture, or compare it."""
    drawn = sheet()
    if "--check" not in sys.argv:
        drawn.save(PICTURE, optimize=True)
    elif not np.array_equal(np.array(drawn), np.array(Image.open(PICTURE))):
        sys.exit("docs/sample.png is not up to date: run python docs/draw_picture.py")


if __name__ == "__main__":
    main()
