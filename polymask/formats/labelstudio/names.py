"""What a task's images are called: by the addresses in its data."""

from collections.abc import Mapping
from mimetypes import guess_extension
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from polymask.codecs.pictures import SUFFIXES
from polymask.formats.reading.addresses import local_name
from polymask.formats.reading.refusals import Malformed

EMBEDDED = "data:"


def address_in(data: Mapping[str, Any]) -> str:
    """The address of a task's only image: that in `image`, else that of a picture, else any text."""
    texts = {key: value for key, value in data.items() if isinstance(value, str)}
    pictures = [value for value in texts.values() if PurePosixPath(_split(value)[0]).suffix in SUFFIXES]
    return texts.get("image") or next(iter([*pictures, *texts.values()]), "")


def image_name(address: str) -> str:
    r"""The end of an address, or the path after `?d=` of a local file; raises `Malformed` for none.

    >>> image_name("/data/local-files/?d=harbor%5Cboat.png")
    'harbor/boat.png'
    >>> image_name("s3://bucket/a%20b.png"), image_name(r"C:\harbor\boat.png")
    ('a b.png', 'boat.png')
    """
    path, query = _split(address)
    if "d" in (fields := parse_qs(query)):
        return local_name(fields["d"][0])
    name = PurePosixPath(unquote(path).replace("\\", "/")).name
    if not name:
        raise Malformed("$.data", "no address of an image")
    return name


def embedded_name(address: str, key: str) -> str:
    """The name of a picture that is in the file itself, as a `data:` URL: a key, and the suffix of its type.

    >>> embedded_name("data:image/png;base64,iVBO", "7")
    '7.png'
    """
    kind = address.removeprefix(EMBEDDED).partition(",")[0].partition(";")[0]
    return key + (guess_extension(kind) or ".jpg")


def _split(address: str) -> tuple[str, str]:
    """The path and the query of an address."""
    try:
        parts = urlsplit(address)
    except ValueError:  # of brackets in what should be the host
        return address, ""
    return parts.path, parts.query
