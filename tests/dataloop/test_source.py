"""Dataloop as a source: frames, what can be painted, folders and queries; and targets."""

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from polymask.dataloop.emulator import Fault
from polymask.dataloop.jobs.run import read_query
from polymask.dataloop.service.client import connect
from polymask.dataloop.service.restoring import posted
from polymask.dataloop.source import DataloopItem, DataloopSource, details_of, etag_of
from polymask.dataloop.target import Target, is_dataloop
from polymask.errors import BackendError, InputError, NotFound, SourceChanged
from polymask.formats.reading.annotation_choice import original_id
from polymask.in_place.protocols import Item
from tests.dataloop.conftest import png, polygon
from tests.dataloop.world import ACROSS, RING_WITH_HOLE, World, segment


def source_of(world: World, **options: Any) -> DataloopSource:
    client = connect()
    client.sleep = world.waits.append
    return DataloopSource(client, world.dataset["id"], **options)


@pytest.mark.parametrize(
    ("orientation", "frame"),
    [(None, (6, 8)), (1, (6, 8)), (3, (6, 8)), (5, (8, 6)), (6, (8, 6)), (7, (8, 6)), (8, (8, 6))],
)
@pytest.mark.parametrize("check_images", [False, True])
def test_the_frame_is_that_of_the_picture_as_shown(
    world: World, orientation: int | None, frame: tuple[int, int], check_images: bool
) -> None:
    """EXIF orientations 5 to 8 swap the sides, by the metadata and by the picture alike."""
    world.add_item("/a.png", ACROSS, width=8, height=6, exif_orientation=orientation)
    source = source_of(world, check_images=check_images)
    (item,) = source.items()
    assert source.read(item).record.frame == frame


@pytest.mark.parametrize(("width", "height"), [(None, None), (8, None), (None, 6), (0, 6), ("8", "6")])
def test_without_metadata_the_picture_tells(world: World, width: Any, height: Any) -> None:
    """Where the platform lacks the width or the height, the picture is downloaded."""
    item = world.add_item("/a.png", ACROSS, data=png(8, 6))
    world.emulator.edit_item(item, metadata={"system": {"width": width, "height": height}})
    source = source_of(world)
    (found,) = source.items()
    assert source.read(found).record.frame == (6, 8)


@pytest.mark.parametrize("sides", [{"width": 8, "height": 6}, {"width": 8.0, "height": 6.0}])
def test_no_picture_is_downloaded_unless_it_is_asked_for(world: World, sides: dict[str, Any]) -> None:
    """The metadata's sides are the frame, also where they are written as 8.0 and 6.0."""
    item = world.add_item("/a.png", ACROSS, data=b"hello")
    world.emulator.edit_item(item, metadata={"system": sides})
    source = source_of(world)
    (found,) = source.items()
    assert source.read(found).record.frame == (6, 8)
    assert not any(entry.path.endswith("/stream") for entry in world.emulator.audit)


def test_an_item_known_by_its_id_alone_is_a_picture(world: World) -> None:
    """Its polygons are read, and its frame from its bytes."""
    item = Item(world.add_item("/a.png", polygon(), data=png(8, 6)), "a.png")
    record = source_of(world).read(item).record
    assert (len(record.instances), record.frame) == (1, (6, 8))


def test_three_points_are_a_polygon(world: World) -> None:
    """Two are left alone, and the reason tells how many there are."""
    two = segment("cat", [{"x": 1, "y": 1}, {"x": 9, "y": 1}])
    world.add_item("/a.png", polygon(), two)
    source = source_of(world)
    (item,) = source.items()
    reading = source.read(item)
    assert len(reading.record.instances) == 1
    assert [one.reason.partition(": ")[2] for one in reading.unsupported] == [
        "$.coordinates: a ring has at least 3 points, not 2; it is left alone"
    ]


def test_what_is_no_picture_fails(world: World) -> None:
    """Bytes that cannot be opened have no frame."""
    item = world.add_item("/a.png", ACROSS, data=b"hello")
    assert item
    source = source_of(world)
    (found,) = source.items()
    with pytest.raises(InputError, match="no picture of a kind"):
        source.read(found)


def test_a_video_needs_no_frame(world: World) -> None:
    """Its polygons are reported, nobody opens it as a picture, and its one pixel is below any limit."""
    world.add_item("/a.mp4", ACROSS, data=b"moving", mimetype="video/mp4")
    source = source_of(world)
    (found,) = source.items()
    reading = source.read(found)
    assert (len(reading.unsupported), reading.record.instances, reading.record.frame) == (1, (), (1, 1))


def test_only_items_with_polygons_are_listed(world: World) -> None:
    """The default query is the tutorial's: files that have a polygon, below the folder if one is given."""
    world.add_item("/a.png", ACROSS)
    world.add_item("/sub/b.png", ACROSS)
    world.add_item("/sub/deep/c.png", ACROSS)
    world.add_item("/sub/d.png")
    assert [item.name for item in source_of(world).items()] == ["a.png", "sub/b.png", "sub/deep/c.png"]
    below = [item.name for item in source_of(world, folder="sub").items()]
    assert below == ["sub/b.png", "sub/deep/c.png"]


