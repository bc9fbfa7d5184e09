"""A dataset into a folder: the same as its export on disk, pixel by pixel, before and after a deletion."""

import base64
import json
from collections.abc import Callable, Iterator
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import polymask
from polymask import FormatError, InputError, label_masks
from polymask.codecs.png import decode_rgba, encode_rgba
from polymask.dataloop.jobs import run, verification
from polymask.dataloop.jobs.download import annotations_of
from polymask.dataloop.sink import png_of
from polymask.formats import Annotations, ReadOptions, open_annotations
from polymask.formats.reading.annotation_choice import Choice
from polymask.in_place.job import ProvenOptions
from polymask.layouts.dataloop import PREFIX
from tests.conftest import SAMPLE
from tests.dataloop.conftest import png
from tests.dataloop.world import (
    ACROSS,
    HEIGHT,
    RING_WITH_HOLE,
    URL,
    WIDTH,
    Json,
    World,
    box,
    expected,
    ring,
    segment,
)
from tests.support.oracles import drawn

PICTURES: Json = {"filter": {"$and": [{"hidden": False}, {"type": "file"}]}}


def brush(label: str, mask: np.ndarray, **more: Any) -> Json:
    """A mask that somebody brushed."""
    url = PREFIX + base64.b64encode(encode_rgba(mask, (9, 9, 9))).decode()
    return {"type": "binary", "label": label, "coordinates": url, **more}


def blob(left: int, top: int, right: int, bottom: int) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[top:bottom, left:right] = True
    return mask


def read(world: World, url: str = URL, **options: Any) -> Annotations:
    """The dataset as annotations, over the wire."""
    with world.connected():
        dataset = run.open_dataset(url)
        found = annotations_of(dataset, ReadOptions(**options))
        _ = list(found)  # whatever is asked of the service is asked now
        return found


def exported(world: World, path: Path, dataset_id: str | None = None) -> Path:
    """The platform's own export of the dataset."""
    dataset_id = dataset_id or world.dataset["id"]
    with world.connected():
        client = run.connect()
        body = {"exportType": "json", "itemsQuery": PICTURES, "annotations": {"include": True}}
        command = client.call("POST", f"/datasets/{dataset_id}/export", body, safe=True)
        path.write_bytes(client.stream(command["spec"]["outputItemId"]))
    return path


def masks_of(annotations: Annotations) -> dict[tuple[str, str], list[list[bool]]]:
    """Every label's mask in every image; (image, "") stands for the image itself."""
    found: dict[tuple[str, str], Any] = {(record.name, ""): record.frame for record in annotations}
    for record in annotations:
        for one in label_masks(record):
            if one.mask.any():
                found[record.name, one.label] = one.mask.tolist()
    return found


def test_polygons_brushes_and_empty_items_are_painted(world: World) -> None:
    """A brush mask is an instance, an item without annotations an image; boxes are counted."""
    world.add_item("/a.png", RING_WITH_HOLE, brush("dog", blob(10, 2, 13, 5)), box())
    world.add_item("/brushed.png", brush("dog", blob(0, 0, 3, 2)))
    world.add_item("/empty.png")
    found = read(world)
    assert list(found.names) == ["a.png", "brushed.png", "empty.png"]
    assert (found.used, found.unsegmented) == ({"cat": 1, "dog": 2}, 1)
    masks = masks_of(found)
    assert masks["a.png", "dog"] == blob(10, 2, 13, 5).tolist()
    assert masks["a.png", "cat"] == expected([RING_WITH_HOLE])["cat"].tolist()
    assert masks["brushed.png", "dog"] == blob(0, 0, 3, 2).tolist()


