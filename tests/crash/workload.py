"""Three images of some labels to convert and delete, and what must be true of them at any moment."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from polymask import convert
from polymask.codecs.png import decode_png
from polymask.conversion.dest.deletion_journal import BACKUP, JOURNAL
from tests.conftest import square, tree

LAYOUTS = ("index", "binary")
LABELS = ("cat", "dog", "cow", "background", "__ignore__")
FRAME = (12, 16)
SOURCE, DEST = "instances.json", "out"
CANARIES = ("canary.txt", "neighbor/canary.txt")


def document() -> dict[str, Any]:
    """A COCO document whose polygons overlap, with some that no mask shows, and one that is no polygon."""
    annotations: list[dict[str, Any]] = [
        {"id": 10 * image + label, "image_id": image, "category_id": label, "iscrowd": 0}
        | {"segmentation": [square(1 + 3 * label, image + label, 4)]}
        for image in (1, 2, 3)
        for label in (1, 2, 3)
    ]
    for key, label, ring in ((71, 4, square(0, 0, 3)), (72, 5, square(12, 8, 3)), (73, 1, square(60, 60, 4))):
        annotations.append({"id": key, "image_id": 2, "category_id": label, "segmentation": [ring]})
    annotations.insert(0, {"id": 74, "image_id": 1, "category_id": 1, "segmentation": [square(8, 4, 1)]})
    annotations.append({"id": 99, "image_id": 1, "category_id": 1, "bbox": [1, 1, 2, 2]})
    return {
        "images": [
            {"id": n, "file_name": f"{n}.jpg", "height": FRAME[0], "width": FRAME[1]} for n in (1, 2, 3)
        ],
        "categories": [{"id": number, "name": name} for number, name in enumerate(LABELS, 1)],
        "annotations": annotations,
    }


def write_source(folder: Path) -> Path:
    path = folder / SOURCE
    path.write_text(json.dumps(document(), indent=1))
    return path


def shown(annotations: list[dict[str, Any]], layout: str) -> set[int]:
    """The ids of the polygons of which a mask shows a pixel as their label's, painted without polymask."""
    masks = {annotation["image_id"]: np.zeros(FRAME, np.uint8) for annotation in annotations}
    areas = []
    for annotation in filter(is_polygon, annotations):
        (x0, y0, _, _, x1, y1, _, _) = annotation["segmentation"][0]
        area = np.zeros(FRAME, bool)
        area[y0:y1, x0:x1] = True
        masks[annotation["image_id"]][area] = annotation["category_id"]
        areas.append((annotation, area))
    return {
        annotation["id"]
        for annotation, area in areas
        if LABELS[annotation["category_id"] - 1] in ("cat", "dog", "cow")
        and (
            area & (masks[annotation["image_id"]] == annotation["category_id"]) if layout == "index" else area
        ).any()
    }


def is_polygon(annotation: dict[str, Any]) -> bool:
    return bool(annotation.get("segmentation"))


@dataclass(frozen=True)
class Golden:
    """What an undisturbed run leaves: the folder without its journal, and the source's bytes."""

    files: dict[str, bytes]
    before: bytes
    after: bytes
    masks: dict[str, Any] = field(repr=False)


@cache
def golden(layout: str) -> Golden:
    with TemporaryDirectory() as place:
        source = write_source(Path(place))
        before = source.read_bytes()
        convert(source, Path(place) / DEST, to=layout, delete_source=True)
        files = files_of(Path(place) / DEST)
        return Golden(files, before, source.read_bytes(), masks_of(files))


def files_of(dest: Path) -> dict[str, bytes]:
    """All files below a destination but the journal, whose lines tell of what was tried."""
    return {name: data for name, data in tree(dest).items() if name != JOURNAL}


def masks_of(files: dict[str, bytes]) -> dict[str, Any]:
    return {name: decode_png(data) for name, data in files.items() if name.endswith(".png")}


def mask_name(layout: str, annotation: dict[str, Any]) -> str:
    image = f"masks/{annotation['image_id']}"
    return f"{image}.png" if layout == "index" else f"{image}/{LABELS[annotation['category_id'] - 1]}.png"


class Scene:
    """A folder with the source, room for the destination, and canaries beside them."""

    def __init__(self, folder: Path, layout: str) -> None:
        self.folder, self.layout = folder, layout
        self.source, self.dest = folder / SOURCE, folder / DEST
        self.golden = golden(layout)
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        for name in CANARIES:
            path = self.folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text("sings")
        write_source(self.folder)

    @property
    def convert(self) -> tuple[object, ...]:
        return ("convert", self.source, self.dest, "--to", self.layout, "--delete-source", "--quiet")

    @property
    def restore(self) -> tuple[object, ...]:
        return ("restore", self.dest)

    def has_deleted(self) -> bool:
        """Whether a run has taken polygons out of the source."""
        return len(json.loads(self.source.read_bytes())["annotations"]) < len(document()["annotations"])

    def lost(self) -> list[int]:
        """Polygons that are neither in the source nor both backed up and in a mask that shows them, now."""
        left = {a["id"]: a for a in json.loads(self.source.read_bytes())["annotations"]}
        kept, seen = list(self._backed_up()), shown(document()["annotations"], self.layout)
        return [
            one["id"]
            for one in document()["annotations"]
            if left.get(one["id"]) != one and not (one["id"] in seen and one in kept and self._painted(one))
        ]

    def _backed_up(self) -> Iterator[dict[str, Any]]:
        for path in (self.dest / BACKUP).glob("*.json"):
            yield from json.loads(path.read_bytes())["annotations"]

    def _painted(self, annotation: dict[str, Any]) -> bool:
        name = mask_name(self.layout, annotation)
        path = self.dest / name
        return path.exists() and np.array_equal(decode_png(path.read_bytes()), self.golden.masks[name])

    def doubled(self) -> list[str]:
        """Images that the manifest names twice, and annotations that are in the source twice."""
        manifest = self.dest / "manifest.jsonl"
        lines = manifest.read_text().splitlines() if manifest.exists() else []
        names = Counter(json.loads(line)["name"] for line in lines)
        ids = Counter(str(a["id"]) for a in json.loads(self.source.read_bytes())["annotations"])
        return [name for name, count in (names + ids).items() if count > 1]

    def differences(self, *, restored: bool = False) -> list[str]:
        """What is not as an undisturbed run leaves it; leftovers of work in progress too."""
        found = files_of(self.dest) if self.dest.exists() else {}
        wrong = [
            n
            for n in sorted(found.keys() | self.golden.files.keys())
            if found.get(n) != self.golden.files.get(n)
        ]
        source = self.golden.before if restored else self.golden.after
        wrong += [SOURCE] if self.source.read_bytes() != source else []
        wrong += [str(path) for path in self.folder.rglob("*.tmp")]
        return wrong + self.strays()

    def strays(self) -> list[str]:
        """What is outside the destination and was not there before."""
        wanted = {SOURCE, *CANARIES}
        there = {name for name in tree(self.folder) if not name.startswith(f"{DEST}/")}
        silent = [name for name in CANARIES if (self.folder / name).read_text() != "sings"]
        temporary = {name for name in there if name.endswith(".tmp")}
        return silent + sorted((there - wanted - temporary) | (wanted - there))