@pytest.mark.parametrize(
    ("given", "names"),
    [({}, ["sub/b.png", "sub/c.png"]), ({"name": "b.png"}, ["sub/b.png"])],
)
def test_a_folder_narrows_any_filter(world: World, given: dict[str, Any], names: list[str]) -> None:
    """Whether it selects all or is a single clause, it holds beside the folder."""
    for path in ("/b.png", "/sub/b.png", "/sub/c.png"):
        world.add_item(path)
    found = source_of(world, query={"filter": given}, folder="sub").items()
    assert [item.name for item in found] == names


def test_a_query_that_dtlpy_prepares_selects_items(world: World, sdk: ModuleType, tmp_path: Path) -> None:
    """A file with what `Filters.prepare()` gives is read as it is."""
    world.add_item("/a.png", ACROSS)
    world.add_item("/b.png", ACROSS)
    path = tmp_path / "query.json"
    path.write_text(json.dumps(sdk.Filters(field="name", values="b.png").prepare()))
    assert [item.name for item in source_of(world, query=read_query(path)).items()] == ["b.png"]


def test_a_query_that_the_service_refuses_is_an_input_error(world: World, tmp_path: Path) -> None:
    """It names the file, and so does one that is not there: exit 2, for no later try can help."""
    world.add_item("/a.png", ACROSS)
    path = tmp_path / "query.json"
    with pytest.raises(NotFound, match=r"query\.json: no such file") as caught:
        world.convert(delete_source=False, query=path)
    assert caught.value.exit_code == 2
    path.write_text('{"filter": {"$and": [{"label": {"$regex": "c"}}]}}')
    with pytest.raises(InputError, match=r"query\.json: the service refuses this filter"):
        world.convert(delete_source=False, query=path)


@pytest.mark.parametrize(
    "text", ["[]", "{}", "{", '{"page": 0}', '{"filter": 5}', '{"filter": {"$and": "x"}}']
)
def test_a_query_file_of_something_else_is_refused(tmp_path: Path, text: str) -> None:
    """A file that is no query is an input error that says what one looks like."""
    path = tmp_path / "query.json"
    path.write_text(text)
    with pytest.raises(InputError):
        read_query(path)
    with pytest.raises(NotFound):
        read_query(tmp_path / "none.json")


def test_a_query_for_annotations_is_refused(world: World) -> None:
    """Items are what is converted."""
    with pytest.raises(InputError, match="something else than items"):
        source_of(world, query={"resource": "annotations", "filter": {}})


@pytest.mark.parametrize(
    "metadata", [None, [], {"system": None}, {"user": "x"}, {"user": {"polymask": 5}}, {}]
)
def test_odd_metadata_do_no_harm(metadata: Any) -> None:
    """Whatever an importer put there, a polygon is read, and posted again with our mark."""
    row = {**ACROSS, "id": "p1", "metadata": metadata}
    assert details_of(row) == {}
    again = posted(row, "i", "p1") | {"itemId": "i"}
    assert original_id(again) == "p1"
    kept = metadata.get("user") if isinstance(metadata, dict) else None
    assert again["metadata"]["user"] == (kept or {"polymask": {"restored": "p1", "item": "i"}})


def test_a_mask_keeps_what_was_said_of_a_polygon() -> None:
    """Its attributes of both kinds, object, parent and model, but nothing that is empty."""
    system = {"attributes": {"wet": True}, "objectId": "5", "parentId": "p", "automated": True}
    row = {
        "attributes": ["a"],
        "label": "cat",
        "metadata": {"system": system, "user": {"model": {"name": "m"}}},
    }
    assert details_of(row) == {
        "attributes": {"wet": True},
        "attributes1": ["a"],
        "objectId": "5",
        "parentId": "p",
        "model": {"name": "m"},
    }
    assert details_of({"attributes": [], "metadata": {"system": {"attributes": {}}}}) == {}


def test_a_record_is_the_same_in_any_order() -> None:
    """Neither the order of its polygons nor that of their keys makes it another, each value does."""
    same = [[{"id": "1", "label": "cat"}, {"id": "2"}], [{"id": "2"}, {"label": "cat", "id": "1"}]]
    other = [{"id": "1", "label": "dog"}, {"id": "2"}]
    assert etag_of(same[0]) == etag_of(same[1]) != etag_of(other)


def test_a_picture_is_told_by_type_or_name() -> None:
    """The mimetype decides; without one the name does."""
    typed = {"metadata": {"system": {"mimetype": "video/mp4"}}}
    assert not DataloopItem("1", "a.png", typed).is_image
    assert DataloopItem("1", "a.png", {}).is_image
    assert not DataloopItem("1", "a.mp4", {}).is_image


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("dataloop://p/d", Target("p", "d")),
        ("dataloop://p/d/", Target("p", "d")),
        ("dataloop://p/d/a/b", Target("p", "d", "a/b")),
        ("dataloop://my%20p/a%2Fb", Target("my p", "a/b")),
    ],
)
def test_a_url_names_project_dataset_and_folder(url: str, target: Target) -> None:
    """Names with spaces and slashes are percent-encoded."""
    assert Target.parse(url) == target
    assert is_dataloop(url)


