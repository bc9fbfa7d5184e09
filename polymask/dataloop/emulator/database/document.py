"""What the emulator holds: immutable documents, each kept as the bytes of its JSON.

Bytes cost a tenth of the dictionaries they decode to, are spliced into answers
without being encoded again, and, since nothing changes in place, make undoing a
write a matter of putting the former document back.
"""

from typing import Any

import msgspec

DOCUMENT_KINDS = ("project", "dataset", "recipe", "ontology", "item", "annotation", "command", "app")
"""The kinds of documents, parents before children."""


class Document(msgspec.Struct, frozen=True, gc=False):
    """A record: its JSON as `body`, and what queries ask for most beside it."""

    kind: str
    id: str
    parent: str
    type: str
    name: str
    body: bytes
    hidden: bool = False

    def json(self) -> dict[str, Any]:
        """Return the record decoded, a fresh copy each time.

        Examples:
            >>> document("recipe", b'{"id":"5","title":"boats"}').json()
            {'id': '5', 'title': 'boats'}
        """
        return dict[str, Any](msgspec.json.decode(self.body))


# Only what indexes and the commonest filters need: msgspec skips the rest unbuilt.
class _Item(msgspec.Struct):
    id: str
    parent: str = msgspec.field(name="datasetId")
    name: str = msgspec.field(name="filename")
    type: str = "file"
    hidden: bool | None = False


class _Annotation(msgspec.Struct):
    id: str
    parent: str = msgspec.field(name="itemId")
    type: str = ""
    name: str | None = msgspec.field(name="label", default=None)


class _Dataset(msgspec.Struct):
    id: str
    name: str
    # The platform lets projects share a dataset, so it has no single parent.
    projects: list[str]
    hidden: bool = msgspec.field(name="systemSpace", default=False)


class _Plain(msgspec.Struct):
    id: str
    name: str | None = None
    type: str | None = None


def document(kind: str, body: bytes) -> Document:
    """Read the head of a record and keep the rest as it is.

    Examples:
        >>> document("annotation", b'{"id":"2","itemId":"1","type":"segment","label":"cat"}').name
        'cat'
    """
    head = _HEADS.get(kind, _PLAIN).decode(body)
    parent, type_ = getattr(head, "parent", ""), getattr(head, "type", None)
    hidden = bool(getattr(head, "hidden", False))
    return Document(kind, head.id, parent, type_ or "", head.name or "", body, hidden)


# Made once: building a decoder costs more than most documents do.
_PLAIN: msgspec.json.Decoder[Any] = msgspec.json.Decoder(_Plain)
_HEADS: dict[str, msgspec.json.Decoder[Any]] = {
    "item": msgspec.json.Decoder(_Item),
    "annotation": msgspec.json.Decoder(_Annotation),
    "dataset": msgspec.json.Decoder(_Dataset),
}
