"""Label Studio: percents, turns, brushes, names of images, several annotations."""

import re
from base64 import b64encode
from collections.abc import Callable
from copy import deepcopy
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from polymask import FormatError, encode_png
from polymask.formats import ReadOptions, open_annotations
from polymask.formats.labelstudio.names import address_in, image_name
from tests.conftest import Run
from tests.support.formats import masks, written
from tests.support.oracles import drawn


def result(kind: str, label: str = "cat", **value: Any) -> dict[str, Any]:
    size = {"original_width": 8, "original_height": 6, "image_rotation": 0}
    return size | {"id": "r", "type": kind, "to_name": "image", "value": value | {kind: [label]}}


def tasks(*results: dict[str, Any], **annotation: Any) -> list[dict[str, Any]]:
    rows = [{"id": 1, "result": list(results), "was_cancelled": False} | annotation]
    return [{"id": 5, "annotations": rows, "predictions": [], "data": {"image": "/data/upload/1/a.png"}}]


SQUARE = drawn("........", ".###....", ".###....", "........", "........", "........")
THIRD = 100 / 6


@pytest.mark.parametrize(
    "one",
    [
        result("polygonlabels", points=[[12.5, THIRD], [50, THIRD], [50, 50], [12.5, 50]], closed=True),
        result("rectanglelabels", x=12.5, y=THIRD, width=37.5, height=2 * THIRD, rotation=0),
        # about its upper left corner: what was right of it is then below
        result("rectanglelabels", x=50, y=THIRD, width=25, height=3 * THIRD, rotation=90),
    ],
)
def test_percents_are_of_the_original_size(tmp_path: Path, one: dict[str, Any]) -> None:
    """Of its width for x, of its height for y."""
    assert (masks(written(tmp_path / "a.json", tasks(one)))["a.png"] == SQUARE).all()


def test_ellipses(tmp_path: Path) -> None:
    """Radii are percents of width and height."""
    one = result("ellipselabels", x=50, y=50, radiusX=25, radiusY=2 * THIRD, rotation=0)
    disk = drawn("........", "...##...", "..####..", "..####..", "...##...", "........")
    assert (masks(written(tmp_path / "a.json", tasks(one)))["a.png"] == disk).all()


def packed(values: np.ndarray, *, repeated: bool) -> list[int]:
    """An rle-pack, either of runs or of values as they are."""
    bits = f"{len(values):032b}{7:05b}" + "".join(f"{width - 1:04b}" for width in (3, 4, 8, 16))
    at = 0
    while at < len(values):
        stop = at + 1
        while repeated and stop < len(values) and values[stop] == values[at]:
            stop += 1
        if not repeated:
            stop = min(at + 8, len(values))
        bits += f"{int(repeated)}{3:02b}{stop - at - 1:016b}" if repeated else f"0{0:02b}{stop - at - 1:03b}"
        bits += "".join(f"{value:08b}" for value in (values[at : at + 1] if repeated else values[at:stop]))
        at = stop
    bits += "0" * (-len(bits) % 8)
    return [int(bits[n : n + 8], 2) for n in range(0, len(bits), 8)]


@pytest.mark.parametrize("repeated", [True, False])
def test_brushes_are_runs_over_rgba(tmp_path: Path, repeated: bool) -> None:
    """Alpha tells the mask; any alpha but 0 counts."""
    rgba = np.zeros((6, 8, 4), np.uint8)
    rgba[..., :3] = np.arange(6 * 8 * 3).reshape(6, 8, 3)
    rgba[1:3, 1:4, 3] = (1, 128, 255)
    one = result("brushlabels", format="rle", rle=packed(rgba.reshape(-1), repeated=repeated))
    assert (masks(written(tmp_path / "a.json", tasks(one)))["a.png"] == SQUARE).all()


@pytest.mark.parametrize(
    ("rle", "message"),
    [
        ([0, 0], "cut off"),
        ([0, 0, 0, 4, 56, 136, 136, 143, 255, 128], "holds 4 values of 8 bits, not 192"),
        ([300], "expected bytes"),
        ([0, 0, 0, 192, 56, 136, 136, 143], "cut off"),
    ],
)
def test_damaged_brushes_are_refused(tmp_path: Path, rle: list[int], message: str) -> None:
    """With their place."""
    path = written(tmp_path / "a.json", tasks(result("brushlabels", format="rle", rle=rle)))
    with pytest.raises(
        FormatError, match=rf"\$\[0\]\.annotations\[0\]\.result\[0\]\.value\.rle: .*{message}"
    ):
        open_annotations(path)


