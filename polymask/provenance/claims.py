"""Claims: the metadata of a stored mask, from which any run, on any machine, knows what the mask holds.

A claim has the version, pixel rule, frame and label, the digest of the mask's pixels, whether its
polygons may be deleted (`deletes`), and where they come from (`origin`): `dataset` for the dataset's
own polygons, otherwise the format and name of a file or folder. `item` is the item that the mask was
made for: a copy of that item keeps the claim, so it tells whose polygons these are. `sources` are the
instances that the mask is made of: for each its id, the digest of its geometry (`sha256`), its details
and their digest (`details_sha256`), whether it was deleted before the mask was written (`deleted`), the
`item` that it was deleted from, if that is another one (empty: unknown), and, in a claim that does not
say so of all, whether it may be deleted (`deletes`). `pixels` are the pixels of each source instance, if
a later run could not separate them otherwise.

Servers write 1 as 1.0 and reorder keys, so claims are compared by value and not as text.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from polymask._version import __version__
from polymask.model import BoolMask
from polymask.provenance.digest import DIGESTS, WRITTEN, kind_of
from polymask.raster.mask_digest import mask_sha256
from polymask.raster.packed import Flat, pack
from polymask.raster.painted import PaintedSpans, fill, scan
from polymask.validation import Json

DATASET = "dataset"  # the origin of masks that are made from the polygons of their dataset
LONGEST = 1024  # characters of a description, or of a user's metadata, that a claim repeats
_FREE = ("description", "user")  # texts and objects of any length
_REPEATED = ("creator",)  # nobody can edit it, and whoever puts a polygon back becomes its creator
_OF_ENTRIES = ("id", "sha256", "details_sha256", "deleted", "deletes", "item")  # beside the details
_EARLIER = (
    "attributes",
    "attributes1",
    "objectId",
    "parentId",
    "model",
)  # in claims without a digest


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """A mask to be stored, with its claim.

    `key` is derived from the claim, so that the same mask has the same key in any run, on any machine.
    """

    key: str
    label: str
    painted: PaintedSpans
    claim: Mapping[str, Any]
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def mask(self) -> BoolMask:
        """The (height, width) mask as an array."""
        return fill(self.painted).view(np.bool_)


def new_mask(
    label: str,
    mask: PaintedSpans | BoolMask,
    sources: Sequence[Json],
    *,
    pixel_rule: str,
    deletes: bool = False,
    origin: str = "",
    item: str = "",
    pixels: Mapping[tuple[str, ...], Flat] | None = None,
) -> Mask:
    """A mask with its claim, and the key that follows from the claim.

    `sources` are the claim's entries about the source instances, `origin` names where they come from, and
    `item` the item that they belong to; empty if unknown. `pixels` are the pixels of source instances by
    their ids, for later runs.
    """
    painted = mask if isinstance(mask, PaintedSpans) else scan(mask)
    claim: Json = {
        "version": __version__,
        "pixel_rule": pixel_rule,
        "frame": list(painted.frame),
        "label": label,
        WRITTEN: mask_sha256(painted),
        "deletes": deletes,
        "sources": list(sources),
    }
    if origin:
        claim["origin"] = origin
    if item:
        claim["item"] = item
    if pixels and len(sources) > 1:  # the pixels of a single source are those of the mask
        claim["pixels"] = [{"of": list(ids), "runs": pack(flat)} for ids, flat in sorted(pixels.items())]
    key = key_of(claim)
    return Mask(key, label, painted, claim | {"key": key}, merged_attributes(sources))


def key_of(claim: Mapping[str, Any]) -> str:
    """The key that follows from a claim, whichever build wrote it; equal claims have equal keys.

    Examples:
        >>> import numpy as np
        >>> claim = new_mask("cat", np.zeros((2, 3), bool), [], pixel_rule="center").claim
        >>> key_of({**claim, "frame": [2.0, 3.0]}) == claim["key"]
        True
    """
    claim = values(claim)
    identity = [claim["label"], claim["pixel_rule"], claim["frame"], digest_of(claim)]
    identity.append([[source[name] for name in _OF_ENTRIES if name in source] for source in claim["sources"]])
    identity += [claim[name] for name in ("deletes", "origin", "item") if name in claim]
    return hashlib.sha256(json.dumps(identity).encode()).hexdigest()


def digest_of(claim: Mapping[str, Any]) -> str:
    """The digest of the mask's pixels in a claim; empty if the claim has none."""
    return str(claim.get(kind_of(claim), ""))


