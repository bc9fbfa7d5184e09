"""Labels that the recipe lacks: told, or added in colors of their own."""

from pathlib import Path
from types import ModuleType

import pytest

import polymask
from polymask import InputError
from polymask.codecs.png import decode_color
from polymask.dataloop.jobs import run
from polymask.dataloop.service.recipe import Recipe
from polymask.dataloop.sink import png_of
from polymask.results import Report
from tests.dataloop.test_download import ontology, root
from tests.dataloop.world import ACROSS, RING_WITH_HOLE, URL, World, ring, segment

LACKS = "the recipe lacks 'cat', 'dog', so that their masks are white; --add-labels adds them"
WHITE = (255, 255, 255)


def recipe(world: World) -> Recipe:
    with world.connected():
        return Recipe(run.connect(), world.dataset)


def colors(world: World) -> dict[str, tuple[int, ...]]:
    """The color that each mask is painted in."""
    pixels = {row["label"]: decode_color(png_of(row)).reshape(-1, 3) for row in world.of_type("binary")}
    return {label: tuple(pixels[label].max(axis=0).tolist()) for label in sorted(pixels)}


def converted(world: World, *, add_labels: bool = False, dry_run: bool = False) -> Report:
    return world.convert(delete_source=False, add_labels=add_labels, dry_run=dry_run)


def test_labels_that_the_recipe_lacks_are_told(world: World) -> None:
    """In place, in every run, also where there is nothing left to do; the recipe stays as it is."""
    world.add_item("/a.png", RING_WITH_HOLE, ACROSS)
    assert converted(world, dry_run=True).notes == [LACKS]
    assert converted(world).notes == [LACKS]
    assert converted(world).notes == [LACKS]
    assert colors(world) == {"cat": WHITE, "dog": WHITE}
    assert recipe(world).labels == {}


def test_labels_are_added_in_colors_of_their_own(world: World) -> None:
    """The masks have them, and what the recipe has stays as it is; a dry run adds nothing."""
    ontology(world, [root("dog", color="#e63737")])
    nested = segment("animal.cow", ring(1, 10, 5, 14))
    world.add_item("/a.png", RING_WITH_HOLE, ACROSS, nested)
    dry = converted(world, add_labels=True, dry_run=True)
    assert "the recipe lacks 'cat', 'animal.cow'" in dry.notes[0]
    assert not world.writes()[1:]  # but the first, which is the test's own
    assert converted(world, add_labels=True).notes == []
    found = recipe(world)
    assert list(found.labels) == ["dog", "cat", "animal", "animal.cow"]
    assert found["dog"] == (0xE6, 0x37, 0x37)
    assert len({*found.values(), WHITE}) == 5
    assert colors(world) == {label: found[label] for label in ("animal.cow", "cat", "dog")}


def test_labels_of_masks_that_are_there_are_added_too(world: World) -> None:
    """A second run that has nothing to write still adds what the first one was told of."""
    world.add_item("/a.png", RING_WITH_HOLE, ACROSS)
    converted(world)
    report = converted(world, add_labels=True)
    assert (report.written, report.notes, sorted(recipe(world).labels)) == (0, [], ["cat", "dog"])


def test_an_upload_tells_and_adds_as_well(world: World, tmp_path: Path) -> None:
    """Masks of local annotations on a dataset without their labels."""
    path = tmp_path / "a.json"
    world.add_item("/a.png", ACROSS)
    path.write_text(
        '{"filename": "/a.png", "metadata": {"system": {"width": 24, "height": 16}}, "annotations": '
        '[{"id": "1", "type": "segment", "label": "sea", "coordinates": '
        '[[{"x": 1, "y": 1}, {"x": 9, "y": 1}, {"x": 9, "y": 9}]]}]}'
    )
    with world.connected():
        told = polymask.convert(path, URL)
        assert told.notes == ["the recipe lacks 'sea', so that their masks are white; --add-labels adds them"]
        assert polymask.convert(path, URL, add_labels=True).notes == []
    assert list(recipe(world).labels) == ["sea"]


def test_a_dataset_without_a_recipe_is_told_before_anything_is_written(world: World) -> None:
    """There is nothing that labels could be added to."""
    world.add_item("/a.png", ACROSS)
    world.dataset["metadata"]["system"]["recipes"] = []
    with world.connected(), pytest.raises(InputError, match="has no recipe"):
        Recipe(run.connect(), world.dataset, adds=True)


def test_the_sdk_sees_the_labels_that_were_added(sdk: ModuleType, world: World) -> None:
    """With their colors, nested ones by their path, as if its own call had added them."""
    world.add_item("/a.png", segment("animal.cow", ring(1, 1, 5, 5)))
    converted(world, add_labels=True)
    dataset = sdk.projects.get("boats").datasets.get("harbor")
    assert dataset.labels_flat_dict["animal.cow"].rgb == colors(world)["animal.cow"]
    dataset.add_label("animal.dog", color=(1, 2, 3))
    assert list(recipe(world).labels) == ["animal", "animal.cow", "animal.dog"]
