"""Dataloop as a sink: batches that are bounded, uploads that are looked for, masks that are read back."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polymask.dataloop import sink as sink_module
from polymask.dataloop.emulator import Fault
from polymask.dataloop.reading.claims import claim_of
from polymask.dataloop.service.client import connect
from polymask.dataloop.sink import DataloopSink, batches, png_of
from polymask.dataloop.source import DataloopSource
from polymask.errors import BackendError, FormatError
from polymask.in_place.protocols import Item
from polymask.limits import Limits
from polymask.provenance.claims import Mask, new_mask
from tests.dataloop.world import World, faults_of_order

FRAME = (3, 4)


def masks(count: int) -> list[Mask]:
    pixels = np.zeros(FRAME, bool)
    pixels[1, 1:3] = True
    return [
        new_mask(f"label {n}", pixels, [{"id": str(n), "sha256": "0"}], pixel_rule="center")
        for n in range(count)
    ]


@pytest.fixture
def place(world: World, no_noise: None) -> tuple[DataloopSink, Item]:
    client = connect()
    client.sleep = world.waits.append
    source = DataloopSource(client, world.dataset["id"])
    return DataloopSink(client, source, {"label 0": (1, 2, 3)}), Item(world.add_item("/a.png"), "a.png")


def rows(*sizes: int) -> list[tuple[str, dict[str, Any]]]:
    return [(str(n), {"coordinates": "x" * size}) for n, size in enumerate(sizes)]


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([], []),
        ([1], [[1]]),
        ([4, 4, 4], [[4, 4], [4]]),
        ([5, 5, 5, 5], [[5, 5], [5, 5]]),
        ([11, 1], [[11], [1]]),
        ([1, 11, 1], [[1], [11], [1]]),
        ([1] * 7, [[1, 1, 1], [1, 1, 1], [1]]),
    ],
)
def test_batches_are_bounded_in_number_and_bytes(
    monkeypatch: pytest.MonkeyPatch, sizes: list[int], expected: list[list[int]]
) -> None:
    """At most three rows and ten bytes together, in order; one that is larger goes alone."""
    monkeypatch.setattr(sink_module, "MOST_MASKS", 3)
    monkeypatch.setattr(sink_module, "MOST_BYTES", 10)
    assert lengths(*sizes) == expected


def lengths(*sizes: int) -> list[list[int]]:
    return [[len(row["coordinates"]) for _, row in batch] for batch in batches(rows(*sizes))]


def test_an_upload_has_at_most_fifty_masks_and_eight_mebibytes() -> None:
    """The bounds as they are: what is above goes into the next upload."""
    assert lengths(*[1] * 51) == [[1] * 50, [1]]
    assert lengths(8 << 20, 1) == [[8 << 20], [1]]
    assert lengths((8 << 20) - 1, 1) == [[(8 << 20) - 1, 1]]


def test_masks_are_stored_in_their_colors_and_read_back(world: World, place: Any) -> None:
    """What is written is proven by what comes back: key, pixels, frame, claim."""
    sink, item = place
    sink.write(item, masks(2))
    first, second = sink.proofs(item)
    assert first.sound
    assert np.array_equal(second.mask, masks(2)[1].mask)
    assert [proof.key for proof in (first, second)] == [mask.key for mask in masks(2)]
    colors = [picture(row)[1, 1].tolist() for row in world.of_type("binary")]
    assert colors == [[1, 2, 3, 255], [255, 255, 255, 255]]


def picture(row: dict[str, Any]) -> Any:
    from io import BytesIO

    from PIL import Image

    return np.array(Image.open(BytesIO(png_of(row))))


@pytest.mark.parametrize(
    "kind", ["drop-after", "status-after", "truncate", "invalid-json", "partial", "drop-before"]
)
@pytest.mark.parametrize("batch", [0, 1])
def test_a_lost_answer_is_looked_for_before_it_is_sent_again(
    world: World, place: Any, monkeypatch: pytest.MonkeyPatch, kind: str, batch: int
) -> None:
    """Each mask is stored at most once, and never posted twice without a reading in between."""
    monkeypatch.setattr(sink_module, "MOST_MASKS", 2)
    sink, item = place
    world.emulator.faults.add(Fault("POST", "/items/*/annotations", kind, skip=batch, status=502))
    sink.write(item, masks(4))
    found = [proof.key for proof in sink.proofs(item)]
    assert sorted(found) == sorted(set(found))
    assert len(found) == (3 if kind == "partial" else 4)  # what a service conceals, the reading back finds
    assert faults_of_order(world) == []


@pytest.mark.parametrize("status", [400, 403, 404, 413])
def test_a_refusal_is_not_repeated(world: World, place: Any, status: int) -> None:
    """What will not pass by waiting is sent once."""
    sink, item = place
    world.emulator.faults.add(Fault("POST", "/items/*/annotations", "status", status=status, times=None))
    with pytest.raises(BackendError):
        sink.write(item, masks(1))
    assert sum(entry.path.endswith("/annotations") for entry in world.emulator.audit) == 1


def test_a_service_that_stays_down_ends_the_tries(world: World, place: Any) -> None:
    """After four tries, with a pause between each and the next, the item fails."""
    sink, item = place
    world.emulator.faults.add(Fault("POST", "/items/*/annotations", "status", status=503, times=None))
    with pytest.raises(BackendError):
        sink.write(item, masks(1))
    tries = sum(entry.path.endswith("/annotations") for entry in world.emulator.audit)
    assert (tries, len(world.waits)) == (4, 3)


@pytest.mark.parametrize(
    "coordinates", [None, 5, "", "data:image/png;base64,!", "data:image/jpeg;base64,aGk=", {"data": 7}]
)
def test_what_is_no_png_is_a_format_error(coordinates: Any) -> None:
    """Anything but a PNG in a data URI is refused by name."""
    with pytest.raises(FormatError):
        png_of({"coordinates": coordinates})


def test_a_mask_of_ours_that_cannot_be_decoded_is_unsound(world: World, place: Any) -> None:
    """It is read back as a mask without pixels, not skipped."""
    sink, item = place
    sink.write(item, masks(1))
    (row,) = world.of_type("binary")
    world.emulator.edit_annotation(row["id"], coordinates="data:image/png;base64,aGVsbG8=")
    (proof,) = sink.proofs(item)
    assert (proof.mask, proof.sound) == (None, False)


def test_a_mask_above_the_limit_is_unsound(place: Any) -> None:
    """It is not decoded, as no other picture of that size would be."""
    sink, item = place
    sink.write(item, masks(1))
    for most, sound in ((12, True), (11, False)):
        bounded = DataloopSink(sink.client, sink.source, {}, limits=Limits(max_pixels=most))
        assert [proof.sound for proof in bounded.proofs(item)] == [sound]


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"type": "binary"},
        {"type": "binary", "metadata": None},
        {"type": "binary", "metadata": {"user": None}},
        {"type": "binary", "metadata": {"user": {"polymask": "mine"}}},
        {"type": "binary", "metadata": {"user": {"polymask": {"key": 1}}}},
        {"type": "segment", "metadata": {"user": {"polymask": {"restored": "1"}}}},
    ],
)
def test_what_makes_no_claim_is_not_ours(row: dict[str, Any]) -> None:
    """Only a mask that says what it holds is one of ours."""
    assert claim_of(row) is None


def test_a_retracted_mask_is_gone_alone(world: World, place: Any, journal: Path) -> None:
    """Retracting takes one mask by its id."""
    sink, item = place
    sink.write(item, masks(2))
    first, second = sink.proofs(item)
    sink.retract(item, first)
    assert [proof.location for proof in sink.proofs(item)] == [second.location]