def recomputed(claim: Mapping[str, Any], mask: BoolMask) -> str:
    """The digest of a mask's pixels, of the same kind as the digest in a claim."""
    return DIGESTS[kind_of(claim) or WRITTEN](mask)


def values(document: Any) -> Any:
    """JSON normalized by value, as servers change its text: 1.0 becomes 1, and null members are left out.

    Examples:
        >>> values({"frame": [16.0, 24], "parentId": None, "score": 0.5})
        {'frame': [16, 24], 'score': 0.5}
    """
    if isinstance(document, float) and document.is_integer():
        return int(document)
    if isinstance(document, Mapping):
        return {str(name): values(value) for name, value in document.items() if value is not None}
    return [values(value) for value in document] if isinstance(document, list | tuple) else document


def details_sha256(label: str, details: Mapping[str, Any]) -> str:
    """SHA-256 of the label and details of a source instance: all that a claim says beside its geometry.

    The creator does not count: a polygon that was deleted and put back is the same, whoever put it back.

    Examples:
        >>> details_sha256("cat", {"objectId": 1}) == details_sha256("cat", {"objectId": 1.0, "model": None})
        True
        >>> details_sha256("cat", {"creator": "ann"}) == details_sha256("cat", {"creator": "bob"})
        True
    """
    compared = {name: value for name, value in details.items() if name not in _REPEATED}
    return hashlib.sha256(_text([label, compared]).encode()).hexdigest()


def same_details(source: Mapping[str, Any], label: str, details: Mapping[str, Any]) -> bool:
    """Whether a claim's entry about an instance has the instance's label and details of now."""
    if "details_sha256" in source:
        return bool(source["details_sha256"] == details_sha256(label, details))
    return all(_text(source.get(name)) == _text(details.get(name)) for name in _EARLIER)


def has_details(source: Mapping[str, Any], details: Mapping[str, Any], *, but: Sequence[str] = ()) -> bool:
    """Whether a claim's entry tells these details of an instance, whatever item or id they were found under.

    Its creator and the id of its parent do not count: they change where an instance is put back. Nor do the
    details that `but` names.

    Examples:
        >>> entry = {"id": "1", "sha256": "aa", "details_sha256": "bb", "objectId": 7, "parentId": "2"}
        >>> has_details(entry, {"objectId": 7.0}), has_details(entry, {"objectId": 8})
        (True, False)
    """
    names = (
        (source.keys() | details.keys()) - set(_OF_ENTRIES) if "details_sha256" in source else set(_EARLIER)
    )
    bounds = bounded(details)
    names = names - {*_REPEATED, "parentId", *but}
    return all(_text(source.get(name)) == _text(bounds.get(name)) for name in names)


def same_label(label: str, other: str) -> bool:
    """Whether two labels are equal but for case and spaces, which servers are known to change.

    Examples:
        >>> same_label("Traffic  light", " traffic light")
        True
    """
    return " ".join(label.split()).casefold() == " ".join(other.split()).casefold()


def bounded(details: Mapping[str, Any]) -> Json:
    """An instance's details for a claim: long values become their digest, while the backup has them whole."""
    return {name: _bounded(value) if name in _FREE else value for name, value in details.items()}


def _bounded(value: Any) -> Any:
    text = _text(value)
    if len(text) <= LONGEST:
        return value
    return {"sha256": hashlib.sha256(text.encode()).hexdigest(), "characters": len(text)}


def _text(value: Any) -> str:
    return json.dumps(values(value), sort_keys=True)


def merged_attributes(sources: Sequence[Json]) -> Json:
    """The attributes that no two source instances disagree about; the claim has those of each instance.

    Examples:
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
