"""Labelbox: rows of a line, polygons, masks that are addresses, older exports, imports."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from polymask import FormatError, InputError, convert, encode_png
from polymask.formats import ReadOptions, open_annotations
from polymask.formats.reading.linked_files import LinkedFiles
from tests.conftest import Run
from tests.support.formats import masks, written
from tests.support.oracles import drawn

POINTS = [{"x": x, "y": y} for x, y in ((1, 1), (4, 1), (4, 3), (1, 3))]


def row(*objects: dict[str, Any], **data_row: Any) -> dict[str, Any]:
    labels = [{"annotations": {"objects": list(objects), "classifications": []}}]
    return {
        "data_row": {"id": "c1", "external_id": "a.png"} | data_row,
        "media_attributes": {"height": 6, "width": 8},
        "projects": {"p": {"name": "x", "labels": labels}},
    }


def polygon(**more: Any) -> dict[str, Any]:
    return {"feature_id": "f", "name": "cat", "annotation_kind": "ImagePolygon", "polygon": POINTS} | more


def test_polygons_of_every_row(tmp_path: Path) -> None:
    """A line a row, or a JSON list of rows; empty lines are passed over."""
    rows = [row(polygon()), row(external_id="b.png")]
    square = drawn("........", ".###....", ".###....", "........", "........", "........")
    lines = "\n\n".join(map(json.dumps, rows))
    for path in (written(tmp_path / "a.ndjson", lines), written(tmp_path / "a.json", rows)):
        found = masks(path)
        assert list(found) == ["a.png", "b.png"]
        assert (found["a.png"] == square).all()
        assert not found["b.png"].any()


@pytest.mark.parametrize(
    ("data_row", "name"),
    [
        ({}, "a.png"),
        ({"external_id": None, "global_key": "g.png"}, "g.png"),
        ({"external_id": None}, "c1"),
        ({"external_id": "https://host/dir/a%20b.png?x=1"}, "dir/a b.png"),
    ],
)
def test_names(tmp_path: Path, data_row: dict[str, Any], name: str) -> None:
    """The external id, the global key, the id; of an address its path."""
    path = written(tmp_path / "a.ndjson", json.dumps(row(**data_row)))
    assert list(open_annotations(path).names) == [name]


def test_masks_are_addresses_and_left_alone(tmp_path: Path) -> None:
    """Nothing is fetched; boxes are counted, and the way out is told."""
    mask = {"name": "cat", "annotation_kind": "ImageSegmentationMask", "mask": {"url": "https://x/y"}}
    line = {"name": "cat", "annotation_kind": "ImagePolyline", "line": POINTS}
    box = {"name": "cat", "annotation_kind": "ImageBoundingBox", "bounding_box": {"top": 1}}
    path = written(tmp_path / "a.ndjson", json.dumps(row(mask, line, box, polygon())))
    annotations = open_annotations(path)
    assert ["address" in one.reason for one in annotations.unsupported] == [True, False]
    assert (annotations.unsegmented, annotations.used) == (1, {"cat": 1})


FULL = drawn("........", ".###....", ".###....", "........", "........", "........")
PARTS = drawn("11......", "11......", "......22", "......22", "........", "........")


def white(number: int) -> np.ndarray:
    """The picture of a part: white on black."""
    return np.where(np.equal(PARTS, number), 255, 0).astype(np.uint8)


def masked(number: int, **more: Any) -> dict[str, Any]:
    address = f"https://api.example.org/projects/p/annotations/ckf{number}/mask?token=t"
    kind = {"annotation_kind": "ImageSegmentationMask", "mask": {"url": address}}
    return {"feature_id": f"ckf{number}", "name": ("cat", "dog")[number - 1]} | kind | more


def composite(number: int, color: list[int]) -> dict[str, Any]:
    address = "https://api.example.org/tasks/ct/masks/ckcomposite/index/1"
    return masked(number, mask=None, composite_mask={"url": address, "color_rgb": color})


def saved(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


@pytest.mark.parametrize(
    "name",
    [
        "ckf{}.png",
        "deep/er/ckf{}.png",
        "ckf{}/mask.png",
        "annotations/ckf{}/mask.png",
        "ckf{}/mask",
        "ckf{}.PNG",
    ],
)
@pytest.mark.parametrize("mode", ["gray", "rgb", "rgba", "opaque"])
def test_downloaded_masks_are_found_by_id_or_address(tmp_path: Path, name: str, mode: str) -> None:
    """Of whatever kind a PNG is: black and transparent pixels are outside."""
    for number in (1, 2):
        inside = white(number)
        pixels = np.repeat(inside[..., None], 4 if mode in ("rgba", "opaque") else 3, axis=2)
        if mode == "opaque":
            pixels[..., 3] = 255
        path = tmp_path / "masks" / name.format(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[..., 0] if mode == "gray" else pixels).save(path, "PNG")
    path = written(tmp_path / "a.ndjson", json.dumps(row(masked(1), masked(2))))
    assert (masks(path, masks=LinkedFiles(tmp_path / "masks"))["a.png"] == PARTS).all()


def test_a_composite_tells_objects_by_their_colors(tmp_path: Path) -> None:
    """One picture for all, called as an id in its address; it never stands for one object alone."""
    colors = np.array([[0, 0, 0], [66, 133, 183], [178, 74, 62]], np.uint8)
    rows = row(composite(1, [66, 133, 183]), composite(2, [178, 74, 62]))
    path = written(tmp_path / "a.ndjson", json.dumps(rows))
    saved(tmp_path / "masks/ckf1.png", np.full((6, 8), 255, np.uint8))
    for name in ("ckcomposite.png", "ckcomposite/index/1.png"):
        picture = saved(tmp_path / "masks" / name, colors[PARTS])
        assert (masks(path, masks=LinkedFiles(tmp_path / "masks"))["a.png"] == PARTS).all()
        picture.unlink()


def test_a_number_alone_tells_no_mask(tmp_path: Path) -> None:
    """Every composite's address ends in one."""
    saved(tmp_path / "masks/1.png", np.full((6, 8), 255, np.uint8))
    saved(tmp_path / "masks/mask.png", np.full((6, 8), 255, np.uint8))
    path = written(tmp_path / "a.ndjson", json.dumps(row(composite(1, [9, 9, 9]), masked(2), polygon())))
    annotations = open_annotations(path, options=ReadOptions(masks=LinkedFiles(tmp_path / "masks")))
    assert [each.reason for each in annotations.unsupported] == [
        f"object ckf{number}: no file below --masks is called as its mask" for number in (1, 2)
    ]


