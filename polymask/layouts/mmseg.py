"""mmsegmentation: `img_dir/<split>`, `ann_dir/<split>/<name>.png` and `metainfo.py` for the config.

Masks are gray, values are positions in METAINFO's `classes`: 0 is background, a class like
the others. Void (255) is mmsegmentation's `ignore_index`. With `reduce_zero_label=True` the
loader turns 0 into void and subtracts 1 from all other values; `metainfo.py` holds the
METAINFO for both.
Source: mmsegmentation 1.x, "Prepare datasets" and `LoadAnnotations`.
"""

import json
from collections.abc import Iterable, Iterator

from polymask.codecs.painted_png import Encoding
from polymask.layouts import Drawn, LayoutOptions, stem
from polymask.layouts.common.facts import LayoutFacts
from polymask.layouts.common.lookup import classes_to, gray, gray_mask, palette_of, require_8_bits
from polymask.layouts.common.read_back import Folder, MaskFolder, masks_by_split, png_folder
from polymask.painting.painting import Painting

IMAGES = "img_dir/{split}"
MASKS = "ann_dir/{split}"
INDEX = True

FACTS = LayoutFacts(
    title="mmsegmentation",
    source="mmsegmentation 1.x, Prepare datasets, LoadAnnotations",
    files=(
        ("ann_dir/<split>/<name>.png", "the index mask, gray, 8 bit"),
        ("metainfo.py", "METAINFO for the config, with and without background"),
        ("img_dir/<split>/", "with --copy-images: the pictures"),
    ),
    values=(
        ("reduce_zero_label=False", "0 is background, a class like the others: use METAINFO"),
        (
            "reduce_zero_label=True",
            "the loader turns 0 into 255, which is ignored, and every other value into itself minus one: "
            "use METAINFO_REDUCED",
        ),
        ("255", "void: mmsegmentation's ignore_index, under both"),
    ),
    limits=(
        "8 bit: label maps with values above 255 are refused.",
        "Classes are counted, so values without a label are named `unused-<value>`.",
    ),
    read_back="As it is; labels.json names the values.",
    shown="metainfo.py",
)


def check(options: LayoutOptions) -> None:
    """Raise `LabelError` for label maps that need 16 bits."""
    require_8_bits(options.label_map, "mmseg")


def paths(name: str, options: LayoutOptions) -> tuple[str, ...]:
    """The mask."""
    return (f"ann_dir/{options.split_of(name)}/{stem(name)}.png",)


def encoding(options: LayoutOptions) -> Encoding:
    """Gray PNGs."""
    return gray(options.label_map)


def draw(painting: Painting, options: LayoutOptions) -> Drawn:
    """The index mask as gray PNG."""
    return gray_mask(painting, paths(painting.record.name, options)[0])


def finish(drawn: Iterable[Drawn], options: LayoutOptions) -> Iterator[tuple[str, bytes]]:
    """The snippet for the config."""
    classes = classes_to(options.label_map)
    palette = palette_of(options.label_map, len(classes))
    text = f'''"""Dataset metadata for an mmsegmentation config.

METAINFO: pixel value 0 is background, learned as a class. Use it with reduce_zero_label=False.

METAINFO_REDUCED: the loader turns value 0 into 255 (ignored) and subtracts 1 from the others.
Use it with reduce_zero_label=True, when what is unlabeled shall not be learned.
"""

{_metainfo("METAINFO", classes, palette)}
{_metainfo("METAINFO_REDUCED", classes[1:], palette[1:])}'''
    yield "metainfo.py", text.encode()


def _metainfo(name: str, classes: list[str], palette: list[list[int]]) -> str:
    # a JSON string is a Python string too
    names = "".join(f"        {json.dumps(entry, ensure_ascii=False)},\n" for entry in classes)
    colors = "".join(f"        {entry!r},\n" for entry in palette)
    return f"{name} = dict(\n    classes=(\n{names}    ),\n    palette=[\n{colors}    ],\n)\n"


def open_folder(folder: Folder) -> MaskFolder | None:
    """The masks of all splits."""
    if not (folder / "ann_dir").is_dir():
        return None
    return png_folder(folder, "mmseg", masks_by_split(folder, "ann_dir"))
