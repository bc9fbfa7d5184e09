"""Several processes or machines on one dataset. More items with `python -m tests.dataloop.shards`."""

from pathlib import Path
from types import ModuleType

import pytest

from polymask import NotFound
from polymask.parallel.shards import Shard
from tests.dataloop.shards import shared
from tests.dataloop.world import RING_WITH_HOLE, World, backed_up


@pytest.mark.parametrize("kill", [False, True])
def test_processes_share_a_dataset(dtlpy: ModuleType, no_noise: None, tmp_path: Path, kill: bool) -> None:
    """Four real processes: each polygon is converted once, none lost, none doubled; also if one is killed."""
    found, told = shared(24, 4, home=tmp_path / "home", journal=tmp_path / "journal", kill=kill)
    assert found == [], told


def test_restoring_finds_the_journals_of_all_parts(world: World, journal: Path) -> None:
    """One command puts back what several parts, and a run over everything, deleted."""
    for number in range(12):
        world.add_item(f"/{number}.png", RING_WITH_HOLE)
    before = world.state()
    for part in ("1/3", "2/3"):
        assert world.convert(journal, shard=Shard.parse(part)).failures == []
    assert 0 < len(world.of_type("segment")) < 12
    assert not backed_up(journal)
    assert world.convert(journal).failures == []
    assert world.of_type("segment") == []
    assert world.restore(journal).written == 12
    assert world.restore(journal).unchanged == 12
    rings = sorted(str(row["coordinates"]) for row in world.of_type("segment"))
    assert rings == [str(RING_WITH_HOLE["coordinates"])] * 12
    assert len(before) == 12


def test_the_version_deleted_last_is_put_back(world: World, journal: Path) -> None:
    """Also where an earlier one is in another part's journal."""
    item = world.add_item("/0.png", RING_WITH_HOLE)
    (shard,) = (Shard(number, 2) for number in (1, 2) if Shard(number, 2).takes(item))
    world.convert(journal)
    world.restore(journal)
    (row,) = world.of_type("segment")
    row["coordinates"][0][0]["x"] = 0.5
    world.emulator.edit_annotation(row["id"], coordinates=row["coordinates"])
    world.convert(journal, shard=shard)
    world.restore(journal)
    assert [one["coordinates"] for one in world.of_type("segment")] == [row["coordinates"]]


def test_a_folder_without_any_journal_is_told(world: World, journal: Path) -> None:
    """Nothing to restore from."""
    with pytest.raises(NotFound, match="--journal"):
        world.restore(journal)
