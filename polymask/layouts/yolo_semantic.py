"""Ultralytics semantic segmentation: `images/<split>`, `masks/<split>/<name>.png` and `data.yaml`.

Masks are gray, values are the keys of the YAML's `names`: 0 is background and a class like
the others. 255 is ignored by loss and metrics.
Source: docs.ultralytics.com/datasets/semantic, "PNG mask format".
"""

import json
import re
from collections.abc import Iterable, Iterator

from polymask.labels import LabelMap
from polymask.layouts import Drawn, LayoutOptions, stem
from polymask.layouts.facts import Facts
from polymask.layouts.reading import Folder, MaskFolder, masks_by_split, png_folder, read_bytes
from polymask.layouts.splits import lines
from polymask.layouts.tables import classes_to, gray_mask, require_8_bits
from polymask.semantic import Painting
from polymask.urls import in_order

IMAGES = "images/{split}"
INDEX = True
FILE = "data.yaml"

FACTS = Facts(
    title="YOLO semantic segmentation",
    source="docs.ultralytics.com/datasets/semantic, PNG mask format",
    files=(
        ("masks/<split>/<name>.png", "the index mask, gray, 8 bit"),
        ("data.yaml", "the splits, masks_dir and the names of the values"),
        ("images/<split>/", "with --copy-images: the pictures"),
    ),
    values=(
        ("0", "background, a class like the others"),
        ("1 … 254", "labels: the keys of `names`"),
        ("255", "void: ignored by loss and metrics"),
    ),
    limits=(
        "8 bit: label maps with values above 255 are refused.",
        "Classes are counted, so values without a label are named `unused-<value>`.",
    ),
    read_back="As it is; labels.json, else the YAML, names the values.",
    shown="data.yaml",
)


def check(options: LayoutOptions) -> None:
    """Raise `LabelError` for label maps that need 16 bits."""
    require_8_bits(options.label_map, "yolo-semantic")


def paths(name: str, options: LayoutOptions) -> tuple[str, ...]:
    """The mask."""
    return (f"masks/{options.split_of(name)}/{stem(name)}.png",)


def draw(painting: Painting, options: LayoutOptions) -> Drawn:
    """The index mask as gray PNG."""
    return gray_mask(painting, paths(painting.record.name, options)[0])


def finish(drawn: Iterable[Drawn], options: LayoutOptions) -> Iterator[tuple[str, bytes]]:
    """The YAML: where the splits lie, from its own folder on, and the names. JSON strings are YAML's too."""
    splits = [
        f"{split if split.isidentifier() else json.dumps(split)}: {json.dumps(f'images/{split}')}"
        for split in options.all_splits
    ]
    names = [
        f"  {value}: {json.dumps(name, ensure_ascii=False)}"
        for value, name in enumerate(classes_to(options.label_map))
    ]
    yield FILE, lines([*splits, "masks_dir: masks", "names:", *names])


def open_folder(folder: Folder) -> MaskFolder | None:
    """The masks of all splits; labels.json or the YAML names their values."""
    tables = [path for path in in_order(folder.glob("*.yaml")) if b"masks_dir: masks" in read_bytes(path)]
    if not tables or not (folder / "masks").is_dir():
        return None
    named = _from_yaml(read_bytes(tables[0]).decode("utf-8-sig"))
    return png_folder(folder, "yolo-semantic", masks_by_split(folder, "masks"), label_map=named)


def _from_yaml(text: str) -> LabelMap:
    """The lines `  7: name`; what else YAML allows is not needed to name values."""
    found = re.findall(r"^\s+(\d+):\s*(.+?)\s*$", text, re.MULTILINE)
    return LabelMap.from_values(
        {json.loads(name) if name.startswith('"') else name.strip("'"): int(value) for value, name in found}
    )
