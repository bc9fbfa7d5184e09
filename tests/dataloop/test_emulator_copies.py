"""Clones, artifacts, attributes of labels and statuses of annotations, as the SDK asks for them."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from polymask.dataloop.emulator import Emulator
from tests.dataloop.conftest import HOLE, TRIANGLE, Api, Harbor, named, png, polygon


def test_an_item_is_cloned_with_its_picture_and_annotations(sdk: ModuleType, harbor: Harbor) -> None:
    """The copy has ids of its own; its annotations are the same in all else but the review."""
    drawn = polygon("cat", TRIANGLE, HOLE) | {
        "metadata": {"system": {"objectId": "5", "status": "issue"}, "user": {"batch": 7}}
    }
    harbor.emulator.add_annotation(harbor.item_id, drawn)
    item = sdk.items.get(item_id=harbor.item_id)
    copy = item.clone(remote_filepath="/copies/a.png", with_annotations=True)
    assert (copy.filename, copy.dataset_id) == ("/copies/a.png", harbor.dataset_id)
    assert copy.id != harbor.item_id
    assert copy.download(save_locally=False).getvalue() == png()
    (annotation,) = harbor.emulator.annotations(copy.id)
    assert annotation["coordinates"] == [TRIANGLE, HOLE]
    assert annotation["metadata"] == {"system": {"objectId": "5"}, "user": {"batch": 7}}


def test_a_clone_can_keep_the_review_and_leave_annotations_out(sdk: ModuleType, harbor: Harbor) -> None:
    """What is copied beside the picture is chosen by the call."""
    harbor.emulator.add_annotation(harbor.item_id, polygon() | {"metadata": {"system": {"status": "issue"}}})
    item = sdk.items.get(item_id=harbor.item_id)
    reviewed = item.clone(remote_filepath="/b.png", with_task_annotations_status=True)
    bare = item.clone(remote_filepath="/c.png", with_annotations=False)
    (annotation,) = harbor.emulator.annotations(reviewed.id)
    assert annotation["metadata"]["system"] == {"status": "issue"}
    assert harbor.emulator.annotations(bare.id) == []


def test_a_clone_does_not_take_the_place_of_an_item(sdk: ModuleType, harbor: Harbor) -> None:
    """Two items cannot share a path, and none is left half-made."""
    with pytest.raises(sdk.exceptions.Conflict):
        sdk.items.get(item_id=harbor.item_id).clone()
    assert len(harbor.emulator.items()) == 1


def test_an_annotation_keeps_its_creator_in_a_clone(sdk: ModuleType, harbor: Harbor, api: Api) -> None:
    """Annotations of a consensus task are chosen by their creators, in a copy too."""
    api("POST", f"/items/{harbor.item_id}/annotations", [polygon()])
    copy = sdk.items.get(item_id=harbor.item_id).clone(remote_filepath="/b.png")
    assert [row["creator"] for row in harbor.emulator.annotations(copy.id)] == ["ann@example.org"]


def test_a_dataset_is_cloned(sdk: ModuleType, harbor: Harbor) -> None:
    """Every item, under its path, with the recipe of the first; a filter and a folder choose."""
    harbor.add_polygons(2)
    harbor.add_polygons(1, str(harbor.add_item("/x/b.png")["id"]))
    project = sdk.projects.get(project_name="boats")
    dataset = project.datasets.get(dataset_name="harbor")
    whole = project.datasets.clone(dataset_id=dataset.id, clone_name="harbor 2")
    assert (whole.name, whole.metadata["system"]["recipes"]) == (
        "harbor 2",
        dataset.metadata["system"]["recipes"],
    )
    assert contents(harbor.emulator, whole.id) == {"/a.png": 2, "/x/b.png": 1}
    chosen = sdk.Filters(field="dir", values="/x")
    project.datasets.clone(
        dataset_id=dataset.id, filters=chosen, dst_dataset_id=whole.id, target_directory="again"
    )
    assert contents(harbor.emulator, whole.id) == {"/a.png": 2, "/x/b.png": 1, "/again/x/b.png": 1}
    assert contents(harbor.emulator, dataset.id) == {"/a.png": 2, "/x/b.png": 1}


def contents(emulator: Emulator, dataset_id: str) -> dict[str, int]:
    return {item["filename"]: item["annotationsCount"] for item in emulator.items(dataset_id)}


@pytest.mark.parametrize("kept", [True, False])
def test_a_clone_outlives_its_original(tmp_path: Path, kept: bool) -> None:
    """Bytes are copied, in memory and in a store."""
    with Emulator(store=tmp_path / "store" if kept else None) as emulator:
        there = Harbor(emulator)
        client = Api(emulator)
        body = {"targetDatasetId": there.dataset_id, "remoteFileName": "/b.png", "cloneDatasetParams": {}}
        made = client("POST", f"/items/{there.item_id}/clone", body).json()["spec"]["returnedModelId"][0]
        emulator.remove_item(there.item_id)
        assert emulator.picture(made) == png()
        client.session.close()


def test_artifacts_are_kept_beside_the_datasets(sdk: ModuleType, harbor: Harbor, tmp_path: Path) -> None:
    """Upload, list, download, delete, as the SDK does; people's datasets do not show them."""
    project = sdk.projects.get(project_name="boats")
    (tmp_path / "weights.bin").write_bytes(b"\0\1\2")
    made = project.artifacts.upload(filepath=str(tmp_path / "weights.bin"), package_name="boats")
    assert made.filename == "/artifacts/packages/boats/weights.bin"
    assert [row.name for row in project.artifacts.list(package_name="boats")] == ["weights.bin"]
    data = project.artifacts.download(artifact_id=made.id, save_locally=False)
    assert data.getvalue() == b"\0\1\2"
    assert [item["filename"] for item in harbor.emulator.items()] == ["/a.png"]
    assert [dataset.name for dataset in project.datasets.list()] == ["harbor"]
    project.artifacts.delete(artifact_id=made.id)
    assert project.artifacts.list(package_name="boats") == []