def test_two_files_that_fit_and_a_wrong_size_are_refused(tmp_path: Path) -> None:
    """Which one is meant would be guessed."""
    path = written(tmp_path / "a.ndjson", json.dumps(row(masked(1))))
    saved(tmp_path / "masks/ckf1.png", np.full((6, 9), 255, np.uint8))
    with pytest.raises(FormatError, match=r"objects\[0\]\.mask: a mask of 6 × 9 px for an image of 6 × 8"):
        open_annotations(path, options=ReadOptions(masks=LinkedFiles(tmp_path / "masks")))
    saved(tmp_path / "masks/again/ckf1.png", np.full((6, 8), 255, np.uint8))
    with pytest.raises(FormatError, match=r"2 files below .* fit ckf1"):
        open_annotations(path, options=ReadOptions(masks=LinkedFiles(tmp_path / "masks")))


def test_every_command_takes_masks(tmp_path: Path, polymask_command: Run) -> None:
    """As the refusal says; a folder that is not there is refused."""
    path = written(tmp_path / "a.ndjson", json.dumps(row(masked(1), masked(2))))
    refused = polymask_command("convert", path, tmp_path / "none")
    assert refused.returncode == 1
    assert "download their masks, and name the folder that holds them with --masks" in refused.stderr
    for number in (1, 2):
        saved(tmp_path / f"masks/ckf{number}.png", white(number))
    flag = ("--masks", tmp_path / "masks")
    for command in (
        ("convert", path, tmp_path / "out"),
        ("check", path),
        ("stats", path),
        ("compare", path, tmp_path / "out"),
        ("preview", path, "-o", tmp_path / "page.html"),
        ("verify", tmp_path / "out", "--source", path),
    ):
        done = polymask_command(*command, *flag)
        assert done.returncode == 0, done.stderr
    assert (np.array(Image.open(tmp_path / "out/masks/a.png")) == PARTS).all()
    lost = polymask_command("stats", path, "--masks", tmp_path / "nowhere")
    assert (lost.returncode, "nowhere: no such file or folder" in lost.stderr) == (2, True)


