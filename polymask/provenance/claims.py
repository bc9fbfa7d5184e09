"""What a stored mask says of itself, so that any run, on any machine, knows what it holds.

A claim tells version, pixel rule, frame and label, the digest of the mask's pixels, whether polygons
may be deleted on its account (`deletes`), and where its sources come from (`origin`): `dataset` for the
dataset's own polygons, else format and name of a file or folder. For every source it tells its id, the
digest of its geometry (`sha256`), one of what else the mask says of it (`details_sha256`), those
details themselves, and whether it was deleted before the mask was written (`deleted`). `pixels` are
those of each source, where a later run could not tell them apart.

Servers write 1 as 1.0, and keys in an order of their own: claims are compared by what they mean.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from polymask._version import __version__
from polymask.model import BoolMask
from polymask.provenance.digest import DIGESTS, WRITTEN, kind_of
from polymask.raster.packed import Flat, pack
from polymask.validation import Json

DATASET = "dataset"  # the origin of masks that are made of their own dataset's polygons
LONGEST = 1024  # characters of a description, or of a user's metadata, that a claim repeats
_FREE = ("description", "user")  # of any length
_REPEATED = ("creator",)  # nobody can edit it, and who puts a polygon back becomes its creator
_EARLIER = ("attributes", "attributes1", "objectId", "parentId", "model")  # what claims without a digest tell


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


def new_mask(
    label: str,
    mask: BoolMask,
    sources: Sequence[Json],
    *,
    pixel_rule: str,
    deletes: bool = False,
    origin: str = "",
    pixels: Mapping[tuple[str, ...], Flat] | None = None,
) -> Mask:
    """A mask, what it says of itself, and the key that follows from it.

    `origin` says where the sources come from, and is left out where nobody knows; `pixels` are those of
    sources by their ids, of which a later run may need a part.
    """
    claim: Json = {
        "version": __version__,
        "pixel_rule": pixel_rule,
        "frame": list(mask.shape),
        "label": label,
        WRITTEN: DIGESTS[WRITTEN](mask),
        "deletes": deletes,
        "sources": list(sources),
    }
    if origin:
        claim["origin"] = origin
    if pixels and len(sources) > 1:  # of a single source, they are the mask's
        claim["pixels"] = [{"of": list(ids), "runs": pack(flat)} for ids, flat in sorted(pixels.items())]
    key = key_of(claim)
    return Mask(key, label, mask, claim | {"key": key}, merged_attributes(sources))


def key_of(claim: Mapping[str, Any]) -> str:
    """The key that follows from a claim, whichever build wrote it: two masks have it that say the same.

    >>> import numpy as np
    >>> claim = new_mask("cat", np.zeros((2, 3), bool), [], pixel_rule="center").claim
    >>> key_of({**claim, "frame": [2.0, 3.0]}) == claim["key"]
    True
    """
    claim = values(claim)
    identity = [claim["label"], claim["pixel_rule"], claim["frame"], digest_of(claim)]
    names = ("id", "sha256", "details_sha256", "deleted")
    identity.append([[source[name] for name in names if name in source] for source in claim["sources"]])
    identity += [claim[name] for name in ("deletes", "origin") if name in claim]
    return hashlib.sha256(json.dumps(identity).encode()).hexdigest()


def digest_of(claim: Mapping[str, Any]) -> str:
    """The digest that a claim carries of its mask's pixels; empty where it carries none."""
    return str(claim.get(kind_of(claim), ""))


def recomputed(claim: Mapping[str, Any], mask: BoolMask) -> str:
    """The digest of a mask's pixels, of the kind that a claim carries."""
    return DIGESTS[kind_of(claim) or WRITTEN](mask)


def values(document: Any) -> Any:
    """JSON by its values, whatever a server made of their text: 1.0 is 1, and null is nothing.

    >>> values({"frame": [16.0, 24], "parentId": None, "score": 0.5})
    {'frame': [16, 24], 'score': 0.5}
    """
    if isinstance(document, float) and document.is_integer():
        return int(document)
    if isinstance(document, Mapping):
        return {str(name): values(value) for name, value in document.items() if value is not None}
    return [values(value) for value in document] if isinstance(document, list | tuple) else document


def details_sha256(label: str, details: Mapping[str, Any]) -> str:
    """SHA-256 of what a mask says of a source beside its geometry: its label and details.

    Not its creator: a polygon that was deleted and put back is the same, whoever put it back.

    >>> details_sha256("cat", {"objectId": 1}) == details_sha256("cat", {"objectId": 1.0, "model": None})
    True
    >>> details_sha256("cat", {"creator": "ann"}) == details_sha256("cat", {"creator": "bob"})
    True
    """
    compared = {name: value for name, value in details.items() if name not in _REPEATED}
    return hashlib.sha256(_text([label, compared]).encode()).hexdigest()


def same_details(source: Mapping[str, Any], label: str, details: Mapping[str, Any]) -> bool:
    """Whether a claim says of a source what is known of it now."""
    if "details_sha256" in source:
        return bool(source["details_sha256"] == details_sha256(label, details))
    return all(_text(source.get(name)) == _text(details.get(name)) for name in _EARLIER)


def same_label(label: str, other: str) -> bool:
    """Whether two labels differ in nothing but case and space, which servers are known to change.

    >>> same_label("Traffic  light", " traffic light")
    True
    """
    return " ".join(label.split()).casefold() == " ".join(other.split()).casefold()


def bounded(details: Mapping[str, Any]) -> Json:
    """A source's details as its claim repeats them: of what is long, the digest; the backup has all."""
    return {name: _bounded(value) if name in _FREE else value for name, value in details.items()}


def _bounded(value: Any) -> Any:
    text = _text(value)
    if len(text) <= LONGEST:
        return value
    return {"sha256": hashlib.sha256(text.encode()).hexdigest(), "characters": len(text)}


def _text(value: Any) -> str:
    return json.dumps(values(value), sort_keys=True)


def merged_attributes(sources: Sequence[Json]) -> Json:
    """The attributes that no two sources disagree about; every source keeps its own in the claim.

    >>> merged_attributes([{"attributes": {"wet": True, "age": 1}}, {"attributes": {"age": 2}}, {}])
    {'wet': True}
    """
    merged: Json = {}
    disputed: set[str] = set()
    for source in sources:
        attributes = source.get("attributes")
        for name, value in attributes.items() if isinstance(attributes, Mapping) else ():
            if merged.setdefault(name, value) != value:
                disputed.add(name)
    return {name: value for name, value in merged.items() if name not in disputed}
