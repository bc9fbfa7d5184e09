"""Local annotations to a dataset: matched by name, compared in size, stored once."""

import json
from pathlib import Path
from typing import Any

import pytest

from polymask import rasterize
from polymask.dataloop.jobs import upload as jobs
from polymask.errors import InputError
from polymask.formats import open_annotations
from polymask.in_place.job import ProvenOptions
from polymask.model import Polygon
from polymask.parallel.shards import Shard
from polymask.results import Report
from tests.dataloop.world import ACROSS, URL, World, expected, same_masks

SQUARE = [1, 1, 5, 1, 5, 4, 1, 4]
TRIANGLE = [2, 0, 7, 5, 0, 5]


@pytest.fixture
def annotations(tmp_path: Path) -> Any:
    names = ["a.png", "sub/b.png", "missing.png", "other size.png"]
    document = {
        "images": [{"id": n, "file_name": name, "height": 6, "width": 8} for n, name in enumerate(names, 1)],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
        "annotations": [
            {
                "id": 10 * image + n,
                "image_id": image,
                "category_id": n,
                "segmentation": [points],
                "iscrowd": 0,
            }
            for image in (1, 2, 3, 4)
            for n, points in ((1, SQUARE), (2, TRIANGLE))
        ],
    }
    path = tmp_path / "instances.json"
    path.write_text(json.dumps(document))
    return open_annotations(path)


def upload(world: World, annotations: Any, url: str = URL, **options: Any) -> Report:
    with world.connected():
        return jobs.upload(annotations, url, ProvenOptions(**options))


def test_parts_of_an_upload_are_together_the_whole(
    world: World, annotations: Any, items: dict[str, str]
) -> None:
    """Items by their ids, names without an item by the name: each is told of once."""
    reports = [upload(world, annotations, shard=Shard(number, 3)) for number in (1, 2, 3)]
    whole = upload(world, annotations)
    assert sum(report.images for report in reports) == whole.images == 4
    failed = sorted(failure.name for report in reports for failure in report.failures)
    assert failed == sorted(failure.name for failure in whole.failures)
    assert sum(report.written for report in reports) == 2
    assert whole.written == 0


def drawn(points: list[int]) -> Any:
    return rasterize(Polygon(list(zip(points[::2], points[1::2], strict=True))), (6, 8))


WANTED = {"cat": drawn(SQUARE), "dog": drawn(TRIANGLE)}


@pytest.fixture
def items(world: World) -> dict[str, str]:
    return {
        "a.png": world.add_item("/a.png", width=8, height=6),
        "sub/b.png": world.add_item("/sub/b.png", width=8, height=6),
        "other size.png": world.add_item("/other size.png", width=6, height=8),
    }


def test_masks_go_to_the_items_of_the_same_names(
    world: World, items: dict[str, str], annotations: Any
) -> None:
    """Names without an item and pictures of another size fail; all others get one mask a label."""
    report = upload(world, annotations)
    assert sorted(one.name for one in report.failures) == ["missing.png", "other size.png"]
    assert {one.name: one.reason for one in report.failures}[
        "missing.png"
    ] == "no item of the dataset has this name"
    assert report.exit_code == 1
    for name in ("a.png", "sub/b.png"):
        assert same_masks(world.masks(items[name]), WANTED)
    assert world.masks(items["other size.png"]) == {}


def test_progress_counts_the_items_that_are_there(
    world: World, items: dict[str, str], annotations: Any
) -> None:
    """How many there will be, then how many are done."""
    told, done = list[int](), list[int]()
    with world.connected():
        jobs.upload(annotations, URL, ProvenOptions(), start=told.append, advance=done.append)
    assert (told, sum(done)) == ([3], 3)


def test_a_second_upload_does_nothing(world: World, items: dict[str, str], annotations: Any) -> None:
    """The masks are found again by what they say of themselves."""
    upload(world, annotations)
    calls = len(world.emulator.audit)
    assert upload(world, annotations).unchanged == 2
    assert world.writes(calls) == []


def test_names_are_looked_for_below_the_folder(world: World, items: dict[str, str], annotations: Any) -> None:
    """A folder in the URL goes before every name."""
    below = world.add_item("/val/a.png", width=8, height=6)
    report = upload(world, annotations, f"{URL}/val")
    assert (report.written, len(report.failures)) == (1, 3)
    assert same_masks(world.masks(below), WANTED)
    assert world.masks(items["a.png"]) == {}


def test_polygons_of_the_dataset_are_left_alone(
    world: World, items: dict[str, str], annotations: Any
) -> None:
    """Uploading converts the local polygons, not those that the items have."""
    world.add(items["a.png"], ACROSS)
    upload(world, annotations)
    assert len(world.of_type("segment")) == 1
    assert same_masks(world.masks(items["a.png"]), WANTED)
    assert expected([ACROSS]).keys() == {"dog"}


def test_local_polygons_are_never_deleted(world: World, items: dict[str, str], annotations: Any) -> None:
    """Asking for it is refused before anything is sent."""
    with pytest.raises(InputError, match="--delete-source"):
        upload(world, annotations, delete_source=True)
    assert world.emulator.calls == 0


def test_a_dry_upload_writes_nothing(world: World, items: dict[str, str], annotations: Any) -> None:
    """It tells what would be written."""
    assert upload(world, annotations, dry_run=True).written == 2
    assert world.writes() == []
