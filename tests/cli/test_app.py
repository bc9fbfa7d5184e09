"""The command line: what it prints, where, and its exit codes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import polymask
from polymask.painting.painting import OVERLAP_RULES
from tests.conftest import ROOT, SAMPLE, Run, coco, square, tree

Write = Callable[..., Path]


def test_convert_tells_what_it_did(polymask_command: Run, tmp_path: Path) -> None:
    """Images, labels, painted pixels, conflicts and rate, for people."""
    done = polymask_command("convert", SAMPLE, tmp_path / "out")
    assert done.returncode == 0
    assert done.stderr == ""
    for told in (
        "3 images, 11 instances",
        "3 written",
        "boat",
        "sea / boat",
        "claimed by several labels",
        "images/s",
    ):
        assert told in done.stdout
    again = polymask_command("convert", SAMPLE, tmp_path / "out")
    assert "Nothing to do" in again.stdout
    assert "0 written, 3 unchanged" in again.stdout


def test_json_is_one_document_on_stdout(polymask_command: Run, tmp_path: Path) -> None:
    """With the keys that scripts rely on."""
    done = polymask_command("convert", SAMPLE, tmp_path / "out", "--json")
    report = json.loads(done.stdout)
    keys = "images instances labels conflicts skipped failed written unchanged seconds kernel"
    assert set(keys.split()) <= set(report)
    assert (report["images"], report["failed"], report["labels"]["boat"]["instances"]) == (3, 0, 3)


def test_quiet_is_quiet(polymask_command: Run, tmp_path: Path) -> None:
    """Nothing on either stream."""
    done = polymask_command("convert", SAMPLE, tmp_path / "out", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_bad_input_is_exit_2_one_line_and_nothing_written(
    polymask_command: Run, coco_file: Write, tmp_path: Path
) -> None:
    """File and place are named, without a traceback."""
    path = coco_file(
        annotations=[{"id": 1, "image_id": 1, "category_id": 99, "segmentation": [square(1, 1, 2)]}]
    )
    done = polymask_command("convert", path, tmp_path / "out")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"{path}: $.annotations[0].category_id" in done.stderr
    assert not (tmp_path / "out").exists()
    skipped = polymask_command("convert", path, tmp_path / "out", "--skip-invalid")
    assert skipped.returncode == 1  # nothing is left to paint
    assert "Left out (1):" in skipped.stdout
    assert "$.annotations[0].category_id" in skipped.stdout


def test_failed_items_are_exit_1(polymask_command: Run, coco_file: Write, tmp_path: Path) -> None:
    """The others are done, and the first failure is told."""
    done = polymask_command("convert", coco_file(), tmp_path / "out", "--overlap", "error")
    assert done.returncode == 1
    assert "a.jpg" in done.stderr
    assert "Failed (1):" in done.stdout


def test_a_source_that_is_not_there_is_exit_2(polymask_command: Run, tmp_path: Path) -> None:
    """Whatever reads it: the name is the caller's."""
    none, out, page = tmp_path / "none.json", tmp_path / "out", tmp_path / "page.html"
    polymask.convert(SAMPLE, out)
    for arguments in (
        ("convert", none, tmp_path / "new"),
        ("convert", tmp_path / "*.json", tmp_path / "new"),
        ("check", none),
        ("stats", none),
        ("compare", none, out),
        ("compare", out, none),
        ("preview", none, "-o", page),
        ("verify", out, "--source", none),
    ):
        done = polymask_command(*arguments)
        assert done.returncode == 2, arguments
        assert "No such file" in done.stderr or "no such file" in done.stderr or "no file" in done.stderr


def test_a_denied_dest_is_exit_3(polymask_command: Run) -> None:
    """What cannot be written is the disk's doing."""
    done = polymask_command("convert", SAMPLE, "/proc/none/out")
    assert done.returncode == 3
    assert "Traceback" not in done.stderr


def test_more_conflict_than_allowed_is_exit_1(polymask_command: Run, tmp_path: Path) -> None:
    """The gate tells the figure and the limit."""
    done = polymask_command("convert", SAMPLE, tmp_path / "out", "--max-conflict", 1)
    assert done.returncode == 1
    assert "--max-conflict 1" in done.stderr
    assert polymask_command("convert", SAMPLE, tmp_path / "out", "--max-conflict", 50).returncode == 0


