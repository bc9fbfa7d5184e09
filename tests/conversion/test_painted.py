"""Images painted many at once: every byte, line and count is what converting each by its record gives."""

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from polymask import PolymaskError, convert, decode_png, native
from polymask.conversion import painted
from polymask.conversion.options import ConvertOptions
from polymask.conversion.plan import make_plan
from polymask.painting import batch
from tests.conftest import ROOT, coco, square, tree
from tests.support.oracles import exact_mask

pytestmark = pytest.mark.skipif(native.compiled is None, reason="the compiled kernel paints many at once")
Options = dict[str, Any]


def outcome(source: Path, dest: Path, **options: Any) -> tuple[Any, dict[str, bytes]]:
    """What a run reports, and all files that it leaves."""
    try:
        report = convert(source, dest, **options).to_dict()
    except PolymaskError as error:
        return str(error).replace(str(dest), "DEST"), tree(dest) if dest.exists() else {}
    seconds = report.pop("seconds")
    assert seconds >= 0
    return json.dumps(report).replace(str(dest), "DEST"), tree(dest)


def same(source: Path, folder: Path, **options: Any) -> dict[str, bytes]:
    """The files of a run, which are those of a run by records, as are all counts in their order."""
    quick = outcome(source, folder / "quick", **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch.BatchPainter, "takes", staticmethod(lambda _: False))
        slow = outcome(source, folder / "slow", **options)
    assert quick[0] == slow[0]
    assert quick[1] == slow[1]
    return quick[1]


def is_painted_at_once(source: Path, **options: Any) -> bool:
    """Whether a run has somebody who paints many images at once."""
    with TemporaryDirectory() as dest:
        return make_plan(source, dest, ConvertOptions(**options)).paint is not None


_coordinate = st.one_of(
    st.integers(-4, 24),
    st.integers(-8, 50).map(lambda halves: halves / 2),
    st.integers(-9000, 30000).map(lambda thousandths: thousandths / 1000),
)
_ring = st.lists(st.tuples(_coordinate, _coordinate), min_size=3, max_size=7)


@st.composite
def _runs(draw: st.DrawFn, height: int, width: int) -> dict[str, Any]:
    counts, rest = [], height * width
    while rest:
        counts.append(draw(st.integers(0, rest)))
        rest -= counts[-1]
        if len(counts) > 8:
            counts.append(rest)
            rest = 0
    return {"size": [height, width], "counts": counts}


@st.composite
def scenes(draw: st.DrawFn) -> dict[str, Any]:
    """COCO documents of some images of all sizes, with rings, runs, boxes and oddities."""
    frames = draw(st.lists(st.tuples(st.integers(1, 20), st.integers(1, 20)), min_size=1, max_size=3))
    images: list[dict[str, Any]] = [
        {"id": 7 * n, "file_name": f"{n}.jpg", "height": height, "width": width}
        for n, (height, width) in enumerate(frames)
    ]
    names = ["cat", "dog", "cow", "background", "__ignore__", 'é "x']
    annotations = []
    for number in range(draw(st.sampled_from([0, 1, 4, 9, 14]))):
        image = draw(st.sampled_from(images))
        rings = st.lists(
            _ring.map(lambda ring: [side for point in ring for side in point]), min_size=1, max_size=3
        )
        runs = _runs(image["height"], image["width"])
        odd = st.sampled_from([[], None, [[1e0, 0, 3, 0, 3, 1e-7]]])
        segmentation = odd if draw(st.integers(0, 29)) == 29 else st.one_of(rings, rings, rings, runs)
        annotations.append(
            {
                "id": number,
                "image_id": image["id"],
                "category_id": draw(st.integers(0, len(names) - 1)),
                "segmentation": draw(segmentation),
                "iscrowd": draw(st.integers(0, 1)),
            }
        )
    categories = [{"id": n, "name": name} for n, name in enumerate(names)]
    return {"images": images, "categories": categories, "annotations": annotations}


