"""Shares of the picture where pixels are read are refused: they would paint next to nothing, silently."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from polymask import FormatError, ImageRecord, Instance, Polygon, check, convert, read, stats, verify
from polymask.formats import open_annotations
from polymask.formats.drawing import shares
from tests.conftest import SAMPLE
from tests.support.formats import written

FIRST, SECOND = [[0.1, 0.2], [0.5, 0.2], [0.5, 0.75]], [[0.5, 0.5], [1, 0.5], [1, 1]]
PIXEL = [[0, 0], [1, 0], [1, 1], [0, 1]]
BESIDE = [[2, 2], [9, 2], [9, 9]]
Ring = list[list[float]]


def flat(ring: Ring) -> list[float]:
    return [number for point in ring for number in point]


def of_coco(rings: list[Ring], side: int) -> Any:
    return {
        "images": [{"id": 1, "file_name": "a.jpg", "height": side, "width": side + 4}],
        "categories": [{"id": 1, "name": "car"}],
        "annotations": [
            {"id": number, "image_id": 1, "category_id": 1, "segmentation": [flat(ring)]}
            for number, ring in enumerate(rings)
        ],
    }


def of_labelme(rings: list[Ring], side: int) -> Any:
    shapes = [{"label": "car", "points": ring, "shape_type": "polygon"} for ring in rings]
    return {"shapes": shapes, "imagePath": "a.jpg", "imageHeight": side, "imageWidth": side + 4}


def of_cityscapes(rings: list[Ring], side: int) -> Any:
    objects = [{"label": "car", "polygon": ring} for ring in rings]
    return {"imgHeight": side, "imgWidth": side + 4, "objects": objects}


def of_supervisely(rings: list[Ring], side: int) -> Any:
    objects = [
        {"classTitle": "car", "geometryType": "polygon", "points": {"exterior": ring, "interior": []}}
        for ring in rings
    ]
    return {"size": {"height": side, "width": side + 4}, "objects": objects, "tags": [], "description": ""}


def of_darwin(rings: list[Ring], side: int) -> Any:
    paths = [[{"x": x, "y": y} for x, y in ring] for ring in rings]
    return {
        "version": "2.0",
        "item": {"name": "a.jpg", "path": "/", "slots": [{"width": side + 4, "height": side}]},
        "annotations": [
            {"id": f"{number}", "name": "car", "polygon": {"paths": [path]}}
            for number, path in enumerate(paths)
        ],
    }


def of_datumaro(rings: list[Ring], side: int) -> Any:
    return {
        "info": {},
        "categories": {"label": {"labels": [{"name": "car"}]}},
        "items": [
            {
                "id": "a",
                "image": {"path": "a.jpg", "size": [side, side + 4]},
                "annotations": [
                    {"id": number, "type": "polygon", "label_id": 0, "points": flat(ring)}
                    for number, ring in enumerate(rings)
                ],
            }
        ],
    }


def of_cvat(rings: list[Ring], side: int) -> str:
    shapes = "".join(
        f'<polygon label="car" points="{";".join(f"{x},{y}" for x, y in ring)}" z_order="0"/>'
        for ring in rings
    )
    image = f'<image id="0" name="a.jpg" width="{side + 4}" height="{side}">{shapes}</image>'
    return f"<annotations><version>1.1</version>{image}</annotations>"


WRITERS = {
    "coco": ("a.json", of_coco),
    "labelme": ("a.json", of_labelme),
    "cityscapes": ("a_gtFine_polygons.json", of_cityscapes),
    "supervisely": ("ds/ann/a.jpg.json", of_supervisely),
    "darwin": ("a.json", of_darwin),
    "datumaro": ("a.json", of_datumaro),
    "cvat": ("a.xml", of_cvat),
}


def source(folder: Path, format: str, rings: list[Ring], side: int = 20) -> Path:
    """Rings of one label in one image of side × (side + 4) px."""
    name, document = WRITERS[format]
    content = document(rings, side)
    path = folder / "in" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    if format == "supervisely":
        classes = [{"title": "car", "shape": "polygon", "color": "#ff0000"}]
        written(folder / "in/meta.json", {"classes": classes, "tags": []})
        return folder / "in"
    return path


@pytest.mark.parametrize("format", WRITERS)
def test_a_source_of_shares_is_refused_in_every_format_of_pixels(tmp_path: Path, format: str) -> None:
    """By the commands that paint or count; `check` lists it as what blocks. In pixels, it is read."""
    path = source(tmp_path, format, [FIRST, SECOND])
    text = r"all points of 2 instances lie between 0 and 1: shares .* \(0.1, 0.2\) in .*a.*multiply each x"
    for run in (convert, lambda path, _: stats(path), lambda path, _: list(read(path))):
        with pytest.raises(FormatError, match=text):
            run(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    findings = check(path)
    assert findings.counts.get("all-shares") == 1
    assert "blocks" in findings.ranks
    scaled = [[[x * 24, y * 20] for x, y in ring] for ring in (FIRST, SECOND)]
    report = convert(source(tmp_path, format, scaled), tmp_path / "out")
    assert report.labels["car"]["pixels"] > 50
    with pytest.raises(FormatError, match="shares"):
        verify(tmp_path / "out", source=source(tmp_path, format, [FIRST, SECOND]))


@pytest.mark.parametrize(
    ("rings", "side", "notes"),
    [
        ([FIRST], 20, 1),
        ([FIRST, FIRST], 20, 1),
        ([PIXEL, [*PIXEL[:3]]], 20, 1),
        ([FIRST, SECOND], 8, 0),
        ([FIRST, BESIDE], 20, 0),
        ([BESIDE, FIRST, SECOND], 20, 0),
    ],
)
def test_what_may_be_pixels_is_converted(tmp_path: Path, rings: list[Ring], side: int, notes: int) -> None:
    """One shape in the first pixel, whole coordinates, or a tiny picture: no refusal; beside others: fine."""
    report = convert(source(tmp_path, "coco", rings, side), tmp_path / "out")
    assert report.written == 1
    assert sum("lie between 0 and 1" in note for note in report.notes) == notes


def test_shares_are_told_across_the_images_of_a_source(tmp_path: Path) -> None:
    """One image in pixels shows what the file means; runs of pixels show it, too."""
    pair = [Instance(1, "car", Polygon(FIRST)), Instance(2, "car", Polygon(SECOND))]
    first = ImageRecord(1, "a.jpg", (20, 24), pair)
    other = ImageRecord(2, "b.jpg", (20, 24), [Instance(3, "car", Polygon(BESIDE))])
    with pytest.raises(FormatError, match="2 instances"):
        convert([first], tmp_path / "out")
    assert convert([first, other], tmp_path / "out").written == 2
    document = of_coco([FIRST, SECOND], 20)
    runs = {"size": [20, 24], "counts": [20, 5, 455]}
    document["annotations"].append(document["annotations"][0] | {"id": 9, "segmentation": runs})
    assert convert(written(tmp_path / "runs.json", document), tmp_path / "runs").written == 1


def test_records_are_decoded_only_until_pixels_are_seen(tmp_path: Path, monkeypatch: Any) -> None:
    """A look at the first image is enough, and of a plain COCO file none is decoded."""
    annotations = open_annotations(SAMPLE)
    seen: list[int] = []
    decode = annotations.decode
    watched = replace(annotations, decode=lambda index: seen.append(index) or decode(index))
    assert shares.in_pixels(watched) is watched
    assert seen == ([] if annotations.table is not None else [0])
    watched = replace(watched, table=None)
    shares.in_pixels(watched)
    assert seen[-1] == 0
