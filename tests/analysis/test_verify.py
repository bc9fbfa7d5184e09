"""verify: stored masks proven against their manifest, and any tool's masks against the annotations."""

import json

import cv2
import numpy as np
import pytest

from polymask import (
    FormatError,
    ImageRecord,
    InputError,
    Instance,
    LabelMap,
    NotFound,
    Polygon,
    ProofError,
    convert,
    encode_png,
    index_mask,
    verify,
)
from polymask.analysis.diagnose import Case, likely_causes
from polymask.layouts import LAYOUTS, layout_named
from polymask.painting.painting import Rules
from tests.conftest import SAMPLE, coco, square

READABLE = [name for name in LAYOUTS if hasattr(layout_named(name), "open_folder")]
LABELS = LabelMap.from_names(["sky", "cat", "dog", "cow"])
RECORD = ImageRecord(
    1,
    "a.jpg",
    (60, 80),
    (
        Instance(1, "cat", Polygon([(5.3, 6.6), (40.7, 9.2), (33.4, 45.8), (8.9, 38.3)])),
        Instance(2, "dog", Polygon([(25.2, 20.7), (70.6, 25.4), (61.3, 55.9), (30.8, 50.1)])),
        Instance(3, "cow", Polygon([(30.6, 22.3), (44.9, 24.8), (41.2, 36.6)])),
    ),
)


@pytest.mark.parametrize("layout", READABLE)
def test_what_was_written_is_proven(tmp_path, layout):
    convert(SAMPLE, tmp_path, to=layout)
    report = verify(tmp_path)
    assert (report.images, report.unchanged, report.failed) == (3, 3, 0)


@pytest.mark.parametrize("layout", READABLE)
def test_one_wrong_pixel_is_found(coco_file, tmp_path, layout):
    """As if another mask had been stored under the name."""
    document = coco()
    convert(coco_file(document), tmp_path / "out", to=layout)
    document["annotations"][1]["segmentation"] = [square(4, 2, 3)]
    convert(coco_file(document), tmp_path / "edited", to=layout)
    for path in (tmp_path / "edited").rglob("*"):
        if path.is_file() and path.name != "manifest.jsonl":
            (tmp_path / "out" / path.relative_to(tmp_path / "edited")).write_bytes(path.read_bytes())
    with pytest.raises(ProofError, match=r"a\.jpg"):
        verify(tmp_path / "out")


@pytest.mark.parametrize("layout", READABLE)
def test_what_is_missing_is_told(coco_file, tmp_path, layout):
    convert(coco_file(), tmp_path / "out", to=layout)
    (line,) = (tmp_path / "out/manifest.jsonl").read_text().splitlines()
    path = tmp_path / "out" / json.loads(line)["mask"].partition("#")[0]
    for one in path.iterdir() if path.is_dir() else [path]:
        one.unlink()
    with pytest.raises(ProofError, match=r"1 of 1 masks .*\n  a\.jpg: .*(missing|damaged)"):
        verify(tmp_path / "out")


def test_a_truncated_file_is_damaged(coco_file, tmp_path):
    convert(coco_file(), tmp_path / "out")
    path = tmp_path / "out/masks/a.png"
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(ProofError, match="damaged"):
        verify(tmp_path / "out")


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("mask", "../elsewhere.png", "damaged"),
        ("mask", 7, "line 1 is damaged"),
        ("mask_sha256", None, "line 1 is damaged"),
    ],
)
def test_a_manifest_that_somebody_else_wrote_leads_nowhere(coco_file, tmp_path, key, value, told):
    """Its paths stay below DEST, and odd lines are told, not crashed on."""
    convert(coco_file(), tmp_path / "out")
    manifest = tmp_path / "out/manifest.jsonl"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {key: value}) + "\n")
    with pytest.raises((FormatError, ProofError), match=told):
        verify(tmp_path / "out")


@pytest.mark.parametrize(
    ("layout", "file"), [("coco", "annotations.json"), ("coco-panoptic", "panoptic.json")]
)
@pytest.mark.parametrize("content", ["", "{}", '{"images": 7, "annotations": [{}], "categories": []}', "[1"])
def test_damaged_tables_are_damaged_masks(coco_file, tmp_path, layout, file, content):
    convert(coco_file(), tmp_path / "out", to=layout)
    (tmp_path / "out" / file).write_text(content)
    with pytest.raises(ProofError):
        verify(tmp_path / "out")


def test_without_a_manifest_there_is_nothing_to_prove(tmp_path):
    with pytest.raises(InputError, match="--source"):
        verify(tmp_path)
    with pytest.raises(NotFound):
        verify(tmp_path / "nowhere")


def test_the_command_line_exits_5_and_lists_which(coco_file, tmp_path, polymask_command):
    convert(coco_file(), tmp_path / "out")
    assert polymask_command("verify", tmp_path / "out").returncode == 0
    (tmp_path / "out/masks/a.png").write_bytes(encode_png(np.zeros((6, 8), np.uint8)))
    done = polymask_command("verify", tmp_path / "out")
    assert done.returncode == 5
    assert "a.jpg: masks/a.png: its pixels are not those of the manifest" in done.stderr
    done = polymask_command("verify", tmp_path / "out", "--json")
    assert done.returncode == 5
    assert json.loads(done.stdout)["failures"][0]["name"] == "a.jpg"


