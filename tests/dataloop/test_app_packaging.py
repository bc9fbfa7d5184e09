"""What the app is published with: the manifest, the image it runs in, what is pinned, and the trigger."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import distribution
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import ROOT
from tests.dataloop.conftest import Harbor

APP = ROOT / "app"
MANIFEST = (ROOT / "dataloop.json").read_text()
DOCKERFILE = (APP / "Dockerfile").read_text()
INSTRUCTIONS = [
    line for line in re.sub(r"\\\n", " ", DOCKERFILE).splitlines() if line and not line.startswith("#")
]


def held(part: Any, whole: Any) -> bool:
    """Whether one JSON value has all of another; the SDK fills in defaults."""
    if isinstance(part, dict):
        return all(name in whole and held(value, whole[name]) for name, value in part.items())
    if isinstance(part, list):
        return len(part) == len(whole) and all(map(held, part, whole))
    return bool(part == whole)


def test_the_manifest_is_what_the_sdk_knows(sdk: ModuleType) -> None:
    """Its own entities read every part, drop nothing, and know every type of input."""
    dpk = sdk.entities.Dpk.from_json(json.loads(MANIFEST))
    assert held(json.loads(MANIFEST), dpk.to_json())
    (module,) = dpk.components.modules
    assert isinstance(module, sdk.entities.PackageModule)
    assert module.class_name == "ServiceRunner"
    types = {kind.value for kind in sdk.PackageInputType}
    for function in module.functions:
        assert {port.type for port in (*function.inputs, *function.outputs)} <= types
        assert [port.name for port in function.inputs if port.mandatory is not False] == [
            function.outputs[0].name
        ]
        assert all(port.description for port in function.inputs if port.mandatory is False)
    known = set(sdk.entities.dpk.Components.__annotations__)
    snake = {re.sub(r"(?=[A-Z])", "_", name).lower() for name in json.loads(MANIFEST)["components"]}
    assert snake <= known


def test_the_manifest_runs_at_least_once(sdk: ModuleType) -> None:
    """An execution whose pod went is run again: what the app is made for."""
    (compute,) = sdk.entities.Dpk.from_json(json.loads(MANIFEST)).components.compute_configs
    assert (compute.on_reset, compute.max_attempts) == ("rerun", 3)
    assert compute.versions["dtlpy"] == pins()["dtlpy"]


def test_image_and_manifest_agree() -> None:
    """The image that the page tells to build is the one that the manifest asks for."""
    (compute,) = json.loads(MANIFEST)["components"]["computeConfigs"]
    assert f"docker build -f app/Dockerfile -t {compute['runtime']['runnerImage']} ." in DOCKERFILE


def test_the_image_has_no_root_and_no_compiler() -> None:
    """The last stage is slim, installs what is pinned, and ends as a plain user."""
    stages = [number for number, line in enumerate(INSTRUCTIONS) if line.startswith("FROM ")]
    last = INSTRUCTIONS[stages[-1] :]
    (user,) = [line for line in last if line.startswith("USER ")]
    assert re.fullmatch(r"USER [1-9]\d*", user)
    assert not any("apt-get" in line for line in last)
    assert last.index(user) > max(number for number, line in enumerate(last) if "pip install" in line)


def test_the_dockerfile_is_as_linters_want_it() -> None:
    """Bases have a tag, apt leaves no lists behind, pip no cache, and nothing is fetched beside them."""
    assert re.search(r"^ARG PYTHON=python:3\.\d+-slim-\w+$", DOCKERFILE, re.MULTILINE)
    assert {line.split()[1] for line in INSTRUCTIONS if line.startswith("FROM ")} == {"${PYTHON}"}
    for line in INSTRUCTIONS:
        assert line.split()[0] in {"ARG", "FROM", "RUN", "COPY", "ENV", "WORKDIR", "USER"}
        assert "curl" not in line
        assert "apt-get install" not in line or (
            "--no-install-recommends" in line and "rm -rf /var/lib/apt/lists/*" in line
        )
        assert line.count("--no-cache-dir") == len(re.findall(r"pip (?:install|wheel)", line))


def test_what_the_image_copies_is_there() -> None:
    """Every file that it takes from this tree."""
    for line in INSTRUCTIONS:
        if line.startswith("COPY ") and "--from" not in line:
            assert all((ROOT / name).exists() for name in line.split()[1:-1])


def pins() -> dict[str, str]:
    """What is pinned, by name."""
    lines = [line for line in (APP / "requirements.txt").read_text().splitlines() if line[:1] not in "#"]
    return dict(line.split("==") for line in lines)


def needed(name: str, extra: str, seen: set[str]) -> Iterator[Requirement]:
    """What a package asks for here, and what that asks for."""
    for text in distribution(name).requires or ():
        asked = Requirement(text)
        wanted = asked.marker is None or any(asked.marker.evaluate({"extra": part}) for part in ("", extra))
        if not wanted:
            continue
        yield asked
        if (key := f"{canonicalize_name(asked.name)}[{','.join(asked.extras)}]") not in seen:
            seen.add(key)
            yield from needed(asked.name, next(iter(asked.extras), ""), seen)


@pytest.mark.skipif(
    f"python:{sys.version_info[0]}.{sys.version_info[1]}-" not in DOCKERFILE,
    reason="what is needed here is not what the image's Python needs",
)
def test_everything_is_pinned_and_nothing_else() -> None:
    """All that `polymask[dataloop]` needs, each in a version that all who need it take."""
    pinned, asked = pins(), list(needed("polymask", "dataloop", set()))
    assert set(pinned) == {canonicalize_name(requirement.name) for requirement in asked}
    for requirement in asked:
        version = pinned[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version, prereleases=True), (str(requirement), version)


@pytest.mark.skipif(shutil.which("docker") is None, reason="there is no docker")
def test_the_image_is_built_where_docker_runs() -> None:
    """And the program runs in it, as nobody in particular."""
    if subprocess.run(["docker", "ps"], capture_output=True, check=False).returncode:
        pytest.skip("docker does not run")
    build = ["docker", "build", "-q", "-f", str(APP / "Dockerfile"), str(ROOT)]
    image = subprocess.run(build, capture_output=True, text=True, check=True).stdout.strip()
    run = ["docker", "run", "--rm", image, "sh", "-c", "id -u && python -c 'import polymask.dataloop.app'"]
    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout.split() == ["1000"]


def trigger_module() -> Any:
    spec = spec_from_file_location("trigger", APP / "trigger.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_trigger_calls_the_app_when_an_item_is_completed(
    sdk: ModuleType, harbor: Harbor, no_backoff: None
) -> None:
    """The SDK's own call and entity; the function and the service are those of the manifest."""
    trigger = trigger_module()
    components = json.loads(MANIFEST)["components"]
    assert trigger.SERVICE in {service["name"] for service in components["services"]}
    assert trigger.FUNCTION in {function["name"] for function in components["modules"][0]["functions"]}
    client = sdk.client_api
    service = sdk.entities.Service.from_json({"id": "5", "name": trigger.SERVICE}, client_api=client)
    with pytest.raises(sdk.exceptions.UnknownException):  # the emulator has no services
        trigger.on_completion(service, harbor.project["id"], delete_source=True)
    posted = harbor.emulator.audit[-1]
    assert (posted.method, posted.path, posted.status) == ("POST", "/triggers", 501)
    body = dict(posted.body)
    assert body["spec"]["operation"] == {"type": "function", "serviceId": "5", "functionName": "convert_item"}
    assert (body["spec"]["resource"], body["spec"]["actions"]) == ("ItemStatus", ["Updated"])
    assert (body["spec"]["executionMode"], body["spec"]["input"]) == ("Always", {"delete_source": True})
    read = sdk.entities.Trigger.from_json(
        {**body, "id": "6"}, client_api=client, project=None, service=service
    )
    assert read.filters == body["spec"]["filter"]
