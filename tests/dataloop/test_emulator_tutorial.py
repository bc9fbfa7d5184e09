"""The platform's tutorial and the SDK's other everyday calls, with dtlpy as it is."""

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from polymask.dataloop.emulator import Emulator
from tests.dataloop.conftest import HOLE, TRIANGLE, Harbor, named, png, polygon


def open_dataset(sdk: ModuleType) -> Any:
    return sdk.projects.get(project_name="boats").datasets.get(dataset_name="harbor")


def test_the_tutorial_replaces_polygons_by_masks(sdk: ModuleType, harbor: Harbor) -> None:
    """The tutorial's loop, word for word, finds polygons, uploads masks and deletes the polygons."""
    for label in ("cat", "dog"):
        harbor.emulator.add_annotation(harbor.item_id, polygon(label))
    dataset = open_dataset(sdk)
    filters = sdk.Filters()
    filters.add(field="type", values="file")
    filters.add_join(field="type", values="segment")
    for page in dataset.items.list(filters=filters):
        for item in page:
            shape = Image.open(item.download(save_locally=False)).size[::-1]
            for annotation in item.annotations.list():
                mask = sdk.Segmentation.from_polygon(geo=annotation.geo, label=annotation.label, shape=shape)
                annotation.delete()
                builder = item.annotations.builder()
                builder.add(annotation_definition=mask)
                item.annotations.upload(annotations=builder)
    stored = harbor.emulator.annotations(harbor.item_id)
    assert [(record["type"], record["label"]) for record in stored] == [("binary", "cat"), ("binary", "dog")]
    assert dataset.items.list(filters=filters).items_count == 0


def test_a_mask_reads_back_as_it_was_drawn(sdk: ModuleType, harbor: Harbor) -> None:
    """A binary mask uploaded through the builder is decoded by the SDK to the same pixels."""
    mask = np.zeros((30, 40), dtype=np.uint8)
    mask[3:9, 5:20] = 1
    item = open_dataset(sdk).items.get(item_id=harbor.item_id)
    builder = item.annotations.builder()
    builder.add(annotation_definition=sdk.Segmentation(geo=mask, label="cat"), metadata={"user": {"mine": 7}})
    item.annotations.upload(builder)
    (back,) = item.annotations.list()
    assert np.array_equal(back.geo, mask)
    assert harbor.emulator.annotations()[0]["metadata"]["user"] == {"mine": 7}


def test_uploaded_items_can_be_found_and_read(sdk: ModuleType, harbor: Harbor) -> None:
    """An upload tells the stored size and orientation, and gives the same bytes back."""
    exif = Image.Exif()
    exif[0x0112] = 6
    data = png(50, 20, exif=exif)
    dataset = open_dataset(sdk)
    item = dataset.items.upload(local_path=named(data, "b.png"), remote_path="/sub")
    assert (item.filename, item.width, item.height) == ("/sub/b.png", 50, 20)
    assert item.metadata["system"]["exif"] == {"Orientation": 6}
    assert dataset.items.get(filepath="/sub/b.png").id == item.id
    assert item.download(save_locally=False).getvalue() == data
    assert item.creator == "ann@example.org"


def test_upload_skips_or_overwrites_what_is_there(sdk: ModuleType, harbor: Harbor) -> None:
    """`overwrite=True` replaces an item's bytes and keeps its id; without it the item stays as it is."""
    items = open_dataset(sdk).items
    same = items.upload(local_path=named(png(), "a.png"), remote_path="/")
    assert same.id == harbor.item_id
    assert same.metadata["system"]["width"] == 40
    other = items.upload(local_path=named(png(8, 8), "a.png"), remote_path="/", overwrite=True)
    assert (other.id, other.width) == (harbor.item_id, 8)
    assert harbor.emulator.picture(harbor.item_id) == png(8, 8)


@pytest.mark.parametrize("count", [0, 5, 10, 11])
def test_items_are_listed_page_by_page(sdk: ModuleType, harbor: Harbor, count: int) -> None:
    """Iterating over pages visits every item once, and the count is that of all pages."""
    for number in range(count):
        harbor.add_item(f"/deep/{number}.png")
    filters = sdk.Filters(field="dir", values="/deep")
    filters.page_size = 5
    pages = open_dataset(sdk).items.list(filters=filters)
    assert pages.items_count == count
    assert [item.name for item in pages.all()] == [f"{number}.png" for number in range(count)]


def test_annotations_are_updated_by_their_difference(sdk: ModuleType, harbor: Harbor) -> None:
    """A changed label is stored, and all that was not changed stays as it was."""
    key = harbor.emulator.add_annotation(
        harbor.item_id, polygon() | {"metadata": {"user": {"note": "mine"}}}
    )["id"]
    annotation = open_dataset(sdk).annotations.get(annotation_id=key)
    annotation.label = "dog"
    assert annotation.update(system_metadata=True).label == "dog"
    (stored,) = harbor.emulator.annotations()
    assert (stored["label"], stored["metadata"]["user"]) == ("dog", {"note": "mine"})
    assert stored["coordinates"] == [TRIANGLE]


def test_every_ring_is_kept(sdk: ModuleType, harbor: Harbor) -> None:
    """The SDK shows one ring of a polygon; the platform has them all until an update loses them."""
    key = harbor.emulator.add_annotation(harbor.item_id, polygon("cat", TRIANGLE, HOLE))["id"]
    annotation = open_dataset(sdk).annotations.get(annotation_id=key)
    assert len(annotation.geo) == 3
    assert harbor.emulator.annotations()[0]["coordinates"] == [TRIANGLE, HOLE]
    annotation.label = "dog"
    annotation.update()
    assert harbor.emulator.annotations()[0]["coordinates"] == [TRIANGLE]


