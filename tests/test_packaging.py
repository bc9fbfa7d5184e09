"""What is handed out: the source distribution, the wheel, the container, the lowest versions."""

import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import lowest
from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()
INSTRUCTIONS = [
    line for line in re.sub(r"\\\n", " ", DOCKERFILE).splitlines() if line and not line.startswith("#")
]
PYTHONS = (ROOT / ".ci/pythons").read_text()
NOT_RUN = {"az", "gs", "notebook"}  # extras that no test installs; their pages say so


def test_the_image_is_as_linters_want_it() -> None:
    """Bases have a tag, apt leaves no lists, pip no cache; it ends as a plain user, with one program."""
    assert re.search(r"^ARG PYTHON=python:3\.\d+-slim-\w+$", DOCKERFILE, re.MULTILINE)
    stages = [number for number, line in enumerate(INSTRUCTIONS) if line.startswith("FROM ")]
    last = INSTRUCTIONS[stages[-1] :]
    assert {INSTRUCTIONS[stage].split()[1] for stage in stages} == {"${PYTHON}"}
    assert not any("apt-get" in line for line in last)
    for line in INSTRUCTIONS:
        assert line.count("--no-cache-dir") == len(re.findall(r"pip (?:install|wheel)", line))
        assert "apt-get install" not in line or "rm -rf /var/lib/apt/lists/*" in line
    (user,) = [line for line in last if line.startswith("USER ")]
    assert re.fullmatch(r"USER [1-9]\d*", user)
    assert last.index(user) > max(number for number, line in enumerate(last) if "pip install" in line)
    assert 'ENTRYPOINT ["polymask"]' in last


def test_the_image_copies_what_is_there_and_is_not_left_out() -> None:
    """`.dockerignore` leaves out everything but that."""
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [line.split()[1:-1] for line in INSTRUCTIONS if line.startswith("COPY ")]
    names = {name for names in copied for name in names}
    assert names == kept
    assert all((ROOT / name).exists() for name in names)


def test_a_dockerfile_beside_it_keeps_to_one_style() -> None:
    """The app's image is built as this one is."""
    app = (ROOT / "app/Dockerfile").read_text()
    build = DOCKERFILE[DOCKERFILE.index("ARG PYTHON") : DOCKERFILE.index("FROM ${PYTHON}\n")]
    assert build in app


@pytest.mark.skipif(shutil.which("docker") is None, reason="there is no docker")
def test_the_image_is_built_where_docker_runs(tmp_path: Path) -> None:
    """And converts on a root that is read-only, as whoever calls it."""
    if subprocess.run(["docker", "ps"], capture_output=True, check=False).returncode:
        pytest.skip("docker does not run")
    build = ["docker", "build", "-q", str(ROOT)]
    image = subprocess.run(build, capture_output=True, text=True, check=True).stdout.strip()
    shutil.copy(ROOT / "fixtures/shapes/instances.json", tmp_path)
    tmp_path.chmod(0o777)
    run = ["docker", "run", "--rm", "--read-only", "--tmpfs", "/tmp", "-v", f"{tmp_path}:/data", image]
    subprocess.run([*run, "convert", "instances.json", "masks"], check=True)
    assert (tmp_path / "masks/manifest.jsonl").exists()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source distribution of a copy of the project, and a wheel that was made of that; no network."""
    copy, dist = tmp_path_factory.mktemp("copy") / "polymask", tmp_path_factory.mktemp("dist")
    left_out = shutil.ignore_patterns(".*", "build", "*.egg-info", "*.so", "__pycache__")
    shutil.copytree(ROOT, copy, ignore=left_out)
    for kind, folder in (("sdist", copy), ("wheel", dist / "sdist")):
        script = f"from setuptools import build_meta as b; b.build_{kind}({str(dist)!r})"
        subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, check=True)
        if kind == "sdist":
            with tarfile.open(next(dist.glob("*.tar.gz"))) as archive:
                archive.extractall(dist, filter="data")
            next(dist.glob("polymask-*/")).rename(dist / "sdist")
    return dist


def test_the_wheel_holds_the_package_and_its_kernel_alone(built: Path) -> None:
    """Made of the source distribution, which so has all that it needs; no tests, no sources in C."""
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
    assert {name.split("/")[0].split("-")[0] for name in names} == {"polymask"}
    assert any(re.fullmatch(r"polymask/native/_kernel\..*(so|pyd)", name) for name in names)
    assert not any(name.endswith((".c", ".h")) for name in names)
    assert {file.relative_to(ROOT).as_posix() for file in packaged()} <= names


def packaged() -> Iterator[Path]:
    """What of the package is no C, nor made by a compiler."""
    for file in (ROOT / "polymask").rglob("*"):
        if file.is_file() and file.suffix not in (".c", ".h", ".so", ".pyc"):
            yield file


def test_wheels_are_made_for_the_pythons_that_are_tested() -> None:
    """And each converts the sample, by its compiled kernel."""
    wheels = PROJECT["tool"]["cibuildwheel"]
    named = {f"3.{minor}" for minor in re.findall(r"cp3(\d+)-", wheels["build"])}
    assert named == {"3.11", *re.findall(r"\[(3\.\d+)\]", PYTHONS)}
    assert wheels["environment"] == {"POLYMASK_KERNEL": "compiled"}
    assert "fixtures/shapes/instances.json" in wheels["test-command"]


def test_every_requirement_of_users_has_a_lowest_version() -> None:
    """Of which the tests have run with all but those that no test installs."""
    extras = set(PROJECT["project"]["optional-dependencies"])
    of_developers = {
        "all", "audit", "bench", "browser", "docs", "fuzz", "lint", "peers", "services", "test", "torch",
    }  # fmt: skip
    (run,) = re.findall(r"^extras='([a-z0-9 ]+)'", PYTHONS, re.MULTILINE)
    assert {*run.split(), "dataloop"} | NOT_RUN == extras - of_developers
    assert all("==" in line for line in lowest.lowest(PROJECT["project"], *run.split()) if "numpy" in line)


def test_extras_are_named_in_one_way_everywhere() -> None:
    """Quoted, for shells that take brackets as patterns; and each is there."""
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "polymask").rglob("*.py")]
    text = "\n".join(page.read_text() for page in pages)
    named = re.findall(r"pip install (['\"]?)polymask\[([a-z,]+)\]", text)
    assert named
    assert {quote for quote, _ in named} == {"'"}
    extras = {extra for _, names in named for extra in names.split(",")}
    assert extras <= set(PROJECT["project"]["optional-dependencies"])