def test_downloaded_masks_are_not_written_over(tmp_path: Path) -> None:
    """They lie where DEST's masks go: refused, with `overwrite` too."""
    path = written(tmp_path / "a.ndjson", json.dumps(row(masked(1))))
    kept = saved(tmp_path / "out/masks/ckf1.png", white(1))
    saved(tmp_path / "out/masks/a.png", white(2))
    for overwrite in (False, True):
        with pytest.raises(InputError):
            convert(path, tmp_path / "out", masks=tmp_path / "out/masks", overwrite=overwrite)
    assert (np.array(Image.open(kept)) == white(1)).all()
    assert (np.array(Image.open(tmp_path / "out/masks/a.png")) == white(2)).all()


def test_workers_find_the_masks_too(tmp_path: Path) -> None:
    """Each process opens the source itself."""
    rows = [row(masked(1), external_id=f"{at}.png", id=f"r{at}") for at in range(4)]
    path = written(tmp_path / "a.ndjson", "\n".join(map(json.dumps, rows)))
    saved(tmp_path / "masks/ckf1.png", white(1))
    report = convert(path, tmp_path / "out", masks=tmp_path / "masks", workers=2)
    assert (report.written, report.instances) == (4, 4)


def old(*objects: dict[str, Any], **more: Any) -> dict[str, Any]:
    label = {"objects": list(objects), "classifications": []}
    size = {"Media Attributes": {"height": 6, "width": 8}}
    return {"ID": "k", "Labeled Data": "https://x/q/a.png?t=1", "Label": label} | size | more


@pytest.mark.parametrize(
    ("more", "name"),
    [({}, "q/a.png"), ({"External ID": "e.png"}, "e.png"), ({"External ID": None}, "q/a.png")],
)
def test_the_older_export_is_read(tmp_path: Path, more: dict[str, Any], name: str) -> None:
    """The title is the label, and the size may be that of the picture."""
    drawing = {
        "featureId": "f",
        "title": "Cat",
        "value": "cat",
        "polygon": POINTS,
        "instanceURI": "https://x",
    }
    path = written(tmp_path / "a.json", [old(drawing, **more)])
    assert (masks(path)[name] == FULL).all()
    assert open_annotations(path).used == {"Cat": 1}
    del (unsized := old(drawing, **more))["Media Attributes"]
    path = written(tmp_path / "b/a.json", [unsized])
    saved(tmp_path / "b/pictures" / name, np.zeros((6, 8, 3), np.uint8))
    assert (masks(path, images=tmp_path / "b/pictures")[name] == FULL).all()


