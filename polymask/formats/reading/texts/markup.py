"""XML files of one image, read through defusedxml, which refuses entities, and with a limit on nesting."""

import math
from collections.abc import Iterator
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

from polymask.errors import LimitError
from polymask.formats.reading.content import Content
from polymask.formats.reading.refusals import Malformed
from polymask.formats.reading.texts.xml_encodings import xml_text

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


def head(content: Content) -> bytes:
    """The first 4096 bytes of an XML file; empty for other files."""
    data = content.head.lstrip()
    return data if data.startswith(b"<") else b""


def root_of(content: Content) -> "Element":
    """The outermost element; raises `Malformed` for text that is not XML, `LimitError` for deep nesting."""
    depth, limits, root = 0, content.place.limits, None
    text = xml_text(content)
    try:
        for event, element in _etree().iterparse(BytesIO(text), events=("start", "end")):
            root = element if root is None else root
            depth += 1 if event == "start" else -1
            if depth > limits.max_depth:
                limits.check("max_depth", depth, str(content.path), f"{depth} elements open at once")
    except LimitError:
        raise
    except _errors() as error:
        raise Malformed("", f"not XML that can be read: {error}") from None
    assert root is not None
    return root  # type: ignore[no-any-return]


@cache
def _etree() -> Any:
    from defusedxml import ElementTree

    return ElementTree


@cache
def _errors() -> tuple[type[Exception], ...]:
    from defusedxml import DefusedXmlException

    return (_etree().ParseError, DefusedXmlException, LookupError, ValueError)  # unknown encodings


def text_of(element: "Element", name: str) -> str:
    """The text of the child `name`; raises `Malformed` where it is missing or empty."""
    text = (element.findtext(name) or "").strip()
    if not text:
        raise Malformed(f"/{name}", "there is none, or it is empty")
    return text


def number_of(element: "Element", name: str) -> float:
    """The number in the child `name`; raises `Malformed` for other text."""
    text = element.findtext(name)
    try:
        number = float(text or "")
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise Malformed(f"/{name}", f"expected a number, got {text!r}")
    return number


def side_of(element: "Element", name: str) -> float | None:
    """The length in the child `name`, in pixels; None where it is missing or empty. Raises `Malformed`."""
    return number_of(element, name) if (element.findtext(name) or "").strip() else None


def numbered(element: "Element", name: str) -> Iterator[tuple[str, "Element"]]:
    """The children called `name`, each with its place, such as `/object[0]`."""
    for index, child in enumerate(element.findall(name)):
        yield f"/{name}[{index}]", child