def test_after_a_deletion_a_training_set_has_all_images_and_masks(
    world: World, journal: Path, tmp_path: Path
) -> None:
    """Converting in place, deleting the polygons, and converting to a folder gives what the polygons gave."""
    world.add_item("/a.png", RING_WITH_HOLE, ACROSS)
    world.add_item("/b.png", ACROSS)
    world.add_item("/empty.png")
    with world.connected():
        before = polymask.convert(URL, tmp_path / "before")
    assert world.convert(journal).deleted == 3
    assert world.of_type("segment") == []
    with world.connected():
        after = polymask.convert(URL, tmp_path / "after")
    assert (before.images, after.images, after.exit_code) == (3, 3, 0)
    assert after.labels == before.labels
    for name in ("a", "b", "empty"):
        first, second = (tmp_path / when / f"masks/{name}.png" for when in ("before", "after"))
        assert first.read_bytes() == second.read_bytes()


def test_a_mask_beside_its_polygons_changes_nothing(world: World, journal: Path) -> None:
    """Where all its polygons are there, they are painted, in their order; the mask is listed as left out."""
    world.add_item("/a.png", ACROSS, RING_WITH_HOLE, segment("dog", ring(2, 2, 7, 7)))
    before = read(world)
    world.convert(delete_source=False)
    after = read(world)
    assert [one.instances for one in after] == [one.instances for one in before]
    assert [one.reason.partition(": ")[2] for one in after.unchosen] == [
        "a mask of ours whose polygons are all there"
    ] * 2


@pytest.mark.parametrize("delete_source", [False, True])
@pytest.mark.parametrize("edit", ["brush", "relabel"])
def test_what_somebody_did_to_a_mask_of_ours_is_painted(
    world: World, journal: Path, tmp_path: Path, edit: str, *, delete_source: bool
) -> None:
    """In the dataset and in its export; a note tells, and the mask as it was before is not painted."""
    world.add_item("/a.png", RING_WITH_HOLE)
    world.convert(journal, delete_source=delete_source)
    (mask,) = world.of_type("binary")
    more = blob(20, 10, 23, 14)
    change = {"label": "dog"}
    if edit == "brush":
        change = {"coordinates": brush("cat", more | decode_rgba(png_of(mask)))["coordinates"]}
    world.emulator.edit_annotation(mask["id"], **change)
    for found in (read(world), open_annotations(exported(world, tmp_path / "export.json"))):
        label = change.get("label", "cat")
        wanted = expected([RING_WITH_HOLE])["cat"] | (more if edit == "brush" else False)
        assert masks_of(found)["a.png", label] == wanted.tolist()
        assert any("somebody brushed or relabeled" in note for note in found.notes)
        assert list(found.unchosen) == []


def test_an_image_is_told_by_its_type(world: World, tmp_path: Path) -> None:
    """One snapshot and an end frame, as the platform writes them for pictures, make no video of one."""
    snapshots = [{"frame": 0, "fixed": True, "label": "cat", "objectVisible": True}]
    still = segment(
        "cat", ring(1, 1, 5, 5), frame=0, endFrame=1, startTime=0, endTime=1, snapshots_=snapshots
    )
    world.add_item("/a.png", still)
    world.add_item("/b.mp4", ACROSS, mimetype="video/mp4")
    world.add_item("/c.mp4", mimetype="video/mp4")
    for found in (read(world), open_annotations(exported(world, tmp_path / "export.json"))):
        assert (list(found.names), found.used) == (["a.png"], {"cat": 1})
        assert [one.name for one in found.unsupported] == ["b.mp4"]
        assert [one.name for one in found.images_left_out] == ["b.mp4", "c.mp4"]
    report = world.convert(tmp_path / "journal")
    assert (report.deleted, [one.name for one in report.unsupported]) == (1, ["b.mp4"])


def test_what_is_unsupported_or_left_out_is_reported(world: World, tmp_path: Path) -> None:
    """Annotations of videos make the run exit 1; items that are no pictures are noted."""
    world.add_item("/a.png", ACROSS)
    world.add_item("/b.mp4", ACROSS, mimetype="video/mp4")
    with world.connected():
        report = polymask.convert(URL, tmp_path / "out")
        part = polymask.convert(URL, tmp_path / "part", where=["a*"])
    assert [one.name for one in report.unsupported] == ["b.mp4"]
    assert "b.mp4: left out: no picture (video/mp4)" in report.notes
    assert (part.unsupported, part.notes) == ([], [])