def test_what_several_people_drew_on_a_picture_is_one_image(tmp_path: Path) -> None:
    """A row each in the older export; a problem is told with its row."""
    rows = [
        old({"title": name, "polygon": POINTS}, **{"External ID": picture})
        for name, picture in (("cat", "a.png"), ("dog", "b.png"), ("dog", "a.png"))
    ]
    path = written(tmp_path / "a.json", rows)
    annotations = open_annotations(path)
    assert (annotations.names, annotations.used) == (["a.png", "b.png"], {"cat": 1, "dog": 2})
    assert [each.label for each in annotations.decode(0).instances] == ["cat", "dog"]
    rows[2]["Label"]["objects"][0]["polygon"] = POINTS[:2]
    with pytest.raises(FormatError, match=r"\$\[2\]\.Label\.objects\[0\]\.polygon: a ring has at least 3"):
        open_annotations(written(path, rows))


def test_a_picture_that_was_skipped_is_no_image(tmp_path: Path) -> None:
    """Whoever skipped it did not say that nothing is there."""
    rows = [
        old(ID="1", **{"External ID": "a.png"}),
        old(ID="2", Label="Skip", **{"External ID": "b.png"}),
        old(ID="3", Skipped=True, Label={}, **{"External ID": "c.png"}),
    ]
    annotations = open_annotations(written(tmp_path / "a.json", rows))
    assert annotations.names == ["a.png"]
    assert [each.name for each in annotations.images_left_out] == ["b.png", "c.png"]


@pytest.mark.parametrize("ring", [{"geometry": POINTS}, POINTS])
def test_labels_by_class_count_from_the_top_which_is_told(tmp_path: Path, ring: Any) -> None:
    """Before v1; exports of 2018 may have counted from below, and no file says so."""
    path = written(tmp_path / "a.json", [old(Label={"cat": [ring], "weather": "sunny"})])
    assert (masks(path)["q/a.png"] == FULL).all()
    _, note = sorted(open_annotations(path).notes, key=lambda text: "top" in text)
    assert "y is counted from the top" in note


def test_well_known_text_is_left_alone_with_a_way_out(tmp_path: Path) -> None:
    """Its y may count from below."""
    text = "POLYGON ((1 1, 4 1, 4 3, 1 1))"
    for label in ({"cat": text}, {"cat": [{"geometry": text}]}):
        annotations = open_annotations(written(tmp_path / "a.json", [old(Label=label)]))
        assert "export it as JSON with x and y" in annotations.unsupported[0].reason


def test_lines_for_an_import_are_read(tmp_path: Path) -> None:
    """A line an annotation, brought together by picture; masks may be in the file."""
    inside = base64.b64encode(encode_png((PARTS == 2).astype(np.uint8))).decode()
    lines = [
        {"uuid": "1", "dataRow": {"globalKey": "a.png"}, "name": "cat", "polygon": POINTS},
        {"uuid": "2", "dataRow": {"globalKey": "b.png"}, "name": "cat", "polygon": POINTS[:2]},
        {"uuid": "3", "dataRow": {"globalKey": "a.png"}, "name": "dog", "mask": {"png": inside}},
    ]
    path = written(tmp_path / "a.ndjson", "".join(json.dumps(line) + "\n" for line in lines))
    for name in ("a.png", "b.png"):
        saved(tmp_path / name, np.zeros((6, 8), np.uint8))
    with pytest.raises(FormatError, match=r"line 2: \$\.polygon: a ring has at least 3 points"):
        open_annotations(path)
    painted = masks(path, skip_invalid=True)
    assert (painted["a.png"] == np.where(PARTS == 2, 2, FULL)).all()
    assert not painted["b.png"].any()


