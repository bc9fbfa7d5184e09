"""Looking before converting: a dataset is a source of records for each command that reads any."""

import json
from pathlib import Path
from typing import Any

import pytest

import polymask
from polymask import InputError, NotFound, ProofError
from polymask.dataloop.emulator import Emulator, serve
from polymask.report.html import preview
from polymask.storage.remote.connections import is_connected
from tests.conftest import SAMPLE
from tests.dataloop.conftest import png
from tests.dataloop.test_choosing_annotations import by
from tests.dataloop.test_download import ontology, root
from tests.dataloop.world import ACROSS, RING_WITH_HOLE, URL, World, ring, segment

MODEL = {"user": {"model": {"name": "yolo", "confidence": 0.5}}, "system": {}}


def predicted(label: str, *rings: Any) -> dict[str, Any]:
    return {"type": "segment", "label": label, "coordinates": list(rings), "metadata": MODEL}


@pytest.fixture
def sample(world: World) -> World:
    """Three items, two of them in a folder, with polygons of two people and of a model."""
    world.add_item("/a.png", RING_WITH_HOLE)
    world.add_item("/val/b.png", ACROSS, predicted("cat", ring(1, 1, 5, 5)))
    by(world.emulator, world.emulator.annotations()[1]["id"], "bob@example.org")
    world.add_item("/val/c.png")
    return world


def export(world: World, folder: Path) -> Path:
    """What `dataset.export` would give of the dataset."""
    items = [
        item | {"annotations": world.emulator.annotations(item["id"])} for item in world.emulator.items()
    ]
    (folder / "export.json").write_text(json.dumps(items))
    return folder / "export.json"


def seen(statistics: dict[str, Any]) -> dict[str, Any]:
    """The labels that some image has; a dataset's recipe has others too."""
    return {name: counts for name, counts in statistics["labels"].items() if counts["images"]}


def test_a_split_of_a_dataset_is_its_folders(sample: World, tmp_path: Path) -> None:
    """As for files: items of the folder `val` are of it; a split that no folder names is refused."""
    file = export(sample, tmp_path)
    with sample.connected():
        there = polymask.stats(URL, split="val")
        with pytest.raises(InputError, match=r"no split 'train'"):
            polymask.stats(URL, split="train")
        assert list(polymask.compare(URL, file, split="val").images) == ["val/b", "val/c"]
    assert [image.name for image in there.images] == ["val/b.png", "val/c.png"]
    assert there.to_dict()["per_image"] == polymask.stats(file, split="val").to_dict()["per_image"]


def test_stats_of_a_dataset_are_those_of_its_export(sample: World, tmp_path: Path) -> None:
    """Image by image, label by label, with the same choices."""
    file = export(sample, tmp_path)
    for options in ({}, {"predictions": "keep"}, {"creator": "bob@example.org"}, {"where": "val/*"}):
        with sample.connected():
            there = polymask.stats(URL, **options).to_dict()
        here = polymask.stats(str(file), **options).to_dict()
        assert there["per_image"] == here["per_image"]
        assert seen(there) == seen(here)


def test_the_label_map_of_a_dataset_is_its_recipe(sample: World) -> None:
    """And the labels that it does not know."""
    ontology(sample, [root("water"), root("dog")])
    with sample.connected():
        assert polymask.LabelMap.from_source(URL).names == ("water", "dog", "cat")


def test_a_folder_and_a_filter_choose_items(sample: World, tmp_path: Path) -> None:
    """The folder of the URL, and a query of the platform's own."""
    query = tmp_path / "query.json"
    query.write_text('{"filter": {"$and": [{"filename": "/val/b.png"}]}}')
    with sample.connected():
        assert [image.name for image in polymask.stats(f"{URL}/val").images] == ["val/b.png", "val/c.png"]
        assert [image.name for image in polymask.stats(URL, filter=query).images] == ["val/b.png"]
        assert [record.name for record in polymask.read(URL, filter=query)] == ["val/b.png"]


def test_check_finds_what_is_odd_in_a_dataset(sample: World) -> None:
    """As of a file: a polygon that crosses itself, and predictions that are not painted."""
    bowtie = [{"x": x, "y": y} for x, y in ((2, 2), (12, 12), (12, 2), (2, 12))]
    sample.add_item("/d.png", segment("cat", bowtie))
    with sample.connected():
        findings = {(finding.kind, finding.image) for finding in polymask.check(URL)}
    assert ("self-intersection", "d.png") in findings
    assert "not-painted" in {kind for kind, _ in findings}


