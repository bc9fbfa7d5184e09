"""The soak itself: a short one, and whether it would see a loss."""

from pathlib import Path
from types import ModuleType

import pytest

from polymask.dataloop.service.client import connect
from polymask.in_place.journal import Journal
from tests.dataloop.soak import LongWatch, soak
from tests.dataloop.world import BESIDE, RING_WITH_HOLE, World


def test_a_short_soak_ends_as_it_must(dtlpy: ModuleType, no_noise: None) -> None:
    """Killed twice a second, under faults, all items are converted in the end and nothing is lost."""
    result = soak(60, every=0.5, rate=0.02, seed=3, workers=2)
    assert result.clean
    assert result.kills
    assert result.faults


def test_a_polygon_without_a_backup_is_lost(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is deleted without having been kept is told by the next look."""
    monkeypatch.setattr(Journal, "back_up", lambda *_, **__: None)
    world.add_item("/a.png", RING_WITH_HOLE, BESIDE)
    watch = LongWatch(world, tmp_path / "journal")
    world.convert(tmp_path / "journal")
    watch.look()
    assert watch.lost == sorted(world.originals)
    assert len(watch.lost) == 2


def test_a_polygon_whose_mask_goes_is_lost(world: World, tmp_path: Path) -> None:
    """A look sees what happened since the one before, and the items that it happened to."""
    world.add_item("/a.png", RING_WITH_HOLE)
    world.add_item("/b.png", BESIDE)
    watch = LongWatch(world, tmp_path / "journal")
    world.convert(tmp_path / "journal")
    watch.look()
    assert (watch.lost, len(world.writes())) == ([], 4)
    with world.connected():
        connect().delete(world.of_type("binary")[0]["id"])
    watch.look()
    assert watch.lost == [min(world.originals)]