@pytest.mark.parametrize("url", ["dataloop://", "dataloop://p", "dataloop://p/", "dataloop:///"])
def test_a_url_without_a_dataset_is_refused(url: str) -> None:
    """The message shows what is expected."""
    with pytest.raises(InputError, match="dataloop://PROJECT/DATASET"):
        Target.parse(url)
    assert not is_dataloop("folder/instances.json")


def test_every_ring_is_read(world: World) -> None:
    """A polygon with a hole has both its rings, which the SDK's own class has not."""
    world.add_item("/a.png", RING_WITH_HOLE)
    source = source_of(world)
    (item,) = source.items()
    (instance,) = source.read(item).record.instances
    assert isinstance(instance.shape, tuple)
    assert [len(polygon.rings) for polygon in instance.shape] == [2]


def test_nothing_is_deleted_from_a_record_that_changed(world: World) -> None:
    """Neither what was named nor anything else, where the etag is another one by now."""
    world.add_item("/a.png", RING_WITH_HOLE, ACROSS)
    source = source_of(world)
    (item,) = source.items()
    reading = source.read(item)
    with pytest.raises(SourceChanged, match="changed meanwhile"):
        source.delete(item, [str(reading.record.instances[0].id)], "another")
    assert len(source.read(item).record.instances) == 2


def put_back(world: World) -> tuple[DataloopSource, Item, dict[str, Any]]:
    """An item that lacks a polygon, and the backup of it."""
    item = Item(world.add_item("/a.png"), "a.png")
    return source_of(world), item, {**ACROSS, "id": "p1"}


def posts(world: World) -> int:
    return sum(entry.path.endswith("/annotations") for entry in world.emulator.audit)


@pytest.mark.parametrize(
    ("fault", "tries", "why"),
    [
        (Fault("POST", "/items/*/annotations", "status", status=503, times=None), 4, "503"),
        (Fault("POST", "/items/*/annotations", "partial", keep=0, times=None), 4, "cannot be read back"),
        (Fault("POST", "/items/*/annotations", "status", status=403, times=None), 1, "403"),
    ],
)
def test_a_polygon_that_does_not_arrive_is_an_error(
    world: World, no_noise: None, fault: Fault, tries: int, why: str
) -> None:
    """It is posted four times, with longer and longer pauses; what is refused, once."""
    source, item, backup = put_back(world)
    world.emulator.faults.add(fault)
    with pytest.raises(BackendError, match=why):
        source.restore(item, backup)
    assert (posts(world), world.waits) == (tries, [0.5, 1, 2][: tries - 1])


def test_a_polygon_that_is_late_is_waited_for(world: World) -> None:
    """It is told as put back, and posted once."""
    source, item, backup = put_back(world)
    late = Fault("POST", "**/query", "stale", resource="annotations")
    world.before("POST", "/annotations", 1, lambda: world.emulator.faults.add(late))
    assert source.restore(item, backup) is True
    assert (posts(world), world.waits) == (1, [0.5])
    assert source.restore(item, backup) is False


def test_copies_that_were_there_before_stay(world: World) -> None:
    """Somebody may have copied a polygon that was put back; what came just now can be a double of ours."""
    source, item, backup = put_back(world)
    row = posted(backup, item.id, "p1")
    many = [world.add(item.id, one) for one in (row, row | {"label": "dog 2"}, row)]
    assert source.restore(item, backup) is False
    assert [one["id"] for one in world.of_type("segment")] == many


def test_a_mark_is_of_its_item(world: World) -> None:
    """A copy of an item carries the marks of its polygons along; there they name nothing."""
    _, item, backup = put_back(world)
    row = posted(backup, item.id, "p1")
    assert original_id(row | {"itemId": item.id}) == "p1"
    assert original_id(row | {"itemId": "another"}) is None
    of_an_earlier_build = {"itemId": "another", "metadata": {"user": {"polymask": {"restored": "p1"}}}}
    assert original_id(of_an_earlier_build) == "p1"


@pytest.mark.parametrize(
    "user", ["a text", ["a", "list"], 7, {"polymask": "a hobby"}, {"polymask": {"no": "mark"}}]
)
def test_what_somebody_keeps_where_the_mark_would_go_stays(world: World, user: Any) -> None:
    """The mark goes beside it, and the polygon is known by it all the same."""
    source, item, backup = put_back(world)
    backup = backup | {"metadata": {"system": {"attributes": {}}, "user": user}}
    assert [source.restore(item, backup) for _ in range(2)] == [True, False]
    (row,) = world.of_type("segment")
    assert row["metadata"]["user"] == user
    assert original_id(row) == "p1"
