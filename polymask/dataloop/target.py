"""`dataloop://PROJECT/DATASET[/folder]`: what it names on the platform."""

from typing import Any
from urllib.parse import quote, unquote

import msgspec

from polymask.errors import InputError

SCHEME = "dataloop://"


class Target(msgspec.Struct, frozen=True):
    """A dataset by project and name (or ids), and a folder in it.

    Examples:
        >>> Target.parse("dataloop://my%20project/cats/val")
        Target(project='my project', dataset='cats', folder='val')
    """

    project: str
    dataset: str
    folder: str = ""

    @classmethod
    def parse(cls, url: str) -> "Target":
        """Take a URL apart; raises `InputError` where project or dataset is missing."""
        parts = [unquote(part) for part in url.removeprefix(SCHEME).split("/") if part]
        if len(parts) < 2:
            raise InputError(
                f"{url}: expected dataloop://PROJECT/DATASET or dataloop://PROJECT/DATASET/folder"
            )
        return cls(parts[0], parts[1], "/".join(parts[2:]))


def url_of(project: str, dataset: str) -> str:
    """What names a dataset on a command line.

    Examples:
        >>> url_of("my project", "cats")
        'dataloop://my%20project/cats'
    """
    return f"{SCHEME}{quote(project, safe='')}/{quote(dataset, safe='')}"


def is_dataloop(place: Any) -> bool:
    """Whether a SOURCE or DEST is on the platform."""
    return isinstance(place, str) and place.startswith(SCHEME)
