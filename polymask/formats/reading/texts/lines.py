"""JSON values on lines (NDJSON, JSON Lines), each with its line number."""

from collections.abc import Iterator

import msgspec

from polymask.formats.reading.content import Content
from polymask.formats.reading.refusals import Refusals


def json_lines(content: Content, refusals: Refusals) -> Iterator[tuple[int, bytes]]:
    """The numbers and texts of the lines that are not empty; lines that are not JSON are refused."""
    for number, line in enumerate(content.text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            msgspec.json.decode(line, type=msgspec.Raw)
        except (msgspec.DecodeError, RecursionError) as error:
            refusals.refuse(f"line {number}", f"not JSON: {error}")
        else:
            content.place.limits.check_depth(f"{content.path}: line {number}", line)
            yield number, line
