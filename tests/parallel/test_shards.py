"""Parts of a run: together everything, each image in one of them, on any machine the same."""

from pathlib import Path

import pytest

from polymask import InputError, Locked, convert
from polymask.parallel.shards import Shard
from polymask.storage.roots.local import Root

SOURCE = "fixtures/shapes/instances.json"


@pytest.mark.parametrize("count", [1, 2, 7, 64])
def test_every_key_is_in_one_part(count: int) -> None:
    """And the parts are about alike."""
    keys = [f"{number:024x}" for number in range(20 * count)]
    sizes = [sum(Shard(number, count).takes(key) for key in keys) for number in range(1, count + 1)]
    assert sum(sizes) == len(keys)
    assert max(sizes) < 50


def test_what_is_whose_never_changes() -> None:
    """Machines with other versions of Python and of polymask agree."""
    keys = ["a.jpg", "b.jpg", "c.jpg", "dir/é.jpg", "\udcff"]
    assert [[key for key in keys if Shard(n, 3).takes(key)] for n in (1, 2, 3)] == [
        ["a.jpg", "b.jpg"],
        ["c.jpg", "\udcff"],
        ["dir/é.jpg"],
    ]
    # a change of this table would let machines of two versions convert an image twice, or not at all


@pytest.mark.parametrize("given", ["", "1", "0/2", "3/2", "1/0", "-1/2", "1/2/3", "a/b", "1.0/2", (1, 2)])
def test_other_texts_are_refused(given: object, tmp_path: Path) -> None:
    """The message shows what is wanted."""
    with pytest.raises(InputError, match="NUMBER/COUNT"):
        convert(SOURCE, tmp_path / "out", shard=given)


def test_parts_of_a_local_run_are_together_the_whole(tmp_path: Path) -> None:
    """One after another into one folder, which then is the same as that of a single run."""
    whole = convert(SOURCE, tmp_path / "whole")
    reports = [convert(SOURCE, tmp_path / "parts", shard=f"{number}/3") for number in (3, 1, 2)]
    assert sum(report.written for report in reports) == whole.written == 3
    for path in (tmp_path / "whole").rglob("*.*"):
        assert (tmp_path / "parts" / path.relative_to(tmp_path / "whole")).read_bytes() == path.read_bytes()


def test_a_folder_is_of_one_part_at_a_time(tmp_path: Path) -> None:
    """At the same time they need folders of their own."""
    with Root(tmp_path / "out").run({}), pytest.raises((Locked, InputError)):
        convert(SOURCE, tmp_path / "out", shard="1/2")
