"""Rows of CSV text, with cells of any length: other limits bound the file's size."""

import csv
from collections.abc import Iterator
from io import StringIO

from polymask.errors import FormatError
from polymask.storage.remote.urls import Location

_LONGEST = 2**31 - 1  # characters of a cell


def csv_rows(text: str, path: Location) -> Iterator[tuple[int, list[str]]]:
    """The cells of each row that is not empty, with the number of its last line in the text.

    Cells are parted by semicolons where the first line has these and no comma, as spreadsheets save them in
    languages with a decimal comma. Raises `FormatError`, about the file at `path`, for text that is no CSV.
    """
    former_limit = csv.field_size_limit(_LONGEST)
    try:
        header = text.partition("\n")[0]
        delimiter = ";" if ";" in header and "," not in header else ","
        rows = csv.reader(StringIO(text, newline=""), strict=True, delimiter=delimiter)
        yield from ((rows.line_num, row) for row in rows if row)
    except csv.Error as error:
        raise FormatError(f"not CSV: {error}", file=path) from None
    finally:
        csv.field_size_limit(former_limit)
