"""A dataset as annotations that any layout can be made of: read as its export on disk would be.

Every item becomes the JSON that an export has of it, and the format's own reader does the rest. So
that memory holds few items' annotations at a time, many wait in a file without a name.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import msgspec

from polymask.dataloop.item_queries import EVERY_FILE
from polymask.dataloop.jobs.run import Dataset, open_dataset, read_query
from polymask.dataloop.service.client import Client
from polymask.dataloop.service.recipe import Recipe
from polymask.dataloop.service.responses import part
from polymask.dataloop.source import DataloopItem, DataloopSource
from polymask.errors import FormatError, InputError
from polymask.formats import Annotations, ReadOptions
from polymask.formats.dataloop.annotations import text_of
from polymask.formats.dataloop.items import parse
from polymask.formats.options import ReadingOptions
from polymask.formats.reading.records import Reader
from polymask.formats.reading.refusals import Malformed
from polymask.formats.reading.texts.pages import Page
from polymask.model import Frame, ImageRecord
from polymask.parallel.pool import THREADS
from polymask.storage.local_disk.spill import Spill
from polymask.storage.remote.connections import keep_from_forking
from polymask.storage.remote.urls import located
from polymask.storage.source_files import File, Place
from polymask.validation import Json, whole

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
        query=read_query(query) if query else EVERY_FILE,
        query_file=query,
        folder=dataset.target.folder,
        check_images=check_images,
    )
    items = _by_name(source)
    exports = Exports(dataset.client, dataset.id, list(items.values()))
    reader = Reader(Path(dataset.target.dataset), _Pictures(source, items), options, parse)
    for item in items.values():
        reader.check(_ItemPage(_file(item), item=item, exports=exports))
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


def dataset_annotations(url: str, options: ReadingOptions) -> Annotations:
    """The annotations of the dataset that a URL names, for commands that only look at it."""
    dataset = open_dataset(url, workers=THREADS)
    keep_from_forking(dataset.client)
    annotations = annotations_of(dataset, options.reading, query=options.filter)
    # The pictures, and with them the sizes that only they tell, are downloaded when they are asked for.
    return replace(annotations, path=located(url), sized_by_pictures=())


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

    def frame(self, name: str, *others: str, beside: str) -> Frame:
        return self.source.frame(self.items[beside])


class _ItemPage(Page, frozen=True, kw_only=True):
    """An item as an export has it: what is needed of its own JSON, and its annotations."""

    item: DataloopItem
    exports: "Exports"

    @property
    def json(self) -> bytes:
        """The JSON text."""
        return self.exports.of(self.item)


class Exports:
    """Items as an export has them, their annotations listed once and put by."""

    def __init__(self, client: Client, dataset_id: str, items: Sequence[DataloopItem]) -> None:
        self._rows, self._numbers = Spill(), dict[str, list[int]]()
        for ids in _batches([item.id for item in items]):
            self._numbers |= {item_id: [] for item_id in ids}
            query = {"filter": {"$and": [{"itemId": {"$in": ids}}]}}
            for row in client.pages(dataset_id, "annotations", query, keep=self._put_by):
                self._numbers.get(row["item"], []).append(row["number"])

    def of(self, item: DataloopItem) -> bytes:
        """An item's JSON with its annotations."""
        rows = map(self._rows.get, self._numbers[item.id])
        return msgspec.json.encode(_needed(item) | {"annotations": [msgspec.Raw(row) for row in rows]})

    def _put_by(self, row: Json) -> Json:
        """Put a row by, and keep its number."""
        try:
            number = self._rows.put(text_of(row))
        except Malformed as error:
            raise FormatError(
                f"annotation {row['id']}: {error}", advice="correct it on the platform"
            ) from None
        return {"id": row["id"], "item": str(row.get("itemId")), "number": number}


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