def test_cancelled_annotations_and_texts_are_ignored(tmp_path: Path) -> None:
    """Choices are no regions."""
    choice = {"type": "choices", "value": {"choices": ["x"]}, "original_width": 8, "original_height": 6}
    square = result("rectanglelabels", x=0, y=0, width=50, height=50)
    assert open_annotations(written(tmp_path / "a.json", tasks(choice))).used == {}
    cancelled = tasks(square, was_cancelled=True)
    assert open_annotations(written(tmp_path / "b.json", cancelled)).used == {}


def test_unsupported_results_are_left_alone(tmp_path: Path) -> None:
    """Keypoints, and regions on a picture that was turned in the editor."""
    square = result("rectanglelabels", x=0, y=0, width=50, height=50) | {"image_rotation": 90}
    path = written(tmp_path / "a.json", tasks(result("keypointlabels", x=1, y=1), square))
    assert len(open_annotations(path).unsupported) == 2


def test_a_task_without_results_needs_its_picture(tmp_path: Path) -> None:
    """Nothing else tells its size."""
    annotations = open_annotations(written(tmp_path / "a.json", tasks()))
    with pytest.raises(Exception, match=r"a\.png: no such picture"):
        annotations.decode(0)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ({"image": "/data/upload/3/1f2e-a.jpg"}, "1f2e-a.jpg"),
        ({"image": "https://host/dir/a%20b.jpg?token=x"}, "a b.jpg"),
        ({"image": "/data/local-files/?d=pets/a.jpg"}, "pets/a.jpg"),
        ({"image": "/data/local-files/?d=pets%5Ccats%5Ca.jpg"}, "pets/cats/a.jpg"),
        ({"image": "/data/local-files/?d=C%3A%5Cpets%5Ca.jpg"}, "pets/a.jpg"),
        ({"image": r"C:\pets\a.jpg"}, "a.jpg"),
        ({"title": "x", "photo": "s3://bucket/dir/a.png"}, "a.png"),
    ],
)
def test_names_come_from_addresses(data: dict[str, Any], name: str) -> None:
    """The last part; of a local file its path."""
    assert image_name(address_in(data)) == name


@pytest.mark.parametrize(
    ("one", "message"),
    [
        (result("polygonlabels", points=[[0, 0], [1, 1]]), "at least 3 points"),
        (result("polygonlabels") | {"value": {"points": [[0, 0], [9, 9], [0, 9]]}}, "expected one label"),
        (result("rectanglelabels") | {"value": {"x": "wide"}}, r"value\.x: Expected `float`"),
    ],
)
def test_malformed_results_are_refused(tmp_path: Path, one: dict[str, Any], message: str) -> None:
    """With their place; left out when told to."""
    path = written(tmp_path / "a.json", tasks(one))
    with pytest.raises(FormatError, match=message):
        open_annotations(path)
    assert len(open_annotations(path, options=ReadOptions(skip_invalid=True)).skipped) == 1


CAT = [[12.5, THIRD], [50, THIRD], [50, 50], [12.5, 50]]


def plain(kind: str, **value: Any) -> dict[str, Any]:
    """A region that another result of its id names."""
    row = result(kind, **value)
    return row | {"value": value}


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    "region",
    [plain("polygon", points=CAT), plain("rectangle", x=12.5, y=THIRD, width=37.5, height=2 * THIRD)],
)
def test_a_region_is_named_by_the_labels_of_its_id(
    tmp_path: Path, region: dict[str, Any], order: int
) -> None:
    """Of the tags Labels and Polygon, or Rectangle, in any order; together they are one instance."""
    dog = plain("polygon", points=[[62.5, 50], [100, 50], [100, 100]]) | {"id": "d"}
    names = [result("labels"), result("labels", "dog") | {"id": "d"}]
    path = written(tmp_path / "a.json", tasks(*[region, dog, *names][::order]))
    annotations = open_annotations(path)
    assert annotations.ledger
    assert (annotations.used, annotations.ledger.joined) == ({"cat": 1, "dog": 1}, 2)
    (record,) = annotations
    assert {one.label: one.id for one in record.instances} == {"cat": "r", "dog": "d"}
    assert (masks(path)["a.png"][:3] == SQUARE[:3]).all()


