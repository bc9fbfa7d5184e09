"""What every source and sink keeps, asked for at the seams themselves."""

from typing import Any

import numpy as np
import pytest

from polymask.errors import SourceChanged
from polymask.in_place.protocols import Item
from polymask.provenance.claims import new_mask
from tests.contract.backends import FRAME
from tests.contract.test_backends import ALL, CAT, DOG, ring

HOLE = ("cat", [ring(1.5, 1.5, 9, 9), ring(3, 3, 6, 6)])


def only_item(place: Any) -> Item:
    (item,) = place.source.items()
    return item


def some_masks(*labels: str) -> list[Any]:
    pixels = np.zeros(FRAME, bool)
    pixels[2:5, 3:9] = True
    sources = [{"id": "ü1", "sha256": "0" * 64}]
    return [new_mask(label, pixels, sources, pixel_rule="center") for label in labels]


def test_reading_loses_nothing(seamed: Any) -> None:
    """Every polygon, ring and point, in order; and reading again is reading the same."""
    seamed.add("a.png", [HOLE, DOG, CAT])
    item = only_item(seamed)
    first, second = seamed.source.read(item), seamed.source.read(item)
    assert first.record.etag == second.record.etag
    assert [one.label for one in first.record.instances] == ["cat", "dog", "cat"]
    rings = [[part.exterior, *part.holes] for one in first.record.instances for part in one.shape]
    for found, (_, wanted) in zip(rings, [HOLE, DOG, CAT], strict=True):
        assert [np.asarray(one).tolist() for one in found] == [[list(p) for p in one] for one in wanted]


def test_every_edit_changes_the_etag(seamed: Any) -> None:
    """A moved polygon is another record."""
    seamed.add("a.png", ALL)
    before = seamed.source.read(only_item(seamed)).record.etag
    seamed.edit("a.png")
    assert seamed.source.read(only_item(seamed)).record.etag != before


def test_what_was_written_is_read_back(seamed: Any) -> None:
    """Key, label, sources and every pixel."""
    seamed.add("a.png", [DOG])
    item, written = only_item(seamed), some_masks("cat", "dög")
    seamed.sink.write(item, written)
    stored = {proof.key: proof for proof in seamed.sink.proofs(item)}
    assert stored.keys() == {mask.key for mask in written}
    for mask in written:
        proof = stored[mask.key]
        assert proof.sound
        assert (proof.label, proof.sources) == (mask.label, {"ü1": "0" * 64})
        assert np.array_equal(proof.mask, mask.mask)


def test_retracting_takes_one_of_ours_and_nothing_else(seamed: Any) -> None:
    """The other mask, the polygons and what is foreign stay."""
    seamed.add("a.png", ALL)
    item = only_item(seamed)
    seamed.sink.write(item, some_masks("cat", "dog"))
    gone, kept = seamed.sink.proofs(item)
    seamed.sink.retract(item, gone)
    assert [proof.location for proof in seamed.sink.proofs(item)] == [kept.location]
    assert (seamed.polygons("a.png"), seamed.others("a.png")) == (ALL, 1)


@pytest.mark.parametrize("delete_source", [False, True])
def test_a_mask_of_another_source_is_left_alone(seamed: Any, delete_source: bool) -> None:
    """By plain and by deleting runs, with polygons of its label and without; a note tells."""
    seamed.add("a.png", [DOG])
    item = only_item(seamed)
    pixels = np.ones(FRAME, bool)
    sources = [{"id": "1", "sha256": "0" * 64}]
    masks = [
        new_mask(label, pixels, sources, pixel_rule="center", origin="coco:a.json")
        for label in ("cat", "dog")
    ]
    seamed.sink.write(item, masks)
    before = {proof.location for proof in seamed.sink.proofs(item)}
    for _ in range(2):
        report = seamed.convert(delete_source=delete_source)
        assert (report.failures, report.retracted) == ([], 0)
        assert len(seamed.sink.proofs(item)) == 3
        assert before <= {proof.location for proof in seamed.sink.proofs(item)}
    told = "2 masks made from other sources (a.json) were left alone"
    assert told in report.notes or delete_source  # an item whose polygons are deleted may not be looked at


def test_only_the_named_are_deleted(seamed: Any) -> None:
    """By id, the second of three; not what looks like it."""
    seamed.add("a.png", [DOG, DOG, CAT])
    item = only_item(seamed)
    reading = seamed.source.read(item)
    second = list(reading.raw)[1]
    seamed.source.delete(item, [second], reading.record.etag)
    assert list(seamed.source.read(item).raw) == [key for key in reading.raw if key != second]
    assert seamed.others("a.png") == 1


def test_nothing_is_deleted_with_an_outdated_etag(seamed: Any) -> None:
    """Somebody moved one polygon: none goes."""
    seamed.add("a.png", ALL)
    item = only_item(seamed)
    reading = seamed.source.read(item)
    seamed.edit("a.png")
    with pytest.raises(SourceChanged):
        seamed.source.delete(item, list(reading.raw), reading.record.etag)
    assert len(seamed.polygons("a.png")) == 3


def test_a_backup_is_put_back_once(seamed: Any) -> None:
    """All rings; the second time it is there already, and keeps the id that masks know it by."""
    seamed.add("a.png", [HOLE, DOG])
    item = only_item(seamed)
    reading = seamed.source.read(item)
    seamed.source.delete(item, list(reading.raw), reading.record.etag)
    for key, backup in reading.raw.items():
        assert [seamed.source.restore(item, backup) for _ in range(3)] == [True, False, False], key
    assert sorted(seamed.polygons("a.png")) == sorted([HOLE, DOG])
    assert seamed.source.read(item).raw.keys() == reading.raw.keys()


@pytest.mark.parametrize("count", [0, 1, 7, 8, 30])
def test_the_list_is_complete_before_the_first_deletion(
    seamed: Any, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """Deleting while going through it skips nobody, on whichever page."""
    monkeypatch.setattr("polymask.dataloop.service.client.PAGE", 7)
    for number in range(count):
        seamed.add(f"{number:02}.png", [DOG])
    seen = []
    for item in seamed.source.items():
        reading = seamed.source.read(item)
        seamed.source.delete(item, list(reading.raw), reading.record.etag)
        seen.append(item.name)
    assert sorted(seen) == [f"{number:02}.png" for number in range(count)]
