"""Each recipe of the docs is followed from its first line to its last, in a folder of its own."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from polymask import convert
from polymask.dataloop.emulator import Emulator, fake_token
from tests.conftest import ROOT, SAMPLE
from tests.dataloop.home import logged_in

RECIPES = sorted((ROOT / "docs" / "recipes").glob("*.md"))
BLOCK = re.compile(r"^```(console|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def steps(page: Path) -> list[list[str]]:
    """The commands of a page: a shell for each block of commands, one Python for all of its Python so far."""
    python, commands = "", []
    for language, text in BLOCK.findall(page.read_text()):
        if language == "console":
            commands.append(["bash", "-euc", text])
        else:
            python += text
            commands.append([sys.executable, "-c", python])
    return commands


@pytest.fixture
def environment(page: Path, tmp_path: Path) -> Iterator[dict[str, str]]:
    """What the commands of a page find: a login to an emulator, where it is about datasets."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    settings = dict(os.environ) | {"PATH": path}
    if page.stem != "dataloop":
        yield settings
        return
    settings.pop("XDG_STATE_HOME", None)
    with Emulator(seed=SAMPLE, images=SAMPLE.parent / "images") as emulator:
        login = logged_in(tmp_path / "home", emulator.url, fake_token("ann@example.org"))
        yield settings | login | {"PATH": path}


@pytest.mark.parametrize("page", RECIPES, ids=lambda page: page.stem)
def test_a_recipe_works_as_it_stands(page: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    """Every command ends with 0, and what the Python blocks assert holds."""
    (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
    commands = steps(page)
    assert commands
    for command in commands:
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command[-1]}\n{done.stdout}{done.stderr}"


class FailsForGood(Exception):
    """Airflow's exception for a task that must not be tried again."""


class Tasks:
    """What a DAG's file needs of Airflow: tasks that are run when they are asked for."""

    def __init__(self) -> None:
        self.tasks: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {}
        self.order: list[str] = []
        self.schedule = ""

    def task(self, **settings: Any) -> Callable[[Callable[[], Any]], Callable[[], "Called"]]:
        def decorate(function: Callable[[], Any]) -> Callable[[], Called]:
            self.tasks[function.__name__] = (function, settings)
            return lambda: Called(self, function.__name__)

        return decorate

    def dag(self, **settings: Any) -> Callable[[Callable[[], None]], Callable[[], None]]:
        self.schedule = settings["schedule"]
        return lambda function: function

    def run(self, name: str) -> Any:
        return self.tasks[name][0]()


class Called:
    """A task in a DAG, before or after another."""

    def __init__(self, tasks: Tasks, name: str) -> None:
        self.tasks, self.name = tasks, name

    def __rshift__(self, later: "Called") -> "Called":
        self.tasks.order += [self.name, later.name]
        return later


def dag_code() -> str:
    """The file that the recipe puts into the folder of DAGs."""
    (code,) = re.findall(r"^```py\n(.*?)^```$", (ROOT / "docs/recipes/airflow.md").read_text(), re.M | re.S)
    return str(code)


@pytest.fixture
def dag(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Tasks:
    """The DAG of the recipe, read as Airflow reads it, with masks in this process's memory."""
    tasks, sdk, exceptions = Tasks(), ModuleType("airflow.sdk"), ModuleType("airflow.sdk.exceptions")
    sdk.dag, sdk.task = tasks.dag, tasks.task  # type: ignore[attr-defined]
    exceptions.AirflowFailException = FailsForGood  # type: ignore[attr-defined]
    for name, module in (
        ("airflow", ModuleType("airflow")),
        ("airflow.sdk", sdk),
        ("airflow.sdk.exceptions", exceptions),
    ):
        monkeypatch.setitem(sys.modules, name, module)
    code = dag_code()
    (tmp_path / "instances.json").write_bytes(SAMPLE.read_bytes())
    code = code.replace("s3://annotations", str(tmp_path)).replace("s3://masks", f"memory://{tmp_path.name}")
    exec(compile(code, "dag.py", "exec"), {"__name__": "dag"})
    return tasks


def test_the_nightly_dag_converts_then_proves(dag: Tasks) -> None:
    """At two o'clock; a second night finds nothing to do, and what a store does not answer is tried again."""
    assert (dag.order, dag.schedule) == (["convert", "verify"], "0 2 * * *")
    assert [dag.run("convert"), dag.run("convert"), dag.run("verify")] == [3, 0, 3]
    assert all(settings["retries"] == 3 for _, settings in dag.tasks.values())


def test_the_nightly_dag_fails_for_good_where_no_second_try_helps(dag: Tasks, tmp_path: Path) -> None:
    """Annotations that cannot be read, and masks that somebody damaged."""
    import fsspec

    dag.run("convert")
    with fsspec.open(f"memory://{tmp_path.name}/nightly/masks/harbor.png", "wb") as file:
        file.write(b"damaged")
    with pytest.raises(FailsForGood, match="harbor"):
        dag.run("verify")
    (tmp_path / "instances.json").write_text("{")
    with pytest.raises(FailsForGood, match=r"instances\.json"):
        dag.run("convert")


def test_the_nightly_dag_lists_the_images_that_failed(dag: Tasks, tmp_path: Path) -> None:
    """Here a mask that is not polymask's any more, which an update leaves alone."""
    import fsspec

    convert(SAMPLE, tmp_path / "elsewhere", overlap="first")
    dag.run("convert")
    with fsspec.open(f"memory://{tmp_path.name}/nightly/masks/harbor.png", "wb") as file:
        file.write((tmp_path / "elsewhere/masks/harbor.png").read_bytes())
    with pytest.raises(FailsForGood, match=r"harbor\.png"):
        dag.run("convert")


def test_airflow_itself_reads_the_nightly_dag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Airflow is installed: no error, and the tasks, retries and hour that the recipe promises."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    bags = pytest.importorskip("airflow.dag_processing.dagbag")
    (tmp_path / "nightly.py").write_text(dag_code())
    bag = bags.DagBag(str(tmp_path))
    assert not bag.import_errors
    nightly = bag.dags["nightly_masks"]
    assert nightly.timetable.expression == "0 2 * * *"
    assert {task.task_id: task.retries for task in nightly.tasks} == {"convert": 3, "verify": 3}
    assert nightly.get_task("convert").downstream_task_ids == {"verify"}
