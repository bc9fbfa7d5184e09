"""Options from a file and from variables: flags win over the file, the file over variables."""

import json
import tomllib
from pathlib import Path

import pytest

from tests.conftest import ROOT, SAMPLE, Run

FILE = f"""
source = "{SAMPLE}"
only = ["sea", "boat"]
max-pixels = 1_000_000

[convert]
to = "voc"
split_ratio = [0.8, 0.1, 0.1]
dry_run = true

[check]
skip_invalid = true
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "polymask.toml"
    path.write_text(FILE)
    return path


def origins(run_output: str) -> dict[str, tuple[object, str]]:
    """What `--print-config --json` says: each option's value and where it comes from."""
    options = json.loads(run_output)["options"]
    return {name: (option["value"], option["from"]) for name, option in options.items()}


def test_flags_win_over_the_file_and_the_file_over_variables(file: Path, polymask_command: Run) -> None:
    """Each value is the nearest one's, and says where it comes from; the others are defaults."""
    run = polymask_command(
        "convert", "--config", file, "--print-config", "--json", "--only", "sun",
        POLYMASK_TO="coco", POLYMASK_OVERLAP="first", POLYMASK_DEST="out", POLYMASK_SKIP_INVALID="1",
        POLYMASK_WHERE='["a*", "b,*"]', POLYMASK_STATUS="", POLYMASK_BORDER="2", POLYMASK_CROWD="void",
    )  # fmt: skip
    options = origins(run.stdout)
    assert options["only"] == (["sun"], "command line")
    assert options["to"] == ("voc", str(file))
    assert options["source"] == (str(SAMPLE), str(file))
    assert options["max_pixels"] == (1_000_000, str(file))
    assert options["split_ratio"] == ("0.8,0.1,0.1", str(file))
    assert options["overlap"] == ("first", "POLYMASK_OVERLAP")
    assert options["dest"] == ("out", "POLYMASK_DEST")
    assert options["skip_invalid"] == (True, "POLYMASK_SKIP_INVALID")
    assert options["where"] == (["a*", "b,*"], "POLYMASK_WHERE")
    assert options["border"] == (2, "POLYMASK_BORDER")
    assert options["status"] == ([], "default")
    assert options["pixel_rule"] == ("center", "default")
    assert options["images"] == (None, "default")


def test_what_is_printed_is_a_file_that_says_the_same(
    file: Path, tmp_path: Path, polymask_command: Run
) -> None:
    """It says the same; and nothing is done: the command stops."""
    run = polymask_command("convert", "--config", file, tmp_path / "out", "--size", "80x60", "--print-config")
    assert run.returncode == 0
    assert 'boat"]  # ' + str(file) in run.stdout
    assert 'size = "80x60"  # command line' in run.stdout
    (tmp_path / "again.toml").write_text(run.stdout)
    again = polymask_command("convert", "--config", tmp_path / "again.toml", "--print-config")
    assert tomllib.loads(again.stdout) == tomllib.loads(run.stdout)
    assert not (tmp_path / "out").exists()


def test_a_run_is_done_as_the_file_says(file: Path, tmp_path: Path, polymask_command: Run) -> None:
    """Also errors and results as JSON, where the file or a variable asks for it."""
    run = polymask_command(
        "convert", "--config", file, POLYMASK_DEST=str(tmp_path / "out"), POLYMASK_JSON="yes"
    )
    report = json.loads(run.stdout)
    assert (report["dry_run"], report["instances"]) == (True, 4)
    run = polymask_command("stats", tmp_path / "none", POLYMASK_JSON="true")
    assert json.loads(run.stdout)["error"]["exit_code"] == run.returncode == 2


