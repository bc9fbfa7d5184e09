"""Digests of pixels and of source records: the same on any machine, for any PNG writer."""

import hashlib
import json
import sys
from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from polymask.model import ImageRecord, Instance, Polygon, Runs

LITTLE = sys.byteorder == "little"


def pixels_sha256(mask: NDArray[np.generic]) -> str:
    """SHA-256 of a mask's C-order bytes, 16 bit little-endian.

    >>> pixels_sha256(np.zeros((1, 1), np.uint8))[:8]
    '6e340b9c'
    """
    digest = PixelDigest()
    digest.update(mask)
    return digest.hexdigest()


class PixelDigest:
    """The digest of a mask that comes in strips of whole rows, the top first.

    >>> digest = PixelDigest()
    >>> digest.update(np.zeros((1, 1), np.uint8))
    >>> digest.hexdigest() == pixels_sha256(np.zeros((1, 1), np.uint8))
    True
    """

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()

    def update(self, strip: NDArray[np.generic]) -> None:
        """Take the next rows in."""
        little = np.ascontiguousarray(strip, strip.dtype.newbyteorder("<"))
        self._sha256.update(little.data)

    def hexdigest(self) -> str:
        """The digest of all rows so far."""
        return self._sha256.hexdigest()


def geometry_sha256(shape: tuple[Polygon, ...] | Runs) -> str:
    """SHA-256 of an instance's rings (float64, little-endian) or runs, and of how they nest.

    >>> square = Polygon([(0, 0), (1, 0), (1, 1), (0, 1)])
    >>> geometry_sha256((square,)) == geometry_sha256((square, square))
    False
    """
    if isinstance(shape, Runs):
        parts = [f"runs {shape.frame} ".encode(), shape.counts.astype("<i8").tobytes()]
    else:
        parts = []
        for polygon in shape:
            rings = polygon.rings
            parts.append(f"polygon {[len(ring) for ring in rings]} ".encode())
            parts += [ring.tobytes() if LITTLE else ring.astype("<f8").tobytes() for ring in rings]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def record_sha256(record: ImageRecord) -> str:
    """SHA-256 of all that a record says: name, frame and every instance in order."""
    head = [record.name, *record.frame]
    lines = [json.dumps(head), *map(_said, record.instances)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _said(instance: Instance) -> str:
    """A JSON list of what an instance says, its geometry as a digest."""
    geometry = geometry_sha256(instance.shape)
    crowd = "true" if instance.crowd else "false"
    return f'[{_json(instance.id)}, {_json(instance.label)}, {_json(instance.order)}, {crowd}, "{geometry}"]'


@lru_cache(1024)
def _text(value: str) -> str:
    return json.dumps(value)


def _json(value: float | str) -> str:
    """JSON of a scalar; names come again and again, and whole numbers are quick."""
    if isinstance(value, str):
        return _text(value)
    return str(value) if type(value) is int else json.dumps(value)


def combined_sha256(digests: Mapping[str, str]) -> str:
    """One digest for the masks of several labels, whatever their order.

    >>> combined_sha256({"cat": "00", "dog": "11"}) == combined_sha256({"dog": "11", "cat": "00"})
    True
    """
    return hashlib.sha256(json.dumps(sorted(digests.items())).encode()).hexdigest()
