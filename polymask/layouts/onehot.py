"""`onehot/<name>.npz`: `mask`, (height, width, K) uint8 of 0 and 1, and `values`, (K,) uint16.

Channel 0 is the background, then the labels in ascending order of value; `values` holds the value of
each channel. A void pixel has no class: all its channels are 0. The bytes are the same on every run.
Source: NumPy, `numpy.lib.format` and `savez`.
"""

import hashlib
import io
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np
from numpy.typing import DTypeLike, NDArray

from polymask.codecs.zip import zipped
from polymask.errors import FormatError, LimitError
from polymask.labels.label_map import LabelMap
from polymask.layouts import Drawn, LayoutOptions
from polymask.layouts.common.facts import SPLIT_LISTS, LayoutFacts
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
from polymask.raster.painted import PaintedSpans, fill
from polymask.storage.image_names import stem

IMAGES = "images"
INDEX = True
_STRIP = 1 << 22  # bytes that are packed at a time

FACTS = LayoutFacts(
    title="One-hot archives",
    source="NumPy, savez_compressed",
    files=(
        ("onehot/<name>.npz", "`mask`, H × W × K uint8, and `values`, K uint16: each channel's value"),
        ("images/", "with --copy-images: the pictures"),
        SPLIT_LISTS,
    ),
    values=(
        ("channel 0", "background"),
        ("channels 1 … K - 1", "the labels in ascending order of value"),
        ("void", "0 in all channels"),
    ),
    limits=("H × W × K below 4 GiB.", "The archive's bytes are the same on every run: it holds no time."),
    read_back="As index masks, void included; an archive with a pixel of two classes is damaged.",
)


def check(options: LayoutOptions) -> None:
    """Every label map can be laid out this way."""


def paths(name: str, options: LayoutOptions) -> tuple[str, ...]:
    """The archive."""
    return (f"onehot/{stem(name)}.npz",)


def draw(painting: Painting, options: LayoutOptions) -> Drawn:
    """The index mask as one-hot channels; `painted` is the index mask."""
    (path,) = paths(painting.record.name, options)
    values, dtype = np.array(list(names_by_value(options.label_map)), np.uint16), options.label_map.dtype
    parts = {
        "mask.npy": _channels(painting.painted, values, dtype),
        "values.npy": [_header(values.shape, values.dtype), values.astype("<u2").tobytes()],
    }
    files = ((path, zipped(parts)),)
    return Drawn(name=painting.record.name, mask=path, painted=painting.painted, dtype=dtype, files=files)


def _channels(painted: PaintedSpans, values: NDArray[np.uint16], dtype: DTypeLike) -> Iterator[bytes]:
    """The `mask` of the archive, in strips of whole rows."""
    table = np.zeros((int(np.iinfo(np.dtype(dtype)).max) + 1, len(values)), np.uint8)
    table[values, range(len(values))] = 1
    height, width = painted.frame
    yield _header((height, width, len(values)), np.dtype(np.uint8))
    rows = max(1, _STRIP // (width * len(values)))
    for top in range(0, height, rows):
        yield table[fill(painted.within(top, min(top + rows, height)), dtype)].tobytes()


def _header(shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> bytes:
    """The header that `numpy.save` writes before an array."""
    content = io.BytesIO()
    described = {"descr": dtype.newbyteorder("<").str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(content, described)
    return content.getvalue()


def same(stored: bytes, data: bytes) -> bool:
    """Whether a stored archive, by any writer, holds the same arrays."""
    try:
        return stored == data or _members(stored) == _members(data)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, MemoryError):
        return False


def _members(data: bytes) -> dict[str, str]:
    """The digest of each member."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: _sha256(archive, name) for name in archive.namelist()}


def _sha256(archive: zipfile.ZipFile, name: str) -> str:
    with archive.open(name) as member:
        digest = hashlib.sha256()
        while part := member.read(_STRIP):
            digest.update(part)
    return digest.hexdigest()


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
    if (np.count_nonzero(mask, axis=2) > 1).any():
        raise FormatError("no one-hot archive: a pixel is of several classes", file=folder / path)
    index: IndexMask = values[mask.argmax(axis=2)]
    index[~mask.any(axis=2)] = label_map.void
    return index
