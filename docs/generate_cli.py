"""Writes docs/cli.md from the commands themselves: `python docs/generate_cli.py`.

With `--check`, fails where the page is not up to date.
"""

import sys
from pathlib import Path

import click

from polymask.cli.app import cli

AFTER = """
## Exit status

See [Errors and exit codes](errors.md).

## Environment

| variable | what |
|---|---|
| `NO_COLOR` | set to anything: no colors, on terminals too |
| `POLYMASK_TO`, … | an option that no flag and no `--config` sets; see [Pipelines](pipelines.md) |
| `POLYMASK_CONFIG` | the file of options, where no `--config` names one |
| `_POLYMASK_COMPLETE` | `bash_source`, `zsh_source` or `fish_source`: prints the shell's completion |
| `DATALOOP_TOKEN`, `DATALOOP_PATH` | the login of a dataset; see [Dataloop](dataloop.md) |
| `XDG_STATE_HOME` | where journals of datasets lie by default |

## Files

| file in DEST | what |
|---|---|
| `labels.json`, `id2label.json` | names, values and colors; see [Labels](labels.md) |
| `manifest.jsonl` | a line an image: its mask, digests and rules; see [Converting](converting.md) |
| `.polymask/` | unfinished runs, [deleted polygons](deleting.md), masks [set aside](converting.md) |
"""
PAGE = Path(__file__).parent / "cli.md"


def page() -> str:
    """Every command's help, as it prints it, at one width."""
    parts = [
        "# Command line\n",
        "Made from the commands' own help by `python docs/generate_cli.py`.\n",
        _help(cli, "polymask"),
    ]
    for name, command in cli.commands.items():
        parts += [f"## `polymask {name}`\n", _help(command, f"polymask {name}"), _flags(command)]
    return "\n".join(parts) + AFTER


def _help(command: click.Command, path: str) -> str:
    context = click.Context(command, info_name=path, terminal_width=100, max_content_width=100)
    return f"```text\n{command.get_help(context)}\n```\n"


def _flags(command: click.Command) -> str:
    flags = [name for option in command.params for name in option.opts if name.startswith("--")]
    return "Flags: " + ", ".join(f"`{flag}`" for flag in flags) + ".\n"


def main() -> None:
    """Write the page, or compare it."""
    if "--check" not in sys.argv:
        PAGE.write_text(page())
    elif PAGE.read_text() != page():
        sys.exit("docs/cli.md is not up to date: run python docs/generate_cli.py")


if __name__ == "__main__":
    main()
