"""Places where polygons and masks are kept, each spoken to in the same few words.

`Memory` and a Dataloop dataset have the two seams; a folder beside a COCO file has not, and is
spoken to through the commands.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from polymask import convert, restore
from polymask.codecs.png import decode_png
from polymask.dataloop.service.client import connect
from polymask.dataloop.sink import DataloopSink
from polymask.dataloop.source import DataloopSource
from polymask.in_place.job import ProvenJob, ProvenOptions
from polymask.in_place.journal import Journal
from polymask.in_place.protocols import Sink, Source
from polymask.labels.label_map import LabelMap
from polymask.results import Report
from tests.contract.memory import Memory
from tests.dataloop.world import HEIGHT, WIDTH, World, box, segment

FRAME = (HEIGHT, WIDTH)
Ring = list[tuple[float, float]]
Shape = tuple[str, list[Ring]]  # a label and its rings


class Place(Protocol):
    """Somewhere to convert, told apart by what each test asks of it."""

    def add(self, name: str, shapes: Sequence[Shape]) -> None:
        """An item with polygons, and one annotation that is no polygon."""

    def convert(self, *, delete_source: bool = True) -> Report: ...

    def restore(self) -> Report: ...

    def polygons(self, name: str) -> list[Shape]:
        """What is there now, in the place's own order."""

    def masks(self, name: str) -> dict[str, Any]:
        """The mask of each label."""

    def others(self, name: str) -> int:
        """How many annotations there are that are none of ours, nor polygons."""

    def edit(self, name: str) -> None:
        """Somebody moves the first polygon."""

    def damage(self, name: str) -> None:
        """Somebody draws into a stored mask."""

    def state(self) -> Any:
        """All there is."""


MOVED: Ring = [(1, 1), (3, 1), (3, 3), (1, 3)]


class MemoryPlace:
    """The seams in memory."""

    def __init__(self, folder: Path) -> None:
        self.memory = Memory(FRAME)
        self.source: Source = self.memory
        self.sink: Sink = self.memory
        self.journal = folder / "journal"

    def add(self, name: str, shapes: Sequence[Shape]) -> None:
        self.memory.add(name, box=[1, 1, 2, 2])
        for label, rings in shapes:
            self.memory.add(name, label=label, rings=[[list(p) for p in ring] for ring in rings])

    def convert(self, *, delete_source: bool = True) -> Report:
        options = ProvenOptions(delete_source=delete_source)
        job = ProvenJob(self.source, self.sink, Journal(self.journal), options, sleep=lambda _: None)
        return job.run(list(self.source.items()))

    def restore(self) -> Report:
        report = Report()
        for line in Journal(self.journal).deleted():
            item = next(item for item in self.source.items() if item.id == line["item"])
            report.written += self.source.restore(item, line["instance"])
        return report

    def polygons(self, name: str) -> list[Shape]:
        rows = [row for row in self.memory.rows[name] if "rings" in row]
        return [(row["label"], [[(x, y) for x, y in ring] for ring in row["rings"]]) for row in rows]

    def masks(self, name: str) -> dict[str, Any]:
        return {row["label"]: row["mask"] for row in self.memory.rows[name] if "claim" in row}

    def others(self, name: str) -> int:
        return sum("box" in row for row in self.memory.rows[name])

    def edit(self, name: str) -> None:
        next(row for row in self.memory.rows[name] if "rings" in row)["rings"] = [[list(p) for p in MOVED]]

    def damage(self, name: str) -> None:
        for row in self.memory.rows[name]:
            if "claim" in row:
                row["mask"] = ~row["mask"]

    def state(self) -> Any:
        return {
            name: [{k: v.tolist() if k == "mask" else v for k, v in row.items()} for row in rows]
            for name, rows in self.memory.rows.items()
        }


