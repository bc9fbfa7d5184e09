"""A customer's day on a dataset, from the first look to the last trace, with the unmodified SDK."""

import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

import polymask
from polymask.report.html import preview
from polymask.training import MaskDataset
from tests.dataloop.conftest import png
from tests.dataloop.test_choosing_annotations import by
from tests.dataloop.test_download import blob, brush, exported, ontology, root
from tests.dataloop.test_remove_masks import plain
from tests.dataloop.world import URL, Json, World, box, ring, segment

ITEMS = int(os.environ.get("POLYMASK_STORY_ITEMS", "60"))  # of ten kinds, a few of each; nightly: 200
ANN, BOB = "ann@example.org", "bob@example.org"
MODEL = {"user": {"model": {"name": "yolo", "confidence": 0.8}}, "system": {"automated": True}}
LABELS = ["cat", "animal", "animal.dog", "boat"]

# Labels lie apart, for masks do not keep the order in which they lie on each other.
HOLED = segment("cat", ring(1.5, 1.5, 9, 9), ring(3, 3, 6, 6), objectId="1")
TWIN = segment("cat", ring(2, 2, 8.5, 8))
NESTED = segment("animal.dog", ring(11, 1.2, 17.7, 8))
FLAGGED = segment("boat", ring(1, 10.5, 7, 15), status="issue")
APPROVED = segment("boat", ring(9, 10, 15, 14.5), status="approved")
PREDICTED = {**segment("animal", ring(18, 1, 23, 6)), "metadata": MODEL}
BRUSHED = brush("boat", blob(18, 10, 23, 15), metadata={"system": {}, "user": {"by": "hand"}})
TURNED = segment("cat", ring(1, 1, 9, 20))


def turned_picture() -> bytes:
    """A picture of 24 × 16 stored pixels that is shown as one of 16 × 24."""
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.new("RGB", (24, 16), "navy").save(buffer, "PNG", exif=exif)
    return buffer.getvalue()


KINDS: Sequence[tuple[str, Sequence[Json], dict[str, Any]]] = (
    ("holes", (HOLED, NESTED), {}),
    ("brushed", (HOLED, BRUSHED), {}),
    ("predicted", (NESTED, PREDICTED), {}),
    ("consensus", (HOLED, TWIN), {}),
    ("flagged", (FLAGGED, NESTED), {}),
    ("approved", (APPROVED, HOLED), {}),
    ("boxed", (box(), NESTED, {"type": "class", "label": "boat", "coordinates": {}}), {}),
    ("turned", (TURNED,), {"data": turned_picture()}),
    ("empty", (), {}),
    ("clip", (segment("cat", ring(1, 1, 5, 5), frame=3),), {"mimetype": "video/mp4"}),
)


@pytest.fixture
def dataset(world: World) -> World:
    """Items of every kind, in two folders; of each kind one is a copy of another, annotations and all."""
    ontology(world, [root("cat"), root("animal", root("dog")), root("boat")])
    for number in range(ITEMS):
        kind, rows, options = KINDS[number % len(KINDS)]
        folder, suffix = ("train", "val")[number % 2], "mp4" if kind == "clip" else "png"
        picture = {} if "mimetype" in options else {"data": png(24, 16)}
        item = world.add_item(f"/{folder}/{kind}-{number:03}.{suffix}", **picture | options)
        made = [world.add(item, row) for row in rows]
        for at, key in enumerate(made):
            by(world.emulator, key, BOB if kind == "consensus" and at else ANN)
    return world


def seen_by_sdk(dl: ModuleType) -> list[str]:
    """Every item and annotation as the SDK downloads it, apart from what the platform gives a new one."""
    dataset = dl.projects.get(project_name="boats").datasets.get(dataset_name="harbor")
    rows = []
    for item in dataset.items.list().all():
        rows.append(json.dumps([item.filename, item.metadata], sort_keys=True))
        for annotation in item.annotations.list():
            row = plain(annotation._platform_dict)
            rows.append(json.dumps([item.filename, row], sort_keys=True))
    return sorted(rows)


def masks_of(folder: Path) -> dict[str, np.ndarray]:
    return {
        path.relative_to(folder).as_posix(): np.array(Image.open(path))
        for path in sorted((folder / "SegmentationClass").rglob("*.png"))
    }


def same(masks: dict[str, np.ndarray], others: dict[str, np.ndarray]) -> bool:
    return masks.keys() == others.keys() and all(np.array_equal(masks[n], others[n]) for n in masks)


def downloaded(world: World, tmp_path: Path, name: str) -> dict[str, np.ndarray]:
    """A VOC folder of the dataset, which must be that of its export, pixel by pixel."""
    options: dict[str, Any] = {"to": "voc", "labels": LABELS}
    polymask.convert(URL, tmp_path / name, copy_images=True, **options)
    file = exported(world, tmp_path / f"{name}.json")
    polymask.convert(file, tmp_path / f"{name}-export", from_="dataloop", **options)
    masks = masks_of(tmp_path / name)
    assert masks
    assert same(masks, masks_of(tmp_path / f"{name}-export"))
    return masks


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_from_the_first_look_to_the_last_trace(
    sdk: ModuleType, dataset: World, tmp_path: Path, journal: Path
) -> None:
    """Look, rehearse, convert, prove, download, learn, put back, take away: the dataset is what it was."""
    world, before = dataset, seen_by_sdk(sdk)
    images = ITEMS - ITEMS // len(KINDS)
    with world.connected():
        counts = polymask.stats(URL, creator=BOB).to_dict()
        assert counts["labels"]["cat"]["instances"] == ITEMS // len(KINDS)
        kinds = {finding.kind for finding in polymask.check(URL)}
        assert {"unsupported", "not-painted"} <= kinds
        assert len(preview(URL, tmp_path / "report.html", limit=10).facts) == images
        first = downloaded(world, tmp_path, "first")
        assert polymask.compare(URL, tmp_path / "first", labels=LABELS).mean_iou == 1

        rehearsed = polymask.convert(URL, delete_source=True, dry_run=True, journal=journal)
        assert seen_by_sdk(sdk) == before
        done = polymask.convert(URL, delete_source=True, journal=journal, workers=4)
        assert (done.deleted, done.written) == (rehearsed.deleted, rehearsed.written)
        assert done.failures == []
        assert len(done.unsupported) == ITEMS // len(KINDS)  # the clips
        assert polymask.verify(URL, journal=journal).failures == []
        again = polymask.convert(URL, delete_source=True, update=True, journal=journal)
        assert (again.deleted, again.written) == (0, 0)

        assert same(downloaded(world, tmp_path, "converted"), first)
        pairs = MaskDataset(tmp_path / "converted" / "JPEGImages", tmp_path / "converted")
        assert len(pairs) == images
        assert all(image.shape[:2] == mask.shape for image, mask in pairs)
        assert np.unique(np.concatenate([mask.ravel() for _, mask in pairs])).tolist() == [0, 1, 3, 4]

        assert polymask.restore(URL, journal=journal, dry_run=True).written == done.deleted
        assert polymask.restore(URL, journal=journal).written == done.deleted
        undone = polymask.remove_masks(URL, journal=journal)
        assert (undone.failures, undone.retracted > 0) == ([], True)
    assert seen_by_sdk(sdk) == before
