"""What a person sees: bars and colors on terminals only, advice in errors, completion, notebooks."""

import copyreg
import os
import pickle
import pty
import subprocess
import sys
from io import StringIO
from types import SimpleNamespace

import pytest

from polymask import ImageRecord, Instance, Polygon, Report, convert, errors
from polymask.cli.terminal import Bar, shows_colors, styled, with_advice
from polymask.errors import FormatError, PolymaskError
from tests.conftest import ROOT, SAMPLE


class Terminal(StringIO):
    def isatty(self):
        return True


def on_a_terminal(*arguments, **environment):
    """The command's output where stdout and stderr are a terminal."""
    ours, theirs = pty.openpty()
    known = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    command = [sys.executable, "-m", "polymask", *map(str, arguments)]
    done = subprocess.run(
        command,
        stdout=theirs,
        stderr=theirs,
        env=known | {"TERM": "xterm"} | environment,
        cwd=ROOT,
        check=False,
    )
    os.close(theirs)
    out = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:
            break
        if not part:
            break
        out += part
    os.close(ours)
    return done.returncode, out.decode()


def test_colors_are_for_terminals_and_not_where_no_color_is_set(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert shows_colors(Terminal())
    assert styled("x", Terminal(), bold=True) == "\x1b[1mx\x1b[0m"
    assert styled("x", StringIO(), bold=True) == "x"
    monkeypatch.setenv("NO_COLOR", "1")
    assert styled("x", Terminal(), bold=True) == "x"


def test_the_commands_themselves_color_on_a_terminal_only(tmp_path):
    """A table's head is bold, an error's name red; with NO_COLOR and in pipes there is no escape."""
    code, out = on_a_terminal("stats", SAMPLE)
    assert (code, "\x1b[1m" in out) == (0, True)
    code, out = on_a_terminal("stats", tmp_path / "none", NO_COLOR="1")
    assert (code, "\x1b[3" in out) == (2, False)
    code, out = on_a_terminal("stats", tmp_path / "none")
    assert "\x1b[31m" in out


def test_a_log_gets_one_line_and_only_of_what_took_a_while(monkeypatch, capsys):
    moments = iter([0.0, 0.0, 3.0])
    monkeypatch.setattr("polymask.cli.terminal.time", SimpleNamespace(perf_counter=lambda: next(moments)))
    with Bar() as bar:
        bar.start(90)
        bar.advance(90)
    assert capsys.readouterr().err == "polymask: 90 of 90 images in 3.0 s (30/s)\n"
    moments = iter([0.0, 0.0, 0.5])
    with Bar() as bar:
        bar.start(90)
    assert capsys.readouterr().err == ""


def test_a_quiet_bar_says_nothing(monkeypatch, capsys):
    moments = iter([0.0, 0.0, 3.0])
    monkeypatch.setattr("polymask.cli.terminal.time", SimpleNamespace(perf_counter=lambda: next(moments)))
    with Bar(quiet=True) as bar:
        bar.start(90)
    assert capsys.readouterr().err == ""


KINDS = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, PolymaskError)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_ends_with_what_to_do(kind):
    """Its own advice, or else that of its kind, which is no part of its text."""
    plain, special = kind("odd", file="a.json", place="$.x"), kind("odd", advice="pass --overwrite")
    assert str(plain) == "a.json: $.x: odd"
    assert with_advice(plain) == f"a.json: $.x: odd; {kind.usual_advice}"
    assert str(special) == with_advice(special) == "odd; pass --overwrite"
    assert (plain.advice, special.advice) == (kind.usual_advice, "pass --overwrite")


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_keeps_what_it_says_on_its_way_out(kind):
    """Across processes, and when a place further out is told."""
    error = kind("odd", file="b.json", place="$.x", advice="mend it", status=404, exit_code=7)
    sent = pickle.loads(pickle.dumps(error))
    assert (str(sent), vars(sent)) == (str(error), vars(error))
    outer = error.within(file="a.zip", place="page 2")
    assert str(outer) == "a.zip: b.json: page 2: $.x: odd; mend it"
    assert (type(outer), outer.status, outer.exit_code) == (kind, 404, 7)
    assert str(error) == "b.json: $.x: odd; mend it"


