"""mmsegmentation: `img_dir/<split>`, `ann_dir/<split>/<name>.png`, and `dataset.py` for a config.

Masks are gray, values are positions in METAINFO's `classes`: 0 is background, a class like
the others. Void (255) is mmsegmentation's `ignore_index`. With `reduce_zero_label=True` the
loader turns 0 into void and subtracts 1 from all other values; `metainfo.py` holds the
METAINFO for both, `dataset.py` the loaders of each split with the first.
Source: mmsegmentation 1.x, "Prepare datasets", `LoadAnnotations`, `configs/_base_/datasets`; mmengine,
"Predefined fields" (`fileDirname`).
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from polymask.codecs.painted_png import Encoding
from polymask.layouts import Drawn, LayoutOptions, picture_name
from polymask.layouts.common.facts import LayoutFacts
from polymask.layouts.common.lookup import classes_to, gray, gray_mask, palette_of, require_8_bits
from polymask.layouts.common.read_back import Folder, MaskFolder, masks_by_split, png_folder
from polymask.painting.painting import Painting
from polymask.storage.image_names import stem

IMAGES = "img_dir/{split}"
MASKS = "ann_dir/{split}"
INDEX = True

FACTS = LayoutFacts(
    title="mmsegmentation",
    source="mmsegmentation 1.x, Prepare datasets, LoadAnnotations",
    files=(
        ("ann_dir/<split>/<name>.png", "the index mask, gray, 8 bit"),
        ("metainfo.py", "METAINFO for the config, with and without background"),
        ("dataset.py", 'the loaders of each split: `_base_ = ["DEST/dataset.py", …]` is all a config needs'),
        ("img_dir/<split>/", "with --copy-images: the pictures"),
    ),
    values=(
        ("reduce_zero_label=False", "0 is background, a class like the others: use METAINFO"),
        (
            "reduce_zero_label=True",
            "the loader turns 0 into 255, which is ignored, and lowers every other value by one: use "
            "METAINFO_REDUCED",
        ),
        ("255", "void: mmsegmentation's ignore_index, in both cases"),
    ),
    limits=(
        "The masks have 8 bits, so label maps with values above 255 are refused.",
        "Classes are numbered without gaps, so a value without a label gets the name `unused-<value>`.",
    ),
    read_back="Unchanged; labels.json names the values.",
    shown="dataset.py",
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
    """The snippets for the config."""
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
    yield "dataset.py", _config(_metainfo("METAINFO", classes, palette), _suffixes(drawn, options)).encode()


def _suffixes(drawn: Iterable[Drawn], options: LayoutOptions) -> dict[str, list[str]]:
    """The suffixes that the pictures of each split have."""
    suffixes: dict[str, set[str]] = {split: set() for split in options.all_splits}
    for image in drawn:
        name = picture_name(image.name, options)
        suffixes.setdefault(options.split_of(image.name), set()).add(PurePosixPath(name).suffix)
    return {split: sorted(of_split) for split, of_split in suffixes.items() if of_split}


def _config(metainfo: str, suffixes: Mapping[str, Sequence[str]]) -> str:
    """What mmsegmentation's own configs have in `_base_/datasets`."""
    loaders = "".join(_loader(split, of_split) for split, of_split in suffixes.items())
    stand_in = "" if "test" in suffixes or "val" not in suffixes else "test_dataloader = val_dataloader\n"
    return f'''"""Loaders for mmsegmentation: name this file in the `_base_` of a config.

With reduce_zero_label=True, take METAINFO_REDUCED of metainfo.py instead of METAINFO.
"""

data_root = "{{{{ fileDirname }}}}"  # mmengine puts the folder of this file here
{metainfo}
train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="LoadAnnotations"),
    dict(type="RandomFlip", prob=0.5),
    dict(type="PackSegInputs"),
]
test_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="LoadAnnotations"),
    dict(type="PackSegInputs"),
]
{loaders}{stand_in}val_evaluator = dict(type="IoUMetric", iou_metrics=["mIoU"])
test_evaluator = val_evaluator
'''


def _loader(split: str, suffixes: Sequence[str]) -> str:
    """A split's loader; where pictures have several suffixes, a dataset for each of them."""
    learns = split == "train"
    datasets = [
        _dataset(split, suffix, "train_pipeline" if learns else "test_pipeline") for suffix in suffixes
    ]
    several = f'dict(type="ConcatDataset", datasets=[{", ".join(datasets)}])'
    return f'''{_identifier(split)}_dataloader = dict(
    batch_size={2 if learns else 1},
    num_workers=2,
    sampler=dict(type="{"InfiniteSampler" if learns else "DefaultSampler"}", shuffle={learns}),
    dataset={datasets[0] if len(datasets) == 1 else several},
)
'''


def _identifier(split: str) -> str:
    """A name that Python takes, of a split."""
    return re.sub(r"\W|^(?=\d)", "_", split)


def _dataset(split: str, suffix: str, pipeline: str) -> str:
    return f"""dict(
        type="BaseSegDataset",
        data_root=data_root,
        data_prefix=dict(img_path={_text("img_dir/" + split)}, seg_map_path={_text("ann_dir/" + split)}),
        img_suffix={_text(suffix)},
        seg_map_suffix=".png",
        metainfo=METAINFO,
        reduce_zero_label=False,
        pipeline={pipeline},
    )"""


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _metainfo(name: str, classes: list[str], palette: list[list[int]]) -> str:
    names = "".join(f"        {_text(entry)},\n" for entry in classes)  # a JSON string is a Python string too
    colors = "".join(f"        {entry!r},\n" for entry in palette)
    return f"{name} = dict(\n    classes=(\n{names}    ),\n    palette=[\n{colors}    ],\n)\n"


def open_folder(folder: Folder) -> MaskFolder | None:
    """The masks of all splits."""
    if not (folder / "ann_dir").is_dir():
        return None
    return png_folder(folder, "mmseg", masks_by_split(folder, "ann_dir"))
