"""The command line on a dataset: in place, to a folder, from a file, proven, put back."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from polymask.dataloop.emulator import Emulator, Fault, cookie, fake_token
from tests.conftest import ROOT, SAMPLE

Command = Callable[..., "subprocess.CompletedProcess[str]"]
URL = "dataloop://emulator/instances"


@pytest.fixture
def sample() -> "Emulator":
    """The sample's scenes as a dataset."""
    with Emulator(seed=SAMPLE, images=SAMPLE.parent / "images") as emulator:
        yield emulator


@pytest.fixture
def command(sample: Emulator, tmp_path: Path) -> Command:
    """Run `polymask` in a home where the user has logged in with dtlpy."""
    home = tmp_path / "home"
    (home / ".dataloop").mkdir(parents=True)
    (home / ".dataloop" / "cookie.json").write_text(cookie(sample.url, fake_token("ann@example.org")))

    def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
        environment = {k: v for k, v in os.environ.items() if k not in ("DATALOOP_PATH", "XDG_STATE_HOME")}
        return subprocess.run(
            [sys.executable, "-m", "polymask", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            cwd=tmp_path,
            env=environment | {"PYTHONPATH": str(ROOT), "HOME": str(home), "NO_PROXY": "127.0.0.1"},
        )

    return run


def kinds(emulator: Emulator) -> dict[str, int]:
    counts: dict[str, int] = {}
    for annotation in emulator.annotations():
        counts[annotation["type"]] = counts.get(annotation["type"], 0) + 1
    return counts


def test_a_dataset_there_and_back(command: Command, sample: Emulator) -> None:
    """Converted, proven, put back: each command does its part and says so."""
    before = kinds(sample)
    dry = command("convert", URL, "--delete-source", "--dry-run", "--json")
    assert (json.loads(dry.stdout)["deleted"], kinds(sample)) == (before["segment"], before)
    done = command("convert", URL, "--delete-source", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["deleted"] == before["segment"]
    assert "segment" not in kinds(sample)
    assert "5 masks on 2 items" in command("verify", URL).stdout
    assert "9 polygons put back" in command("restore", URL).stdout
    assert kinds(sample)["segment"] == before["segment"]


def test_masks_are_taken_back_after_the_polygons(command: Command, sample: Emulator) -> None:
    """Refused before, with the command to run; then all is as it was, and told in numbers."""
    before = kinds(sample)
    assert command("convert", URL, "--delete-source").returncode == 0
    refused = command("remove-masks", URL, "--json")
    assert (refused.returncode, json.loads(refused.stdout)["removed"]) == (2, 0)
    (undo,) = set(re.findall(r"`polymask (restore [^`]*)`", refused.stderr))
    assert command(*shlex.split(undo)).returncode == 0
    done = command("remove-masks", URL)
    assert (done.returncode, "5 masks removed." in done.stdout) == (0, True), done.stderr
    assert kinds(sample) == before


def test_a_deletion_is_told_and_undone_as_it_says(command: Command, sample: Emulator) -> None:
    """The journal's place at the start, how many polygons went, and the command that puts them back."""
    before = kinds(sample)
    done = command("convert", URL, "--delete-source", "--journal", "my journal")
    assert "polymask: journal and backup: my journal\n" in done.stderr
    assert "9 polygons were deleted" in done.stdout
    (undo,) = re.findall(r"`polymask (restore [^`]*)`", done.stdout)
    dry = command(*shlex.split(undo), "--dry-run")
    assert (dry.returncode, "9 polygons would be put back" in dry.stdout) == (0, True)
    assert "segment" not in kinds(sample)
    assert json.loads(command(*shlex.split(undo), "--json").stdout)["restored"] == 9
    assert kinds(sample)["segment"] == before["segment"]


def test_a_dry_run_says_that_it_was_one(command: Command) -> None:
    """For a person, and as a document."""
    assert (
        "Dry run: nothing was written; 9 polygons would be deleted."
        in command("convert", URL, "--delete-source", "--dry-run").stdout
    )
    assert json.loads(command("convert", URL, "--dry-run", "--json").stdout)["dry_run"] is True


def test_a_failure_names_its_item_once(command: Command, sample: Emulator) -> None:
    """In the summary and on stderr."""
    sample.faults.add(Fault("POST", "/items/*/annotations", "status", status=400, times=None))
    done = command("convert", URL)
    assert done.returncode == 3
    name = sample.items()[0]["name"]
    assert f"{name}: Dataloop: POST" in done.stderr
    assert f"{name}: {name}:" not in done.stdout + done.stderr


def test_polygons_that_cannot_be_put_back_fail_the_command(
    command: Command, sample: Emulator, tmp_path: Path
) -> None:
    """The others come back; the exit code and stderr tell of those, and a damaged journal is exit 5."""
    assert command("convert", URL, "--delete-source", "--journal", "kept").returncode == 0
    sample.remove_item(sample.items()[0]["id"])
    done = command("restore", URL, "--journal", "kept")
    assert (done.returncode, "is gone from the platform" in done.stderr) == (4, True)
    (tmp_path / "kept" / "journal.jsonl").unlink()
    done = command("restore", URL, "--journal", "kept")
    assert (done.returncode, "kept/journal.jsonl: damaged" in done.stderr) == (5, True)


def test_a_dataset_becomes_a_training_set(command: Command, sample: Emulator, tmp_path: Path) -> None:
    """Masks, lists and the pictures' own bytes."""
    done = command("convert", URL, tmp_path / "out", "--to", "voc", "--copy-images", "--json")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/ImageSets/Segmentation/train.txt").read_text() == "empty\nharbor\nmeadow\n"
    picture = (SAMPLE.parent / "images" / "harbor.png").read_bytes()
    assert (tmp_path / "out/JPEGImages/harbor.png").read_bytes() == picture


def test_local_polygons_become_masks_of_a_dataset(command: Command, sample: Emulator) -> None:
    """Items are matched by name; a second run does nothing."""
    assert command("convert", SAMPLE, URL).returncode == 0
    masks = kinds(sample)["binary"]
    again = command("convert", SAMPLE, URL, "--json")
    assert (json.loads(again.stdout)["written"], kinds(sample)["binary"]) == (0, masks)


def test_a_dataset_is_verified_within_the_limits(command: Command) -> None:
    """A frame above --max-pixels is exit 2 with the flag's name; with the flag raised it passes."""
    assert command("convert", URL).returncode == 0
    done = command("verify", URL, "--max-pixels", 120 * 160 - 1)
    assert done.returncode == 2
    assert "120 × 160 px are more than 19199; if that is right, raise --max-pixels" in done.stderr
    assert command("verify", URL, "--max-pixels", 120 * 160).returncode == 0


def test_verify_tells_which_masks_of_a_dataset_are_wrong(command: Command, sample: Emulator) -> None:
    """Edited and doubled ones are listed as those of a folder are, and it exits 5."""
    assert command("convert", URL).returncode == 0
    assert json.loads(command("verify", URL, "--json").stdout)["proven"] == 5
    rows = [row for row in sample.annotations() if row["type"] == "binary"]
    one, other, *_ = [row for row in rows if "polymask" in row["metadata"].get("user", {})]
    sample.add_annotation(other["itemId"], {k: v for k, v in other.items() if k != "id"})
    sample.edit_annotation(one["id"], coordinates=other["coordinates"])
    done = command("verify", URL, "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 5
    assert (told["images"], told["proven"], told["failed"]) == (2, 5, 2)
    reasons = {failure["reason"] for failure in told["failures"]}
    assert reasons == {
        f"'{one['label']}' ({one['id']}): not what was stored",
        f"'{other['label']}' has 2 masks",
    }
    assert "2 problems in dataloop://emulator/instances, where 5 masks were proven" in done.stderr


def test_a_dataset_is_not_verified_against_annotations(command: Command) -> None:
    """What its masks are of, they tell themselves."""
    done = command("verify", URL, "--source", SAMPLE)
    assert done.returncode == 2
    assert "leave --source out" in done.stderr


def test_options_that_make_no_sense_there_are_refused(command: Command, sample: Emulator) -> None:
    """One mask a label has no overlap to rule, and no size of its own."""
    for flags in (["--overlap", "first"], ["--size", "8x8"], ["--labels", "x.txt"], ["--to", "voc"]):
        assert command("convert", URL, *flags).returncode == 2
    assert command("convert", "dataloop://emulator").returncode == 2
    assert command("convert", "dataloop://emulator/none").returncode == 2
    assert not [entry for entry in sample.audit if entry.changes]


def test_without_a_login_the_way_out_is_told(command: Command, tmp_path: Path) -> None:
    """Exit 3, no traceback."""
    (tmp_path / "home/.dataloop/cookie.json").unlink()
    done = command("convert", URL)
    assert done.returncode == 3
    assert "DATALOOP_TOKEN" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_emulator_can_be_run_from_the_command_line(tmp_path: Path) -> None:
    """It prints its address and how to use it, and stops at Ctrl-C."""
    process = subprocess.Popen(
        [sys.executable, "-m", "polymask", "emulate", "--seed", str(SAMPLE)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    assert "http://127.0.0.1:" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in errors


def test_a_dry_run_shows_before_and_after(command: Command, sample: Emulator, tmp_path: Path) -> None:
    """Item by item: masks to be written, polygons to go, with the pictures; nothing is touched."""
    before = kinds(sample)
    done = command("convert", URL, "--delete-source", "--dry-run", "--preview", tmp_path / "changes.html")
    assert (done.returncode, kinds(sample)) == (0, before), done.stderr
    page = (tmp_path / "changes.html").read_text()
    assert "write the mask of &#39;boat&#39;" in page
    told = re.findall(r"delete (\d+) polygons?", page.partition("<dialog")[0])
    assert sum(map(int, told)) == before["segment"]
    total = re.search(r">polygons to delete</th><td class=\"n\">(\d+)</td>", page)
    assert total
    assert int(total[1]) == before["segment"]
    assert page.count("data:image/jpeg") == 2
    assert command("convert", URL).returncode == 0
    assert command("convert", URL, "--dry-run", "--preview", tmp_path / "after.html").returncode == 0
    assert "every mask is there already" in (tmp_path / "after.html").read_text()
