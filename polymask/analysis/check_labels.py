"""What is odd about the labels of a source: unknown ones, and those that are probably one."""

import re
from collections.abc import Iterable, Iterator
from unicodedata import normalize

from polymask.formats import Annotations
from polymask.labels.label_files import quoted
from polymask.labels.label_map import BACKGROUND_NAMES, VOID_NAMES, LabelMap, unknown_label
from polymask.model import Finding

_GAP = re.compile(r"[\s_-]+")
_SPECIAL = BACKGROUND_NAMES | VOID_NAMES


def of_labels(annotations: Annotations, label_map: LabelMap | None) -> Iterator[Finding]:
    """Labels that the label map, if there is one, does not have, and labels that look alike."""
    if label_map:
        for name, instances in annotations.used.items():
            if name not in label_map:
                message = f"{unknown_label(name, label_map.names)} ({instances} instances)"
                yield Finding("unknown-label", "", None, message)
    names = dict.fromkeys([*(name for name, _ in annotations.categories), *annotations.used])
    for group in similar(names, label_map):
        yield Finding("similar-labels", "", None, _told(group, annotations))


def similar(names: Iterable[str], label_map: LabelMap | None = None) -> list[list[str]]:
    """Groups of labels that are painted as different ones, and would be one if written alike.

    >>> similar(["weed", "Weed ", "crop", "traffic_light", "traffic light"])
    [['weed', 'Weed '], ['traffic_light', 'traffic light']]
    """
    groups: dict[str, list[str]] = {}
    for name in names:
        if name not in _SPECIAL:
            groups.setdefault(_alike(name), []).append(name)
    painted_as = label_map.name_of if label_map else str
    return [group for group in groups.values() if len(set(map(painted_as, group))) > 1]


def _alike(name: str) -> str:
    """A label without what does not tell it apart: case, Unicode form, spaces, hyphens and underscores."""
    return _GAP.sub(" ", normalize("NFKC", normalize("NFKC", name).casefold())).strip()


def _told(group: list[str], annotations: Annotations) -> str:
    used = annotations.used
    kept = max(group, key=lambda name: (quoted(name) == name, used.get(name, 0)))  # a tidy one, if there is
    counts = ", ".join(f"{name!a} ({used.get(name, 0):,})" for name in group)
    lines = ", ".join(f"`{quoted(name)} -> {quoted(kept)}`" for name in group if name != kept)
    return f"{counts} look alike; to paint them as one, name all labels in a --labels file, with {lines}"
