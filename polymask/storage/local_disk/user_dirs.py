"""The user's folders for polymask, after the XDG Base Directory Specification."""

import os
from pathlib import Path


def state_folder() -> Path:
    """The folder for lasting files such as journals and backups: in `$XDG_STATE_HOME` or `~/.local/state`."""
    return _folder("XDG_STATE_HOME", ".local", "state")


def cache_folder() -> Path:
    """The folder for files that can be recreated: in `$XDG_CACHE_HOME` or `~/.cache`."""
    return _folder("XDG_CACHE_HOME", ".cache")


def _folder(variable: str, *parts: str) -> Path:
    return Path(os.environ.get(variable) or Path.home().joinpath(*parts)) / "polymask"
