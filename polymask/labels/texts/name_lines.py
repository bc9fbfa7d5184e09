"""Names, one a line: a list that people write by hand, and that annotation tools export.

`car -> vehicle` paints one label as another; a name in double quotes, a JSON string, is taken as it is.
Any text has lines, so a line that another kind of file has is refused, and never taken for a name.
"""

import json
import re
from collections.abc import Sequence
from unicodedata import normalize

from polymask.errors import LabelError
from polymask.labels.texts.rows import LabelRows

NumberedLines = Sequence[tuple[int, str]]

_LOOKS_LIKE = {
    "binary data": r"[\x00-\x08\x0b-\x1f\x7f]",
    "a comment": r"^#",
    "XML or HTML": r"<",
    "JSON, or settings in braces": r"[{}]|^[\[\]]|^\"",
    "YAML": r"^- |^---|:\s*$|:\s|:\d+$|^'.*'$",
    "a setting": r"=",
    "a row of a table": r"[,;\t]",
}
_SIGNS = [(what, re.compile(sign)) for what, sign in _LOOKS_LIKE.items()]
_NUMBERED = re.compile(r"\d+[.)]?\s+\S")
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_LINE = re.compile(rf"({_QUOTED}|(?:(?!->).)+?)\s*(?:->\s*({_QUOTED}|(?:(?!->).)+))?")


def parse_names(lines: NumberedLines) -> LabelRows:
    """The rows of a list of names; raises `LabelError` for a line that is no name.

    `targets` are the labels that the names are painted as, by default the name itself.
    """
    _refuse_numbered(lines)
    targets: dict[str, str] = {}
    numbers: dict[str, int] = {}
    for number, line in lines:
        name, target = _name_and_target(line, number)
        if targets.setdefault(name, target) != target:
            raise LabelError(f"line {number}: '{name}' is painted as '{targets[name]}' already")
        numbers.setdefault(name, number)
    _refuse_chains(targets, numbers)
    aliases = {name: target for name, target in targets.items() if name != target}
    return LabelRows(names=list(targets.values()), aliases=aliases)


def _refuse_numbered(lines: NumberedLines) -> None:
    """Raise `LabelError` where every line leads with a number: `0 cat`, or numbers alone in columns."""
    if lines and all(_NUMBERED.match(line) for _, line in lines):
        raise _no_name(*lines[0], "a number and a name")


def _name_and_target(line: str, number: int) -> tuple[str, str]:
    """The name in a line, and the label that it is painted as."""
    parts = _LINE.fullmatch(line)
    name = _unquoted(parts[1], line, number) if parts else ""
    target = _unquoted(parts[2], line, number) if parts and parts[2] else name
    if not name or not target:
        raise LabelError(f"line {number}: a line is `name` or `name -> label`")
    return name, target


def _unquoted(name: str, line: str, number: int) -> str:
    """The text of a name, which may be written as a JSON string; raises `LabelError` for no name."""
    if not re.fullmatch(_QUOTED, name):
        if looks_like := _other_file(name):
            raise _no_name(number, line, looks_like)
        return name
    try:
        return str(json.loads(name))
    except ValueError as error:
        raise LabelError(f"line {number}: {name} is no JSON string: {error}") from None


def _other_file(name: str) -> str | None:
    """What kind of file a line is probably of that is no plain name; None for a name."""
    return next((what for what, sign in _SIGNS if sign.search(name)), None)


def _no_name(number: int, line: str, looks_like: str) -> LabelError:
    shown = line if len(line) <= 60 else f"{line[:60]}…"
    return LabelError(
        f"line {number}: {shown!r} looks like {looks_like}, not like the name of a label",
        advice="name a file with one name a line, and put a name that is spelled like this in double quotes",
    )


def quoted(name: str) -> str:
    r"""A name as written in a label file: in double quotes where it would else be misread.

    Examples:
        >>> quoted("weed"), quoted("weed "), quoted("wee\u0301d"), quoted("sea, deep")
        ('weed', '"weed "', '"wee\\u0301d"', '"sea, deep"')
    """
    is_visible = name == normalize("NFC", name) and name.isprintable()
    is_misread = _other_file(name) or _NUMBERED.match(name) or "->" in name or name != name.strip()
    return json.dumps(name, ensure_ascii=not is_visible) if is_misread or not is_visible else name


def _refuse_chains(targets: dict[str, str], numbers: dict[str, int]) -> None:
    for name, number in numbers.items():
        target = targets[name]
        if (final := targets.get(target, target)) != target:
            raise LabelError(
                f"line {number}: '{target}' is itself painted as '{final}'",
                advice="point the arrow at the last label",
            )
