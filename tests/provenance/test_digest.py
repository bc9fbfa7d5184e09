"""Digests: the same on any machine."""

import hashlib
import json
import re
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from polymask import ImageRecord, Instance, Polygon
from polymask.provenance import digest
from polymask.provenance.digest import DIGESTS, kind_of, painted_sha256, pixels_sha256
from polymask.raster.mask_digest import mask_sha256
from polymask.raster.painted import scan
from tests.conftest import ROOT

SIXTEEN = [[1, 256], [65535, 2]]


@pytest.mark.parametrize("dtype", ["<u2", ">u2"])
def test_sixteen_bits_are_little_endian_row_by_row(dtype: str) -> None:
    """A mask of four pixels has the digest of these eight bytes, however it lies in memory."""
    expected = hashlib.sha256(bytes.fromhex("0100 0001 ffff 0200")).hexdigest()
    assert expected == "5d292b37331a21340698c2361fb30829e1a73852dade422c1338fdd9326ef667"
    mask = np.array(SIXTEEN, dtype)
    assert pixels_sha256(mask) == pixels_sha256(np.asfortranarray(mask)) == expected


def test_a_masks_digest_is_of_its_frame_and_runs() -> None:
    """Written out: two zeros, two sevens over the end of a row, two zeros, each run as eight bytes."""
    mask = np.array([[0, 0, 7], [7, 0, 0]], np.uint8)
    runs = "0200000000000000 0200000000000700 0200000000000000"
    expected = hashlib.sha256(b"2 3\n" + bytes.fromhex(runs)).hexdigest()
    assert (
        mask_sha256(mask)
        == mask_sha256(mask.astype(">u2"))
        == mask_sha256(np.asfortranarray(mask))
        == expected
    )
    assert mask_sha256(mask > 0) != expected
    assert mask_sha256(mask.reshape(3, 2)) != expected
    assert mask_sha256(np.zeros((0, 3), np.uint8)) == hashlib.sha256(b"0 3\n").hexdigest()
    frozen = mask.copy()
    frozen.flags.writeable = False
    assert mask_sha256(frozen) == expected


@pytest.mark.parametrize("kind", DIGESTS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_either_digest_of_painted_spans_is_that_of_the_mask(kind: str, dtype: type) -> None:
    """So that what an earlier build wrote down is proven without its masks being read."""
    mask = np.array([[0, 0, 7], [7, 0, 9]], dtype)
    assert painted_sha256(scan(mask), kind, dtype) == DIGESTS[kind](mask)


def test_what_carries_both_digests_is_proven_by_the_newer() -> None:
    """And what carries none has no kind."""
    assert kind_of({"pixels_sha256": "1", "mask_sha256": "2"}) == "mask_sha256"
    assert kind_of({}) == ""


@pytest.mark.parametrize("together", [1, 2, 100])
@pytest.mark.parametrize("count", [0, 1, 4, 5])
def test_a_records_digest_is_of_its_words_then_of_its_numbers(
    together: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """JSON of all but the coordinates, then those of all instances; however many are taken in at once."""
    monkeypatch.setattr(digest, "_BATCH", together)
    rings = [np.array([(n, 0), (4, 0), (4, 4.5)], float) for n in range(count)]
    instances = [Instance(n, "cat", Polygon(ring)) for n, ring in enumerate(rings)]
    words = ["é.jpg", [6, 8], [[n, "cat", 0, False, [[3]]] for n in range(count)]]
    said = json.dumps(words, separators=(",", ":"), ensure_ascii=False).encode()
    expected = hashlib.sha256(said + b"".join(ring.tobytes() for ring in rings)).hexdigest()
    assert digest.record_sha256(ImageRecord(1, "é.jpg", (6, 8), instances)) == expected


@given(
    arrays(
        np.uint16, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.sampled_from([0, 1, 65535])
    )
)
def test_the_lines_that_the_docs_print_compute_the_digest(mask: np.ndarray) -> None:
    """Of 16 bit masks, and of 8 bit."""
    assert documented()(mask) == mask_sha256(mask)
    assert documented()(mask.astype(np.uint8)) == mask_sha256(mask.astype(np.uint8))


@cache
def documented() -> Any:
    text = (ROOT / "docs/converting.md").read_text()
    (code,) = [block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "hashlib" in block]
    names: dict[str, Any] = {}
    exec(code, names)
    return names["mask_sha256"]
