"""Masks of several sources on one dataset, with the real SDK: the dataset's own polygons, and local files."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polymask import rasterize
from polymask.cli.text import summary
from polymask.dataloop.jobs import upload as jobs
from polymask.dataloop.jobs.verification import verify_dataset
from polymask.dataloop.local_source import origin_of
from polymask.formats import open_annotations
from polymask.in_place.job import ProvenOptions
from polymask.model import BoolMask, Polygon
from polymask.results import Report
from tests.dataloop.world import (
    ACROSS,
    BESIDE,
    HEIGHT,
    URL,
    WIDTH,
    World,
    expected,
    masks_of_rows,
    same_masks,
)

Points = list[int]
SQUARE, TRIANGLE = [1, 1, 5, 1, 5, 4, 1, 4], [2, 0, 7, 5, 0, 5]
Convert = Callable[..., Report]


def drawn(*shapes: Points) -> BoolMask:
    mask: BoolMask = rasterize(
        [Polygon(list(zip(points[::2], points[1::2], strict=True))) for points in shapes], (HEIGHT, WIDTH)
    )
    return mask


@pytest.fixture
def convert(world: World, tmp_path: Path) -> Convert:
    """Write a COCO file with (label, points) of the item a.png, and convert it onto the dataset."""

    def upload(name: str, *shapes: tuple[str, Points], **options: Any) -> Report:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        rows = [
            {"id": n, "image_id": 1, "category_id": 1 + ("cat", "dog").index(label), "segmentation": [points]}
            for n, (label, points) in enumerate(shapes, 1)
        ]
        document = {
            "images": [{"id": 1, "file_name": "a.png", "height": HEIGHT, "width": WIDTH}],
            "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
            "annotations": rows,
        }
        path.write_text(json.dumps(document))
        with world.connected():
            return jobs.upload(open_annotations(path), URL, ProvenOptions(**options))

    return upload


def masks_by_origin(world: World, item: str) -> dict[str, dict[str, BoolMask]]:
    """The masks of an item by origin and label; each label has one for each origin."""
    rows: dict[str, list[Any]] = {}
    for row in world.of_type("binary", item):
        rows.setdefault(row["metadata"]["user"]["polymask"]["origin"], []).append(row)
    return {origin: masks_of_rows(some) for origin, some in rows.items()}


@pytest.mark.parametrize("delete_source", [False, True])
def test_masks_of_local_polygons_outlive_runs_in_place(
    world: World, convert: Convert, journal: Path, delete_source: bool
) -> None:
    """These polygons were never in the dataset: that they are not there shows nothing. It is told."""
    item = world.add_item("/a.png")
    convert("local.json", ("cat", SQUARE), ("dog", TRIANGLE))
    before = world.state()
    for _ in range(2):
        report = world.convert(journal, delete_source=delete_source)
        assert (report.written, report.retracted, report.unchanged, report.exit_code) == (0, 0, 1, 0)
        assert "2 masks made from other sources (local.json) were left alone" in report.notes
    assert world.state() == before
    assert same_masks(
        masks_by_origin(world, item)["coco:local.json"], {"cat": drawn(SQUARE), "dog": drawn(TRIANGLE)}
    )


@pytest.mark.parametrize("delete_source", [False, True])
def test_a_label_has_a_mask_for_each_source(
    world: World, convert: Convert, journal: Path, delete_source: bool
) -> None:
    """The dataset's cats and a local file's, in any order of runs: neither joins the other's mask."""
    item = world.add_item("/a.png", BESIDE, ACROSS)
    wanted = {"dataset": expected([BESIDE, ACROSS]), "coco:local.json": {"cat": drawn(SQUARE)}}
    for _ in range(2):
        convert("local.json", ("cat", SQUARE))
        report = world.convert(journal, delete_source=delete_source)
        assert (report.failures, report.retracted) == ([], 0)
        stored = masks_by_origin(world, item)
        assert stored.keys() == wanted.keys()
        assert all(same_masks(stored[origin], wanted[origin]) for origin in wanted)
    assert len(world.of_type("segment")) == (0 if delete_source else 2)
    with world.connected():
        assert verify_dataset(URL, journal=journal if delete_source else None).failures == []


