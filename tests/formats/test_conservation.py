"""Annotations declared = painted + joined + left out, over all formats and every kind that each knows."""

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polymask import PolymaskError, convert, label_masks
from polymask.formats import FORMATS, Annotations, ReadOptions, open_annotations
from polymask.formats.reading import content
from polymask.formats.reading.linked_files import LinkedFiles
from polymask.ledger import BOX, Ledger
from polymask.storage.remote.urls import located
from tests.formats.kinds import SCENES
from tests.formats.scenes import Images, Scene
from tests.support.formats import FIXTURES, written

DECLARED = {  # records, counted by hand
    "labelme": 4, "dataloop": 4, "cvat": 4, "cvat.zip": 4, "yolo": 3, "via": 3, "via-1": 3, "via-3": 3,
    "supervisely": 3, "labelstudio": 3, "labelstudio-min": 3, "datumaro": 4, "labelbox": 3, "labelbox-v1": 3,
    "labelbox-import": 3, "voc": 3, "voc-rgb": 3, "coco-stuff": 3,
    "coco-panoptic": 3, "rectlabel": 3, "coco-results": 3, "sa1b": 3, "cityscapes": 5, "idd": 4,
    "odd": 2, "shapes": 11, "scale": 3, "scale-nucleus": 3, "scale-segments": 3, "playment": 3,
    "playment-raster": 3, "rectlabel-xml": 3, "bsds": 3, "waymo": 3, "geojson": 3,
    "mapillary": 3, "bdd100k": 3, "bdd100k-old": 3, "darwin": 3, "darwin-1": 3, "encord": 3, "isat": 4,
    "imagej": 3, "dicom": 4, "labelme-xml": 4, "via-csv": 3, "via-csv-3": 4, "camvid": 3, "camvid-kaggle": 3,
    "masks": 3, "segmentsai": 3,
}  # fmt: skip


def becomes(scene: Scene, images: Images, *, boxes: bool) -> Counter[str]:
    """What the annotations of the images become, by the table."""
    found: Counter[str] = Counter()
    for kinds in images:
        which = [one if isinstance(one := scene.outcomes[kind], str) else one[boxes] for kind in kinds]
        if "spoils" in which:
            which = ["invalid"] * len(which)
        which = [outcome for outcomes in which for outcome in outcomes.split()]
        found.update(outcome for outcome in which if outcome not in ("grouped", "once"))
        if grouped := which.count("grouped"):
            found += Counter(painted=1, joined=grouped - 1)
        found["painted"] += len({kind for kind in kinds if scene.outcomes[kind] == "once"})
        found[scene.besides] += bool(scene.besides)
    return +found


def counted(ledger: Ledger | None) -> Counter[str]:
    """What a ledger counts, by kind."""
    assert ledger
    kinds: Counter[str] = Counter(painted=ledger.instances, joined=ledger.joined)
    for reason, count in ledger.omitted.items():
        kinds[reason.kind] += count
    return +kinds


def opened(scene: Scene, path: Path, folder: Path, *, boxes: bool) -> Annotations:
    images = located(folder / scene.options["images"]) if "images" in scene.options else None
    masks = LinkedFiles(folder / scene.options["masks"]) if "masks" in scene.options else None
    options = ReadOptions(skip_invalid=True, boxes=boxes, images=images, masks=masks)
    return open_annotations(path, format=scene.options.get("from_"), options=options)


def test_every_format_has_its_kinds() -> None:
    """A format without a table of its kinds is not proven to lose nothing."""
    assert {scene.format for scene in SCENES.values()} == set(FORMATS)


@pytest.mark.parametrize("folder", DECLARED)
def test_the_fixtures_declare_what_was_counted_by_hand(folder: str) -> None:
    """Nothing of a real-looking file goes uncounted."""
    path = FIXTURES / folder / "instances.json" if folder in ("odd", "shapes") else FIXTURES / folder
    ledger = open_annotations(path).ledger
    assert ledger
    assert ledger.declared == DECLARED[folder] == sum(counted(ledger).values())


@pytest.mark.parametrize("boxes", [False, True])
@pytest.mark.parametrize("name", SCENES)
def test_each_kind_becomes_what_the_table_says(name: str, boxes: bool, tmp_path: Path) -> None:
    """One image with each kind once, read as it is and with boxes painted."""
    scene = SCENES[name]
    for at, kind in enumerate(scene.outcomes):
        folder = tmp_path / str(at)
        folder.mkdir()
        images = [[kind, kind]]
        annotations = opened(scene, scene.write(folder, images), folder, boxes=boxes)
        assert annotations.format == scene.format
        assert counted(annotations.ledger) == becomes(scene, images, boxes=boxes), kind


BOXES = {  # pixels that a box of the scene paints
    "scale": ("box", 9), "nucleus": ("box", 9), "playment": ("rectangle", 16), "rectlabel": ("box", 6),
    "labelme-xml": ("box", 16), "darwin": ("box", 9), "bdd100k": ("box", 6), "bdd100k older": ("box", 6),
    "encord": ("box", 24), "datumaro": ("bbox", 16), "supervisely": ("rectangle", 16),
    "labelbox": ("box", 16), "labelbox v1": ("box", 16), "labelbox import": ("box", 16),
    "coco": ("box", 16), "sa1b": ("box", 16), "dataloop": ("box", 16),
}  # fmt: skip


