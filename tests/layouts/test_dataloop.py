"""Dataloop annotation JSON: masks are added, everything else stays."""

import base64
import json
from pathlib import Path

import pytest

from polymask import convert, read, verify
from polymask.codecs.png import decode_rgba
from tests.conftest import SAMPLE, tree

EXPORT = "fixtures/dataloop/json"


def rows(path: Path) -> list[dict]:
    return list(json.loads(path.read_text())["annotations"])


@pytest.mark.parametrize("delete_source", [False, True])
def test_an_export_keeps_what_it_holds(tmp_path: Path, delete_source: bool) -> None:
    """Every annotation as it was, in order, then a mask for each label with polygons."""
    before = tree(Path(EXPORT))
    convert(EXPORT, tmp_path, to="dataloop", delete_source=delete_source)
    source, out = rows(Path(EXPORT) / "boat.json"), rows(tmp_path / "json/boat.json")
    labels = list(dict.fromkeys(row["label"] for row in source if row["type"] == "segment"))
    kept = [row for row in source if not (delete_source and row["type"] == "segment")]
    assert out[: len(kept)] == kept
    assert sorted(row["label"] for row in out[len(kept) :]) == sorted(labels)
    assert tree(Path(EXPORT)) == before


def test_a_polygon_that_no_mask_shows_stays_in_the_file(tmp_path: Path) -> None:
    """One outside of the image, of a label that has a mask all the same."""
    source = tmp_path / "json"
    source.mkdir()
    document = json.loads((Path(EXPORT) / "boat.json").read_text())
    polygon = next(row for row in document["annotations"] if row["type"] == "segment")
    outside = json.loads(json.dumps(polygon)) | {"id": "outside"}
    for point in outside["coordinates"][0]:
        point["x"] += 10_000
    document["annotations"].append(outside)
    (source / "boat.json").write_text(json.dumps(document))
    convert(source, tmp_path / "out", to="dataloop", delete_source=True)
    out = rows(tmp_path / "out/json/boat.json")
    assert [row["id"] for row in out if row["type"] == "segment"] == ["outside"]


@pytest.mark.parametrize("delete_source", [False, True])
def test_a_label_that_paints_nothing_has_no_mask(tmp_path: Path, delete_source: bool) -> None:
    """Its polygons stay in the written file, and no mask says that it holds them."""
    corners = [{"x": x, "y": y} for x, y in ((300, 0), (304, 0), (304, 4), (300, 4))]
    outside = {"id": "1", "type": "segment", "label": "boat", "coordinates": [corners]}
    thin = [{"x": x, "y": y} for x, y in ((1.1, 1.1), (1.3, 1.1), (1.3, 1.3))]
    inside = [{"x": x, "y": y} for x, y in ((3, 3), (9, 3), (9, 9))]
    cats = [
        outside | {"id": key, "label": "cat", "coordinates": [ring]}
        for key, ring in (("2", thin), ("3", inside))
    ]
    size = {"system": {"width": 64, "height": 48}}
    item = {"filename": "/a.png", "metadata": size, "annotations": [outside, *cats]}
    (tmp_path / "a.json").write_text(json.dumps(item))
    convert(tmp_path / "a.json", tmp_path / "out", to="dataloop", delete_source=delete_source)
    *polygons, mask = rows(tmp_path / "out/json/a.json")
    assert [row["id"] for row in polygons] == (["1", "2"] if delete_source else ["1", "2", "3"])
    assert mask["label"] == "cat"
    assert [source["id"] for source in mask["metadata"]["user"]["polymask"]["sources"]] == ["3"]


def test_the_masks_are_those_of_the_polygons(tmp_path: Path) -> None:
    """Each says which polygons it holds, and decodes to their union, holes and all."""
    convert(EXPORT, tmp_path, to="dataloop")
    boat = next(
        row for row in rows(tmp_path / "json/boat.json") if row["type"] == "binary" and row["label"] == "boat"
    )
    mask = decode_rgba(base64.b64decode(boat["coordinates"].split(",")[1]))
    assert mask.sum() == 6 * 4 - 2 * 2
    claim = boat["metadata"]["user"]["polymask"]
    assert [source["id"] for source in claim["sources"]] == ["67ceef62995ecd2df020d502"]


def test_other_sources_become_items(tmp_path: Path) -> None:
    """A COCO file's images, with sizes and masks, which can be read as an export again."""
    report = convert(SAMPLE, tmp_path, to="dataloop")
    item = json.loads((tmp_path / "json/harbor.json").read_text())
    assert item["filename"] == "/harbor.png"
    assert item["metadata"]["system"] == {"width": 160, "height": 120}
    again = convert(tmp_path / "json", tmp_path / "again", to="binary", from_="dataloop")
    assert again.labels == {
        name: report.labels[name] | {"instances": again.labels[name]["instances"]} for name in again.labels
    }


def test_it_is_proven_like_other_layouts(tmp_path: Path) -> None:
    """`verify` decodes every mask again; a second run does nothing."""
    convert(EXPORT, tmp_path, to="dataloop")
    assert verify(tmp_path).unchanged == 2
    assert convert(EXPORT, tmp_path, to="dataloop").written == 0
    assert len(list(read(tmp_path / "json", format="dataloop"))) == 2
