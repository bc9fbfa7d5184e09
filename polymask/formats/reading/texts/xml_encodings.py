"""The text of an XML file in the encoding that it declares, as XML has it: UTF-8 where it declares none."""

import re

from polymask.errors import FormatError
from polymask.formats.reading.content import Content

_DECLARATION = re.compile(rb"""\s*<\?xml\s[^>]*?\bencoding\s*=\s*["']([\w.:-]+)["'][^>]*\?>""")


def xml_text(content: Content) -> bytes:
    """The file as UTF-8, without the declaration of another encoding.

    Raises:
        FormatError: It is no text in the encoding that it declares, or UTF-8 against its declaration:
            then one of the two is wrong, and names would be read as gibberish.
    """
    declaration = _DECLARATION.match(content.data)
    if declaration is None or (encoding := declaration[1].decode()).lower() == "utf-8":
        return content.text
    if content.problem:
        raise content.problem
    text = content.data[declaration.end() :]
    if text.isascii() or encoding.lower() == "utf8":  # which XML parsers do not know
        return text
    if _is_utf_8(text):
        raise FormatError(
            f"it declares encoding={encoding!r}, but its text is UTF-8",
            file=content.path,
            advice='write encoding="UTF-8" into its first line, or save it in the encoding that it declares',
        )
    try:
        return text.decode(encoding).encode()
    except (UnicodeError, LookupError):
        raise FormatError(
            f"it is no text in the encoding that it declares, {encoding!r}",
            file=content.path,
            advice="write the encoding that it has into its first line, or export it again",
        ) from None


def _is_utf_8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
