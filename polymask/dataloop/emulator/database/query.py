"""From a query as sent to the documents it selects, and the page it asks for."""

import math
import posixpath
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from polymask.dataloop.emulator.database.document import Document
from polymask.dataloop.emulator.database.dql import MISSING, Look, Matches, clauses, compile_clauses, is_range
from polymask.dataloop.emulator.database.store import Store
from polymask.errors import InputError

LARGEST_PAGE = 1000
"""Rows a page at most; larger requests are cut to it, as the platform does."""

# The SDK has further resources; refusing them beats answering nothing.
RESOURCES = {"items": "item", "annotations": "annotation"}
# What the SDK calls the id when it deletes several annotations.
_ALIASES = {"annotationId": "id"}


class Query(msgspec.Struct, rename="camel"):
    """The body of a query as the SDK sends it."""

    resource: str = "items"
    filter: dict[str, Any] = {}
    join: dict[str, Any] | None = None
    sort: dict[str, Any] | None = None
    page: int = 0
    page_size: int = LARGEST_PAGE
    delete: bool = False
    update: dict[str, Any] | None = None

    @property
    def kind(self) -> str:
        """The kind of document asked for.

        Raises
        ------
        InputError
            A resource that the emulator cannot query.
        """
        if self.resource not in RESOURCES:
            raise InputError(f"unknown resource {self.resource!r}; the emulator knows {', '.join(RESOURCES)}")
        return RESOURCES[self.resource]


class IdPage(msgspec.Struct):
    """A page of ids and the totals of the query as sent, its id cursor included."""

    ids: Sequence[str]
    total: int
    pages: int
    more: bool


def select(store: Store, dataset_id: str, query: Query) -> Sequence[str]:
    """Return the ids that a query selects over all pages, in the order it asks for.

    Raises
    ------
    InputError
        A malformed filter.
    """
    ids = _within_cursor(store, dataset_id, query)
    return _sorted(store, ids, query) if query.sort else ids


def page_of(ids: Sequence[str], query: Query, shift: int = 0) -> IdPage:
    """Cut a page out of the selected ids; `shift` serves the page after or before it instead.

    Examples:
        >>> page_of(["a", "b", "c"], Query(page_size=2))
        IdPage(ids=['a', 'b'], total=3, pages=2, more=True)
        >>> page_of(["a", "b", "c"], Query(page_size=2, page=1))
        IdPage(ids=['c'], total=3, pages=2, more=False)
    """
    # Zero is asked for by clients that only want the total.
    size = min(max(query.page_size, 0), LARGEST_PAGE)
    start = max(0, (query.page + shift) * size)
    pages = math.ceil(len(ids) / size) if size else 0
    return IdPage(ids[start : start + size], len(ids), pages, size > 0 and start + size < len(ids))


def matcher(store: Store, kind: str, pairs: Sequence[tuple[str, Any]]) -> Matches:
    """Return the question whether a document of this kind meets all clauses."""
    return compile_clauses(pairs, _looks(store, kind))


def filtered(store: Store, kind: str, conditions: Any) -> list[Document]:
    """Return all documents of a kind that meet a filter, oldest first."""
    meets = matcher(store, kind, clauses(conditions))
    return [record for record in store.all(kind) if meets(record)]


def previous_page(store: Store, dataset_id: str, query: Query) -> IdPage:
    """Return the page before the page asked for, totals and all, as the query for it got it.

    With an id cursor those are the rows before the cursor, else the page of the number before.
    """
    pairs = _pairs(query)
    # A page number wins over a cursor: with both, the number moves.
    if query.page or not any(_is_cursor(*pair) for pair in pairs):
        return page_of(select(store, dataset_id, query), query, -min(query.page, 1))
    matching = _matching(store, dataset_id, query, [pair for pair in pairs if not _is_cursor(*pair)])
    selected = len(select(store, dataset_id, query))
    size = min(query.page_size, LARGEST_PAGE)
    return page_of(matching[max(0, len(matching) - selected - size) :], query)


def _within_cursor(store: Store, dataset_id: str, query: Query) -> Sequence[str]:
    # Without the cursor the question is the same for every page, and kept; the cursor cuts.
    pairs = _pairs(query)
    ids = _matching(store, dataset_id, query, [pair for pair in pairs if not _is_cursor(*pair)])
    low, high = 0, len(ids)
    for condition in (bounds for field, bounds in pairs if _is_cursor(field, bounds)):
        low = max(low, _lowest(ids, condition))
        high = min(high, _highest(ids, condition))
    return ids[low:high]


def _pairs(query: Query) -> list[tuple[str, Any]]:
    return [(_ALIASES.get(field, field), condition) for field, condition in clauses(query.filter)]


def _is_cursor(field: str, condition: Any) -> bool:
    return field == "id" and is_range(condition)


def _lowest(ids: Sequence[str], condition: dict[str, str]) -> int:
    return max(
        bisect_right(ids, condition["$gt"]) if "$gt" in condition else 0,
        bisect_left(ids, condition["$gte"]) if "$gte" in condition else 0,
    )


