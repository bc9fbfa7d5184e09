"""Two runs at once on one dataset."""

import threading
from pathlib import Path
from typing import Any

from polymask.dataloop.jobs import run
from polymask.in_place.job import ProvenOptions
from tests.dataloop.test_interruptions import ALL, everything
from tests.dataloop.world import URL, Watch, World, expected, same_masks


def test_two_runs_at_once(world: World, journal: Path) -> None:
    """Two runs on one dataset, call by call in turn, lose nothing; a third leaves one mask a label."""
    for number in range(3):
        world.add_item(f"/{number}.png", *ALL)
    watch = Watch(world, journal)
    barrier = threading.Barrier(2)

    def in_turn(_method: str, _path: str) -> None:
        try:
            barrier.wait(0.2)  # both have a call on the way, or one has ended or waits
        except threading.BrokenBarrierError:
            barrier.reset()

    world.before_calls(in_turn)
    with world.connected():
        threads = [threading.Thread(target=one_run, args=(journal,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    world._looking.remove(in_turn)
    assert world.convert(journal, query=everything(journal)).failures == []
    watch.look()
    assert watch.lost == []
    assert world.of_type("segment") == []
    for item in world.emulator.items():
        assert same_masks(world.masks(item["id"]), expected(ALL))


def one_run(journal: Path) -> Any:
    return run.convert_in_place(URL, ProvenOptions(delete_source=True), journal=journal)
