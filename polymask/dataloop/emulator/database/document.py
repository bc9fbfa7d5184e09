"""What the emulator holds: immutable documents, each kept as the bytes of its JSON.

Bytes cost a tenth of the dictionaries they decode to, are spliced into answers
without being encoded again, and, since nothing changes in place, make undoing a
write a matter of putting the former document back.
"""

from collections.abc import Callable
from typing import Any

import msgspec

KINDS = ("project", "dataset", "recipe", "ontology", "item", "annotation", "command", "app")
"""The kinds of documents, parents before children."""


class Document(msgspec.Struct, frozen=True, gc=False):
    """One record: its JSON as `body`, and what queries ask for most beside it."""

    kind: str
    id: str
    parent: str
    type: str
    name: str
    body: bytes
    hidden: bool = False

    def json(self) -> dict[str, Any]:
        """Return the record decoded, a fresh copy each time.

        >>> document("recipe", b'{"id":"5","title":"boats"}').json()
        {'id': '5', 'title': 'boats'}
        """
        return dict[str, Any](msgspec.json.decode(self.body))


# Only what indexes and the commonest filters need: msgspec skips the rest unbuilt.
class _ItemHead(msgspec.Struct, rename="camel"):
    id: str
    dataset_id: str
    filename: str
    type: str = "file"
    hidden: bool | None = False


class _AnnotationHead(msgspec.Struct, rename="camel"):
    id: str
    item_id: str
    type: str = ""
    label: str | None = None


class _DatasetHead(msgspec.Struct, rename="camel"):
    id: str
    name: str
    projects: list[str]
    system_space: bool = False


class _PlainHead(msgspec.Struct):
    id: str
    name: str | None = None
    type: str | None = None


def document(kind: str, body: bytes) -> Document:
    """Read the head of a record and keep the rest as it is.

    >>> document("annotation", b'{"id":"2","itemId":"1","type":"segment","label":"cat"}').name
    'cat'
    """
    return _HEADS.get(kind, _plain)(kind, body)


def _item(kind: str, body: bytes) -> Document:
    head = _ITEM.decode(body)
    return Document(kind, head.id, head.dataset_id, head.type, head.filename, body, bool(head.hidden))


def _annotation(kind: str, body: bytes) -> Document:
    head = _ANNOTATION.decode(body)
    return Document(kind, head.id, head.item_id, head.type, head.label or "", body)


def _dataset(kind: str, body: bytes) -> Document:
    head = _DATASET.decode(body)
    # The platform lets projects share a dataset; its home is the first.
    parent = head.projects[0] if head.projects else ""
    return Document(kind, head.id, parent, "", head.name, body, head.system_space)


def _plain(kind: str, body: bytes) -> Document:
    head = _PLAIN.decode(body)
    return Document(kind, head.id, "", head.type or "", head.name or "", body)


# Made once: building a decoder costs more than most documents do.
_ITEM = msgspec.json.Decoder(_ItemHead)
_ANNOTATION = msgspec.json.Decoder(_AnnotationHead)
_DATASET = msgspec.json.Decoder(_DatasetHead)
_PLAIN = msgspec.json.Decoder(_PlainHead)
_HEADS: dict[str, Callable[[str, bytes], Document]] = {
    "item": _item,
    "annotation": _annotation,
    "dataset": _dataset,
}
