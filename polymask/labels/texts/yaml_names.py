"""Names in YAML: `names` of Ultralytics' data.yaml, `label` of ISAT's isat.yaml.

All values are read as the text that they are written as, so that a name may be a number, and `no` one.
"""

import re
from typing import Any

from polymask.errors import LabelError
from polymask.labels.texts.rows import LabelRows
from polymask.validation import Color

_MAX_YAML_BYTES = 1 << 20  # YAML is slow to parse, and merge keys may double it with every line
_NAMES = re.compile(r"^(names|label):(\s|$)", re.MULTILINE)
_COLOR = re.compile("#[0-9a-fA-F]{6}")


def is_yaml(text: str) -> bool:
    r"""Whether a text is YAML that names labels.

    Examples:
        >>> is_yaml("path: pets\nnames:\n  0: cat\n"), is_yaml("names\nlabel\n")
        (True, False)
    """
    return _NAMES.search(text) is not None


def parse_yaml(text: str) -> LabelRows:
    """The labels of a data.yaml or an isat.yaml; raises `LabelError`."""
    document = yaml_document(text)
    if "names" in document:
        names = numbered_names(document)
        return LabelRows(names=list(names.values()), class_ids=list(names))
    return _of_isat(document.get("label"))


def yaml_document(text: str) -> dict[str, Any]:
    """The outermost mapping, an empty one where there is none; raises `LabelError`."""
    import yaml

    if len(text) > _MAX_YAML_BYTES or "<<" in text:
        raise LabelError("no data.yaml: above 1 MiB, or with merge keys (`<<`)")
    try:
        document = yaml.BaseLoader(text).get_single_data()  # every scalar stays text
    except (yaml.YAMLError, RecursionError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise LabelError(f"not YAML: {error}") from None
    return document if isinstance(document, dict) else {}


def numbered_names(document: dict[str, Any]) -> dict[int, str]:
    """The `names` by class number, from a list or a mapping of numbers to names; raises `LabelError`."""
    names = document.get("names")
    pairs = dict(enumerate(names)) if isinstance(names, list) else names
    if not isinstance(pairs, dict) or not all(isinstance(name, str) and name for name in pairs.values()):
        raise LabelError("names: expected a list of names, or ids and names")
    try:
        return dict(sorted((int(key), name) for key, name in pairs.items()))
    except (ValueError, TypeError):
        raise LabelError("names: expected whole numbers as ids") from None


def _of_isat(rows: Any) -> LabelRows:
    """The rows of an isat.yaml, each with a `name`, and with its `color` where all tell one as `#rrggbb`."""
    if not isinstance(rows, list) or not rows:
        raise LabelError("label: expected a list of rows with a `name`")
    names: list[str] = []
    colors: dict[str, Color] = {}
    for index, row in enumerate(rows):
        name = row.get("name") if isinstance(row, dict) else None
        if not isinstance(name, str) or not name:
            raise LabelError("expected a row with a `name`", place=f"label[{index}]")
        names.append(name)
        if _COLOR.fullmatch(f"{row.get('color')}"):
            red, green, blue = bytes.fromhex(row["color"].removeprefix("#"))
            colors[name] = (red, green, blue)
    return LabelRows(names=names, colors=colors)
