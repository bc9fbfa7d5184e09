"""Where a user's own files lie: the folders of the XDG base directories, all below `polymask`."""

import os
from pathlib import Path


def state_folder() -> Path:
    """What must last, journals and backups above all: `$XDG_STATE_HOME`, or `~/.local/state`."""
    return _folder("XDG_STATE_HOME", ".local", "state")


def cache_folder() -> Path:
    """What can be made again: `$XDG_CACHE_HOME`, or `~/.cache`."""
    return _folder("XDG_CACHE_HOME", ".cache")


def _folder(variable: str, *parts: str) -> Path:
    return Path(os.environ.get(variable) or Path.home().joinpath(*parts)) / "polymask"
