"""The digest of a mask: the same for 8 and 16 bit, for any PNG writer, on any machine.

Two masks have the same digest if and only if they have the same frame and the same pixels.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from polymask.errors import LimitError
from polymask.model import BoolMask, Frame, IndexMask
from polymask.native import compiled
from polymask.raster.painted import PaintedSpans, plain

LONGEST_RUN = 2**48 - 1  # pixels; the length of a run has 48 bits


def mask_sha256(mask: PaintedSpans | IndexMask | BoolMask) -> str:
    r"""SHA-256 of a mask's frame and runs.

    The mask is painted spans or a (height, width) bool, uint8 or uint16 array.

    The hash is of the ASCII text `"H W\n"`, then the maximal runs of equal pixels in row-major
    order over the whole frame (a run goes on from one row to the next), each as a little-endian
    64-bit number `value << 48 | length`. Raises `LimitError` for a frame of 2⁴⁸ pixels or more.
    Anybody can compute the digest with numpy:

    Examples:
        >>> mask = np.array([[0, 0, 7], [7, 7, 0]], np.uint8)
        >>> flat = mask.reshape(-1)
        >>> starts = np.flatnonzero(np.concatenate([[True], flat[1:] != flat[:-1]]))
        >>> lengths = np.diff(starts, append=flat.size).astype(np.uint64)
        >>> runs = flat[starts].astype(np.uint64) << np.uint64(48) | lengths
        >>> text = b"%d %d\n" % mask.shape
        >>> hashlib.sha256(text + runs.astype("<u8").tobytes()).hexdigest() == mask_sha256(mask)
        True
    """
    if isinstance(mask, PaintedSpans):
        _check(mask.frame)
        return sha256_of_runs(mask.frame, runs_of_painted(mask))
    height, width = mask.shape
    _check((height, width))
    return sha256_of_runs((height, width), runs_of_mask(plain(mask)) if mask.size else b"")


def _check(frame: Frame) -> None:
    height, width = frame
    if height * width > LONGEST_RUN:
        raise LimitError(
            f"{height} × {width} px are more than a digest is made of", advice="divide the image"
        )


def sha256_of_runs(frame: Frame, runs: bytes | memoryview) -> str:
    """The digest of a mask, from its (height, width) frame and its runs of 8 bytes each."""
    digest = hashlib.sha256(b"%d %d\n" % frame)
    digest.update(runs)
    return digest.hexdigest()


class RunDigests:
    """The digests of masks of (height, width) `frames`, whose runs may come in parts; see `sha256_of_runs`.

    Examples:
        >>> digests = RunDigests([(1, 2)])
        >>> digests.add(0, b"12345678")
        >>> digests.sha256(0, b"12345678") == sha256_of_runs((1, 2), b"1234567812345678")
        True
    """

    def __init__(self, frames: Sequence[Sequence[int]]) -> None:
        self.frames = frames
        self._begun: dict[int, hashlib._Hash] = {}

    def add(self, number: int, runs: bytes) -> None:
        """Add some of the runs of a mask, which are not the last ones."""
        if number not in self._begun:
            self._begun[number] = hashlib.sha256(b"%d %d\n" % tuple(self.frames[number]))
        self._begun[number].update(runs)

    def sha256(self, number: int, runs: bytes | memoryview) -> str:
        """The digest of a mask, from the runs that were not added yet."""
        if number not in self._begun:
            height, width = self.frames[number]
            return sha256_of_runs((height, width), runs)
        digest = self._begun[number].copy()
        digest.update(runs)
        return digest.hexdigest()


def runs_of_painted(painted: PaintedSpans) -> bytes:
    """The runs of a mask, as they are hashed, from its painted spans."""
    if compiled:
        runs: bytes = compiled.painted_runs(*painted.arrays, *painted.frame, painted.background)
        return runs
    return _painted_runs(painted)


def runs_of_mask(mask: IndexMask | BoolMask) -> bytes:
    """The runs of a mask, as they are hashed, from its pixels."""
    if compiled:
        runs: bytes = compiled.mask_runs(mask)
        return runs
    return _mask_runs(mask)


def _painted_runs(painted: PaintedSpans) -> bytes:
    """The numpy twin: spans and the gaps between them, joined where values are equal."""
    height, width = painted.frame
    line = painted.row.astype(np.int64) * width
    start, stop = line + painted.start, line + painted.stop
    begin = np.stack([np.concatenate([[0], stop]), np.append(start, height * width)], axis=1).reshape(-1)
    value = np.full(2 * len(painted) + 2, painted.background, np.int64)
    value[1:-1:2] = painted.value
    filled = np.diff(begin, append=height * width) > 0  # drops gaps of no pixels, and the frame's end
    return _packed(value[filled], begin[filled], height * width)


def _mask_runs(mask: IndexMask | BoolMask) -> bytes:
    flat = mask.reshape(-1)
    first = np.flatnonzero(np.concatenate([[True], flat[1:] != flat[:-1]]))
    return _packed(flat[first].astype(np.int64), first, flat.size)


def _packed(value: NDArray[np.int64], begin: NDArray[np.int64], pixels: int) -> bytes:
    """Runs, from their values and first pixels; neighbors of equal value are joined."""
    first = np.concatenate([[True], value[1:] != value[:-1]])
    lengths = np.diff(begin[first], append=pixels).astype(np.uint64)
    runs = value[first].astype(np.uint64) << np.uint64(48) | lengths
    packed: bytes = runs.astype("<u8").tobytes()
    return packed
