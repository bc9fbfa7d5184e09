"""CVAT for images 1.1: every shape by hand, z order, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from polymask import FormatError, LabelMap
from polymask.formats import ReadOptions, open_annotations
from tests.support.formats import masks, written
from tests.support.oracles import drawn

HEAD = '<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version>'


def document(*shapes: str, image: str = 'id="0" name="a.jpg" width="8" height="6"', meta: str = "") -> str:
    return f"{HEAD}{meta}<image {image}>{''.join(shapes)}</image></annotations>"


def mask(tmp_path: Path, *shapes: str) -> np.ndarray:
    return masks(written(tmp_path / "annotations.xml", document(*shapes)))["a.jpg"]


SQUARE = drawn("........", ".###....", ".###....", "........", "........", "........")


@pytest.mark.parametrize(
    "shape",
    [
        '<polygon label="a" points="1,1;4.0,1;4,3.00;1,3" z_order="0"/>',
        '<box label="a" xtl="1" ytl="1" xbr="4" ybr="3"/>',
        '<box label="a" xtl="1" ytl="1" xbr="4" ybr="3" rotation="180"/>',
        '<box label="a" xtl="1.5" ytl="0.5" xbr="3.5" ybr="3.5" rotation="90.0"/>',
        '<mask label="a" rle="0, 6" left="1" top="1" width="3" height="2"/>',
        '<mask label="a" rle="5,3,1,3" left="0" top="0" width="4" height="3"/>',
    ],
)
def test_shapes_of_area(tmp_path: Path, shape: str) -> None:
    """The same 3 × 2 px by every kind of shape; masks run along rows, off first."""
    assert (mask(tmp_path, shape) == SQUARE).all()


def test_ellipses_turn_clockwise(tmp_path: Path) -> None:
    """Flat as it is, upright at 90°; 2.5 px from the center are 0.83 of 3."""
    flat = '<ellipse label="a" cx="4" cy="3" rx="3" ry="1" rotation="{}"/>'
    lying = drawn("........", "........", ".######.", ".######.", "........", "........")
    upright = drawn("...##...", "...##...", "...##...", "...##...", "...##...", "...##...")
    assert (mask(tmp_path, flat.format(0)) == lying).all()
    assert (mask(tmp_path, flat.format(90)) == upright).all()


def test_a_turned_ellipse_leans_to_the_right_and_down(tmp_path: Path) -> None:
    """45° clockwise on the screen: from the upper left to the lower right."""
    found = mask(tmp_path, '<ellipse label="a" cx="3" cy="3" rx="3" ry="0.8" rotation="45"/>')
    assert found[1, 1]
    assert found[4, 4]
    assert not found[4, 1]


def test_z_order_decides_before_file_order(tmp_path: Path) -> None:
    """The higher is on top, though it comes first."""
    above = '<box label="b" xtl="0" ytl="0" xbr="4" ybr="6" z_order="2"/>'
    below = '<box label="a" xtl="2" ytl="0" xbr="8" ybr="6" z_order="-1"/>'
    assert (mask(tmp_path, above, below)[0] == [2, 2, 2, 2, 1, 1, 1, 1]).all()


def test_labels_come_in_the_tasks_order(tmp_path: Path) -> None:
    """Labels without instances count; those that the task does not tell come last."""
    names = "".join(f"<label><name>{name}</name></label>" for name in ("zebra", "ant"))
    meta = f"<meta><task><labels>{names}</labels></task></meta>"
    text = document('<box label="new" xtl="1" ytl="1" xbr="4" ybr="3"/>', meta=meta)
    annotations = open_annotations(written(tmp_path / "a.xml", text))
    assert annotations.categories == (("zebra", None), ("ant", None), ("new", None))


def test_what_encloses_nothing_is_left_alone(tmp_path: Path) -> None:
    """Polylines, points, cuboids and skeletons are listed; tags are no instances."""
    kinds = ("polyline", "points", "cuboid", "skeleton")
    text = document(*(f'<{kind} label="a"/>' for kind in kinds), '<tag label="a"/>')
    annotations = open_annotations(written(tmp_path / "a.xml", text))
    assert [one.reason.split("[")[0] for one in annotations.unsupported] == list(kinds)
    assert annotations.used == {}


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ('<polygon label="a" points="1,1;2,2"/>', r"image\[0\]/polygon\[0\]@points: a ring has at least 3"),
        ('<polygon label="a" points="1,1;2;3,3"/>', "not `x,y;x,y;…`"),
        ('<polygon label="a" points="1,1;2,nan;3,3"/>', "finite"),
        ('<polygon points="1,1;2,2;3,1"/>', "@label: a shape without a label"),
        ('<box label="a" xtl="1" ytl="1" xbr="4"/>', "@ybr: expected a number, got None"),
        ('<mask label="a" rle="1,2" left="0" top="0" width="2" height="2"/>', "counts sum to 3"),
        ('<mask label="a" rle="x" left="0" top="0" width="2" height="2"/>', "@rle"),
        ('<mask label="a" rle="1" left="0" top="0" width="99999999" height="99999999"/>', "@rle"),
        ('<ellipse label="a" cx="1" cy="1" rx="-1" ry="1"/>', "no ellipse has"),
        ('<circle label="a"/>', "no shape of CVAT: 'circle'"),
    ],
)
def test_malformed_shapes_are_refused(tmp_path: Path, shape: str, message: str) -> None:
    """With their place; left out when told to."""
    good = '<box label="a" xtl="1" ytl="1" xbr="4" ybr="3"/>'
    path = written(tmp_path / "a.xml", document(shape, good))
    with pytest.raises(FormatError, match=message):
        open_annotations(path)
    annotations = open_annotations(path, options=ReadOptions(skip_invalid=True))
    assert (len(annotations.skipped), annotations.used) == (1, {"a": 1})


def test_entities_are_refused(tmp_path: Path) -> None:
    """Neither expanded nor fetched."""
    bomb = '<!DOCTYPE a [<!ENTITY e "ha"><!ENTITY f "&e;&e;">]>'
    text = document('<box label="&f;" xtl="1" ytl="1" xbr="4" ybr="3"/>')
    path = written(tmp_path / "a.xml", text.replace("<annotations>", f"{bomb}<annotations>"))
    with pytest.raises(FormatError, match="not XML that can be read"):
        open_annotations(path)


def test_a_video_export_is_refused(tmp_path: Path) -> None:
    """It says what to export instead."""
    path = written(
        tmp_path / "a.xml", f'{HEAD}<track id="0" label="a"><box frame="0"/></track></annotations>'
    )
    with pytest.raises(FormatError, match=r"CVAT for images 1\.1"):
        open_annotations(path)


def video(folder: Path, *tracks: str, frames: int = 3) -> Path:
    """A video export, and the pictures of its frames as CVAT packs them."""
    (folder / "images").mkdir(parents=True)
    for number in range(frames):
        Image.new("RGB", (8, 6)).save(folder / f"images/frame_{number:06}.PNG", "PNG")
    written(folder / "annotations.xml", f"{HEAD}{''.join(tracks)}</annotations>")
    return folder


def track(*frames: int, out: int | None = None, label: str = "a") -> str:
    corners = 'xtl="1" ytl="1" xbr="4" ybr="3"'
    boxes = [f'<box frame="{at}" keyframe="1" outside="{int(at == out)}" {corners}/>' for at in frames]
    return f'<track id="0" label="{label}">{"".join(boxes)}</track>'


def test_frames_of_a_video_are_images_where_they_are_named(tmp_path: Path) -> None:
    """A mask a frame, also of frames without a shape; where a track leaves the picture nothing is painted."""
    source = video(tmp_path / "in", track(0, 1, 2, out=2), track(1, 2, label="b"))
    annotations = open_annotations(source)
    assert list(annotations.names) == [f"frame_{number:06}.PNG" for number in range(3)]
    counts = [[instance.label for instance in record.instances] for record in annotations]
    assert counts == [["a"], ["a", "b"], ["b"]]
    square = drawn("........", ".###....", ".###....", "........", "........", "........")
    assert (masks(source)["frame_000000.PNG"] == square).all()
    assert annotations.ledger
    assert annotations.ledger.count("tag") == 1
    beside = open_annotations(source / "annotations.xml", options=ReadOptions(images=source / "images"))
    assert beside.used == annotations.used == {"a": 2, "b": 2}


def test_a_frame_of_which_a_track_tells_nothing_is_listed(tmp_path: Path) -> None:
    """Keyframes alone do not tell the frames between and after them: nothing is guessed, or dropped."""
    annotations = open_annotations(video(tmp_path / "in", track(0, 2), frames=4))
    assert [listed.name for listed in annotations.unsupported] == ["frame_000001.PNG", "frame_000003.PNG"]
    assert "does not tell in this frame" in annotations.unsupported[0].reason
    assert annotations.used == {"a": 2}
    assert annotations.ledger
    assert annotations.ledger.declared == 4


def test_a_frame_without_a_picture_is_refused(tmp_path: Path) -> None:
    """With both ways out."""
    source = video(tmp_path / "in", track(0, 7))
    with pytest.raises(FormatError, match=r"frame 7 has no picture; export it as .*, or name the folder"):
        open_annotations(source)
    with pytest.raises(FormatError, match="a track has two shapes in frame 1"):
        open_annotations(video(tmp_path / "twice", track(0, 1, 1)))
    with pytest.raises(FormatError, match="a frame is a whole number, not 'x'"):
        open_annotations(video(tmp_path / "odd", track(0).replace('frame="0"', 'frame="x"')))


@pytest.mark.parametrize(
    "image", ['name="a" width="8" height="-1"', 'width="8" height="6"', 'name="a" width="x" height="1"']
)
def test_images_tell_a_name_and_a_size(tmp_path: Path, image: str) -> None:
    """A name, and sides that are numbers above 0; pictures give those that are missing or 0."""
    with pytest.raises(FormatError, match=r"image\[0\]"):
        open_annotations(written(tmp_path / "a.xml", document(image=image)))


def test_the_scene_has_the_tasks_labels() -> None:
    """A zip as CVAT exports it."""
    found = masks("fixtures/cvat.zip", LabelMap.from_names(["sea", "boat", "sun"]))
    assert sorted({*found["boat.png"].flat}) == [0, 1, 2, 3]