def test_a_region_that_nothing_names_is_refused_or_has_the_default_label(tmp_path: Path) -> None:
    """What the refusal says helps."""
    path = written(tmp_path / "a.json", tasks(plain("polygon", points=CAT)))
    with pytest.raises(FormatError, match=r"expected one label, got \[\]; name such .* with --default-label"):
        open_annotations(path)
    assert open_annotations(path, options=ReadOptions(default_label="thing")).used == {"thing": 1}


def test_labels_of_no_region_are_drawn_where_they_have_a_shape_themselves(tmp_path: Path) -> None:
    """Those of a text are counted."""
    text = result("labels", "word", start=1, end=4, text="abc") | {"id": "t"}
    annotations = open_annotations(written(tmp_path / "a.json", tasks(result("labels", points=CAT), text)))
    assert (annotations.used, annotations.unsegmented) == ({"cat": 1}, 1)


def test_bitmasks_are_pngs_of_which_alpha_counts(tmp_path: Path) -> None:
    """As large as the picture; others are refused."""
    rgba = np.zeros((6, 8, 4), np.uint8)
    rgba[1:3, 1:4] = (0, 0, 0, 9)
    one = result("bitmasklabels", imageDataURL=data_url(rgba))
    assert (masks(written(tmp_path / "a.json", tasks(one)))["a.png"] == SQUARE).all()
    small = result("bitmasklabels", imageDataURL=data_url(rgba[1:]))
    with pytest.raises(FormatError, match=r"value\.imageDataURL: a mask of 5 × 8 px in an image of \(6, 8\)"):
        open_annotations(written(tmp_path / "b.json", tasks(small)))


def data_url(pixels: np.ndarray) -> str:
    data = BytesIO()
    Image.fromarray(pixels).save(data, "PNG")
    return f"data:image/png;base64,{b64encode(data.getvalue()).decode()}"


def test_a_picture_in_the_file_itself_is_named_by_the_task(tmp_path: Path) -> None:
    """It tells the size too, where there is no result."""
    address = data_url(np.zeros((6, 8, 3), np.uint8))
    document = tasks(result("polygonlabels", points=CAT))
    document[0]["data"] = {"image": address}
    assert list(masks(written(tmp_path / "a.json", document))) == ["5.png"]
    document[0]["annotations"] = []
    (record,) = open_annotations(written(tmp_path / "b.json", document))
    assert (record.name, record.frame) == ("5.png", (6, 8))


@pytest.mark.parametrize(
    "one",
    [result("rectanglelabels", points=CAT), result("ellipselabels", x=1, y=1), result("polygonlabels", x=1)],
)
def test_what_a_shape_lacks_is_no_zero(tmp_path: Path, one: dict[str, Any]) -> None:
    """It is refused with its place: guessed, it would be a region of no pixel."""
    with pytest.raises(FormatError, match=r"result\[0\]\.value: Object missing required field"):
        open_annotations(written(tmp_path / "a.json", tasks(one)))


def test_only_predictions_paint_nothing(tmp_path: Path, polymask_command: Run) -> None:
    """They are told of with the way out, and the run exits 1."""
    document = tasks()
    document[0] |= {"predictions": [{"result": [result("polygonlabels", points=CAT)], "score": 0.9}]}
    written(tmp_path / "a.png", encode_png(np.zeros((6, 8), np.uint8)))
    done = polymask_command("convert", written(tmp_path / "a.json", document), tmp_path / "out")
    assert done.returncode == 1
    assert "nothing was painted of 1 annotation (1 × a prediction)" in done.stderr