@pytest.mark.parametrize("layout", READABLE)
def test_masks_are_those_of_the_annotations(coco_file, tmp_path, layout):
    """By the rules that the manifest names."""
    source = coco_file()
    overlap = "smallest" if layout_named(layout).INDEX else "last"
    convert(source, tmp_path / "out", to=layout, overlap=overlap, pixel_rule="pil")
    assert verify(tmp_path / "out", source=source).unchanged == 1


def painted(record=RECORD, **rules):
    return index_mask(record, LABELS, **rules)


def causes(stored, record=RECORD):
    return likely_causes(Case(record=record, label_map=LABELS, rules=Rules(), stored=stored))


def moved(change):
    instances = [Instance(i.id, i.label, Polygon(change(i.shape[0].exterior))) for i in RECORD.instances]
    return painted(ImageRecord(1, "a.jpg", RECORD.frame, instances))


MISTAKES = {
    "off by half a pixel: x +0.5, y +0.5": lambda: moved(lambda ring: ring + 0.5),
    "off by half a pixel: x -0.5, y +0.0": lambda: moved(lambda ring: ring - (0.5, 0)),
    "off by one pixel: x -1.0, y -1.0": lambda: moved(lambda ring: ring - 1),
    "rounded coordinates: to the nearest whole number": lambda: moved(np.round),
    "rounded coordinates: cut to whole numbers": lambda: moved(np.trunc),
    "other draw order: `--overlap first`": lambda: painted(overlap="first"),
    "other pixel rule: `cv2-trunc`": lambda: painted(pixel_rule="cv2-trunc"),
    "other pixel rule: `coco`": lambda: painted(pixel_rule="coco"),
    "EXIF-rotated: the mask is turned by 270°": lambda: np.rot90(painted()),
    "EXIF-rotated: the mask is turned by 90°": lambda: np.rot90(painted(), 3),
    "EXIF-rotated: the mask is turned by 180°": lambda: np.rot90(painted(), 2),
    "EXIF-rotated: the mask is mirrored": lambda: np.fliplr(painted()),
    "wrong ids: 3 for 2, 4 for 3, 5 for 4": lambda: np.where(painted() > 0, painted() + 1, 0).astype(
        np.uint8
    ),
    "void laid on top, as a border or for conflicts": lambda: painted(border=2),
}


@pytest.mark.parametrize("cause", MISTAKES)
def test_each_mistake_is_named(cause):
    """And nothing is left once it is undone."""
    assert causes(np.ascontiguousarray(MISTAKES[cause]())) == ([cause], 0)


def test_an_interpolated_resize_is_named():
    """Half the size and back, bilinear: labels mix into others at the boundaries."""
    small = cv2.resize(painted(), (40, 30), interpolation=cv2.INTER_LINEAR)
    found, left = causes(cv2.resize(small, (80, 60), interpolation=cv2.INTER_LINEAR))
    assert found[0].startswith("interpolated resize: ")
    assert not left


def test_another_size_is_named():
    found, _ = causes(np.ascontiguousarray(painted()[::2, ::2]))
    assert found[0] == "resized: the mask is 30 × 40 px, the image 60 × 80"


def test_mistakes_that_come_together_are_both_named():
    ids = np.where((mask := painted(pixel_rule="cv2-round")) > 0, mask + 1, 0).astype(np.uint8)
    found, left = causes(ids)
    assert [cause.partition(":")[0] for cause in found] == ["wrong ids", "other pixel rule"]
    assert not left


def test_what_no_cause_explains_is_left_unexplained():
    """Noise is noise."""
    noise = np.random.default_rng(1).integers(0, 4, RECORD.frame).astype(np.uint8)
    assert causes(noise)[0] == []


def test_other_tools_folders_are_verified(coco_file, tmp_path, polymask_command):
    """Bare PNGs, made with OpenCV, of which one is missing and one belongs to no image."""
    names = ("a.jpg", "b.jpg", "c.jpg")
    document = coco(
        images=[{"id": n, "file_name": name, "height": 60, "width": 80} for n, name in enumerate(names)],
        annotations=[
            {"id": n, "image_id": n, "category_id": 7, "segmentation": [[5.6, 6.1, 40.8, 9.7, 33.4, 45.8]]}
            for n in range(3)
        ],
    )
    ring = np.reshape(document["annotations"][0]["segmentation"], (-1, 2))
    mask = cv2.fillPoly(np.zeros((60, 80), np.uint8), [ring.astype(np.int32)], 2)
    (tmp_path / "masks").mkdir()
    for name in ("a", "b", "z"):
        (tmp_path / "masks" / f"{name}.png").write_bytes(encode_png(mask))
    done = polymask_command("verify", tmp_path / "masks", "--source", coco_file(document))
    assert done.returncode == 5
    assert "likely other pixel rule: `cv2-trunc`" in done.stderr
    assert "c: no mask" in done.stderr
    assert "likely cause: other pixel rule (2 of 2 masks), e.g. `cv2-trunc`" in done.stderr
    assert "1 masks belong to no image of the source, e.g. z" in done.stderr
