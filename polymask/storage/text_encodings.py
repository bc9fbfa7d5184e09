"""Texts in another encoding than UTF-8: what their author can do about it."""

import re
import shlex
from codecs import BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE
from pathlib import Path

_BOMS = {BOM_UTF32_LE: "utf-32", BOM_UTF32_BE: "utf-32", BOM_UTF16_LE: "utf-16", BOM_UTF16_BE: "utf-16"}
_OTHER_BYTES = re.compile(rb"[\x80-\xff]+")


def as_utf_8(path: object, data: bytes) -> str:
    """The advice to save a file as UTF-8, with a command; what the command calls the encoding is a guess.

    A file on no disk, such as a zip's member, has no command.
    """
    advice = "save it as UTF-8"
    if not Path(str(path)).is_file():
        return advice
    file, new, encoding = shlex.quote(f"{path}"), shlex.quote(f"{path}.utf-8"), _guess(data)
    command = f"iconv -f {encoding} -t utf-8 {file} > {new} && mv {new} {file}"
    return f"{advice}: `{command}` does, if {encoding} is its encoding; else name that which it has"


def _guess(data: bytes) -> str:
    """A likely encoding of a text: that of its byte order mark, else one that its other bytes fit.

    Examples:
        >>> _guess("猫".encode("gb18030")), _guess("café".encode("latin-1"))
        ('gb18030', 'windows-1252')
    """
    for mark, encoding in _BOMS.items():
        if data.startswith(mark):
            return encoding
    if b"\0" in data[:2]:
        return "utf-16be" if data[:1] == b"\0" else "utf-16le"
    pairs = all(len(run) % 2 == 0 for run in _OTHER_BYTES.findall(data[: 1 << 20]))
    return "gb18030" if pairs else "windows-1252"
