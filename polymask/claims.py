"""What a stored mask says of itself, so that any run, on any machine, knows what it holds."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from polymask._version import __version__
from polymask.digest import pixels_sha256
from polymask.model import BoolMask


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """A mask to be stored, and what it says of itself.

    `sources` are the `{"id", "sha256", …}` of every instance it holds; `key` is derived from
    all of it, so that the same mask has the same key in any run, on any machine.
    """

    key: str
    label: str
    mask: BoolMask
    claim: Mapping[str, Any]
    attributes: Mapping[str, Any] = field(default_factory=dict)


def new_mask(label: str, mask: BoolMask, sources: Sequence[dict[str, Any]], *, pixel_rule: str) -> Mask:
    """A mask, what it says of itself, and the key that follows from it."""
    claim = {
        "version": __version__,
        "pixel_rule": pixel_rule,
        "frame": list(mask.shape),
        "label": label,
        "pixels_sha256": pixels_sha256(mask),
        "sources": list(sources),
    }
    identity = [label, pixel_rule, claim["frame"], claim["pixels_sha256"]]
    identity.append([[source["id"], source["sha256"]] for source in sources])
    key = hashlib.sha256(json.dumps(identity).encode()).hexdigest()
    return Mask(key, label, mask, claim | {"key": key}, merged_attributes(sources))


def merged_attributes(sources: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The attributes that no two sources disagree about; every source keeps its own in the claim.

    >>> merged_attributes([{"attributes": {"wet": True, "age": 1}}, {"attributes": {"age": 2}}, {}])
    {'wet': True}
    """
    merged: dict[str, Any] = {}
    disputed: set[str] = set()
    for source in sources:
        for name, value in (source.get("attributes") or {}).items():
            if merged.setdefault(name, value) != value:
                disputed.add(name)
    return {name: value for name, value in merged.items() if name not in disputed}
