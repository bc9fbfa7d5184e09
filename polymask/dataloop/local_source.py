"""Local annotations as the source of masks for a dataset's items of the same names."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from polymask.dataloop.source import DataloopItem, DataloopSource
from polymask.errors import InputError
from polymask.formats import Annotations
from polymask.in_place.protocols import Item, Reading
from polymask.provenance.digest import record_sha256


@dataclass(frozen=True, slots=True)
class MatchedItem(DataloopItem):
    """An item of the dataset and the place of its record among the annotations."""

    index: int = 0


class MatchedSource:
    """Records of local annotations, each for the item with its name (below the folder, if one is given)."""

    def __init__(self, annotations: Annotations, dataset: DataloopSource, *, folder: str = "") -> None:
        self.annotations, self.dataset = annotations, dataset
        self.prefix = f"{folder.strip('/')}/" if folder.strip("/") else ""
        self.unmatched: list[str] = []

    def items(self) -> Iterator[Item]:
        """The items that have a record; names without an item are kept in `unmatched`."""
        by_name = {item.name: item for item in self.dataset.items()}
        for index, name in enumerate(self.annotations.names):
            item = by_name.get(self.prefix + name.lstrip("/"))
            if isinstance(item, DataloopItem):
                yield MatchedItem(item.id, item.name, item.raw, index)
            else:
                self.unmatched.append(name)

    def read(self, item: Item) -> Reading:
        """The item's record; raises `InputError` where the picture has another size."""
        if not isinstance(item, MatchedItem):
            raise InputError(f"{item.name}: has no local annotations")
        record, frame = self.annotations.decode(item.index), self.dataset.frame(item)
        if record.frame != frame:
            (h, w), (height, width) = record.frame, frame
            raise InputError(f"{item.name}: annotated as {h} × {w} px, but shown as {height} × {width}")
        raw: Mapping[str, Mapping[str, Any]] = {str(i.id): {"id": i.id} for i in record.instances}
        return Reading(
            type(record)(record.id, item.name, frame, record.instances, record_sha256(record)), raw
        )

    def image(self, item: Item) -> bytes:
        """The item's picture."""
        return self.dataset.image(item)

    def delete(self, item: Item, instance_ids: Sequence[str], etag: str) -> None:
        """Local polygons are never deleted from here."""
        raise InputError(f"{item.name}: local polygons are kept")

    def restore(self, item: Item, backup: Mapping[str, Any], *, instance_id: str | None = None) -> bool:
        """Nothing was deleted, so nothing can be restored."""
        raise InputError(f"{item.name}: local polygons were kept")
