"""Oddities in the labels of a source: unknown labels, and spellings of what is probably the same label."""

import re
from collections.abc import Iterable, Iterator
from unicodedata import normalize

from polymask.formats import Annotations
from polymask.formats.known_labels import missing_labels, painted_labels
from polymask.labels.as_label_map import Labels
from polymask.labels.label_map import BACKGROUND_NAMES, VOID_NAMES, LabelMap
from polymask.labels.texts.name_lines import quoted
from polymask.model import Finding

_GAP = re.compile(r"[\s_-]+")
_SPECIAL = BACKGROUND_NAMES | VOID_NAMES


def of_labels(annotations: Annotations, labels: Labels | None) -> Iterator[Finding]:
    """Findings for labels that `labels`, else the source's own table, does not have, and for similar labels.

    Raises `LabelError` for `labels` that make no label map.
    """
    label_map = painted_labels(annotations, labels)
    for missing in missing_labels(annotations, label_map, labels):
        yield Finding("unknown-label", "", None, missing.reason)
    names = dict.fromkeys([*(name for name, _ in annotations.categories), *annotations.used])
    for group in similar(names, label_map):
        yield Finding("similar-labels", "", None, _message(group, annotations))


def similar(names: Iterable[str], label_map: LabelMap | None = None) -> list[list[str]]:
    """Groups of labels that differ only in spelling but are painted as different labels.

    Examples:
        >>> similar(["weed", "Weed ", "crop", "traffic_light", "traffic light"])
        [['weed', 'Weed '], ['traffic_light', 'traffic light']]
    """
    groups: dict[str, list[str]] = {}
    for name in names:
        if name not in _SPECIAL:
            groups.setdefault(_normalized(name), []).append(name)
    painted_as = label_map.name_of if label_map else str
    return [group for group in groups.values() if len(set(map(painted_as, group))) > 1]


def _normalized(name: str) -> str:
    """A label without differences of case, Unicode form, spaces, hyphens and underscores."""
    return _GAP.sub(" ", normalize("NFKC", normalize("NFKC", name).casefold())).strip()


def _message(group: list[str], annotations: Annotations) -> str:
    used = annotations.used
    # prefer a name that needs no quotes, then the most frequent
    target = max(group, key=lambda name: (quoted(name) == name, used.get(name, 0)))
    counts = ", ".join(f"{name!a} ({used.get(name, 0):,})" for name in group)
    lines = ", ".join(f"`{quoted(name)} -> {quoted(target)}`" for name in group if name != target)
    return f"{counts} look alike; to paint them as one, name all labels in a --labels file, with {lines}"
