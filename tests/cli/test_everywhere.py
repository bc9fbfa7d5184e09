"""Where nobody looks: streams that are closed, odd locales, no home, no rights, any time zone."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from polymask import convert
from polymask.formats.coco.large import index_cache
from polymask.formats.reading import content
from polymask.storage.local_disk.user_dirs import home_folder
from tests.conftest import ROOT, SAMPLE, tree

POLYMASK = f"{sys.executable} -m polymask"
NAMES = {"file_name": "größe_画像😀.png", "label": "Straße 😀"}


def shell(
    command: str, folder: Path, environment: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=dict(os.environ) | {"PYTHONPATH": str(ROOT)} | dict(environment or {}),
        capture_output=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def beyond_ascii(tmp_path: Path) -> Path:
    """A file whose names no old encoding has."""
    image = {"id": 1, "file_name": NAMES["file_name"], "height": 6, "width": 8}
    ring = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[1, 1, 5, 1, 5, 5]], "iscrowd": 0}
    document = {"images": [image], "categories": [{"id": 1, "name": NAMES["label"]}], "annotations": [ring]}
    path = tmp_path / "in.json"
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_files(tmp_path: Path, closed: str) -> None:
    """A run is done, and what it would have said gets into no mask, no table and no journal."""
    convert(SAMPLE, tmp_path / "loud")
    done = shell(f"{POLYMASK} convert {SAMPLE} quiet {closed}; echo $? > code", tmp_path)
    assert (tmp_path / "code").read_text() == "0\n", done
    assert b"Traceback" not in done.stderr
    assert tree(tmp_path / "quiet") == tree(tmp_path / "loud")


def test_an_error_that_nobody_hears_has_its_exit_code(tmp_path: Path) -> None:
    assert shell(f"{POLYMASK} convert none out --json >&- 2>&-", tmp_path).returncode == 2


@pytest.mark.parametrize("encoding", ["ascii:strict", "latin-1"])
def test_what_is_printed_in_any_encoding(tmp_path: Path, beyond_ascii: Path, encoding: str) -> None:
    """JSON means the same everywhere; a summary is printed as far as it can be."""
    done = shell(f"{POLYMASK} convert in.json out --json", tmp_path, {"PYTHONIOENCODING": encoding})
    assert (done.returncode, done.stderr) == (0, b"")
    assert list(json.loads(done.stdout.decode("ascii"))["labels"]) == [NAMES["label"]]
    done = shell(f"{POLYMASK} stats out", tmp_path, {"PYTHONIOENCODING": encoding})
    assert (done.returncode, done.stderr) == (0, b"")


ASCII_ONLY = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize("layout", ["index", "binary"])
def test_names_that_the_locale_forbids(tmp_path: Path, beyond_ascii: Path, layout: str) -> None:
    """One line says what to set, before anything is written; with it, all is done."""
    if layout == "binary":  # whose labels are file names too
        beyond_ascii.write_text(beyond_ascii.read_text().replace(json.dumps(NAMES["file_name"]), '"a.png"'))
    done = shell(f"{POLYMASK} convert in.json out --to {layout} --json", tmp_path, ASCII_ONLY)
    assert done.returncode == 2
    assert done.stderr.decode().rstrip().endswith("cannot be a file name in this locale; set PYTHONUTF8=1")
    assert json.loads(done.stdout)["error"]["advice"] == "set PYTHONUTF8=1"
    assert not (tmp_path / "out").exists()
    done = shell(f"{POLYMASK} convert in.json out --to {layout}", tmp_path, ASCII_ONLY | {"PYTHONUTF8": "1"})
    assert done.returncode == 0
    if layout == "binary":
        return
    assert [path.name for path in (tmp_path / "out/masks").iterdir()] == [NAMES["file_name"]]


@pytest.mark.parametrize(("name", "title"), [("größe".encode(), "größe"), (b"gr\xf6\xdfe", "gr��e")])
def test_a_report_of_a_file_whose_name_the_locale_does_not_have(
    tmp_path: Path, name: bytes, title: str
) -> None:
    """Its title is the name, as far as it is text."""
    source = os.path.join(os.fsencode(tmp_path), name + b".json")  # noqa: PTH118 - bytes are no path
    Path(os.fsdecode(source)).write_bytes(SAMPLE.read_bytes())
    done = shell(f"{POLYMASK} preview *.json -o look.html", tmp_path, ASCII_ONLY)
    assert done.returncode == 0, done.stderr
    assert f"<title>{title}.json" in (tmp_path / "look.html").read_text()


def test_a_scheduler_without_a_locale(tmp_path: Path, beyond_ascii: Path) -> None:
    """cron sets none: names are UTF-8 all the same."""
    done = shell(f"env -i {POLYMASK} convert in.json out --quiet", tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "out/masks" / NAMES["file_name"]).exists()


def test_a_time_zone_changes_no_file(tmp_path: Path) -> None:
    """Also one that does not exist."""
    for zone in ("Pacific/Kiritimati", "nonsense"):
        assert shell(f"{POLYMASK} convert {SAMPLE} '{zone}'", tmp_path, {"TZ": zone}).returncode == 0
    assert tree(tmp_path / "Pacific/Kiritimati") == tree(tmp_path / "nonsense")


# What Python imports late is imported first, for its own folder may be root's.
SOMEBODY = """
import os, sys
from polymask import convert, verify
source, warm, out = sys.argv[1:]
verify(warm) if convert(source, warm).written else None
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(54321)
    os.setuid(54321)
assert not os.access(convert.__code__.co_filename, os.W_OK) or os.stat(out).st_uid == os.stat(source).st_uid
report = convert(source, out)
assert (report.written, verify(out).unchanged) == (3, 3)
"""


def test_somebody_without_rights_and_home(tmp_path: Path) -> None:
    """Neither root nor the owner of the install, a number without a name: only DEST is written to."""
    with_rights = Path(os.path.realpath("/tmp")) / f"polymask-{os.getpid()}-everywhere"
    with_rights.mkdir(mode=0o777)
    with_rights.chmod(0o777)
    try:
        source = with_rights / "instances.json"  # the checkout may be somebody's alone
        source.write_bytes(SAMPLE.read_bytes())
        source.chmod(0o644)
        command = [sys.executable, "-c", SOMEBODY, str(source), str(tmp_path / "warm"), str(with_rights)]
        nowhere = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
        done = subprocess.run(command, env=nowhere, cwd="/", capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    finally:
        subprocess.run(["rm", "-r", with_rights], check=True)


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user number that the system does not know, and no HOME."""
    for variable in ("HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 54321)


def test_an_empty_home_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written to the root of the disk."""
    monkeypatch.setenv("HOME", "")
    assert home_folder() is None


def test_without_a_home_an_index_is_made_each_time(
    homeless: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It only saves time; the masks are the same."""
    assert home_folder() is None
    monkeypatch.setattr(content, "LARGE", 0)
    assert convert(SAMPLE, tmp_path / "out").written == 3
    assert not index_cache.is_stored(SAMPLE)
