"""Pipes, devices and links among the files: nothing hangs, nothing eats the memory, and each is told."""

import os
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import chdir
from pathlib import Path

import pytest

from polymask import convert
from tests.conftest import ROOT, SAMPLE

LABELME = (
    '{"version": "5", "imagePath": "a.png", "imageData": null, "imageHeight": 8, "imageWidth": 8, "shapes": '
    '[{"label": "cat", "points": [[1, 1], [5, 1], [5, 5]], "shape_type": "polygon"}]}'
)
LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
from polymask.cli.app import main
main()
"""
Polymask = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def polymask(tmp_path: Path) -> Polymask:
    """The command, in a second or ten and three gigabytes; with these it would fail, not wait."""

    def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-c", LIMITED, *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            timeout=30,
            check=False,
        )

    return run


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server, chdir(path.parent):  # a long path is no address
        server.bind(path.name)


def nowhere(path: Path) -> None:
    path.symlink_to("nowhere")


ODD = (pipe, device, loop, nowhere, listening)


@pytest.mark.parametrize("command", ["convert", "check", "stats"])
def test_a_folder_of_annotations_with_odd_files_is_read(
    tmp_path: Path, polymask: Polymask, command: str
) -> None:
    """What is no regular file is no annotation, and no picture."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.json").write_text(LABELME)
    for make in ODD:
        make(folder / f"{make.__name__}.json")
        make(folder / f"{make.__name__}.png")
        make(folder / make.__name__)
    run = polymask(command, folder, *(["out"] if command == "convert" else []))
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("make", ODD)
def test_a_picture_that_is_no_file_is_missing(
    tmp_path: Path, polymask: Polymask, make: Callable[[Path], None]
) -> None:
    """The images that need it fail, the others are done."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    make(pictures / "harbor.png")
    for name in ("meadow.png", "empty.png"):
        shutil.copy(SAMPLE.parent / "images" / name, pictures)
    run = polymask("convert", SAMPLE, "out", "--to", "voc", "--images", pictures, "--copy-images")
    assert run.returncode == 1
    assert "1 of 3 images failed: harbor.png: no such picture" in run.stderr
    assert polymask("preview", SAMPLE, "--images", pictures, "-o", "look.html").returncode == 0
    assert "missing-image" in polymask("check", SAMPLE, "--images", pictures).stdout


@pytest.mark.parametrize("make", ODD)
@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["stats", "masks"], (2, 3)),  # 3: where a link leads to is not there
        (["compare", "masks", "masks"], (1,)),
        (["verify", "masks"], (5,)),
        (["convert", SAMPLE, "masks"], (1, 2)),
        (["preview", "masks", "-o", "look.html"], (0,)),
    ],
)
def test_a_mask_that_is_no_file_is_told(
    tmp_path: Path,
    polymask: Polymask,
    make: Callable[[Path], None],
    command: Sequence[object],
    code: Sequence[int],
) -> None:
    """By the image's name, where others can be done, else by its own."""
    convert(SAMPLE, tmp_path / "masks")
    (tmp_path / "masks/masks/harbor.png").unlink()
    make(tmp_path / "masks/masks/harbor.png")
    run = polymask(*command)
    assert run.returncode in code, run.stderr
    assert "harbor" in run.stderr + run.stdout or command[0] == "preview"


@pytest.mark.parametrize("name", ["labels.json", "manifest.jsonl"])
@pytest.mark.parametrize("make", [pipe, device, listening])
def test_tables_that_are_no_files_are_never_waited_for(
    tmp_path: Path, polymask: Polymask, make: Callable[[Path], None], name: str
) -> None:
    convert(SAMPLE, tmp_path / "masks")
    (tmp_path / "masks" / name).unlink()
    make(tmp_path / "masks" / name)
    assert polymask("convert", SAMPLE, "masks").returncode == 2
    for command in ("stats", "verify"):
        assert polymask(command, "masks").returncode in (0, 2, 5)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("stats", "/dev/zero"), "/dev/zero: a device, and no file; name a file, a folder or a pipe"),
        (("stats", SAMPLE, "--labels", "/dev/zero"), "/dev/zero: no regular file; name a label file"),
        (("stats", SAMPLE, "--labels", "pipe"), "pipe: no regular file; name a label file"),
        (("stats", SAMPLE, "--config", "pipe"), "pipe: no regular file; name a TOML file"),
    ],
)
def test_what_is_named_itself_is_a_file(
    tmp_path: Path, polymask: Polymask, arguments: Sequence[object], says: str
) -> None:
    """Exit 2, at once."""
    pipe(tmp_path / "pipe")
    run = polymask(*arguments)
    assert run.returncode == 2
    assert says in run.stderr


def test_a_shell_may_hand_over_annotations(tmp_path: Path) -> None:
    """`<(…)` is a pipe with a writer, read to its end."""
    command = f"{sys.executable} -m polymask stats <(cat {SAMPLE})"
    run = subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("3 images")


def test_label_files_of_any_size_are_not_read_whole(tmp_path: Path, polymask: Polymask) -> None:
    """A file with a hole of four gigabytes, which takes no room on the disk."""
    with (tmp_path / "labels.txt").open("wb") as file:
        file.truncate(4 << 30)
    run = polymask("stats", SAMPLE, "--labels", "labels.txt")
    assert run.returncode == 2
    assert "larger than any label file" in run.stderr


def test_nothing_is_left_beside_a_report(tmp_path: Path, polymask: Polymask) -> None:
    """No folder of work, no half-written file; what was there is replaced."""
    (tmp_path / "look.html").write_text("old")
    assert polymask("preview", SAMPLE, "-o", "look.html").returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["look.html"]
    assert "<html" in (tmp_path / "look.html").read_text()
    assert polymask("preview", SAMPLE, "-o", "none/look.html").returncode == 3


def test_the_summary_says_how_to_look_at_the_masks(tmp_path: Path, polymask: Polymask) -> None:
    """The first mask that people open is black; the command works as it stands there."""
    run = polymask("convert", SAMPLE, "my masks")
    command = run.stdout.splitlines()[-1].partition(": ")[2]
    assert command == "polymask preview 'my masks' -o look.html"
    assert polymask(*shlex.split(command)[1:]).returncode == 0
    assert (tmp_path / "look.html").exists()
    for options in (["--to", "overlay"], ["--quiet"], ["--json"], ["--dry-run"]):
        assert "look.html" not in polymask("convert", SAMPLE, f"out{options[-1]}", *options).stdout
    assert "look.html" not in polymask("convert", SAMPLE, "my masks").stdout


def test_input_that_does_not_exist_is_exit_2(polymask: Polymask) -> None:
    """Whichever command reads it, and label files too; as JSON it says so as well."""
    for command in (
        ["convert", "none", "out"], ["check", "none"], ["stats", "none"], ["verify", "none"],
        ["compare", "none", SAMPLE], ["compare", SAMPLE, "none"], ["verify", "none", "--source", SAMPLE],
        ["convert", SAMPLE, "out", "--labels", "none.txt"], ["restore", "none"], ["remove-masks", "none"],
    ):  # fmt: skip
        run = polymask(*command, "--json")
        assert run.returncode == 2, command
        assert '"exit_code": 2}' in run.stdout