def test_as_much_conflict_as_allowed_is_exit_0(
    polymask_command: Run, coco_file: Write, tmp_path: Path
) -> None:
    """2 of 16 labeled pixels are 12.5 %: a limit of 12.5 holds, one of 12.4 does not."""
    for limit, code in ((12.5, 0), (12.4, 1)):
        done = polymask_command("convert", coco_file(), tmp_path / "out", "--max-conflict", limit)
        assert done.returncode == code


def test_priority_is_a_list_with_commas_or_repeated(
    polymask_command: Run, coco_file: Write, tmp_path: Path
) -> None:
    """A label that holds a comma is given by a flag of its own; spaces around commas do not count."""
    categories = [{"id": 3, "name": "cat, black"}, {"id": 7, "name": "dog"}, {"id": 9, "name": "other"}]
    path = coco_file(categories=categories)
    for number, flags in enumerate((["other, dog , dog"], ["cat, black", "dog"])):
        arguments = [part for flag in flags for part in ("--priority", flag)]
        done = polymask_command(
            "convert", path, tmp_path / f"{number}", "--overlap", "priority", *arguments, "--json"
        )
        assert json.loads(done.stdout)["conflicts"][0]["winner"] == ("dog", "cat, black")[number]


def test_unknown_flags_and_choices_are_exit_2(polymask_command: Run, tmp_path: Path) -> None:
    """click says what there is."""
    for flags in (["--overlaps", "last"], ["--overlap", "top"], ["--size", "12"], ["--to", "tiff"]):
        done = polymask_command("convert", SAMPLE, tmp_path / "out", *flags)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr


def test_size_is_width_by_height(polymask_command: Run, tmp_path: Path) -> None:
    """80x60 gives masks of 60 rows and 80 columns."""
    polymask_command("convert", SAMPLE, tmp_path / "out", "--size", "80x60")
    line = json.loads((tmp_path / "out/manifest.jsonl").read_text().splitlines()[0])
    assert (line["height"], line["width"]) == (60, 80)


def test_check_lists_findings_by_kind(polymask_command: Run) -> None:
    """As text and as JSON; odd but usable annotations are exit 0."""
    done = polymask_command("check", "fixtures/odd/instances.json", "--json")
    document = json.loads(done.stdout)
    assert done.returncode == 0
    assert document["counts"] == {"self-intersection": 1, "out-of-frame": 1}
    assert document["findings"][0] == {
        "kind": "self-intersection", "image": "bowtie.png", "instance": 1, "message": "ring 0 crosses itself",
    }  # fmt: skip
    assert document["ranks"] == {"odd": 2}
    text = polymask_command("check", "fixtures/odd/instances.json").stdout
    assert "Odd: painted as it is\n  self-intersection (1):\n    bowtie.png: instance 1: ring 0" in text
    assert "  out-of-frame (1):\n    bowtie.png: instance 2: ring 0 reaches" in text


def test_check_is_exit_2_where_convert_would_refuse(polymask_command: Run, coco_file: Write) -> None:
    """Malformed records are findings of the kind `invalid`."""
    done = polymask_command("check", coco_file(images=[coco()["images"][0] | {"height": -1}]))
    assert done.returncode == 2
    assert "  invalid (3):\n    a.jpg: $.images[0].height" in done.stdout


def test_formats_lists_the_tables(polymask_command: Run) -> None:
    """Every name with its summary, and the kernel that runs."""
    document = json.loads(polymask_command("formats", "--json").stdout)
    assert [row["name"] for row in document["overlap_rules"]] == list(OVERLAP_RULES)
    assert {"coco"} <= {row["name"] for row in document["formats"]}
    assert {"index", "binary", "voc", "coco"} <= {row["name"] for row in document["layouts"]}
    assert document["kernel"] in ("compiled", "numpy")
    assert "coco" in polymask_command("formats").stdout


def test_two_runs_on_one_dest_are_exit_4(polymask_command: Run, tmp_path: Path) -> None:
    """The second says who holds it."""
    from polymask.storage.roots.local import Root

    with Root(tmp_path).run({}):
        done = polymask_command("convert", SAMPLE, tmp_path, "--overwrite")
    assert done.returncode == 4
    assert "is held by process" in done.stderr


@pytest.mark.parametrize("command", ["convert", "check", "formats"])
def test_every_command_has_help(polymask_command: Run, command: str) -> None:
    """And is named in the overview."""
    assert f"{command} " in polymask_command("--help").stdout
    assert "--help" in polymask_command(command, "--help").stdout


