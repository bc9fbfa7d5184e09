"""What is asked of a dataset, in the platform's query language (DQL)."""

from collections.abc import Sequence

from polymask.validation import Json

EVERY_FILE: Json = {"filter": {"$and": [{"hidden": False}, {"type": "file"}]}}


def _files_that_have(annotation: Json) -> Json:
    join = {"on": {"resource": "annotations", "local": "itemId", "forigen": "id"}}
    return {
        "filter": {"$and": [{"hidden": False}, {"type": "file"}]},
        "join": join | {"filter": {"$and": [annotation]}},
    }


# The platform's tutorial: files that have polygons. And those with masks of ours that no polygon was
# deleted for: where all of an item's polygons were erased, its masks must follow.
_MASKS = {"metadata.user.polymask.deletes": {"$in": [False, 0]}}
DEFAULT_QUERY = _files_that_have({"$or": [{"type": "segment"}, _MASKS]})
# Where a service takes no such filter: more files than need be looked at.
PLAIN_QUERY = _files_that_have({"type": {"$in": ["segment", "binary"]}})
# Masks that polygons may be deleted for; claims of earlier versions do not say so.
DELETING_MASKS: Json = {
    "filter": {"$and": [{"type": "binary"}, {"metadata.user.polymask.deletes": {"$nin": [False, 0]}}]}
}
EVERY_MASK: Json = {"filter": {"$and": [{"type": "binary"}]}}
MASKED_QUERY = _files_that_have({"type": "binary"})


def files(ids: Sequence[str]) -> Json:
    """A query for files by their ids."""
    return {"filter": {"$and": [*EVERY_FILE["filter"]["$and"], {"id": {"$in": list(ids)}}]}}


def in_folder(folder: str, query: Json) -> Json:
    """A query for items in a folder, or in the whole dataset for an empty name."""
    if not folder:
        return dict(query)
    clauses = [{"filename": f"/{folder}/**"}, *_and(query.get("filter", {}))]
    return query | {"filter": {"$and": clauses}}


def _and(condition: Json) -> list[Json]:
    return list(condition.get("$and", [condition] if condition else []))