def test_each_page_of_a_task_is_an_image(tmp_path: Path) -> None:
    """Results count the pages from 0; a page without results is empty, one that is not there refused."""
    document = tasks(
        result("polygonlabels", points=CAT),
        result("polygonlabels", "dog", points=CAT) | {"item_index": 2},
    )
    document[0]["data"] = {"pages": [f"/data/upload/1/p{number}.png" for number in range(3)]}
    written(tmp_path / "p1.png", encode_png(np.zeros((6, 8), np.uint8)))
    path = written(tmp_path / "a.json", document)
    found = masks(path)
    assert [int(found[f"p{number}.png"].max()) for number in range(3)] == [1, 0, 2]
    document[0]["annotations"][0]["result"][1]["item_index"] = 3
    with pytest.raises(
        FormatError, match=r"result\[1\]\.item_index: there is no page 3; 3 are listed, from 0"
    ):
        open_annotations(written(path, document))


def test_several_images_of_a_task_are_told_apart_by_their_fields(tmp_path: Path) -> None:
    """Else it is refused: an export does not tell which address a tag shows. What the refusal says helps."""
    rows = [result("polygonlabels", points=CAT), result("polygonlabels", "dog", points=CAT)]
    document = tasks(*(row | {"to_name": tag} for row, tag in zip(rows, ("left", "right"), strict=True)))
    document[0]["data"] = {"image": "/data/upload/1/a.png", "image2": "/data/upload/1/b.png"}
    path = written(tmp_path / "a.json", document)
    with pytest.raises(FormatError, match=r"several images .left, right.* write into `to_name`"):
        open_annotations(path)
    for row, field in zip(document[0]["annotations"][0]["result"], ("image", "image2"), strict=True):
        row["to_name"] = field
    found = masks(written(path, document))
    assert {name: int(mask.max()) for name, mask in found.items()} == {"a.png": 1, "b.png": 2}


def test_drafts_are_counted_and_told(tmp_path: Path, polymask_command: Run) -> None:
    """What nobody submitted is not painted: it is told, and where there is nothing else the run exits 1."""
    drafts = [{"result": [result("polygonlabels", points=CAT)]}, 7]
    for results, code in (([result("polygonlabels", points=CAT)], 0), ([], 1)):
        (task,) = tasks(*results)
        Image.new("RGB", (8, 6)).save(tmp_path / "a.png")
        path = written(tmp_path / "tasks.json", [task | {"drafts": drafts}])
        done = polymask_command("convert", path, tmp_path / f"out{code}", "--images", tmp_path)
        assert done.returncode == code
        assert "1 × of a draft that was not submitted" in done.stdout + done.stderr


def minimal(*values: dict[str, Any], task: int = 1, tag: str = "label", **data: Any) -> dict[str, Any]:
    """A row of JSON-MIN: the data of a task, and what one annotation holds, by tag."""
    head = {"image": "/data/upload/1/a.png"} | data
    row = {tag: list(values)} if values else {}
    return head | {"id": task} | row | {"annotator": 1, "annotation_id": 9, "lead_time": 1.5}


SIZE = {"original_width": 8, "original_height": 6}
RING = {"points": [[12.5, THIRD], [50, THIRD], [50, 50], [12.5, 50]], "closed": True}


@pytest.mark.parametrize(
    "value",
    [
        RING | {"polygonlabels": ["cat"]},
        RING | {"labels": ["cat"]},
        {
            "x": 12.5,
            "y": THIRD,
            "width": 37.5,
            "height": 2 * THIRD,
            "rotation": 0,
            "rectanglelabels": ["cat"],
        },
        {
            "format": "rle",
            "rle": packed(np.repeat(SQUARE.reshape(-1) * 255, 4), repeated=True),
            "brushlabels": ["cat"],
        },
    ],
)
def test_json_min_tells_the_same_without_types(tmp_path: Path, value: dict[str, Any]) -> None:
    """By the members of a value it is known what it is."""
    path = written(tmp_path / "export-min.json", [minimal(value | SIZE)])
    assert open_annotations(path).format == "labelstudio"
    assert (masks(path)["a.png"] == SQUARE).all()


