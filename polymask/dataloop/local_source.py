"""Local annotations as the source of masks for a dataset's items of the same names."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polymask.dataloop.source import DataloopItem, DataloopSource
from polymask.errors import InputError
from polymask.formats import Annotations
from polymask.in_place.protocols import Item, Reading
from polymask.ledger import FAILED, OTHER_IMAGES
from polymask.provenance.digest import record_sha256
from polymask.results import Report
from polymask.storage.image_names import joined


def origin_of(annotations: Annotations) -> str:
    """What masks say of where local polygons come from: format and name, the same on any machine.

    Not the folder above: another run, or another machine, may have unpacked the same file elsewhere.
    """
    path = annotations.path
    name = path.name or (path.resolve().name if isinstance(path, Path) else "")
    return f"{annotations.format}:{name}"


@dataclass(frozen=True, slots=True)
class MatchedItem(DataloopItem):
    """An item of the dataset and the place of its record among the annotations."""

    index: int = 0


class MatchedSource:
    """Records of local annotations, each for the item with its name, below the URL's folder if it has any."""

    def __init__(self, annotations: Annotations, dataset: DataloopSource, *, folder: str = "") -> None:
        self.annotations, self.dataset = annotations, dataset
        self.prefix = f"{folder.strip('/')}/" if folder.strip("/") else ""
        self.unmatched: list[str] = []
        self.origin = origin_of(annotations)
        self._unchosen: dict[str, set[str]] = {}  # the ids of annotations that are not chosen, by image
        for skipped in annotations.unchosen:
            key = skipped.reason.partition(": ")[0].removeprefix("annotation ")
            self._unchosen.setdefault(skipped.name, set()).add(key)

    def items(self) -> Iterator[Item]:
        """The items that have a record; names without an item are kept in `unmatched`."""
        by_name = {item.name: item for item in self.dataset.items()}
        wanted = [self.prefix + name.lstrip("/") for name in self.annotations.names]
        pairs = joined(wanted, by_name)
        for index, (name, path) in enumerate(zip(self.annotations.names, wanted, strict=True)):
            item = by_name[pairs[path]] if path in pairs else None
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
        record = type(record)(record.id, item.name, frame, record.instances, record_sha256(record))
        if (ledger := self.annotations.ledger) is None:
            return Reading(record, raw)
        names = self._unchosen.get(self.annotations.names[item.index], ())
        return Reading(
            record,
            raw,
            declared=ledger.declared_of(item.index),
            joined=ledger.joined_counts.get(item.index, 0),
            left_out=ledger.left_out_of(item.index),
            unchosen=dict.fromkeys(names),  # their masks stay, but no new mask is to hold them
        )

    def account(self, report: Report, items: Sequence[Item], *, unmatched: Collection[str]) -> None:
        """Tell a report of a run over some of the items what all annotations declare, and what became of it.

        Those of `unmatched` images, which have no item, and of items that could not be read, failed.
        """
        ledger = self.annotations.ledger
        if ledger is None:
            return
        failed = {index for index, name in enumerate(self.annotations.names) if name in unmatched}
        counted = failed | {item.index for item in items if isinstance(item, MatchedItem)}
        declared_elsewhere = (
            ledger.declared_of(index) for index in range(len(ledger.instance_counts)) if index not in counted
        )
        report.left_out += sum(map(ledger.left_out_of, failed), Counter())
        report.left_out += ledger.without_image + Counter({OTHER_IMAGES: sum(declared_elsewhere)})
        report.declared = ledger.declared
        unexplained = ledger.declared - report.painted - report.joined - report.left_out.total()
        if report.failures:
            report.left_out += Counter({FAILED: unexplained})

    def image(self, item: Item) -> bytes:
        """The item's picture."""
        return self.dataset.image(item)

    def delete(self, item: Item, instance_ids: Sequence[str], etag: str) -> None:
        """Local polygons are never deleted from here."""
        raise InputError(f"{item.name}: local polygons are kept")

    def restore(self, item: Item, backup: Mapping[str, Any], *, instance_id: str | None = None) -> bool:
        """Nothing was deleted, so nothing can be restored."""
        raise InputError(f"{item.name}: local polygons were kept")