@pytest.mark.parametrize("name", BOXES)
def test_boxes_are_rectangles_where_they_are_asked_for(name: str, tmp_path: Path) -> None:
    """As large as they were drawn."""
    (kind, pixels), scene = BOXES[name], SCENES[name]
    (record,) = opened(scene, scene.write(tmp_path, [[kind]]), tmp_path, boxes=True)
    assert sum(int(mask.mask.sum()) for mask in label_masks(record)) == pixels


def _images(name: str) -> Any:
    return st.lists(
        st.lists(st.sampled_from(list(SCENES[name].outcomes)), max_size=6), min_size=1, max_size=3
    )


@pytest.mark.parametrize("name", SCENES)
@settings(max_examples=25)
@given(data=st.data())
def test_what_is_declared_is_painted_or_listed(name: str, data: st.DataObject) -> None:
    """Whatever kinds images hold: the ledger, the instances that are read, and the run's report agree."""
    scene, images, boxes = SCENES[name], data.draw(_images(name)), data.draw(st.booleans())
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        path = scene.write(folder, images)
        annotations = opened(scene, path, folder, boxes=boxes)
        expected = becomes(scene, images, boxes=boxes)
        assert counted(annotations.ledger) == expected
        assert sum(len(record.instances) for record in annotations) == expected["painted"]
        where = data.draw(st.sampled_from([(), ("*i0*", "0")]))
        report = convert(
            path,
            folder / "out",
            dry_run=True,
            skip_invalid=True,
            boxes=boxes,
            crowd=data.draw(st.sampled_from(["keep", "void", "skip"])),
            where=where,
            **{key: value if key == "from_" else folder / value for key, value in scene.options.items()},
        )
        assert not report.failures
        assert report.declared == sum(expected.values())
        assert report.declared == report.painted + report.joined + report.left_out.total()
        assert bool(report.nothing_painted or report.unsupported) == (report.exit_code == 1)


@pytest.mark.parametrize("skip", [["polygon", "box", "no such image"], ["a number"], []])
def test_a_large_coco_file_is_counted_as_a_small_one(
    skip: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read by parts, by an index that is made, and by one that was kept; what is painted has a shape."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    scene = SCENES["coco"]
    images = [[kind for kind in scene.outcomes if kind not in skip], ["box"] * 3, []]
    path = scene.write(tmp_path, images)
    monkeypatch.setattr(content, "LARGE", 1)
    for boxes in (False, True):
        for _ in range(2):
            annotations = opened(scene, path, tmp_path, boxes=boxes)
            expected = becomes(scene, images, boxes=boxes)
            assert counted(annotations.ledger) == expected
            instances = [instance for record in annotations for instance in record.instances]
            assert len(instances) == expected["painted"]
            assert all(instance.shape != () for instance in instances)


SPOILED = {
    "labelme": '{"shapes": [{}, {}, 3], "imagePath": "b.png", "imageHeight": 0.5, "imageWidth": 4}',
    "dataloop": '{"filename": "b.png", "metadata": {"system": {"width": 0.5, "height": 1}}, '
    '"annotations": [1, 2, 3]}',
    "sa1b": '{"image": {"image_id": 1, "file_name": "", "height": 1, "width": 1}, '
    '"annotations": [{}, {}, {}]}',
    "supervisely": '{"size": {"height": 0.5, "width": 1}, "objects": [{}, {}], "tags": [{}]}',
    "isat": '{"info": {"name": "b.png", "width": 0.5, "height": 1}, "objects": [{}, {}, 3]}',
    "mapillary": '{"width": 0.5, "height": 1, "objects": [{}, {}, 3]}',
    "geojson": '{"type": "FeatureCollection", "crs": {}, "features": [{}, {}, 3]}',
    "darwin": '{"item": {"name": "b.png", "slots": [{"width": 0.5, "height": 1}]}, '
    '"annotations": [{}, {}, 3, {"raster_layer": {}}]}',
    "cityscapes": '{"imgHeight": 0.5, "imgWidth": 4, "objects": [{"label": "car"}, {}, 3]}',
}


@pytest.mark.parametrize("name", SPOILED)
def test_what_an_image_that_is_refused_declares_is_counted(name: str, tmp_path: Path) -> None:
    """A page that cannot be used takes its three annotations with it, and they are told of."""
    scene = SCENES[name]
    kinds = [next(iter(scene.outcomes))]
    path = scene.write(tmp_path, [kinds])
    sample = next(file for file in path.rglob("*json"))
    written(sample.with_name(sample.name.replace("i0", "j1")), SPOILED[name])
    ledger = opened(scene, path, tmp_path, boxes=False).ledger
    assert counted(ledger) == {"painted": 1, "invalid": 3}


def test_a_sum_that_does_not_add_up_is_no_result() -> None:
    """A reader that drops an annotation is found at the first file."""
    with pytest.raises(PolymaskError, match="3 annotations are declared, but 2 are accounted for"):
        Ledger().add_image(declared=3, instances=1, left_out={BOX.reason: 1})
    with pytest.raises(PolymaskError, match="2 annotations are declared, but 1 are accounted for"):
        Ledger().close(declared=2, instances=[1], invalid=0)