def test_a_second_file_leaves_the_masks_of_the_first(world: World, convert: Convert) -> None:
    """Files split by label, and one label in two files."""
    item = world.add_item("/a.png")
    convert("cats.json", ("cat", SQUARE))
    convert("dogs.json", ("dog", TRIANGLE))
    report = convert("more.json", ("cat", TRIANGLE))
    assert report.notes[0] == "2 masks made from other sources (cats.json, dogs.json) were left alone"
    stored = masks_by_origin(world, item)
    assert same_masks(stored["coco:cats.json"], {"cat": drawn(SQUARE)})
    assert same_masks(stored["coco:dogs.json"], {"dog": drawn(TRIANGLE)})
    assert same_masks(stored["coco:more.json"], {"cat": drawn(TRIANGLE)})


def test_masks_follow_an_edited_file(world: World, convert: Convert) -> None:
    """Under its name, wherever it lies: a polygon that moved, and a label that is gone, which is counted."""
    item = world.add_item("/a.png")
    convert("local.json", ("cat", SQUARE), ("dog", TRIANGLE))
    report = convert("elsewhere/local.json", ("cat", TRIANGLE))
    assert (report.written, report.retracted) == (1, 2)
    assert "other sources" not in "".join(report.notes)
    assert same_masks(masks_by_origin(world, item)["coco:local.json"], {"cat": drawn(TRIANGLE)})


def test_a_renamed_file_is_told(world: World, convert: Convert) -> None:
    """Its masks are made anew beside the former ones, and the report says so, in a dry run as well."""
    world.add_item("/a.png")
    convert("local.json", ("cat", SQUARE))
    for dry_run in (True, False):
        notes = convert("renamed.json", ("cat", SQUARE), dry_run=dry_run).notes
        assert notes[0] == "1 mask made from other sources (local.json) was left alone"
        assert notes[1].startswith("1 of them (local.json) hold the same polygons")
    assert len(world.of_type("binary")) == 2


def test_masks_of_earlier_versions_are_left_alone_where_nothing_shows_whose_they_are(
    world: World, convert: Convert, journal: Path
) -> None:
    """Their claims do not tell of a source: a local file's mask stays, and a run over the file knows it."""
    world.add_item("/a.png")
    convert("local.json", ("cat", SQUARE))
    (row,) = world.of_type("binary")
    metadata = row["metadata"]
    metadata["user"]["polymask"]["origin"] = None  # as good as not there
    world.emulator.edit_annotation(row["id"], metadata=metadata)
    report = world.convert(journal)
    assert report.retracted == 0
    assert report.notes[0].startswith("1 mask of earlier versions was left alone")
    assert (convert("local.json", ("cat", SQUARE)).unchanged, len(world.of_type("binary"))) == (1, 1)


def test_a_dry_run_counts_retractions_as_the_run_does(world: World, journal: Path) -> None:
    """Masks whose polygons were erased, and those that newer ones replace; both items are `written`."""
    for name in ("erased", "moved", "same"):
        world.add_item(f"/{name}.png", ACROSS)
    world.convert(delete_source=False)
    erased, moved, _ = world.of_type("segment")
    world.emulator.remove_annotation(erased["id"])
    world.emulator.edit_annotation(moved["id"], coordinates=BESIDE["coordinates"])
    dry = world.convert(delete_source=False, dry_run=True)
    real = world.convert(delete_source=False)
    for report, words in ((dry, "would be retracted"), (real, "were retracted")):
        assert (report.written, report.unchanged, report.retracted, report.failed) == (2, 1, 2, 0)
        assert report.to_dict()["retracted"] == 2
        assert f"2 masks {words}" in summary(report, URL)
        assert "Nothing to do" not in summary(report, URL)
    assert world.convert(delete_source=False).retracted == 0


def test_a_polygon_that_cannot_be_drawn_is_the_reports_exit_code(world: World) -> None:
    """Beside one that can: the report says what the command line exits with."""
    two_points = {**ACROSS, "coordinates": [ACROSS["coordinates"][0][:2]]}
    world.add_item("/a.png", ACROSS, two_points)
    report = world.convert(delete_source=False)
    assert (len(report.unsupported), report.failed, report.exit_code) == (1, 0, 1)


def test_an_origin_is_the_same_on_any_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Format and last name, whichever way the file is named; nothing of the folders above it."""
    (tmp_path / "batch").mkdir()
    path = tmp_path / "batch" / "a.json"
    image = {"id": 1, "file_name": "a.png", "height": 2, "width": 3}
    path.write_text(json.dumps({"images": [image], "categories": [], "annotations": []}))
    monkeypatch.chdir(path.parent)
    names = (path, "a.json", "./a.json", "../batch/a.json", f"file://{path}")
    assert {origin_of(open_annotations(name, format="coco")) for name in names} == {"coco:a.json"}