def test_json_min_has_a_row_an_annotation(tmp_path: Path) -> None:
    """Those of one task are one image; a problem is told with its row and tag."""
    other = {"points": [[75, 0], [100, 0], [100, 50], [75, 50]], "polygonlabels": ["dog"]}
    rows = [
        minimal(RING | SIZE | {"polygonlabels": ["cat"]}),
        minimal({"choices": ["x", "y"]}, task=2, image="b.png", tag="weather", width_of=3),
        minimal(other | SIZE, weather="sunny"),
    ]
    Image.new("RGB", (8, 6)).save(tmp_path / "b.png")
    path = written(tmp_path / "export-min.json", rows)
    expected = drawn("......22", ".111..22", ".111..22", "........", "........", "........")
    assert (masks(path)["a.png"] == expected).all()
    annotations = open_annotations(path)
    assert (annotations.names, annotations.unsegmented) == (["a.png", "b.png"], 1)
    rows[2]["label"][0]["points"] = [[0, 0]]
    with pytest.raises(FormatError, match=r"\$\[2\]\.label\[0\]\.value: a ring has at least 3"):
        open_annotations(written(path, rows))


def test_json_min_tells_a_shape_twice_where_tags_part_it_from_its_name(tmp_path: Path) -> None:
    """`<Polygon>` draws and `<Labels>` names: one object; without a name it is refused."""
    row = minimal(RING | SIZE | {"labels": ["cat"]})
    row["poly"] = [RING | SIZE]
    path = written(tmp_path / "export-min.json", [row])
    annotations = open_annotations(path)
    assert (annotations.used, annotations.ledger and annotations.ledger.joined) == ({"cat": 1}, 1)
    del row["label"]
    with pytest.raises(FormatError, match="expected one label"):
        open_annotations(written(path, [row]))
    assert open_annotations(path, options=ReadOptions(default_label="x")).used == {"x": 1}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"other": "b.png"}, r"several pictures \(image, other\)"),
        ({"image": ["a.png", "b.png"]}, "a list of pages"),
    ],
)
def test_json_min_of_several_pictures_is_refused(tmp_path: Path, data: dict[str, Any], message: str) -> None:
    """It does not tell which a result is of; the whole export does."""
    row = minimal(RING | SIZE | {"polygonlabels": ["cat"]}, **data)
    with pytest.raises(FormatError, match=rf"{message}.*export as JSON, which says it"):
        open_annotations(written(tmp_path / "export-min.json", [row]))


def test_what_tells_of_an_export_is_passed_over(tmp_path: Path) -> None:
    """In the folder where Label Studio keeps its exports; any other file is refused, not skipped."""
    name = "project-1-at-2024-01-01-10-00-abcd1234"
    one = result("polygonlabels", points=RING["points"])
    written(tmp_path / f"{name}.json", tasks(one))
    written(tmp_path / f"{name}-info.json", {"project": {"title": "x"}, "platform": {"version": "1"}})
    assert (masks(tmp_path)["a.png"] == SQUARE).all()
    written(tmp_path / "else.json", {"project": {}})
    with pytest.raises(FormatError, match=r"else\.json"):
        open_annotations(tmp_path)


def test_predictions_tell_the_size_of_a_picture_that_is_not_there(tmp_path: Path) -> None:
    """So that they are listed, and not the picture asked for."""
    (task,) = tasks()
    task |= {"annotations": [], "predictions": [{"result": [result("polygonlabels", points=RING["points"])]}]}
    (record,) = open_annotations(written(tmp_path / "a.json", [task]))
    assert (record.frame, record.instances) == ((6, 8), ())


POLYGON = result("polygonlabels", points=[[12.5, THIRD], [50, THIRD], [50, 50], [12.5, 50]])


@pytest.mark.parametrize("key", ["annotations", "completions"])
@pytest.mark.parametrize("alone", [True, False])
def test_tasks_of_every_version(tmp_path: Path, key: str, alone: bool) -> None:
    """Before 1.0 annotations were completions; a single task need not be in a list."""
    (task,) = deepcopy(tasks(POLYGON))
    task[key] = task.pop("annotations")
    path = written(tmp_path / "a.json", task if alone else [task])
    assert (masks(path)["a.png"] == SQUARE).all()
    task[key][0]["result"][0]["value"]["points"] = [[0, 0]]
    written(path, task if alone else [task])
    place = f"{'$' if alone else '$[0]'}.{key}[0].result[0].value: "
    with pytest.raises(FormatError, match=re.escape(place)):
        open_annotations(path)


