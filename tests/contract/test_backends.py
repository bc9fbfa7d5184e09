"""What every place keeps, whichever it is, asked for by converting and restoring."""

from typing import Any

import numpy as np
import pytest

from polymask import PolymaskError, rasterize
from polymask.model import Polygon
from polymask.results import Report
from tests.contract.backends import FRAME, MOVED, Place, Ring, Shape


def ring(left: float, top: float, right: float, bottom: float) -> Ring:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


CAT: Shape = ("cat", [ring(1.5, 1.5, 6, 6), ring(8.25, 1, 11, 4)])  # two parts
SMALL_CAT: Shape = ("cat", [ring(1, 10, 4, 13)])
DOG: Shape = ("dog", [ring(13, 2, 20.75, 9.5)])
ALL = [CAT, DOG, SMALL_CAT]


def drawn(shapes: list[Shape]) -> dict[str, Any]:
    """One mask a label, its parts and polygons united (they are apart)."""
    masks: dict[str, Any] = {}
    for label, rings in shapes:
        mask = rasterize([Polygon(one) for one in rings], FRAME)
        masks[label] = masks.get(label, np.zeros(FRAME, bool)) | mask
    return masks


def same(found: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return found.keys() == wanted.keys() and all(np.array_equal(found[n], wanted[n]) for n in wanted)


def failures(place: Place) -> str:
    """What a run that may fail as a whole or for an item said."""
    try:
        report: Report = place.convert()
    except PolymaskError as error:
        return f"{type(error).__name__}: {error}"
    return "; ".join(f"{type(one).__name__}: {one.reason}" for one in report.failures)


def test_all_parts_of_all_polygons_are_painted(place: Place) -> None:
    """One mask a label, of every ring that was drawn."""
    place.add("a.png", ALL)
    assert place.convert(delete_source=False).failures == []
    assert same(place.masks("a.png"), drawn(ALL))
    assert place.polygons("a.png") == ALL


def test_converting_twice_stores_nothing_more(place: Place) -> None:
    """With polygons still there, and with all of them gone."""
    place.add("a.png", ALL)
    for delete_source in (False, True):
        place.convert(delete_source=delete_source)
        before = place.state()
        assert place.convert(delete_source=delete_source).failures == []
        assert place.state() == before


def test_only_polygons_are_deleted(place: Place) -> None:
    """What is none stays; the masks are as before."""
    place.add("a.png", ALL)
    assert place.convert().deleted == 3
    assert (place.polygons("a.png"), place.others("a.png")) == ([], 1)
    assert same(place.masks("a.png"), drawn(ALL))


def test_all_comes_back_ring_by_ring(place: Place) -> None:
    """And once, however often it is asked for; then it can be converted again."""
    place.add("a.png", ALL)
    place.convert()
    assert place.restore().written > 0
    assert sorted(place.polygons("a.png")) == sorted(ALL)
    assert place.restore().written == 0
    assert sorted(place.polygons("a.png")) == sorted(ALL)
    assert place.convert().deleted == 3
    assert same(place.masks("a.png"), drawn(ALL))


def test_a_polygon_moved_meanwhile_is_kept(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Moved after its mask was made and before it would go: it stays, as it is now."""
    place.add("a.png", ALL)
    _before_the_proof(monkeypatch, lambda: place.edit("a.png"))
    said = failures(place)
    assert "chang" in said, said
    assert ("cat", [MOVED]) in place.polygons("a.png")
    assert len(place.polygons("a.png")) == 3


def test_a_damaged_mask_proves_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Damaged between writing and reading back: no polygon goes for it."""
    place.add("a.png", ALL)
    _before_the_proof(monkeypatch, lambda: place.damage("a.png"))
    failures(place)
    assert CAT in place.polygons("a.png")
    assert place.others("a.png") == 1


@pytest.mark.parametrize("count", [0, 1, 25])
def test_any_number_of_items(place: Place, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """None, one, and more than fit a page."""
    monkeypatch.setattr("polymask.dataloop.service.client.PAGE", 7)
    for number in range(count):
        place.add(f"{number:02}.png", [DOG])
    if not count:
        failures(place)  # a file without images is refused, an empty dataset is none of anybody's business
        return
    report = place.convert()
    assert (report.images, report.deleted, report.failures) == (count, count, [])
    assert all(same(place.masks(f"{n:02}.png"), drawn([DOG])) for n in range(count))


def test_names_of_any_script(place: Place) -> None:
    """Items and labels."""
    name, shapes = "Üb 漢字 🐈.png", [("katze 猫", CAT[1]), ("пёс", DOG[1])]
    place.add(name, shapes)
    assert place.convert().deleted == 2
    assert same(place.masks(name), drawn(shapes))
    place.restore()
    assert sorted(place.polygons(name)) == sorted(shapes)


def _before_the_proof(monkeypatch: pytest.MonkeyPatch, act: Any) -> None:
    """Have something happen once, between the writing of masks and the reading back."""
    from polymask.conversion import delete_source as removal
    from polymask.in_place import job as proven

    done = []

    def once(honest: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            if not done:
                done.append(True)
                act()
            return honest(*arguments, **options)

        return call

    monkeypatch.setattr(proven.ProvenJob, "_read_back", once(proven.ProvenJob._read_back))
    monkeypatch.setattr(removal, "_proven", once(removal._proven))