def test_items_with_nothing_to_paint_can_be_unchosen(world: World, tmp_path: Path) -> None:
    """Those without annotations, and those of which none is taken; each is noted."""
    world.add_item("/a.png", ACROSS)
    world.add_item("/boxed.png", box())
    world.add_item("/empty.png")
    for source in (None, exported(world, tmp_path / "export.json")):
        with world.connected():
            dest = tmp_path / ("file" if source else "live")
            report = polymask.convert(source or URL, dest, annotated_only=True)
        assert report.images == 1
        assert report.notes == [
            f"{name}: left out: nothing to paint (--annotated-only)" for name in ("boxed.png", "empty.png")
        ]


def ontology(world: World, roots: list[Json]) -> None:
    """Give the dataset's recipe these labels."""
    with world.connected():
        client = run.connect()
        recipe = client.call(
            "GET", f"/recipes/{world.dataset['metadata']['system']['recipes'][0]}", safe=True
        )
        client.call("PUT", f"/ontologies/{recipe['ontologyIds'][0]}", {"roots": roots}, safe=True)


def root(tag: str, *children: Json, **value: Any) -> Json:
    return {"value": {"tag": tag, "color": "#102030", **value}, "children": list(children)}


def test_the_label_map_is_the_whole_recipe_in_its_order(world: World) -> None:
    """Nested labels, used or not, and those without a color; unknown ones come after, by name."""
    ontology(world, [root("water"), root("animal", root("dog"), root("cat", color=None)), root("boat")])
    world.add_item("/train/a.png", segment("animal.cat", ring(1, 1, 4, 4)), segment("zoo", ring(6, 6, 9, 9)))
    world.add_item("/val/b.png", segment("animal.dog", ring(1, 1, 4, 4)), segment("ash", ring(6, 6, 9, 9)))
    known = ["water", "animal", "animal.dog", "animal.cat", "boat"]
    assert [name for name, _ in read(world, f"{URL}/train").categories] == [*known, "zoo"]
    assert [name for name, _ in read(world, f"{URL}/val").categories] == [*known, "ash"]


def test_malformed_annotations_are_refused_or_unchosen(world: World) -> None:
    """As in an export: with the item and the place, and --skip-invalid as the way out."""
    world.add_item("/sub/a.png", ACROSS, segment("cat", [{"x": 1, "y": 1}]))
    with pytest.raises(FormatError, match=r"sub/a\.png: \$\.annotations\[1\]\.coordinates: .*--skip-invalid"):
        read(world)
    found = read(world, skip_invalid=True)
    assert (found.used, len(found.skipped)) == ({"dog": 1}, 1)


def test_a_frame_that_nobody_tells_is_that_of_the_picture(world: World) -> None:
    """Sides that are missing or no number are looked up; a mask of another size is refused then."""
    item = world.add_item("/a.png", ACROSS, data=png(8, 6))
    world.emulator.edit_item(item, metadata={"system": {"width": "8", "height": None}})
    assert next(iter(read(world))).frame == (6, 8)
    world.add(item, brush("dog", blob(0, 0, 2, 2)))
    with pytest.raises(FormatError, match=r"a mask of \(16, 24\) px in an image of \(6, 8\)"):
        read(world)


def test_only_what_is_opaque_is_in_a_mask(world: World) -> None:
    """Alpha above 127, as the SDK has it; what is fainter is background."""
    pixels = np.zeros((2, 3, 4), np.uint8)
    pixels[0, :, 3] = (255, 128, 127)
    data = BytesIO()
    Image.fromarray(pixels).save(data, "PNG")
    url = PREFIX + base64.b64encode(data.getvalue()).decode()
    world.add_item("/a.png", {"type": "binary", "label": "cat", "coordinates": url}, width=3, height=2)
    assert masks_of(read(world))["a.png", "cat"] == drawn("##.", "...").astype(bool).tolist()


