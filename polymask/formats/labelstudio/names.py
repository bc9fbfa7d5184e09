"""The names of a task's images, from the addresses in its data."""

from collections.abc import Mapping
from mimetypes import guess_extension
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from polymask.codecs.pictures import SUFFIXES
from polymask.storage.image_names import local_name

EMBEDDED = "data:"
_SERVED = ("/data/", "data/local-files/", "/storage-data/")  # paths of the tool's own server


def address_in(data: Mapping[str, Any]) -> str:
    """The address of a task's only image: the text in `image`, else one with a picture's suffix, else any."""
    texts = {key: value for key, value in data.items() if isinstance(value, str)}
    pictures = [value for value in texts.values() if PurePosixPath(_split(value)[0]).suffix in SUFFIXES]
    return texts.get("image") or next(iter([*pictures, *texts.values()]), "")


def image_name(address: str) -> str:
    r"""The last part of an address, or a local file's path after `?d=`; an empty text where there is none.

    Examples:
        >>> image_name("/data/local-files/?d=harbor%5Cboat.png")
        'harbor/boat.png'
        >>> image_name("s3://bucket/a%20b.png"), image_name(r"C:\harbor\boat.png")
        ('a b.png', 'boat.png')
        >>> image_name("plot #1.png"), image_name("https://host/plot.png?token=1")
        ('plot #1.png', 'plot.png')
    """
    if (path := _local_file(address)) is not None:
        return local_name(path)
    return local_name(unquote(_split(address)[0])).rpartition("/")[2]


def source_name(address: str) -> str:
    """The name of an image in reports: a local file's path, else the whole address."""
    return _local_file(address) or address


def _local_file(address: str) -> str | None:
    """The path after `?d=`, which names a file on the machine that runs Label Studio."""
    paths = parse_qs(_split(address)[1]).get("d")
    return paths[0] if paths else None


def embedded_name(address: str, key: str) -> str:
    """The name of a picture embedded as a `data:` URL: the key with the suffix of the picture's type.

    Examples:
        >>> embedded_name("data:image/png;base64,iVBO", "7")
        '7.png'
    """
    kind = address.removeprefix(EMBEDDED).partition(",")[0].partition(";")[0]
    return key + (guess_extension(kind) or ".jpg")


def _split(address: str) -> tuple[str, str]:
    """The path and the query of an address; a file's name is a path, whatever characters it has."""
    if "://" not in address and not address.startswith(_SERVED):
        return address, ""
    try:
        parts = urlsplit(address)
    except ValueError:  # brackets in the host part
        return address, ""
    return parts.path, parts.query
