"""`onehot/<name>.npz`: `mask`, (height, width, K) uint8 of 0 and 1, and `values`, (K,) uint16.

Channel 0 is the background, then the labels in ascending order of value; `values` tells each
channel's. A void pixel is of no class: all its channels are 0. The bytes are the same on every run.
Source: NumPy, `numpy.lib.format` and `savez`.
"""

import io
import struct
import zipfile
from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from polymask.codecs.zip import zipped
from polymask.errors import FormatError, LimitError
from polymask.labels.label_map import LabelMap
from polymask.layouts import Drawn, LayoutOptions, stem
from polymask.layouts.common.facts import Facts
from polymask.layouts.common.lookup import names_by_value
from polymask.layouts.common.read_back import (
    Folder,
    MaskFolder,
    masks_below,
    require_labels,
    stored_labels,
)
from polymask.layouts.common.splits import split_lists
from polymask.model import IndexMask
from polymask.painting.painting import Painting
from polymask.provenance.digest import pixels_sha256

IMAGES = "images"
INDEX = True

FACTS = Facts(
    title="One-hot archives",
    source="NumPy, savez_compressed",
    files=(
        ("onehot/<name>.npz", "`mask`, H × W × K uint8, and `values`, K uint16: each channel's value"),
        ("images/", "with --copy-images: the pictures"),
        ("splits/<split>.txt", "with --split-ratio, or a --split beside train: the names in each split"),
    ),
    values=(
        ("channel 0", "background"),
        ("channels 1 … K - 1", "the labels in ascending order of value"),
        ("void", "0 in all channels"),
    ),
    limits=("H × W × K below 4 GiB.", "The archive's bytes are the same on every run: it holds no time."),
    read_back="As index masks, void included.",
)


def check(options: LayoutOptions) -> None:
    """Every label map can be laid out this way."""


def paths(name: str, options: LayoutOptions) -> tuple[str, ...]:
    """The archive."""
    return (f"onehot/{stem(name)}.npz",)


def draw(painting: Painting, options: LayoutOptions) -> Drawn:
    """The index mask taken apart. The digest is of the index mask."""
    (path,) = paths(painting.record.name, options)
    values = np.array(list(names_by_value(options.label_map)), np.uint16)
    channels = np.zeros((int(np.iinfo(painting.index.dtype).max) + 1, len(values)), np.uint8)
    channels[values, range(len(values))] = 1
    mask = channels[painting.index]
    files = ((path, _archive({"mask": mask, "values": values})),)
    digest = pixels_sha256(painting.index)
    return Drawn(name=painting.record.name, mask=path, pixels_sha256=digest, files=files)


def _archive(arrays: dict[str, NDArray[np.generic]]) -> bytes:
    """What `numpy.savez_compressed` writes, without the time."""
    files = {}
    for name, array in arrays.items():
        content = io.BytesIO()
        np.lib.format.write_array(content, array, allow_pickle=False)
        files[f"{name}.npy"] = content.getvalue()
    return zipped(files)


def finish(drawn: Iterable[Drawn], options: LayoutOptions) -> Iterator[tuple[str, bytes]]:
    """The lists of the splits; labels.json lies beside every layout."""
    yield from split_lists(drawn, options)


def open_folder(folder: Folder) -> MaskFolder | None:
    """The archives as index masks."""
    if not (folder / "onehot").is_dir():
        return None
    label_map = require_labels(folder, stored_labels(folder))
    masks = masks_below(folder, "onehot", ending=".npz")
    decode = partial(_decode, folder=folder, label_map=label_map)
    return MaskFolder(layout="onehot", label_map=label_map, masks=masks, decode=decode)


def _decode(path: str, *, folder: Folder, label_map: LabelMap) -> IndexMask:
    try:
        data = io.BytesIO(folder.read(path))
        for member in zipfile.ZipFile(data).infolist():
            folder.limits.check_bytes(folder / path, member.file_size)
        with np.load(data, allow_pickle=False) as archive:
            mask, values = archive["mask"], archive["values"].astype(label_map.dtype)
    except LimitError:
        raise
    except (ValueError, KeyError, EOFError, MemoryError, struct.error, zipfile.BadZipFile) as error:
        raise FormatError(f"no one-hot archive, or a damaged one: {error}", file=folder / path) from None
    if mask.ndim != 3 or mask.shape[2] != len(values):
        raise FormatError(f"{mask.shape} does not go with {len(values)} values", file=folder / path)
    folder.limits.check_frame(str(folder / path), mask.shape[:2])
    index: IndexMask = values[mask.argmax(axis=2)]
    index[~mask.any(axis=2)] = label_map.void
    return index