def test_annotations_are_deleted_singly_by_ids_and_by_filter(sdk: ModuleType, harbor: Harbor) -> None:
    """Each way of deleting takes exactly what it names."""
    first, second, third, fourth = harbor.add_polygons(4)
    item = open_dataset(sdk).items.get(item_id=harbor.item_id)
    assert item.annotations.get(annotation_id=first).delete()
    item.annotations.delete(annotation_id=[second, third])
    assert [a["id"] for a in harbor.emulator.annotations()] == [fourth]
    harbor.emulator.add_annotation(harbor.item_id, polygon("dog"))
    filters = sdk.Filters(resource=sdk.FiltersResource.ANNOTATION, field="label", values="cat")
    item.annotations.delete(filters=filters)
    assert [a["label"] for a in harbor.emulator.annotations()] == ["dog"]


def test_items_are_changed_and_deleted(sdk: ModuleType, harbor: Harbor) -> None:
    """Metadata merges singly and in bulk; a deleted item takes its annotations along."""
    harbor.add_polygons(1)
    items = open_dataset(sdk).items
    item = items.get(item_id=harbor.item_id)
    item.metadata["user"] = {"seen": True}
    assert item.update().metadata["user"] == {"seen": True}
    items.update(filters=sdk.Filters(field="filename", values="/a.png"), update_values={"batch": 3})
    assert harbor.emulator.items()[0]["metadata"]["user"] == {"seen": True, "batch": 3}
    assert items.delete(item_id=harbor.item_id)
    assert harbor.emulator.items() == harbor.emulator.annotations() == []


def test_items_know_whether_they_are_annotated(sdk: ModuleType, harbor: Harbor) -> None:
    """`annotated` and the count follow every write."""
    items = open_dataset(sdk).items
    (key,) = harbor.add_polygons(1)
    item = items.get(item_id=harbor.item_id)
    assert (item.annotated, item.annotations_count) == (True, 1)
    assert items.list(filters=sdk.Filters(field="annotated", values=True)).items_count == 1
    harbor.emulator.remove_annotation(key)
    assert items.get(item_id=harbor.item_id).annotated is False
    assert items.list(filters=sdk.Filters(field="annotated", values=True)).items_count == 0


def test_projects_datasets_and_labels_are_made(sdk: ModuleType, dataloop_emulator: Emulator) -> None:
    """A project, a dataset and its labels made by the SDK are found again by it."""
    project = sdk.projects.create(project_name="new")
    dataset = project.datasets.create(dataset_name="set", labels=[sdk.Label(tag="cat", color=(255, 0, 0))])
    dataset.add_label(label_name="dog", color=(0, 0, 255))
    again = sdk.projects.get(project_id=project.id).datasets.get(dataset_id=dataset.id)
    assert sorted(again.labels_flat_dict) == ["cat", "dog"]
    assert [record.name for record in sdk.projects.list()] == ["new"]
    assert [record["name"] for record in dataloop_emulator.datasets()] == ["set"]
    (recipe,) = again.recipes.list()
    assert recipe.ontologies.list()[0].id == recipe.ontology_ids[0]
    assert again.ontologies.list()[0].id == recipe.ontology_ids[0]
    assert again.delete(sure=True, really=True)
    assert dataloop_emulator.datasets() == []


def test_annotations_are_exported(sdk: ModuleType, harbor: Harbor, tmp_path: Path, no_backoff: None) -> None:
    """`download_annotations` writes a file an item, with every ring."""
    harbor.emulator.add_annotation(harbor.item_id, polygon("cat", TRIANGLE, HOLE))
    harbor.add_item("/sub/b.png")
    dataset = open_dataset(sdk)
    dataset.download_annotations(local_path=str(tmp_path))
    record = json.loads((tmp_path / "json" / "a.json").read_text())
    assert record["annotations"][0]["coordinates"] == [TRIANGLE, HOLE]
    assert (tmp_path / "json" / "sub" / "b.json").exists()
    whole = json.loads(Path(dataset.export(local_path=str(tmp_path), include_annotations=True)).read_text())
    assert [record["filename"] for record in whole] == ["/a.png", "/sub/b.png"]


def test_apps_are_published(sdk: ModuleType, harbor: Harbor, tmp_path: Path) -> None:
    """`dpks.publish` packs the folder, uploads it out of sight, and registers the manifest."""
    manifest = {"name": "masks", "version": "0.1.0", "scope": "project", "components": {}}
    (tmp_path / "dataloop.json").write_text(json.dumps(manifest))
    (tmp_path / "main.py").write_text("")
    project = sdk.projects.get(project_name="boats")
    app = project.dpks.publish()
    assert (app.name, app.version) == ("masks", "0.1.0")
    assert project.dpks.get(dpk_id=app.id).codebase.item_id == app.codebase.item_id
    assert project.dpks.get(dpk_name="masks").id == app.id
    assert [record["filename"] for record in harbor.emulator.items()] == ["/a.png"]


def test_logins_are_accepted(sdk: ModuleType, dataloop_emulator: Emulator) -> None:
    """A machine's login gets a token in the name that it gave."""
    assert sdk.login_m2m(email="bot@example.org", password="any") is not False
    assert sdk.info()["user_email"] == "bot@example.org"
    assert sdk.projects.list() == []