def test_an_artifact_that_is_there_is_kept_or_overwritten_as_asked(sdk: ModuleType, harbor: Harbor) -> None:
    """An upload that does not overwrite leaves what is at its path."""
    items = sdk.projects.get(project_name="boats").artifacts.items_repository
    place = {"remote_path": "/artifacts/x", "remote_name": "a.json"}
    for data, overwrite in ((b"1", False), (b"2", False), (b"3", True)):
        items.upload(local_path=named(data, "a.json"), overwrite=overwrite, **place)
        (row,) = items.list(filters=sdk.Filters(field="filename", values="/artifacts/x/*")).items
        assert harbor.emulator.picture(row.id) == (b"3" if overwrite else b"1")


def test_attributes_of_an_ontology(sdk: ModuleType, harbor: Harbor) -> None:
    """Added, changed and deleted by their keys; read as the SDK reads them."""
    dataset = sdk.datasets.get(dataset_id=harbor.dataset_id)
    ontology, radio = dataset.ontologies.list()[0], sdk.AttributesTypes.RADIO_BUTTON
    ontology.update_attributes(key="1", title="color", attribute_type=radio, values=["red"])
    ontology.update_attributes(key="2", title="wet", attribute_type=sdk.AttributesTypes.YES_NO)
    ontology.update_attributes(key="1", title="colour", attribute_type=radio, values=["red"])
    assert titles(dataset) == {"1": "colour", "2": "wet"}
    ontology.delete_attributes(["1"])
    assert titles(dataset) == {"2": "wet"}


def titles(dataset: Any) -> dict[str, str]:
    return {row["key"]: row["title"] for row in dataset.ontologies.list()[0].attributes}


def test_the_status_of_an_annotation(sdk: ModuleType, harbor: Harbor) -> None:
    """Set as a reviewer sets it, read back, and cleared."""
    (key,) = harbor.add_polygons(1)
    item = sdk.items.get(item_id=harbor.item_id)
    item.annotations.update_status(annotation_id=key, status=sdk.AnnotationStatus.ISSUE)
    assert harbor.emulator.annotations()[0]["metadata"]["system"]["status"] == "issue"
    assert item.annotations.get(annotation_id=key).status == "issue"
    item.annotations.update_status(annotation_id=key, status=sdk.AnnotationStatus.CLEAR)
    assert "status" not in harbor.emulator.annotations()[0]["metadata"]["system"]


def test_a_resource_that_is_lacking_is_named(api: Api, harbor: Harbor) -> None:
    """The SDK takes a refused page for an empty one, so that what cannot be listed is 501, and told."""
    answer = api("POST", f"/datasets/{harbor.dataset_id}/query", {"resource": "feature", "filter": {}})
    assert answer.status_code == 501
    assert "'feature'" in answer.json()["message"]
