"""Digests of pixels and of source records: the same on any machine, for any PNG writer."""

import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Any

import msgspec
import numpy as np
from numpy.typing import DTypeLike, NDArray

from polymask.model import BoolMask, ImageRecord, IndexMask, Instance, Runs, Shape
from polymask.raster.mask_digest import mask_sha256
from polymask.raster.painted import PaintedSpans, fill

LITTLE = sys.byteorder == "little"
_BATCH = 1 << 10  # instances that are encoded at once


def pixels_sha256(mask: NDArray[np.generic]) -> str:
    """SHA-256 of an array's C-order bytes, little-endian: for pictures, and for masks in earlier builds.

    Examples:
        >>> pixels_sha256(np.zeros((1, 1), np.uint8))[:8]
        '6e340b9c'
    """
    digest = PixelDigest()
    digest.update(mask)
    return digest.hexdigest()


class PixelDigest:
    """The digest of a mask that is passed in strips of whole rows, from top to bottom.

    Examples:
        >>> digest = PixelDigest()
        >>> digest.update(np.zeros((1, 1), np.uint8))
        >>> digest.hexdigest() == pixels_sha256(np.zeros((1, 1), np.uint8))
        True
    """

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()

    def update(self, strip: NDArray[np.generic]) -> None:
        """Add the next rows."""
        little = np.ascontiguousarray(strip, strip.dtype.newbyteorder("<"))
        self._sha256.update(little.data)

    def hexdigest(self) -> str:
        """The digest of all rows so far."""
        return self._sha256.hexdigest()


# The kinds of digest of a mask's pixels in claims and manifests; new ones are of the kind `WRITTEN`.
DIGESTS: Mapping[str, Callable[[IndexMask | BoolMask], str]] = {
    "mask_sha256": mask_sha256,
    "pixels_sha256": pixels_sha256,  # of earlier builds
}
WRITTEN = "mask_sha256"


def painted_sha256(painted: PaintedSpans, kind: str = WRITTEN, dtype: DTypeLike = np.uint8) -> str:
    """A digest of the mask of painted spans; the kind of earlier builds is over an array of `dtype`."""
    return mask_sha256(painted) if kind == WRITTEN else DIGESTS[kind](fill(painted, dtype))


def kind_of(statement: Mapping[str, Any]) -> str:
    """The kind of digest that a claim or a manifest's line has; empty if it has none.

    Examples:
        >>> kind_of({"mask_sha256": "", "pixels_sha256": "00"})
        'pixels_sha256'
    """
    return next((name for name in DIGESTS if statement.get(name)), "")


def geometry_sha256(shape: Shape) -> str:
    """SHA-256 of an instance's rings (float64, little-endian) or runs, and of their nesting.

    Examples:
        >>> from polymask.model import Polygon
        >>> square = Polygon([(0, 0), (1, 0), (1, 1), (0, 1)])
        >>> geometry_sha256((square,)) == geometry_sha256((square, square))
        False
    """
    if isinstance(shape, Runs):
        parts = [f"runs {shape.frame} ".encode(), *_numbers(shape)]
    else:
        parts = []
        for polygon in shape:
            parts.append(f"polygon {[len(ring) for ring in polygon.rings]} ".encode())
            parts += _numbers((polygon,))
    return hashlib.sha256(b"".join(parts)).hexdigest()


def record_sha256(record: ImageRecord) -> str:
    """SHA-256 of a record: its name, its frame and every instance in order, then all coordinates."""
    instances = record.instances
    batches = [instances[start : start + _BATCH] for start in range(0, max(1, len(instances)), _BATCH)]
    digest = hashlib.sha256()
    opening = msgspec.json.encode([record.name, record.frame])[:-1] + b",["
    for batch in batches:
        digest.update(opening + msgspec.json.encode([_statement(instance) for instance in batch])[1:-1])
        opening = b","
    digest.update(b"]]")
    for batch in batches:
        digest.update(b"".join(chain.from_iterable(_numbers(instance.shape) for instance in batch)))
    return digest.hexdigest()


def _statement(instance: Instance) -> tuple[Any, ...]:
    """An instance's facts without its coordinates, and the nesting of those."""
    shape = instance.shape
    if isinstance(shape, Runs):
        nesting: Any = {"runs": len(shape.counts), "frame": shape.frame}
    else:
        nesting = [[len(ring) for ring in polygon.rings] for polygon in shape]
    return instance.id, instance.label, instance.order, instance.crowd, nesting


def _numbers(shape: Shape) -> Iterator[bytes | memoryview]:
    """The coordinates of rings as float64, or the counts of runs as int64, little-endian."""
    if isinstance(shape, Runs):
        yield shape.counts.astype("<i8").tobytes()
        return
    for polygon in shape:
        for ring in polygon.rings:
            yield ring.data if LITTLE and ring.flags.c_contiguous else ring.astype("<f8").tobytes()


def combined_sha256(digests: Mapping[str, str]) -> str:
    """One digest for the masks of several labels, whatever their order.

    Examples:
        >>> combined_sha256({"cat": "00", "dog": "11"}) == combined_sha256({"dog": "11", "cat": "00"})
        True
    """
    return hashlib.sha256(json.dumps(sorted(digests.items())).encode()).hexdigest()