def test_an_error_stays_as_it_is_whoever_copies_exceptions(monkeypatch):
    """Libraries that send tracebacks (tblib, with Dask) register how exceptions of all kinds are copied."""
    error = FormatError("odd", file="b.json")
    monkeypatch.setitem(copyreg.dispatch_table, FormatError, lambda same: (lambda: same, ()))
    assert str(error.within(file="a.zip")) == "a.zip: b.json: odd"
    assert str(error) == "b.json: odd"


def test_the_nearest_command_flag_format_and_label_is_named(polymask_command, tmp_path):
    for arguments, told in {
        ("convrt", SAMPLE): "did you mean 'convert'?",
        ("convert", SAMPLE, tmp_path / "out", "--overlapp", "last"): "--overlap",
        ("convert", SAMPLE, tmp_path / "out", "--from", "cocoo"): "did you mean 'coco'?",
        ("convert", SAMPLE, tmp_path / "out", "--only", "boot"): "did you mean 'boat'?",
    }.items():
        done = polymask_command(*arguments)
        assert done.returncode == 2
        assert told in done.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("polymask pre", "preview"),
        ("polymask convert --over", "--overlap"),
        ("polymask convert --to vo", "voc"),
        ("polymask stats --from cityscap", "cityscapes"),
        ("polymask convert --overlap sma", "smallest"),
    ],
)
def test_the_shell_completes_commands_flags_and_values(polymask_command, words, expected):
    done = polymask_command(
        _POLYMASK_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(len(words.split()) - 1)
    )
    assert expected in done.stdout.replace(",", "\n").split("\n")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shells_completion_is_printed(polymask_command, shell):
    done = polymask_command(_POLYMASK_COMPLETE=f"{shell}_source")
    assert "_POLYMASK_COMPLETE" in done.stdout


def test_every_command_shows_examples(polymask_command):
    """Its help has a line that begins as the command does."""
    from polymask.cli.app import cli

    for name, command in cli.commands.items():
        assert f"\n    polymask {name}" in (command.help or "") or f"\npolymask {name}" in (
            command.help or ""
        )


def test_preview_from_the_command_line(polymask_command, tmp_path):
    done = polymask_command("preview", SAMPLE, "-o", tmp_path / "r.html")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"3 images → {tmp_path / 'r.html'}\n"
    done = polymask_command("preview", SAMPLE, "-o", tmp_path / "r.png", "--limit", 1, "--images", tmp_path)
    assert done.stdout == f"1 of 3 images (1 on gray, without a picture) → {tmp_path / 'r.png'}\n"
    quiet = polymask_command("preview", SAMPLE, "-o", tmp_path / "r.html", "--quiet")
    assert quiet.stdout == ""
    done = polymask_command("convert", SAMPLE, tmp_path / "out", "--preview", tmp_path / "r.html")
    assert done.returncode == 2
    assert "add --dry-run" in done.stderr


def test_a_record_draws_itself_in_a_notebook():
    """A path an instance, and names as text."""
    cat = Instance(1, "<cat>", Polygon([(0, 0), (2, 0), (2, 1)]))
    html = ImageRecord(1, "a&b.jpg", (2, 4), (cat,))._repr_html_()
    assert "M0 0 2 0 2 1Z" in html
    assert "&lt;cat&gt; × 1" in html
    assert "a&amp;b.jpg" in html
    assert "<cat>" not in html


def test_a_report_shows_tables_in_a_notebook(tmp_path):
    html = convert(SAMPLE, tmp_path)._repr_html_()
    assert "sea / boat" in html
    assert "1,109" in html
    assert "<table" not in Report()._repr_html_()