_values = st.just({"cat": 1, "dog": 300, "cow": 7, 'é "x': 9, "background": 0, "__ignore__": 65535})
_options = st.builds(
    lambda rules, files: rules | files,
    st.fixed_dictionaries(
        {"overlap": st.sampled_from(["last", "first", "void"]), "crowd": st.sampled_from(["keep", "void"])}
    ),
    st.one_of(
        st.fixed_dictionaries({"to": st.sampled_from(["voc", "mmseg", "ade20k", "yolo-semantic"])}),
        st.fixed_dictionaries({"labels": _values}),
        st.fixed_dictionaries({}, optional={"only": st.just(["cat"]), "dry_run": st.booleans()}),
    ),
)


@given(scenes(), _options)
@settings(max_examples=150)
def test_every_byte_is_the_same(document: dict[str, Any], options: Options) -> None:
    """Of any scene, under any rules; also in a second run, which finds all of it there."""
    with TemporaryDirectory() as folder:
        source = Path(folder, "instances.json")
        source.write_text(json.dumps(document))
        same(source, Path(folder), **options)
        same(source, Path(folder), **options)


@given(scenes())
@example({"images": [], "categories": [], "annotations": []})
@settings(max_examples=60)
def test_masks_are_those_of_the_definition(document: dict[str, Any]) -> None:
    """Each pixel has the value of the last instance that has its center: worked out on fractions."""
    for annotation in document["annotations"]:
        annotation["iscrowd"] = 0
    if not document["images"]:
        return
    with TemporaryDirectory() as folder:
        source = Path(folder, "instances.json")
        source.write_text(json.dumps(document))
        convert(source, Path(folder, "out"))
        for image in document["images"]:
            stored = decode_png(Path(folder, "out", "masks", image["file_name"][:-4] + ".png").read_bytes())
            assert np.array_equal(stored, expected(document, image)), image


def expected(document: dict[str, Any], image: dict[str, Any]) -> np.ndarray:
    """The index mask of an image by its definition."""
    frame = image["height"], image["width"]
    mask = np.zeros(frame, np.uint8)
    values = {0: 1, 1: 2, 2: 3, 3: 0, 4: 255, 5: 4}
    for annotation in document["annotations"]:
        if annotation["image_id"] != image["id"] or not annotation["segmentation"]:
            continue
        mask[claimed(annotation["segmentation"], frame)] = values[annotation["category_id"]]
    return mask


def claimed(segmentation: Any, frame: tuple[int, int]) -> np.ndarray:
    """The pixels of rings, or of runs, which go down the columns."""
    if isinstance(segmentation, dict):
        is_on = np.arange(len(segmentation["counts"])) % 2 == 1
        return np.repeat(is_on, segmentation["counts"]).reshape(frame[::-1]).T
    masks = [exact_mask([list(zip(ring[::2], ring[1::2], strict=True))], frame) for ring in segmentation]
    union: np.ndarray = np.logical_or.reduce(masks)
    return union


