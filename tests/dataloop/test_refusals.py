"""What a run in place refuses before it does anything, and the way out that it tells."""

from pathlib import Path
from typing import Any

import pytest

import polymask
from polymask import InputError, LabelError
from tests.conftest import SAMPLE
from tests.dataloop.world import ACROSS, RING_WITH_HOLE, URL, World, box, ring, segment


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"only": "dgo"}, "did you mean 'dog'"),
        ({"only": ["cat", "bird"]}, "'bird'"),
        ({"where": "zz*"}, r"matches none of 1 images.*'a\.png'"),
        ({"overwrite": True}, "--overwrite has no effect on a dataset"),
        ({"max_delete": 3}, "--max-delete limits what --delete-source deletes"),
        ({"status": "aproved"}, "did you mean 'approved'"),
        ({"pixel_rule": "centre"}, "did you mean 'center'"),
    ],
)
def test_a_run_in_place_refuses_what_would_do_nothing(
    world: World, options: dict[str, Any], message: str, dry_run: bool
) -> None:
    """As other commands do, with the nearest name that there is."""
    world.add_item("/a.png", RING_WITH_HOLE, ACROSS)
    before = world.state()
    with world.connected(), pytest.raises(InputError, match=message):
        polymask.convert(URL, dry_run=dry_run, **options)
    assert world.state() == before


def test_what_is_finished_can_be_named_again(world: World, journal: Path) -> None:
    """The same command twice: a label and an item without polygons left are no mistyped ones."""
    world.add_item("/a.png", RING_WITH_HOLE, ACROSS)
    with world.connected():
        for deleted in (1, 0):
            report = polymask.convert(URL, only="cat", delete_source=True, journal=journal)
            assert (report.deleted, report.exit_code) == (deleted, 0)
        polymask.convert(URL, delete_source=True, journal=journal)
        assert polymask.convert(URL, where="a*", journal=journal, delete_source=True).exit_code == 0


def test_labels_of_a_local_file_are_looked_at_too(world: World) -> None:
    """`--only` of an upload names labels of the file."""
    with world.connected(), pytest.raises(LabelError, match="boot"):
        polymask.convert(SAMPLE, URL, only="boot")


def test_stats_tells_what_it_does_not_count(world: World) -> None:
    """Boxes and what is not chosen, by number."""
    world.add_item(
        "/a.png", segment("cat", ring(1, 1, 6, 6)), box(), segment("cat", ring(8, 1, 9, 9), status="issue")
    )
    with world.connected():
        assert sum(polymask.stats(URL).left_out.values()) == 1
        statistics = polymask.stats(URL, creator="nobody", status="none")
    assert sum(statistics.left_out.values()) == 3
    assert sum(row["annotations"] for row in statistics.to_dict()["left_out"]) == 3


def test_a_picture_that_cannot_be_read_fails_alone(world: World, tmp_path: Path) -> None:
    """Its size is nowhere told: `convert` and `stats` fail the item, `check` lists it, the other is done."""
    world.add_item("/a.png", ACROSS)
    world.add_item("/b.png", ACROSS, data=b"no picture")
    with world.connected():
        report = polymask.convert(URL, tmp_path / "out")
        statistics = polymask.stats(URL)
        findings = polymask.check(URL)
        in_place = polymask.convert(URL)
    assert [failure.name for failure in report.failures] == ["b.png"]
    assert [failure.name for failure in in_place.failures] == ["b.png"]
    assert [failure.name for failure in statistics.failures] == ["b.png"]
    assert statistics.labels["dog"]["instances"] == 1
    assert [(f.image, findings.rank(f)) for f in findings if f.kind == "no-size"] == [("b.png", "dropped")]


def test_a_file_of_another_type_is_called_by_it(world: World) -> None:
    """A PDF is no video."""
    world.add_item("/a.pdf", ACROSS, data=b"%PDF", mimetype="application/pdf")
    (reason,) = (entry.reason for entry in world.convert(delete_source=False).unsupported)
    assert "in a file of type application/pdf; only pictures are converted" in reason


def test_an_item_in_place_of_a_folder_is_advised(world: World) -> None:
    """A URL names folders; `--where` names items."""
    world.add_item("/a.png", ACROSS)
    with world.connected():
        with pytest.raises(InputError, match=r"--where 'a\.png'"):
            polymask.convert(f"{URL}/a.png")
        assert polymask.convert(URL, where="a.png").written == 1