def test_a_mistyped_folder_is_told_with_the_nearest(world: World, tmp_path: Path) -> None:
    """Nothing lies there, so nothing is written; exit 2."""
    world.add_item("/folder/deep/a.png", ACROSS)
    world.add_item("/other/b.png", ACROSS)
    tries: list[Callable[[], Any]] = [
        lambda: polymask.convert(f"{URL}/foldr", tmp_path / "out"),
        lambda: polymask.convert(f"{URL}/foldr"),
        lambda: verification.verify_dataset(f"{URL}/foldr"),
        lambda: polymask.convert(SAMPLE, f"{URL}/foldr"),
    ]
    for attempt in tries:
        with world.connected(), pytest.raises(InputError) as caught:
            attempt()
        assert str(caught.value) == (
            "no item lies in the folder 'foldr' of the dataset; did you mean 'folder'? "
            "There are: folder, folder/deep, other"
        )
    with world.connected():
        assert polymask.convert(f"{URL}/folder", tmp_path / "out").images == 1
    assert not world.writes()


def test_a_picture_of_another_size_is_told(world: World) -> None:
    """With check_images, every picture is downloaded and compared."""
    item = world.add_item("/a.png", ACROSS, data=png(8, 6))
    world.emulator.edit_item(item, metadata={"system": {"width": 9, "height": 6}})
    with world.connected():
        found = annotations_of(run.open_dataset(URL), ReadOptions(), check_images=True)
        with pytest.raises(InputError, match="shown as 6 × 8 px, its metadata say 6 × 9"):
            found.decode(0)


# ---- the law of equality, over whatever an item may hold ----

UNHURRIED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
LABELS = st.sampled_from(["cat", "dog", "animal.dog", "été"])
SIDES = st.tuples(st.integers(0, 10), st.integers(0, 8), st.integers(1, 12), st.integers(1, 8))
MODEL = {"name": "yolo", "confidence": 0.4}


@st.composite
def annotations(draw: Any) -> Json:
    """An annotation of any kind, of anybody's."""
    kind = draw(st.sampled_from(["segment", "segment", "binary", "box", "point", "class", "note"]))
    left, top, width, height = draw(SIDES)
    whole = ring(left + 0.3, top, left + width + 0.3, top + height)
    hole = ring(left + 1, top + 1, left + width - 0.5, top + height - 0.5)
    row = {
        "segment": segment(draw(LABELS), whole, *[hole][: draw(st.integers(0, 1))]),
        "binary": brush(draw(LABELS), blob(left, top, left + width, top + height)),
        "box": box(),
        "point": {"type": "point", "label": "cat", "coordinates": {"x": 3, "y": 4}},
        "class": {"type": "class", "label": "cat", "coordinates": None},
        "note": {"type": "note", "label": "cat", "coordinates": {"box": [], "note": {}}},
    }[kind]
    system = {"status": draw(st.sampled_from([None, "issue", "approved"]))}
    if draw(st.booleans()):
        system |= {"frame": 0, "endFrame": 1, "snapshots_": [{"frame": 0}]}
    user = {"model": MODEL} if draw(st.integers(0, 3)) == 0 else {}
    metadata = row.get("metadata", {})
    old = metadata.get("system", {}), metadata.get("user", {})
    return row | {"metadata": {"system": old[0] | system, "user": old[1] | user}}


ITEMS = st.lists(
    st.tuples(
        st.sampled_from(["image/png", "image/png", "video/mp4", None]), st.lists(annotations(), max_size=5)
    ),
    max_size=4,
)
CHOICES = st.builds(
    Choice,
    predictions=st.sampled_from(["skip", "keep", "only"]),
    status=st.sampled_from([(), ("approved",), ("none", "issue")]),
    annotated_only=st.booleans(),
)