SOURCES = sorted((ROOT / "fixtures").glob("*/*.json"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_fixtures_are_converted_alike(source: Path, tmp_path: Path) -> None:
    """Whatever format they are of."""
    same(source, tmp_path)


def many(images: int) -> dict[str, Any]:
    """So many images of overlapping squares, of which every fifth has a number that no scan takes."""
    annotations = []
    for image in range(images):
        for number in range(3):
            ring = square(number, image % 4, 3)
            odd = [[1e0, *ring[1:]]] if image % 5 == 2 and number == 1 else [ring]
            category = 3 if (image + number) % 2 else 7
            annotations.append({"image_id": image, "category_id": category, "segmentation": odd})
    for number, annotation in enumerate(annotations):
        annotation |= {"id": number, "iscrowd": 0}
    names = [{"id": n, "file_name": f"{n:05}.jpg", "height": 6, "width": 8} for n in range(images)]
    return coco(images=names, annotations=annotations[::-1])


def test_odd_images_among_others_take_their_turn(tmp_path: Path) -> None:
    """Conflicts come in the order of the images, whoever painted these."""
    source = tmp_path / "a.json"
    text = json.dumps(many(150)).replace("[[1.0,", "[[1e0,")
    source.write_text(text)
    assert is_painted_at_once(source)
    assert len(same(source, tmp_path)) == 153


def test_any_number_of_workers_writes_the_same(tmp_path: Path) -> None:
    """Parts of a run are painted apart."""
    source = tmp_path / "a.json"
    source.write_text(json.dumps(many(150)))
    assert same(source, tmp_path, workers=1) == same(source, tmp_path / "w", workers=2)


def test_chosen_images_and_shards(tmp_path: Path) -> None:
    """Images that do not follow each other in the file."""
    source = tmp_path / "a.json"
    source.write_text(json.dumps(many(40)))
    same(source, tmp_path / "a", where=["*7.jpg", "00003.jpg"])
    same(source, tmp_path / "b", shard="2/3")
    same(source, tmp_path / "c", split_ratio="0.5,0.3,0.2")


def test_what_is_there_is_looked_at_as_before(tmp_path: Path) -> None:
    """Unchanged masks stay; an edited one is refused; --overwrite replaces it."""
    source = tmp_path / "a.json"
    source.write_text(json.dumps(many(9)))
    same(source, tmp_path)
    for folder in ("quick", "slow"):
        masks = tmp_path / folder / "masks"
        (masks / "00001.png").write_bytes((masks / "00002.png").read_bytes())
        (masks / "00004.png").unlink()
    same(source, tmp_path)
    same(source, tmp_path, overwrite=True)
    changed = many(9)
    changed["annotations"][4]["segmentation"] = [square(0, 0, 5)]
    source.write_text(json.dumps(changed))
    same(source, tmp_path)
    same(source, tmp_path, overwrite=True)


def test_more_conflicts_than_are_allowed_fail_their_image(tmp_path: Path) -> None:
    """And no other: the kernel leaves it to the way that says why."""
    document = many(3)
    document["categories"].append({"id": 9, "name": "cow"})
    document["annotations"].append(
        {"id": 99, "image_id": 1, "category_id": 9, "segmentation": [square(0, 0, 6)], "iscrowd": 0}
    )
    source = tmp_path / "a.json"
    source.write_text(json.dumps(document))
    same(source, tmp_path, max_conflict_pairs=2)
    assert convert(source, tmp_path / "again", max_conflict_pairs=2).failed == 1


NOT_AT_ONCE: list[Options] = [
    {"pixel_rule": "pil"},
    {"overlap": "smallest"},
    {"overlap": "priority", "priority": ["cat"]},
    {"border": 1},
    {"instances": True},
    {"size": (12, 16)},
    {"crowd": "skip"},
    {"holes": "even-odd"},
    {"delete_source": True},
    {"to": "binary"},
    {"only": ["cat"]},
]


@pytest.mark.parametrize("options", NOT_AT_ONCE, ids=str)
def test_what_goes_by_records(coco_file: Callable[..., Path], options: Options) -> None:
    """The rules and layouts that only a record's own painting knows."""
    assert not is_painted_at_once(coco_file(), **options)
    assert is_painted_at_once(coco_file())


def test_a_call_takes_no_more_than_can_be_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Images are parted by their work; one that is larger than that is alone."""
    source = tmp_path / "a.json"
    source.write_text(json.dumps(many(30)))
    monkeypatch.setattr(batch, "WORK", 300)
    sizes = []
    of_batch = painted.keep_painted

    def noted(plan: Any, of_call: Any, *args: Any, **options: Any) -> None:
        sizes.append(len(of_call.indices))
        of_batch(plan, of_call, *args, **options)

    monkeypatch.setattr("polymask.conversion.run.keep_painted", noted)
    assert len(same(source, tmp_path)) == 33
    assert sum(sizes) == 30
    assert max(sizes) < 4


def test_a_large_image_alone_goes_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its work is more than a call's, and it is done all the same."""
    source = tmp_path / "a.json"
    source.write_text(json.dumps(many(3)))
    monkeypatch.setattr(batch, "WORK", 1)
    same(source, tmp_path)