def test_videos_and_maps_are_no_pictures(tmp_path: Path, polymask_command: Run) -> None:
    """They are listed, and no mask is made; pictures beside them are painted."""
    video = row(id="v", external_id="clip.mp4")
    video["media_attributes"] |= {"mime_type": "video/mp4"}
    video["projects"]["p"]["labels"][0]["annotations"]["frames"] = {"1": {"objects": {"f": {"name": "cat"}}}}
    ring = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}
    tile = row({"name": "cat", "annotation_kind": "GeoPolygon", "geojson": ring}, id="t", external_id="tile")
    tile["media_attributes"] = {}
    path = written(tmp_path / "a.ndjson", "\n".join(map(json.dumps, (video, row(polygon()), tile))))
    annotations = open_annotations(path)
    assert annotations.names == ["a.png"]
    assert [each.name for each in annotations.images_left_out] == ["clip.mp4", "tile"]
    assert [each.name for each in annotations.unsupported] == ["clip.mp4", "tile"]
    assert polymask_command("convert", path, tmp_path / "out").returncode == 1
    assert sorted(file.name for file in (tmp_path / "out/masks").iterdir()) == ["a.png"]


@pytest.mark.parametrize(
    ("one", "message"),
    [
        (
            polygon(polygon=POINTS[:2]),
            r"line 2: \$\.projects\['p'\]\.labels\[0\].*objects\[0\]\.polygon: a ring",
        ),
        (polygon(polygon=[{"x": 1}]), "missing required field `y`"),
        (polygon(name=""), "without a name"),
    ],
)
def test_malformed_objects_are_refused(tmp_path: Path, one: dict[str, Any], message: str) -> None:
    """With line and place; left out when told to."""
    path = written(tmp_path / "a.ndjson", "\n".join(map(json.dumps, (row(), row(one)))))
    with pytest.raises(FormatError, match=message):
        open_annotations(path)
    assert len(open_annotations(path, options=ReadOptions(skip_invalid=True)).skipped) == 1


def test_a_line_that_is_cut_off_is_named(tmp_path: Path) -> None:
    """The others are read when such are left out."""
    path = written(tmp_path / "a.ndjson", json.dumps(row(polygon())) + '\n{"data_row": ')
    with pytest.raises(FormatError, match="line 2: not JSON"):
        open_annotations(path)
    annotations = open_annotations(path, options=ReadOptions(skip_invalid=True))
    assert (len(annotations.names), annotations.skipped[0].name) == (1, "line 2")


@pytest.mark.parametrize(
    ("media", "what"),
    [
        ({"asset_type": "text"}, "a text"),
        ({"mime_type": "text/plain"}, "a text"),
        ({"mime_type": "application/pdf"}, "a document"),
        ({"asset_type": "audio"}, "a sound"),
    ],
)
def test_rows_of_other_media_are_left_out(tmp_path: Path, media: dict[str, str], what: str) -> None:
    """They need no picture, and the pictures among them are converted."""
    other = row({"name": "word", "location": {"start": 1, "end": 2}}, external_id="t.txt")
    other["media_attributes"] = media
    path = written(tmp_path / "a.ndjson", "\n".join(map(json.dumps, (row(polygon()), other))))
    annotations = open_annotations(path)
    assert list(annotations.names) == ["a.png"]
    (left_out,) = annotations.images_left_out
    assert (left_out.name, left_out.reason) == ("t.txt", f"{what}; only pictures are converted")
    assert len(annotations.unsupported) == 1


def test_a_row_may_be_indented(tmp_path: Path, polymask_command: Run) -> None:
    """`check` and `convert` read it alike."""
    path = written(tmp_path / "a.json", json.dumps(row(polygon()), indent=1))
    assert (masks(path)["a.png"] == drawn("........", ".###....", ".###....", *["........"] * 3)).all()
    assert polymask_command("check", path).returncode == 0


def test_rows_of_one_name_are_parted_by_their_global_keys(tmp_path: Path) -> None:
    """By its folder where that tells them apart, else by the whole key."""
    for keys, names in (
        (("one/x.png", "two/x.png"), ["one/a.png", "two/a.png"]),
        (("p1", "p2"), ["p1/a.png", "p2/a.png"]),
    ):
        lines = [json.dumps(row(polygon(), global_key=key)) for key in keys]
        path = written(tmp_path / "a.ndjson", "\n".join(lines))
        assert list(open_annotations(path).names) == names