class Fresh(World):
    """One dataset after another in the emulator of a world."""

    numbers = count()

    def __init__(self, world: World) -> None:
        self.__dict__.update(world.__dict__)
        self.originals = {}
        self.name = f"d{next(self.numbers)}"
        self.dataset = world.emulator.add_dataset(world.project["id"], self.name)

    @property
    def url(self) -> str:
        return f"dataloop://boats/{self.name}"


def filled(world: World, items: list[Any]) -> Fresh:
    fresh = Fresh(world)
    for number, (mimetype, rows) in enumerate(items):
        name = f"/{number}.mp4" if mimetype == "video/mp4" else f"/{number}.png"
        fresh.add_item(name, *rows, mimetype=mimetype)
    return fresh


def both(fresh: Fresh, path: Path, choice: Choice) -> Iterator[Annotations]:
    yield read(fresh, fresh.url, choice=choice)
    if fresh.emulator.items(fresh.dataset["id"]):
        yield open_annotations(
            exported(fresh, path, fresh.dataset["id"]), format="dataloop", options=ReadOptions(choice=choice)
        )


def facts(one: Annotations) -> Any:
    return (
        list(one.names),
        masks_of(one),
        dict(one.used),
        one.unsegmented,
        one.unsupported,
        one.unchosen,
        one.images_left_out,
        sorted(one.notes),
        [record.instances for record in one],
    )


@given(items=ITEMS, choice=CHOICES)
@settings(max_examples=20, suppress_health_check=UNHURRIED)
def test_a_dataset_is_its_export_pixel_by_pixel(
    world: World, tmp_path: Path, items: list[Any], choice: Choice
) -> None:
    """As it is, with our masks beside its polygons, and after they are deleted; and every row is told of."""
    fresh = filled(world, items)
    options = ProvenOptions(choice=Choice(predictions=choice.predictions, status=choice.status))
    for deletes in (None, False, True):
        if deletes is not None:
            with fresh.connected():
                chosen = ProvenOptions(choice=options.choice, delete_source=deletes)
                run.convert_in_place(fresh.url, chosen, journal=tmp_path / fresh.name)
        live, *others = both(fresh, tmp_path / f"{fresh.name}.json", choice)
        for other in others:
            assert facts(live) == facts(other)
        declared = sum(
            len(fresh.emulator.annotations(one["id"])) for one in fresh.emulator.items(fresh.dataset["id"])
        )
        # an image that is left out paints nothing, so all its annotations are among the listed ones
        listed = live.unsegmented + len(live.unsupported) + len(live.unchosen) + len(live.skipped)
        assert declared == sum(live.used.values()) + listed


@given(items=ITEMS)
@settings(max_examples=10, suppress_health_check=UNHURRIED)
def test_deleting_polygons_leaves_every_label_its_pixels(
    world: World, tmp_path: Path, items: list[Any]
) -> None:
    """What a folder gets of a dataset, label by label, is the same before and after --delete-source."""
    fresh = filled(world, items)
    before = masks_of(read(fresh, fresh.url))
    with fresh.connected():
        run.convert_in_place(fresh.url, ProvenOptions(delete_source=True), journal=tmp_path / fresh.name)
    assert masks_of(read(fresh, fresh.url)) == before


def test_export_and_dataset_give_the_same_folder(world: World, tmp_path: Path) -> None:
    """With the label map of the one, the other's masks have the same bytes."""
    ontology(world, [root("dog"), root("cat")])
    world.add_item("/a.png", RING_WITH_HOLE, ACROSS, brush("cat", blob(15, 1, 22, 9)))
    export = exported(world, tmp_path / "export.json")
    with world.connected():
        polymask.convert(URL, tmp_path / "live")
    polymask.convert(export, tmp_path / "file", labels=tmp_path / "live/labels.json")
    first, second = (
        json.loads((tmp_path / name / "manifest.jsonl").read_text()) for name in ("live", "file")
    )
    assert first == second
