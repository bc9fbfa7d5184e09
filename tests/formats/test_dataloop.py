"""Dataloop exports: rings, masks, sizes, what is counted and what is left alone."""

import base64
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from polymask import FormatError
from polymask.formats import ReadOptions, open_annotations
from polymask.formats.reading.annotation_choice import Choice
from polymask.provenance.claims import new_mask
from tests.support.formats import masks, written
from tests.support.oracles import drawn


def ring(left: float, top: float, right: float, bottom: float) -> list[dict[str, float]]:
    corners = ((left, top), (right, top), (right, bottom), (left, bottom))
    return [{"x": x, "y": y, "z": 0} for x, y in corners]


def segment(*rings: list, label: str = "cat", **more: Any) -> dict[str, Any]:
    return {"id": "s", "type": "segment", "label": label, "coordinates": list(rings)} | more


def item(*annotations: dict[str, Any], system: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    system = {"width": 8, "height": 6, "mimetype": "image/png"} if system is None else system
    head = {"id": "67ce", "filename": "/pets/a.png", "metadata": {"system": system}}
    return head | {"annotations": list(annotations)} | more


def test_every_ring_is_kept_and_filled_even_odd(tmp_path: Path) -> None:
    """A ring inside the first is a hole, one beside it a part, one inside the hole an island."""
    rings = [ring(0, 0, 5, 5), ring(1, 1, 4, 4), ring(2, 2, 3, 3), ring(6, 0, 8, 2)]
    found = masks(written(tmp_path / "a.json", item(segment(*rings))))
    expected = drawn("#####.##", "#...#.##", "#.#.#...", "#...#...", "#####...", "........")
    assert (found["pets/a.png"] == expected).all()


def test_an_export_is_a_list_of_items(tmp_path: Path) -> None:
    """Each by its own name."""
    path = written(tmp_path / "export.json", [item(segment(ring(0, 0, 1, 1))), item(filename="/b.png")])
    annotations = open_annotations(path)
    assert (annotations.format, list(annotations.names)) == ("dataloop", ["pets/a.png", "b.png"])


def test_binary_masks_are_painted(tmp_path: Path) -> None:
    """By their alpha; as a string or as an object with `data`."""
    rgba = np.zeros((6, 8, 4), np.uint8)
    rgba[1:3, 1:3] = (9, 9, 9, 255)
    data = BytesIO()
    Image.fromarray(rgba).save(data, "PNG")
    url = "data:image/png;base64," + base64.b64encode(data.getvalue()).decode()
    expected = drawn("........", ".##.....", ".##.....", "........", "........", "........")
    for coordinates in (url, {"data": url}):
        one = {"type": "binary", "label": "cat", "coordinates": coordinates}
        found = masks(written(tmp_path / "a.json", item(one)))
        assert (found["pets/a.png"] == expected).all()


def test_the_frame_is_that_of_the_picture_as_it_is_shown(tmp_path: Path) -> None:
    """EXIF orientations 5 to 8 swap the stored width and height."""
    for orientation, frame in ((1, (6, 8)), (3, (6, 8)), (6, (8, 6)), (8, (8, 6))):
        system = {"width": 8, "height": 6, "exif": {"Orientation": orientation}}
        path = written(tmp_path / "a.json", item(system=system))
        assert open_annotations(path).decode(0).frame == frame


def test_without_a_size_the_picture_tells_it(tmp_path: Path) -> None:
    """Below `--images`; where it is not there, the item fails."""
    path = written(tmp_path / "json/a.json", item(segment(ring(0, 0, 1, 1)), system={}))
    Image.new("RGB", (5, 4)).save(tmp_path / "a.png")
    with pytest.raises(Exception, match=r"pets/a\.png: no such picture.*--images DIR"):
        open_annotations(path).decode(0)
    options = ReadOptions(images=tmp_path)
    assert open_annotations(path, options=options).decode(0).frame == (4, 5)


def test_other_types_are_counted_and_videos_left_alone(tmp_path: Path) -> None:
    """A box paints nothing; where the item has no type, a polygon of a later frame is unsupported."""
    later = segment(ring(0, 0, 1, 1), metadata={"system": {"frame": 7, "snapshots_": []}})
    moving = segment(ring(0, 0, 1, 1), metadata={"system": {"frame": 0, "snapshots_": [{}, {}]}})
    box = {"type": "box", "label": "cat", "coordinates": ring(0, 0, 1, 1)[::2]}
    kind = {"type": "class", "label": "cat", "coordinates": None}
    rows = (later, moving, box, kind, segment(ring(0, 0, 2, 2)))
    path = written(tmp_path / "a.json", item(*rows, system={"width": 8, "height": 6}, filename="/a"))
    annotations = open_annotations(path)
    assert (annotations.unsegmented, len(annotations.unsupported), annotations.used) == (2, 2, {"cat": 1})


@pytest.mark.parametrize(
    ("one", "message"),
    [
        (segment(), r"\$\.annotations\[0\]\.coordinates: a polygon without points"),
        (segment([{"x": 1, "y": 1}]), "at least 3 points"),
        (segment([{"x": 1}]), r"missing required field `y`"),
        (segment(ring(0, 0, 1, 1), label=""), "without a label"),
        ({"type": "segment", "label": "a", "coordinates": ring(0, 0, 1, 1)}, r"Expected `array`"),
        ({"type": "binary", "label": "a", "coordinates": "data:image/png;base64,AAAA"}, "not a PNG"),
        (item() | {"type": "file"}, "an item among annotations"),
    ],
)
def test_malformed_annotations_are_refused(tmp_path: Path, one: dict[str, Any], message: str) -> None:
    """With file and place."""
    with pytest.raises(FormatError, match=rf"a\.json: .*{message}"):
        open_annotations(written(tmp_path / "a.json", item(one)))


def ours(*sources: str, label: str = "cat", top: int = 0) -> dict[str, Any]:
    """A mask of ours, of the whole picture below a row, made of these polygons."""
    rgba = np.full((6, 8, 4), 255, np.uint8)
    rgba[:top] = 0
    data = BytesIO()
    Image.fromarray(rgba).save(data, "PNG")
    url = "data:image/png;base64," + base64.b64encode(data.getvalue()).decode()
    made_of = [{"id": source, "sha256": ""} for source in sources]
    claim = new_mask(label, rgba[..., 3] > 0, made_of, pixel_rule="center").claim
    metadata = {"user": {"polymask": claim}}
    return {"id": "m", "type": "binary", "label": label, "coordinates": url, "metadata": metadata}


def test_a_mask_of_ours_is_painted_below_what_is_there(tmp_path: Path) -> None:
    """Where a polygon of it is gone; where all are there, also under new ids, they alone are painted."""
    first, second = segment(ring(0, 0, 2, 2), id="1", label="dog"), segment(ring(4, 4, 6, 6), id="2")
    restored = {**second, "id": "9", "metadata": {"user": {"polymask": {"restored": "2"}}}}
    gone = open_annotations(written(tmp_path / "a.json", item(first, second, ours("2", "3"))))
    assert [(one.id, one.order) for one in gone.decode(0).instances] == [("1", 0), ("2", 0), ("m", -1)]
    found = masks(tmp_path / "a.json")["pets/a.png"]
    assert (found[:2, :2] == 2).all()  # the dog, though the mask comes later in the file
    assert (found[2:] == 1).all()
    for rows in ((first, second), (first, restored)):
        there = open_annotations(written(tmp_path / "b.json", item(*rows, ours("1", "2"))))
        assert [one.label for one in there.decode(0).instances] == ["dog", "cat"]
        assert [one.name for one in there.unchosen] == ["pets/a.png"]


def test_masks_of_ours_are_left_out_by_what_they_were_made_of(tmp_path: Path) -> None:
    """One that holds a prediction is taken with the predictions, however its other sources came to be."""
    mask = ours("1", "2")
    mask["metadata"]["user"]["polymask"]["sources"][1]["model"] = {"name": "yolo"}
    path = written(tmp_path / "a.json", item(mask))
    assert open_annotations(path).used == {}
    assert open_annotations(path, options=ReadOptions(choice=Choice(predictions="keep"))).used == {"cat": 1}


@pytest.mark.parametrize("edit", ["brushed", "relabeled"])
@pytest.mark.parametrize("there", [["1"], ["1", "2"]])
def test_a_mask_of_ours_that_somebody_changed_is_theirs(tmp_path: Path, edit: str, there: list[str]) -> None:
    """It is painted as it is now, in its order, and told, whether or not its polygons are there."""
    polygons = [segment(ring(0, 0, 1, 1), id=key) for key in there]
    mask = ours("1", "2")
    if edit == "brushed":
        mask["coordinates"] = ours("1", label="cat", top=3)["coordinates"]
    else:
        mask["label"] = "dog"
    mask["metadata"]["user"]["polymask"]["sources"][0]["model"] = {"name": "yolo"}
    changed = open_annotations(written(tmp_path / "a.json", item(*polygons, mask)))
    assert [(one.id, one.order) for one in changed.decode(0).instances][-1] == ("m", 0)
    assert (list(changed.unchosen), len(changed.notes)) == ([], 1)
    assert changed.notes[0].startswith("1 masks of ours that somebody brushed or relabeled")


def test_a_server_that_rewrites_a_claim_changes_no_mask(tmp_path: Path) -> None:
    """1 as 1.0, and the label's case, are not somebody's edit."""
    mask = ours("1")
    mask["label"] = "Cat "
    mask["metadata"]["user"]["polymask"]["frame"] = [6.0, 8.0]
    path = written(tmp_path / "a.json", item(segment(ring(0, 0, 1, 1), id="1"), mask))
    assert len(open_annotations(path).unchosen) == 1
