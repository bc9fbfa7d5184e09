"""Texts in other encodings than UTF-8: read where the file tells which, refused where it does not."""

from pathlib import Path

import pytest

from polymask import FormatError
from polymask.formats import open_annotations
from tests.support.formats import written

SQUARE = ((1, 1), (4, 1), (4, 4), (1, 4))
POINTS = "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in SQUARE)
TEXTS = {
    "labelme-xml": "<annotation><filename>a.png</filename><folder>f</folder>"
    "<imagesize><nrows>6</nrows><ncols>8</ncols></imagesize>"
    f"<object><name>LABEL</name><deleted>0</deleted><polygon>{POINTS}</polygon></object></annotation>",
    "cvat": '<annotations><version>1.1</version><image id="0" name="a.png" width="8" height="6">'
    '<polygon label="LABEL" points="1,1;4,1;4,4;1,4" z_order="0" occluded="0"/></image></annotations>',
    "rectlabel": "<annotation><filename>a.png</filename><size><width>8</width><height>6</height></size>"
    "<object><name>LABEL</name><polygon>"
    + "".join(f"<x{n}>{x}</x{n}><y{n}>{y}</y{n}>" for n, (x, y) in enumerate(SQUARE, 1))
    + "</polygon></object></annotation>",
}
ENCODINGS = {
    "ISO-8859-1": "bär",
    "windows-1252": "bär",
    "GBK": "猫咪",
    "Shift_JIS": "ねこ",
    "utf-8": "猫咪",
    "UTF8": "bär",
}


def xml(path: Path, text: str, label: str, *, declared: str, encoding: str = "") -> Path:
    document = f'<?xml version="1.0" encoding="{declared}"?>\n{text.replace("LABEL", label)}'
    return written(path, document.encode(encoding or declared))


@pytest.mark.parametrize("declared", ENCODINGS)
@pytest.mark.parametrize("format", TEXTS)
def test_xml_is_read_in_the_encoding_that_it_declares(format: str, declared: str, tmp_path: Path) -> None:
    """Also in those of several bytes a character."""
    label = ENCODINGS[declared]
    path = xml(tmp_path / "a.xml", TEXTS[format], label, declared=declared)
    annotations = open_annotations(path)
    assert (annotations.format, dict(annotations.used)) == (format, {label: 1})


@pytest.mark.parametrize("format", TEXTS)
def test_utf_8_against_the_declaration_is_refused(format: str, tmp_path: Path) -> None:
    """It would be read as gibberish; the message has the declaration."""
    path = xml(tmp_path / "a.xml", TEXTS[format], "bär", declared="ISO-8859-1", encoding="utf-8")
    with pytest.raises(FormatError, match=r"a\.xml.*declares encoding='ISO-8859-1', but its text is UTF-8"):
        open_annotations(path)
    ascii_only = xml(tmp_path / "b.xml", TEXTS[format], "cat", declared="UTF-16", encoding="ascii")
    assert open_annotations(ascii_only).used == {"cat": 1}


@pytest.mark.parametrize("declared", ["ascii", "no-such", "UTF-8"])
def test_xml_that_is_not_in_its_encoding_is_refused(declared: str, tmp_path: Path) -> None:
    """With the file, and nothing is guessed."""
    path = xml(tmp_path / "a.xml", TEXTS["cvat"], "bär", declared=declared, encoding="latin-1")
    with pytest.raises(FormatError, match=r"a\.xml.*(no text in the encoding|not UTF-8)"):
        open_annotations(path)
