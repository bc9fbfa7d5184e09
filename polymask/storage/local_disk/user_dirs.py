"""The user's folders for polymask, after the XDG Base Directory Specification."""

import os
from pathlib import Path

from polymask.errors import NotFound


def state_folder() -> Path:
    """The folder for lasting files such as journals and backups: in `$XDG_STATE_HOME` or `~/.local/state`."""
    return _folder("XDG_STATE_HOME", ".local", "state")


def cache_folder() -> Path:
    """The folder for files that can be recreated: in `$XDG_CACHE_HOME` or `~/.cache`."""
    return _folder("XDG_CACHE_HOME", ".cache")


def home_folder() -> Path | None:
    """The user's home, or None: a user number without a name, as containers run under, may have none.

    An empty `HOME` is none, and not the root of the disk.
    """
    if os.environ.get("HOME") == "":
        return None
    try:
        return Path.home()
    except RuntimeError:
        return None


def _folder(variable: str, *parts: str) -> Path:
    if folder := os.environ.get(variable):
        return Path(folder) / "polymask"
    if home := home_folder():
        return home.joinpath(*parts, "polymask")
    raise NotFound("this user has no home folder", advice=f"set {variable}, or HOME")