class DataloopPlace:
    """A dataset on the emulator, with the real client."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world, self.journal = world, folder / "journal"
        client = connect()
        client.sleep = world.sleep
        self.source: Source = DataloopSource(client, world.dataset["id"])
        self.sink: Sink = DataloopSink(client, self.source, {})  # type: ignore[arg-type]
        self._ids: dict[str, str] = {}

    def add(self, name: str, shapes: Sequence[Shape]) -> None:
        rows = [
            segment(label, *([{"x": x, "y": y} for x, y in ring] for ring in rings))
            for label, rings in shapes
        ]
        self._ids[name] = self.world.add_item(f"/{name}", *rows, box())

    def convert(self, *, delete_source: bool = True) -> Report:
        return self.world.convert(self.journal, delete_source=delete_source)

    def restore(self) -> Report:
        return self.world.restore(self.journal)

    def polygons(self, name: str) -> list[Shape]:
        rows = self.world.of_type("segment", self._ids[name])
        return [(r["label"], [[(p["x"], p["y"]) for p in ring] for ring in r["coordinates"]]) for r in rows]

    def masks(self, name: str) -> dict[str, Any]:
        return dict(self.world.masks(self._ids[name]))

    def others(self, name: str) -> int:
        return len(self.world.of_type("box", self._ids[name]))

    def edit(self, name: str) -> None:
        first = self.world.of_type("segment", self._ids[name])[0]
        self.world.emulator.edit_annotation(first["id"], coordinates=[[{"x": x, "y": y} for x, y in MOVED]])

    def damage(self, name: str) -> None:
        one, two = self.world.of_type("binary", self._ids[name])[:2]
        self.world.emulator.edit_annotation(one["id"], coordinates=two["coordinates"])

    def state(self) -> Any:
        return self.world.state()


class FolderPlace:
    """A COCO file and a folder of masks beside it."""

    def __init__(self, folder: Path, layout: str) -> None:
        self.path, self.dest, self.layout = folder / "instances.json", folder / "out", layout
        self.document: dict[str, Any] = {"images": [], "categories": [], "annotations": []}
        self._save(self.document)

    def _save(self, document: dict[str, Any]) -> None:
        self.path.write_text(json.dumps(document, ensure_ascii=False))

    def _load(self) -> dict[str, Any]:
        return dict(json.loads(self.path.read_text()))

    def add(self, name: str, shapes: Sequence[Shape]) -> None:
        document = self._load()
        image = len(document["images"]) + 1
        document["images"].append({"id": image, "file_name": name, "height": HEIGHT, "width": WIDTH})
        annotations = document["annotations"]
        for label, rings in shapes:
            labels = {c["name"]: c["id"] for c in document["categories"]}
            if label not in labels:
                labels[label] = len(labels) + 1
                document["categories"].append({"id": labels[label], "name": label})
            one = {"id": len(annotations) + 1, "image_id": image, "category_id": labels[label]}
            annotations.append(
                one | {"segmentation": [[v for point in ring for v in point] for ring in rings]}
            )
        annotations.append(
            {"id": len(annotations) + 1, "image_id": image, "category_id": 1, "bbox": [1, 1, 2, 2]}
        )
        self._save(document)

    def convert(self, *, delete_source: bool = True) -> Report:
        # With its sources in the manifest from the start, a later run may delete them.
        return convert(self.path, self.dest, to=self.layout, delete_source=delete_source, overwrite=True)

    def restore(self) -> Report:
        return restore(self.dest)

    def _of(self, name: str) -> list[dict[str, Any]]:
        document = self._load()
        image = next(one["id"] for one in document["images"] if one["file_name"] == name)
        return [one for one in document["annotations"] if one["image_id"] == image]

    def polygons(self, name: str) -> list[Shape]:
        names = {one["id"]: one["name"] for one in self._load()["categories"]}
        return [
            (
                names[one["category_id"]],
                [list(zip(r[::2], r[1::2], strict=True)) for r in one["segmentation"]],
            )
            for one in self._of(name)
            if one.get("segmentation")
        ]

    def _masks(self, name: str) -> list[Path]:
        stem = self.dest / "masks" / Path(name).stem
        return sorted(stem.glob("*.png")) if self.layout == "binary" else [stem.with_suffix(".png")]

    def masks(self, name: str) -> dict[str, Any]:
        if self.layout == "binary":
            return {path.stem: decode_png(path.read_bytes()) > 0 for path in self._masks(name)}
        mask = decode_png(self._masks(name)[0].read_bytes())
        labels = LabelMap.load(self.dest / "labels.json").labels
        return {label.name: mask == label.value for label in labels if (mask == label.value).any()}

    def others(self, name: str) -> int:
        return sum("bbox" in one for one in self._of(name))

    def edit(self, name: str) -> None:
        document = self._load()
        wanted = next(one for one in self._of(name) if one.get("segmentation"))
        row = next(one for one in document["annotations"] if one["id"] == wanted["id"])
        row["segmentation"] = [[v for point in MOVED for v in point]]
        self._save(document)

    def damage(self, name: str) -> None:
        from polymask import encode_png

        path = self._masks(name)[0]
        path.write_bytes(encode_png(np.ascontiguousarray(decode_png(path.read_bytes())[::-1])))

    def state(self) -> Any:
        masks = {str(p): p.read_bytes() for p in sorted(self.dest.rglob("*")) if p.is_file()}
        return self.path.read_bytes(), masks
