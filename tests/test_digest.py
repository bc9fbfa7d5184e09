"""Digests: the same on any machine."""

import hashlib

import numpy as np
import pytest

from polymask.digest import pixels_sha256

SIXTEEN = [[1, 256], [65535, 2]]


@pytest.mark.parametrize("dtype", ["<u2", ">u2"])
def test_sixteen_bits_are_little_endian_row_by_row(dtype: str) -> None:
    """A mask of four pixels has the digest of these eight bytes, however it lies in memory."""
    expected = hashlib.sha256(bytes.fromhex("0100 0001 ffff 0200")).hexdigest()
    assert expected == "5d292b37331a21340698c2361fb30829e1a73852dade422c1338fdd9326ef667"
    mask = np.array(SIXTEEN, dtype)
    assert pixels_sha256(mask) == pixels_sha256(np.asfortranarray(mask)) == expected