def test_a_size_that_is_none_tells_its_place(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", tasks(POLYGON | {"original_height": -1}))
    with pytest.raises(FormatError, match=r"\$\[0\]\.annotations\[0\]\.result\[0\]"):
        open_annotations(path)


CORNERS = [(12.5, THIRD), (50, THIRD), (50, 50), (12.5, 50)]


def vector(*vertices: dict[str, Any], closed: bool = True) -> dict[str, Any]:
    return result("vectorlabels", vertices=list(vertices), closed=closed)


def before(number: int) -> int | None:
    return number - 1 or None


def vertices(*order: int, prev: Callable[[int], int | None] = before) -> list[dict[str, Any]]:
    """The square's corners, numbered from 1, each with the number of the corner before it."""
    rows = {at: {"id": at, "x": x, "y": y, "prevPointId": prev(at)} for at, (x, y) in enumerate(CORNERS, 1)}
    return [rows[at] for at in order]


@pytest.mark.parametrize(
    "rows",
    [
        vertices(1, 2, 3, 4),
        vertices(4, 2, 1, 3),
        vertices(3, 1, 4, 2, prev=lambda at: at - 1 or 4),  # the first names the last
        [{"x": x, "y": y} for x, y in CORNERS],
    ],
)
def test_a_closed_vector_is_a_polygon(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    """Its vertices follow one another by the ids that they name, in whatever order they lie."""
    path = written(tmp_path / "a.json", tasks(vector(*rows)))
    assert (masks(path)["a.png"] == SQUARE).all()


@pytest.mark.parametrize(
    "row",
    [
        vector(*vertices(1, 2, 3, 4), closed=False),
        vector(*vertices(1, 2, 3, 4, prev=lambda at: None if at == 1 else 1)),  # branches
        vector(*vertices(1, 2, 3, 4, prev=lambda at: {1: None, 2: 1, 3: 4, 4: 3}[at])),  # in two parts
        vector(),
    ],
)
def test_vectors_that_are_no_ring_are_listed(tmp_path: Path, row: dict[str, Any]) -> None:
    """Open ones, and those with branches; the others are painted."""
    annotations = open_annotations(written(tmp_path / "a.json", tasks(row, POLYGON)))
    (skipped,) = annotations.unsupported
    assert "a vector that is open or has branches encloses nothing" in skipped.reason
    assert annotations.used == {"cat": 1}


def test_sides_with_control_points_are_curves(tmp_path: Path) -> None:
    """A circle of four curves (controls at 0.5523 of the radius) is the circle of the same radius, 2.6 px."""
    bend = 0.5522847
    around = [(1, 0), (0, 1), (-1, 0), (0, -1)]  # right, bottom, left, top

    def at(x: float, y: float) -> dict[str, float]:
        return {"x": 50 + 32.5 * x, "y": 50 + 43.3333 * y}

    circle = [
        at(x, y)
        | {"id": f"p{n}", "prevPointId": f"p{n - 1}" if n else None, "isBezier": True}
        | {"controlPoint1": at(x + bend * y, y - bend * x), "controlPoint2": at(x - bend * y, y + bend * x)}
        for n, (x, y) in enumerate(around)
    ]
    round_shape = result("ellipselabels", x=50, y=50, radiusX=32.5, radiusY=43.3333)
    (curved, ellipse) = (
        masks(written(tmp_path / f"{n}.json", tasks(row)))["a.png"]
        for n, row in enumerate((vector(*circle), round_shape))
    )
    assert (curved == ellipse).all()
    assert curved.sum() == 24


def test_a_side_with_one_control_point_bends_as_in_the_editor(tmp_path: Path) -> None:
    """The straight end pulls by three tenths of the side: the lower side of the square hangs down."""
    rows = vertices(1, 2, 3, 4)
    rows[2] |= {"isBezier": True, "controlPoint2": {"x": 50, "y": 100}}
    hanging = drawn("........", ".###....", ".###....", "..##....", "........", "........")
    path = written(tmp_path / "a.json", tasks(vector(*rows)))
    assert (masks(path)["a.png"] == hanging).all()


def test_an_open_polygon_is_told(tmp_path: Path) -> None:
    """It is painted as if it were closed."""
    open_polygon = result("polygonlabels", points=POLYGON["value"]["points"], closed=False)
    path = written(tmp_path / "a.json", tasks(open_polygon))
    assert (masks(path)["a.png"] == SQUARE).all()
    assert any("1 polygons were left open" in note for note in open_annotations(path).notes)
