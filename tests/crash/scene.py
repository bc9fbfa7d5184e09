"""Three images of three labels to convert and delete, and what must be true of them at any moment."""

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
from polymask.png import decode_png
from tests.conftest import square, tree

LAYOUTS = ("index", "binary")
LABELS = ("cat", "dog", "cow")
SOURCE, DEST = "instances.json", "out"
CANARIES = ("canary.txt", "neighbor/canary.txt")


def document() -> dict[str, Any]:
    """A COCO document whose polygons overlap, and one annotation that is no polygon."""
    annotations: list[dict[str, Any]] = [
        {"id": 10 * image + label, "image_id": image, "category_id": label, "iscrowd": 0}
        | {"segmentation": [square(1 + 3 * label, image + label, 4)]}
        for image in (1, 2, 3)
        for label in (1, 2, 3)
    ]
    annotations.append({"id": 99, "image_id": 1, "category_id": 1, "bbox": [1, 1, 2, 2]})
    return {
        "images": [{"id": n, "file_name": f"{n}.jpg", "height": 12, "width": 16} for n in (1, 2, 3)],
        "categories": [{"id": number, "name": name} for number, name in enumerate(LABELS, 1)],
        "annotations": annotations,
    }


def write_source(folder: Path) -> Path:
    path = folder / SOURCE
    path.write_text(json.dumps(document(), indent=1))
    return path


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
    return {name: data for name, data in tree(dest).items() if name != "journal.jsonl"}


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

    def lost(self) -> list[int]:
        """Polygons that are neither in the source nor both backed up and in a mask, now."""
        left = {a["id"]: a for a in json.loads(self.source.read_bytes())["annotations"]}
        kept = list(self._backed_up())
        return [
            one["id"]
            for one in document()["annotations"]
            if left.get(one["id"]) != one and not (one in kept and self._painted(one))
        ]

    def _backed_up(self) -> Iterator[dict[str, Any]]:
        for path in (self.dest / "backup").glob("*.json"):
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