def test_a_dataset_is_compared_with_masks_that_were_made_of_it(sample: World, tmp_path: Path) -> None:
    """On either side, also with a choice of its annotations, which a file beside it does not have."""
    with sample.connected():
        polymask.convert(URL, tmp_path / "masks")
        assert polymask.compare(URL, tmp_path / "masks").mean_iou == 1
        assert polymask.compare(tmp_path / "masks", URL, predictions="keep").mean_iou < 1
        assert polymask.compare(URL, URL).mean_iou == 1


def test_a_folder_of_masks_is_verified_against_its_dataset(sample: World, tmp_path: Path) -> None:
    """As against a file; what was drawn since is told."""
    with sample.connected():
        polymask.convert(URL, tmp_path / "masks")
        assert polymask.verify(tmp_path / "masks", source=URL).unchanged == 3
        sample.add(sample.emulator.items()[2]["id"], ACROSS)
        with pytest.raises(ProofError, match=r"val/c: \d+ px differ"):
            polymask.verify(tmp_path / "masks", source=URL)


def test_a_preview_shows_the_pictures_of_a_dataset(sample: World, tmp_path: Path) -> None:
    """Downloaded as they are shown."""
    sample.add_item("/p.png", RING_WITH_HOLE, data=png(24, 16))
    with sample.connected():
        made = preview(URL, tmp_path / "report.html")
    assert (len(made.facts), made.pictures) == (4, 4)


def test_what_is_looked_at_is_not_changed(sample: World, tmp_path: Path) -> None:
    """Every command only asks."""
    before = sample.emulator.annotations()
    with sample.connected():
        polymask.stats(URL)
        polymask.check(URL)
        polymask.compare(URL, URL)
        preview(URL, tmp_path / "report.html")
    assert sample.emulator.annotations() == before
    assert not [entry for entry in sample.emulator.audit if entry.changes]


def test_a_size_that_only_the_picture_tells_is_downloaded(sample: World) -> None:
    """Where the metadata of an item have none."""
    item = sample.add_item("/p.png", RING_WITH_HOLE, data=png(24, 16))
    system = sample.emulator.items()[-1]["metadata"]["system"]
    sample.emulator.edit_item(item, metadata={"system": system | {"width": None, "height": None}})
    with sample.connected():
        sizes = {image.name: image.frame for image in polymask.stats(URL).images}
    assert sizes["p.png"] == (16, 24)


def test_a_process_that_looks_does_not_fork(sample: World) -> None:
    """Processes cannot share a connection; once nobody uses it, they may again."""
    with sample.connected():
        records = polymask.read(URL)
        next(records)
        assert is_connected()
        records.close()
    assert not is_connected()


def test_flags_of_files_are_refused_for_a_dataset_and_the_other_way_round(sample: World) -> None:
    """Each with the way out."""
    with sample.connected():
        with pytest.raises(InputError, match=r"--images is for files; leave --images out"):
            polymask.check(URL, images="pictures")
        with pytest.raises(InputError, match="not read as coco; leave --from out"):
            polymask.stats(URL, from_="coco")
    with pytest.raises(InputError, match=r"--filter is for datasets .*; choose images with --where"):
        polymask.stats(SAMPLE, filter="query.json")


def test_names_that_are_not_there_bring_the_nearest(sample: World) -> None:
    """Projects, datasets and folders; the exit code is that of input."""
    for url, advice in (
        ("dataloop://boat/harbor", "did you mean 'boats'?"),
        ("dataloop://boats/harbour", "did you mean 'harbor'?"),
        (f"{URL}/vla", "did you mean 'val'?"),
        ("dataloop://boats/qqq", "there are: harbor"),
    ):
        with sample.connected(), pytest.raises((NotFound, InputError), match="no ") as caught:
            polymask.stats(url)
        assert advice in str(caught.value)
        assert caught.value.exit_code == 2


def test_the_emulator_tells_the_urls_of_its_datasets() -> None:
    """What it was seeded with, as it is typed."""
    with Emulator(seed=SAMPLE, project="my boats") as emulator:
        assert emulator.dataset_urls() == ["dataloop://my%20boats/instances"]


def test_serving_tells_the_url_of_what_it_was_seeded_with() -> None:
    """In the command that it proposes."""
    texts: list[str] = []

    def ready(text: str) -> None:
        texts.append(text)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        serve(seed=SAMPLE, ready=ready)
    assert "    polymask convert dataloop://emulator/instances\n" in texts[0]