def test_a_dry_run_says_so(polymask_command: Run, tmp_path: Path) -> None:
    """And leaves DEST alone."""
    done = polymask_command("convert", SAMPLE, tmp_path / "out", "--dry-run")
    assert "nothing was written" in done.stdout
    assert tree(tmp_path) == {}


LINES = [["convert", str(SAMPLE), "out", "--json"], ["convert", str(SAMPLE), "out"], ["formats"], ["--help"]]


@pytest.mark.parametrize("arguments", LINES)
def test_a_full_stdout_is_exit_3_and_one_line(arguments: list[str], tmp_path: Path) -> None:
    """Neither the command nor the interpreter's last flush leaves a traceback."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "polymask", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            check=False,
        )
    assert (done.returncode, done.stderr) == (3, "polymask: stdout: No space left on device\n")


@pytest.mark.parametrize(
    ("arguments", "code"), [(["convert", "no.json", "out"], 2), (["convert", "--no-such"], 2), (["bogus"], 2)]
)
def test_a_full_stderr_changes_no_exit_code(arguments: list[str], code: int, tmp_path: Path) -> None:
    """A log on a full disk takes no message; what a script goes by is still there."""
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "polymask", *arguments],
            stderr=full,
            cwd=tmp_path,
            env=buffered | {"PYTHONPATH": str(ROOT)},
            check=False,
        )
    assert done.returncode == code


def test_a_reader_that_leaves_is_no_traceback(tmp_path: Path) -> None:
    """As in `polymask formats | head -1`: what is left to say is dropped without a word."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "polymask", "formats"],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    os.close(writing)
    assert done.stderr == ""


def test_a_folder_as_label_file_is_exit_2(polymask_command: Run, tmp_path: Path) -> None:
    """One line that names it, without a traceback."""
    done = polymask_command("convert", SAMPLE, tmp_path / "out", "--labels", tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert f"{tmp_path}: no regular file" in done.stderr


def test_names_beyond_ascii_in_an_ascii_locale(
    polymask_command: Run, coco_file: Write, tmp_path: Path
) -> None:
    """Where the locale forbids the file name, one line says what to do: of a dry run as of the run."""
    path = coco_file(images=[coco()["images"][0] | {"file_name": "hafén.jpg"}])
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = polymask_command("convert", path, tmp_path / "out", "--dry-run", **ascii_only)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    polymask_command("convert", path, tmp_path / "out")
    again = polymask_command("convert", path, tmp_path / "out", **ascii_only)
    assert (again.returncode, again.stderr) == (2, done.stderr)
    assert "set PYTHONUTF8=1" in again.stderr


def test_an_error_is_one_json_object_too(polymask_command: Run, coco_file: Write, tmp_path: Path) -> None:
    """With --json: kind, message, advice, file, place and exit code, and the line on stderr as ever."""
    document = coco()
    document["annotations"][1]["segmentation"] = [[0, 0, 1]]
    path = coco_file(document)
    done = polymask_command("convert", path, tmp_path / "out", "--json")
    error = json.loads(done.stdout)["error"]
    assert error == {
        "kind": "FormatError",
        "message": error["message"],
        "advice": "correct it, or leave such records out with --skip-invalid",
        "file": str(path),
        "place": "$.annotations[1].segmentation[0]",
        "exit_code": 2,
    }
    assert done.returncode == 2
    line = f"polymask: {path}: {error['place']}: {error['message']}; {error['advice']}\n"
    assert done.stderr == line


def test_a_mistake_in_the_command_is_one_json_object_too(polymask_command: Run, tmp_path: Path) -> None:
    """Of the kind that the command line has for it."""
    done = polymask_command("stats", SAMPLE, "--json", "--overlaps", "last")
    error = json.loads(done.stdout)["error"]
    assert (error["kind"], error["exit_code"], done.returncode) == ("NoSuchOption", 2, 2)
    assert "--overlaps" in error["message"]


def test_what_was_printed_is_not_followed_by_an_error(polymask_command: Run, tmp_path: Path) -> None:
    """A report with failures is the one document on stdout."""
    polymask.convert(SAMPLE, tmp_path / "out")
    (tmp_path / "out" / "masks" / "harbor.png").unlink()
    done = polymask_command("verify", tmp_path / "out", "--json")
    assert (done.returncode, json.loads(done.stdout)["failed"]) == (5, 1)
    assert "harbor" in done.stderr
