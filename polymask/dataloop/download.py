"""A dataset's polygons as annotations that any layout can be made of, like those of a local file."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from polymask.dataloop.client import Json
from polymask.dataloop.run import Dataset
from polymask.dataloop.source import DataloopItem, DataloopSource, instance_of
from polymask.errors import GeometryError
from polymask.formats import Annotations
from polymask.limits import Limits
from polymask.model import ImageRecord, Instance, Skipped


def annotations_of(dataset: Dataset, source: DataloopSource, *, limits: Limits) -> Annotations:
    """The polygons of all items that the source selects, listed once.

    Labels are in the recipe's order; those that it does not know come after, by name.
    """
    items = [item for item in source.items() if isinstance(item, DataloopItem)]
    rows = dataset.client.pages(dataset.id, "annotations", {"filter": {"$and": [{"type": "segment"}]}})
    by_item: dict[str, list[Json]] = {item.id: [] for item in items}
    for row in rows:
        if row.get("itemId") in by_item:
            by_item[row["itemId"]].append(row)
    instances, unsupported = _instances(items, by_item)
    used = Counter(instance.label for many in instances.values() for instance in many)
    known = [name for name in dataset.client.colors(dataset.raw) if "." not in name or name in used]

    def decode(index: int) -> ImageRecord:
        item = items[index]
        record = ImageRecord(item.id, item.name, source.frame(item), instances[item.id])
        limits.check_frame(item.name, record.frame)
        limits.check_record(item.name, record)
        return record

    return Annotations(
        path=Path(dataset.target.dataset),
        format="dataloop",
        categories=tuple((name, None) for name in dict.fromkeys([*known, *sorted(used)])),
        names=[item.name for item in items],
        decode=decode,
        used=dict(used),
        unsupported=tuple(unsupported),
        picture=lambda index: source.image(items[index]),
    )


def _instances(
    items: Sequence[DataloopItem], by_item: dict[str, list[Json]]
) -> tuple[dict[str, tuple[Instance, ...]], list[Skipped]]:
    drawn: dict[str, tuple[Instance, ...]] = {}
    left = []
    for item in items:
        kept = []
        for row in by_item[item.id]:
            try:
                kept.append(instance_of(row, item))
            except GeometryError as error:
                left.append(Skipped(item.name, f"annotation {row.get('id')}: {error}"))
        drawn[item.id] = tuple(kept)
    return drawn, left