def test_a_table_is_for_its_command(file: Path, polymask_command: Run) -> None:
    """What is at the top is for every command that has it."""
    options = origins(polymask_command("check", "--config", file, "--print-config", "--json").stdout)
    assert options["skip_invalid"] == (True, str(file))
    assert options["max_pixels"] == (1_000_000, str(file))
    assert "to" not in options
    options = origins(polymask_command("stats", SAMPLE, "--config", file, "--print-config", "--json").stdout)
    assert options["skip_invalid"] == (False, "default")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("overlaps = 'first'", "no option 'overlaps'; did you mean 'overlap'?"),
        ("[convert]\noverlaps = 'first'", "[convert]: no option 'overlaps'; did you mean 'overlap'?"),
        ("[stats]\nto = 'voc'", "[stats]: no option 'to'"),
        ("[konvert]\nto = 'voc'", "no command 'konvert'; did you mean 'convert'?"),
        ("to = ", "no TOML: "),
        ("max-pixels = 1\nmax_pixels = 2", "'max_pixels' is there twice"),
        ("boxes = 'yes'", "boxes is 'yes'; make it true or false"),
        ("to = true", "to is True; make it a text or a number"),
        ("only = [[1]]", "only is [[1]]; make it a text or a number"),
        ("overlap = 'frist'", "'frist' is not one of"),
        ("border = -1", "(polymask.toml)"),
        ("border = 'thick'", "'thick' is not a valid whole number. (polymask.toml)"),
        ("only = {a = 1}", "only is a table; make it a text or a number"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, polymask_command: Run, text: str, says: str
) -> None:
    """Exit 2, before anything is read; the file is named."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "polymask.toml").write_text(text)
    run = polymask_command("convert", SAMPLE, tmp_path / "out", "--config", "polymask.toml")
    assert run.returncode == 2
    assert says in run.stderr
    assert "polymask.toml" in run.stderr
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_not_there_is_your_input(tmp_path: Path, polymask_command: Run) -> None:
    """Its name is a member of the JSON, as that of any file."""
    run = polymask_command("stats", SAMPLE, "--config", tmp_path / "none.toml", "--json")
    assert run.returncode == 2
    assert json.loads(run.stdout)["error"]["file"] == str(tmp_path / "none.toml")


def test_a_variable_may_name_the_file(file: Path, tmp_path: Path, polymask_command: Run) -> None:
    """A flag wins over it; a file that is not there is told."""
    arguments = ["stats", SAMPLE, "--print-config", "--json"]
    options = origins(polymask_command(*arguments, POLYMASK_CONFIG=str(file)).stdout)
    assert options["max_pixels"] == (1_000_000, str(file))
    (tmp_path / "other.toml").write_text("max_pixels = 7")
    run = polymask_command(*arguments, "--config", tmp_path / "other.toml", POLYMASK_CONFIG=str(file))
    assert origins(run.stdout)["max_pixels"] == (7, str(tmp_path / "other.toml"))
    assert polymask_command(*arguments, POLYMASK_CONFIG="none.toml").returncode == 2


@pytest.mark.parametrize(("encoding", "code"), [("utf-8-sig", 0), ("utf-16", 2)])
def test_a_file_of_another_system(file: Path, polymask_command: Run, encoding: str, code: int) -> None:
    """A mark of UTF-8 is no part of it; of another encoding, a command to mend it is told."""
    file.write_text(FILE, encoding=encoding)
    run = polymask_command("check", "--config", file)
    assert run.returncode == code
    assert code == 0 or "iconv -f utf-16 -t utf-8" in run.stderr


def test_a_misspelled_variable_is_refused_and_those_of_others_are_let_be(polymask_command: Run) -> None:
    """A cluster sets variables of its own by a service's name."""
    run = polymask_command("stats", SAMPLE, POLYMASK_OVERLAPS="first")
    assert run.returncode == 2
    assert "POLYMASK_OVERLAPS; did you mean 'overlap'?" in run.stderr
    run = polymask_command("stats", SAMPLE, POLYMASK_KERNEL="numpy", POLYMASK_SERVICE_HOST="10.0.0.1")
    assert run.returncode == 0
    run = polymask_command("stats", SAMPLE, POLYMASK_MAX_PIXELS="many")
    assert run.returncode == 2
    assert "(POLYMASK_MAX_PIXELS)" in run.stderr


def test_the_docs_example_is_resolved(polymask_command: Run) -> None:
    """The file that the page on pipelines shows has options of this version only."""
    page = (ROOT / "docs/pipelines.md").read_text()
    text = page.split("```toml\n")[1].split("```")[0]
    assert tomllib.loads(text)