def _highest(ids: Sequence[str], condition: dict[str, str]) -> int:
    return min(
        bisect_left(ids, condition["$lt"]) if "$lt" in condition else len(ids),
        bisect_right(ids, condition["$lte"]) if "$lte" in condition else len(ids),
    )


def _matching(store: Store, dataset_id: str, query: Query, pairs: list[tuple[str, Any]]) -> Sequence[str]:
    kind = query.kind
    question = _question(store, query, pairs)

    def matches(key: str) -> bool:
        # A listing asks about deleted ids too.
        record = store.find(kind, key)
        return record is not None and _dataset_of(store, record) == dataset_id and question(record)

    # Most queries are for one item; those need no listing.
    few = _candidates(store, dataset_id, kind, pairs)
    if few is not None:
        return [key for key in few if matches(key)]
    return store.listing(kind, dataset_id, key=msgspec.json.encode([pairs, query.join]), matches=matches)


def _question(store: Store, query: Query, pairs: list[tuple[str, Any]]) -> Matches:
    meets = matcher(store, query.kind, pairs)
    if not query.join:
        return meets
    joined = _joined(store, query)
    return lambda record: meets(record) and joined(record)


def _joined(store: Store, query: Query) -> Matches:
    pairs = clauses((query.join or {}).get("filter", {}))
    if query.kind == "item":
        annotation = matcher(store, "annotation", [(_ALIASES.get(f, f), c) for f, c in pairs])
        return lambda record: any(
            annotation(store.get("annotation", key)) for key in store.children("annotation", record.id)
        )
    item = matcher(store, "item", pairs)
    return lambda record: item(store.get("item", record.parent))


def _candidates(
    store: Store, dataset_id: str, kind: str, pairs: list[tuple[str, Any]]
) -> Sequence[str] | None:
    """Return the few ids that can match where an index knows them, or None."""
    for field, condition in pairs:
        if field == "itemId" and kind == "annotation" and isinstance(condition, str):
            return store.children("annotation", condition)
        if field == "id":
            named = [condition] if isinstance(condition, str) else _named(condition)
            if named is not None:
                return named
        if field == "filename" and kind == "item" and isinstance(condition, str) and "*" not in condition:
            item_id = store.at_path(dataset_id, condition)
            return [item_id] if item_id else []
    return None


def _named(condition: Any) -> list[str] | None:
    keys = condition.get("$in", condition.get("$eq")) if isinstance(condition, dict) else condition
    keys = [keys] if isinstance(keys, str) else keys
    return sorted({key for key in keys if isinstance(key, str)}) if isinstance(keys, list) else None


def _dataset_of(store: Store, record: Document) -> str:
    return record.parent if record.kind == "item" else store.get("item", record.parent).parent


def _sorted(store: Store, ids: Sequence[str], query: Query) -> Sequence[str]:
    look = _looks(store, query.kind)
    # Sorting is stable, so the first field must come last.
    for field, direction in reversed(list((query.sort or {}).items())):
        backward = direction in ("descending", -1)
        if field in ("id", "createdAt"):
            # Ids ascend with the time of creation, and the list comes sorted by id.
            ids = sorted(ids, reverse=backward)
        else:
            ids = sorted(ids, key=_rank(store, query.kind, field, look), reverse=backward)
    return ids


def _rank(store: Store, kind: str, field: str, look: Look) -> Callable[[str], tuple[int, Any]]:
    def rank(key: str) -> tuple[int, Any]:
        value = look(store.get(kind, key), field)
        # Kinds that cannot be compared are kept apart, as any order is better than an error.
        if isinstance(value, int | float):
            return (1, value)
        return (2, value) if isinstance(value, str) else (0, 0)

    return rank


def _looks(store: Store, kind: str) -> Look:
    quick = _quick(store)[kind]

    def look(record: Document, field: str) -> Any:
        return quick[field](record) if field in quick else _dig(record.json(), field)

    return look


def _dig(value: Any, path: str) -> Any:
    for part in path.split("."):
        if not isinstance(value, dict) or part not in value:
            return MISSING
        value = value[part]
    return value


def _quick(store: Store) -> dict[str, dict[str, Callable[[Document], Any]]]:
    """The fields that need no decoding, and those that are worked out."""
    return {
        "item": {
            "id": lambda record: record.id,
            "datasetId": lambda record: record.parent,
            "type": lambda record: record.type,
            "hidden": lambda record: record.hidden,
            "filename": lambda record: record.name,
            "dir": lambda record: posixpath.dirname(record.name),
            "name": lambda record: posixpath.basename(record.name),
            "annotated": lambda record: bool(store.children("annotation", record.id)),
            "annotationsCount": lambda record: len(store.children("annotation", record.id)),
        },
        "annotation": {
            "id": lambda record: record.id,
            "itemId": lambda record: record.parent,
            "datasetId": lambda record: _dataset_of(store, record),
            "type": lambda record: record.type,
            "label": lambda record: record.name,
        },
        "dataset": {"id": lambda record: record.id, "name": lambda record: record.name},
        "app": {"id": lambda record: record.id, "name": lambda record: record.name},
    }
