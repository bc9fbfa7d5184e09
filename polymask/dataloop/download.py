"""A dataset as annotations that any layout can be made of: read as its export on disk would be.

Every item becomes the JSON that an export has of it, and the format's own reader does the rest. So
that memory holds one item's annotations at a time, all of them wait in a file without a name.
"""

import os
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO, Any, cast

import msgspec

from polymask.dataloop.client import Client, Json
from polymask.dataloop.recipe import Recipe
from polymask.dataloop.responses import part
from polymask.dataloop.run import Dataset, read_query
from polymask.dataloop.source import DataloopItem, DataloopSource
from polymask.errors import FormatError, InputError
from polymask.formats import Annotations, ReadOptions
from polymask.formats.dataloop.annotations import text_of
from polymask.formats.dataloop.items import parse
from polymask.formats.reading.records import Page, Reader
from polymask.formats.reading.refusals import Malformed
from polymask.model import Frame, ImageRecord
from polymask.storage.source_files import File, Place
from polymask.validation import whole

EVERY_PICTURE: Json = {"filter": {"$and": [{"hidden": False}, {"type": "file"}]}}
ITEMS_A_CALL = 200  # whose annotations are asked for together


def annotations_of(
    dataset: Dataset,
    options: ReadOptions,
    *,
    query: str | Path | None = None,
    check_images: bool = False,
) -> Annotations:
    """The annotations of all items, or of those that a query file selects, listed once.

    Labels are the recipe's, all of them and in its order; those that it does not know come after,
    by name. Raises `FormatError` for malformed annotations, unless such are to be left out.
    """
    source = DataloopSource(
        dataset.client,
        dataset.id,
        query=read_query(query) if query else EVERY_PICTURE,
        folder=dataset.target.folder,
        check_images=check_images,
    )
    items = _by_name(source)
    spool = Spool(dataset.client, dataset.id, list(items.values()))
    reader = Reader(Path(dataset.target.dataset), _Pictures(source, items), options, parse)
    for item in items.values():
        reader.check(_ItemPage(_file(item), item=item, spool=spool))
    annotations = reader.annotations("dataloop", keep_originals=True)
    names = dict.fromkeys([*Recipe(dataset.client, dataset.raw).labels, *sorted(annotations.used)])
    options.limits.check("max_labels", len(names), dataset.target.dataset, f"{len(names)} labels")

    def decode(index: int) -> ImageRecord:
        if check_images:
            source.frame(items[annotations.names[index]])  # raises where the picture has another
        return annotations.decode(index)

    return replace(
        annotations,
        categories=tuple((name, None) for name in names),
        decode=decode,
        picture=lambda index: source.image(items[annotations.names[index]]),
    )


def _by_name(source: DataloopSource) -> dict[str, DataloopItem]:
    """The items by their names; raises `InputError` where two have the same."""
    items: dict[str, DataloopItem] = {}
    for item in source.items():
        if isinstance(item, DataloopItem) and items.setdefault(item.name, item) is not item:
            raise InputError(
                f"two items of the dataset are named '{item.name}'", advice="rename one on the platform"
            )
    return items


def _file(item: DataloopItem) -> File:
    return File(Path(item.name), item.name, cast("Place", None))  # its text is not read from a place


@dataclass(frozen=True, slots=True)
class _Pictures:
    """The frames of items whose metadata do not tell them: their pictures are downloaded."""

    source: DataloopSource
    items: dict[str, DataloopItem]

    def frame(self, name: str, *, beside: str) -> Frame:
        return self.source.frame(self.items[beside])


@dataclass(frozen=True, slots=True, kw_only=True)
class _ItemPage(Page):
    """An item as an export has it: what is needed of its own JSON, and its annotations."""

    item: DataloopItem
    spool: "Spool"

    @property
    def json(self) -> bytes:
        """The JSON text."""
        return self.spool.export_of(self.item)


class Spool:
    """The JSON of all annotations of some items, in a file that is gone when the last one is done with it."""

    def __init__(self, client: Client, dataset_id: str, items: Sequence[DataloopItem]) -> None:
        self._places: dict[str, list[tuple[int, int]]] = {item.id: [] for item in items}
        with tempfile.TemporaryFile() as file:
            for ids in _batches(list(self._places)):
                query = {"filter": {"$and": [{"itemId": {"$in": ids}}]}}
                for row in client.pages(dataset_id, "annotations", query, keep=partial(_kept, file)):
                    self._places.get(row["item"], []).append(row["place"])
            file.flush()
            self._descriptor = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._descriptor)

    def export_of(self, item: DataloopItem) -> bytes:
        """An item's JSON with its annotations."""
        rows = (os.pread(self._descriptor, length, at) for at, length in self._places[item.id])
        return msgspec.json.encode(_needed(item) | {"annotations": [msgspec.Raw(row) for row in rows]})


def _kept(file: IO[bytes], row: Json) -> Json:
    """Write a row down, and keep where."""
    at = file.tell()
    try:
        length = file.write(text_of(row))
    except Malformed as error:
        raise FormatError(f"annotation {row['id']}: {error}", advice="correct it on the platform") from None
    return {"id": row["id"], "item": str(row.get("itemId")), "place": (at, length)}


def _needed(item: DataloopItem) -> dict[str, Any]:
    """An item as an export has it; sides that are no whole number of pixels are for the picture to tell."""
    system = dict(part(item.raw, "metadata", "system"))
    for name in ("width", "height"):
        side = system.pop(name, None)
        pixels = int(side) if isinstance(side, float) and side.is_integer() else whole(side)
        if pixels is not None and pixels > 0:
            system[name] = pixels
    return {"id": item.id, "filename": f"/{item.name}", "metadata": {"system": system}}


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), ITEMS_A_CALL):
        yield ids[start : start + ITEMS_A_CALL]
