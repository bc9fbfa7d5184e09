"""ADE20K (SceneParse150): `annotations/<split>/<name>.png`, gray; 0 is "other", labels count from 1.

The splits are called `training` and `validation` there. `objectInfo.txt` names the values.
Readers train without the zero: mmsegmentation's `reduce_zero_label=True`, Hugging Face's
`do_reduce_labels`. Void (255) stays void under both.
Source: the SceneParsing benchmark's toolkit (CSAILVision/sceneparsing), `objectInfo150.txt`.
"""

from collections.abc import Iterable, Iterator

from polymask.errors import FormatError
from polymask.labels import LabelMap
from polymask.layouts import Drawn, LayoutOptions, stem
from polymask.layouts.facts import Facts
from polymask.layouts.reading import Folder, MaskFolder, masks_by_split, png_folder, read_bytes
from polymask.layouts.splits import lines
from polymask.layouts.tables import gray_mask, in_value_order, require_8_bits
from polymask.semantic import Painting
from polymask.urls import Location, in_order

IMAGES = "images"
INDEX = True
TABLE = "objectInfo.txt"
SPLITS = {"train": "training", "val": "validation", "test": "testing"}

FACTS = Facts(
    title="ADE20K",
    source="the SceneParsing benchmark (CSAILVision/sceneparsing)",
    files=(
        (
            "annotations/<split>/<name>.png",
            "the index mask, gray, 8 bit; train is `training`, val `validation`",
        ),
        ("objectInfo.txt", "value, tab, name"),
        ("images/<split>/", "with --copy-images: the pictures"),
    ),
    values=(
        ("0", "other: not evaluated; readers train with reduce_zero_label or do_reduce_labels"),
        ("1 … 254", "labels"),
        ("255", "void, which stays void when zero is reduced"),
    ),
    limits=("8 bit: label maps with values above 255 are refused.",),
    read_back="As it is; labels.json, else objectInfo.txt, names the values.",
    shown="objectInfo.txt",
)


def check(options: LayoutOptions) -> None:
    """Raise `LabelError` for label maps that need 16 bits."""
    require_8_bits(options.label_map, "ade20k")


def _split(name: str, options: LayoutOptions) -> str:
    split = options.split_of(name)
    return SPLITS.get(split, split)


def picture(name: str, options: LayoutOptions) -> str:
    """The picture's place beside its mask's."""
    return f"{IMAGES}/{_split(name, options)}/{name}"


def paths(name: str, options: LayoutOptions) -> tuple[str, ...]:
    """The mask."""
    return (f"annotations/{_split(name, options)}/{stem(name)}.png",)


def draw(painting: Painting, options: LayoutOptions) -> Drawn:
    """The index mask as gray PNG."""
    return gray_mask(painting, paths(painting.record.name, options)[0])


def finish(drawn: Iterable[Drawn], options: LayoutOptions) -> Iterator[tuple[str, bytes]]:
    """The names of the values."""
    labels = in_value_order(options.label_map)
    yield TABLE, lines(["Idx\tName", *(f"{label.value}\t{label.name}" for label in labels)])


def open_folder(folder: Folder) -> MaskFolder | None:
    """The masks of all splits; labels.json or objectInfo.txt names their values."""
    if not (folder / "annotations").is_dir():
        return None
    tables = in_order(folder.glob("objectInfo*.txt"))
    named = _from_table(tables[0]) if tables else None
    return png_folder(folder, "ade20k", masks_by_split(folder, "annotations"), label_map=named)


def _from_table(path: Location) -> LabelMap:
    """First column the value, last the name; the original's names hold commas and spaces."""
    values = {}
    for number, line in enumerate(read_bytes(path).decode("utf-8-sig").splitlines()[1:], 2):
        value, *_, name = line.split("\t")
        if not value.strip().isdecimal():
            raise FormatError(f"{path}: line {number}: a line is a value, tabs and a name")
        values[name.strip()] = int(value)
    return LabelMap.from_values(values)
