"""The app: its manifest holds together, its functions do what the job does, and it can be published."""

import inspect
import json
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from polymask import PolymaskError
from polymask.dataloop.emulator import Emulator
from tests.conftest import ROOT
from tests.dataloop.conftest import Harbor

MANIFEST: dict[str, Any] = json.loads((ROOT / "dataloop.json").read_text())
COMPONENTS = MANIFEST["components"]
TYPES = {"Item", "Dataset", "Boolean", "String"}


def module() -> dict[str, Any]:
    (only,) = COMPONENTS["modules"]
    return dict(only)


@pytest.fixture
def runner(sdk: ModuleType) -> Any:
    """The service, made as the platform makes it: from its entry point and class name."""
    path = module()["entryPoint"].removesuffix(".py").replace("/", ".")
    return getattr(import_module(path), module()["className"])()


def test_functions_take_what_the_manifest_says(runner: Any, sdk: ModuleType) -> None:
    """Parameters, but for those the platform injects, are the inputs; other options may be added to it."""
    assert isinstance(runner, sdk.BaseServiceRunner)
    for function in module()["functions"]:
        parameters = inspect.signature(getattr(runner, function["name"])).parameters
        assert set(parameters) - {"progress", "context", "options"} == {
            one["name"] for one in function["input"]
        }
        assert {one["type"] for one in (*function["input"], *function["output"])} <= TYPES


def test_cross_references_resolve() -> None:
    """Every name that a component uses is the name of another."""
    computes = {one["name"] for one in COMPONENTS["computeConfigs"]}
    functions = {f"{module()['name']}.{one['name']}" for one in module()["functions"]}
    assert module()["computeConfig"] in computes
    for service in COMPONENTS["services"]:
        assert (service["moduleName"], service["computeConfig"] in computes) == (module()["name"], True)
    for one in (*COMPONENTS["toolbars"], *COMPONENTS["pipelineNodes"]):
        namespace = one["invoke"]["namespace"].removeprefix(f"{MANIFEST['name']}.")
        assert namespace in functions


def test_versions_agree() -> None:
    """The manifest's version is the package's."""
    import polymask

    assert MANIFEST["version"] == polymask.__version__


def test_an_item_is_converted_once_however_often_it_runs(
    runner: Any, sdk: ModuleType, harbor: Harbor
) -> None:
    """At least once means at most one mask a label."""
    harbor.add_polygons(2)
    item = sdk.items.get(item_id=harbor.item_id)
    for _ in range(3):
        assert runner.convert_item(item).id == harbor.item_id
    kinds = [annotation["type"] for annotation in harbor.emulator.annotations(harbor.item_id)]
    assert sorted(kinds) == ["binary", "segment", "segment"]


def test_a_dataset_is_converted_and_its_polygons_go(
    runner: Any, sdk: ModuleType, harbor: Harbor, tmp_path: Path
) -> None:
    """With a journal that outlives the pod; progress is told in percent."""
    harbor.add_polygons(2)
    harbor.add_polygons(1, str(harbor.add_item("/b.png")["id"]))
    told: list[tuple[int, str]] = []

    class Progress:
        def update(self, *, progress: int, message: str) -> None:
            told.append((progress, message))

    dataset = sdk.datasets.get(dataset_id=harbor.dataset_id)
    runner.convert_dataset(dataset, delete_source=True, journal=str(tmp_path / "kept"), progress=Progress())
    assert [annotation["type"] for annotation in harbor.emulator.annotations()] == ["binary", "binary"]
    place = tmp_path / "kept"
    assert told == [
        (0, f"journal and backup: {place}"),
        (50, "1 of 2 items"),
        (100, "2 of 2 items"),
        (100, "2 items, 2 of them changed, 3 polygons deleted"),
    ]
    assert (tmp_path / "kept" / "backup.jsonl").read_text().count('"instance": ') == 3


def test_polygons_go_without_a_journal(runner: Any, sdk: ModuleType, harbor: Harbor) -> None:
    """A pod's own disk goes with the pod: the backup is on the platform, of an item and of a dataset."""
    harbor.add_polygons(1)
    runner.convert_item(sdk.items.get(item_id=harbor.item_id), delete_source=True)
    other = str(harbor.add_item("/b.png")["id"])
    harbor.add_polygons(2, other)
    runner.convert_dataset(sdk.datasets.get(dataset_id=harbor.dataset_id), delete_source=True)
    assert [annotation["type"] for annotation in harbor.emulator.annotations()] == ["binary", "binary"]
    project = sdk.projects.get(project_name="boats")
    folder = f"/artifacts/polymask/{harbor.dataset_id}"
    names = [
        artifact.filename
        for artifact in project.artifacts.items_repository.list(
            filters=sdk.Filters(field="dir", values=folder)
        ).all()
    ]
    assert [sum(f"/{item}-backup-" in name for name in names) for item in (harbor.item_id, other)] == [1, 1]


def test_an_item_is_told_of_as_the_platform_shows_it(
    runner: Any, sdk: ModuleType, harbor: Harbor, caplog: pytest.LogCaptureFixture
) -> None:
    """Its progress, in the terms of the SDK's own; in the log, where the backup is and what undoes it."""
    from dtlpy.utilities.base_package_runner import Progress

    harbor.add_polygons(2)
    told: list[dict[str, Any]] = []

    class Shown(Progress):  # type: ignore[misc]
        def update(self, **facts: Any) -> None:
            inspect.signature(Progress.update).bind(self, **facts)
            told.append(facts)

    with caplog.at_level("INFO", logger="polymask"):
        runner.convert_item(sdk.items.get(item_id=harbor.item_id), delete_source=True, progress=Shown())
    assert told == [{"progress": 100, "message": "1 items, 1 of them changed, 2 polygons deleted"}]
    assert f"/artifacts/polymask/{harbor.dataset_id}" in caplog.text
    assert "polymask restore dataloop://" in caplog.text


def test_a_failed_item_fails_the_execution(runner: Any, sdk: ModuleType, dataloop_emulator: Emulator) -> None:
    """The platform is told, so that it can show it, or try again."""
    harbor = Harbor(dataloop_emulator)
    harbor.add_polygons(1)
    harbor.emulator.edit_item(harbor.item_id, metadata={"system": {"mimetype": "image/png"}})
    harbor.emulator.faults.add(_denied())
    with pytest.raises(PolymaskError):
        runner.convert_item(sdk.items.get(item_id=harbor.item_id))


def _denied() -> Any:
    from polymask.dataloop.emulator import Fault

    return Fault("POST", "/items/*/annotations", "status", status=403, times=None)


def test_it_can_be_published(
    sdk: ModuleType, harbor: Harbor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The unmodified SDK takes the manifest and hands it to the platform."""
    folder = tmp_path / "app"
    (folder / "polymask" / "dataloop").mkdir(parents=True)
    for name in ("dataloop.json", "polymask/dataloop/app.py"):
        (folder / name).write_bytes((ROOT / name).read_bytes())
    monkeypatch.chdir(folder)
    published = sdk.projects.get(project_name="boats").dpks.publish()
    assert (published.name, published.version) == (MANIFEST["name"], MANIFEST["version"])
