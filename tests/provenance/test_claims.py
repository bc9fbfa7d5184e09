"""What masks say of themselves, compared by what it means."""

import hashlib
import json
from typing import Any

import numpy as np
import pytest

from polymask.in_place.protocols import Stored
from polymask.provenance.claims import (
    bounded,
    details_sha256,
    digest_of,
    key_of,
    merged_attributes,
    new_mask,
    recomputed,
    same_details,
    values,
)
from tests.contract.memory import rewritten

SOURCES = [{"id": "p1", "sha256": "0" * 64, "details_sha256": "1" * 64, "attributes": {"age": 1}}]
MASK = new_mask("cat", np.ones((2, 3), bool), SOURCES, pixel_rule="center", deletes=True)


def stored(claim: Any, label: str = "cat") -> Stored:
    return Stored(claim["key"], claim["mask_sha256"], "m1", label, claim, MASK.mask)


def test_a_claim_in_a_servers_words_is_the_same_claim() -> None:
    """1 as 1.0 and keys in another order: the key, the frame and the digests are those that were written."""
    claim = values(rewritten(json.loads(json.dumps(MASK.claim))))
    assert claim == MASK.claim
    assert key_of(claim) == MASK.key
    assert stored(claim).sound


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"version": "99.0"}, True),
        ({"frame": [2.0, 3.0]}, True),
        ({"label": "dog"}, False),
        ({"pixel_rule": "pil"}, False),
        ({"deletes": False}, False),
        ({"mask_sha256": "2"}, False),
        ({"sources": [SOURCES[0] | {"details_sha256": "2"}]}, False),
        ({"sources": [SOURCES[0] | {"deleted": True}]}, False),
    ],
)
def test_a_key_follows_from_what_is_known(change: Any, same: bool) -> None:
    """Of the label, the rule, the pixels, the sources and whether they may go; not of who wrote it."""
    assert (key_of(MASK.claim | change) == MASK.key) == same


def test_the_key_of_an_earlier_claim_follows_from_what_it_tells() -> None:
    """They knew neither details nor deletions, and had another digest of the pixels."""
    claim = {name: value for name, value in MASK.claim.items() if name not in ("deletes", "mask_sha256")}
    digest = hashlib.sha256(b"\1" * 6).hexdigest()
    earlier = claim | {"sources": [{"id": "p1", "sha256": "0" * 64}], "pixels_sha256": digest}
    told = ["cat", "center", [2, 3], digest, [["p1", "0" * 64]]]
    assert key_of(earlier) == hashlib.sha256(json.dumps(told).encode()).hexdigest()
    assert digest_of(earlier) == recomputed(earlier, MASK.mask) == digest


@pytest.mark.parametrize(
    ("label", "relabeled"), [("cat", False), ("CAT", False), (" Cat ", False), ("dog", True), ("cat 2", True)]
)
def test_a_change_of_case_or_space_is_a_servers(label: str, relabeled: bool) -> None:
    """Any other label was given by somebody."""
    assert stored(MASK.claim, label).relabeled == relabeled


def test_a_label_that_a_server_changed_in_the_claim_is_told_by_the_key() -> None:
    """Of two labels that differ in case alone, the one that it was made for."""
    claim = MASK.claim | {"label": " CAT"}
    assert stored(claim).label_among(["dog", "Cat", "cat"]) == "cat"
    assert stored(claim).label_among(["dog", "Cat"]) == " CAT"
    assert stored(MASK.claim).label_among(["Cat"]) == "cat"


@pytest.mark.parametrize(("told", "deletes"), [(True, True), (False, False), (0, False), (None, True)])
def test_a_claim_that_says_nothing_of_deleting_allows_it(told: Any, deletes: bool) -> None:
    """As those of earlier builds do."""
    assert stored(MASK.claim | {"deletes": told}).deletes == deletes


def test_details_are_compared_by_value() -> None:
    """A number's text, keys' order and nulls make no other details; a label does."""
    one, same = {"a": {"x": 1, "y": [2.0]}}, {"a": {"y": [2], "x": 1.0, "z": None}}
    assert details_sha256("cat", one) == details_sha256("cat", same)
    assert details_sha256("cat", one) != details_sha256("dog", one)
    assert details_sha256("cat", {"a": True}) != details_sha256("cat", {"a": 1})
    assert same_details({"details_sha256": details_sha256("cat", one)}, "cat", same)


def test_what_is_long_is_told_by_its_digest() -> None:
    """A user's metadata and descriptions; what is short, and attributes, stay whole."""
    long = {"text": "x" * 1020}
    told = bounded({"user": long, "attributes": long, "description": "a tabby", "status": "approved"})
    assert told["user"].keys() == {"sha256", "characters"}
    assert {name: told[name] for name in ("attributes", "description", "status")} == {
        "attributes": long,
        "description": "a tabby",
        "status": "approved",
    }


def test_attributes_that_are_a_list_are_nobodys_names() -> None:
    """They stay with their source."""
    assert merged_attributes([{"attributes": ["wet"]}, {"attributes": {"age": 1}}]) == {"age": 1}
