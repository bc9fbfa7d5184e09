"""VIA: shapes of both versions, which attribute tells the label, pictures that are not there."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from polymask import FormatError, InputError, convert
from polymask.formats import ReadOptions, open_annotations
from tests.conftest import Run
from tests.support.formats import FIXTURES, masks, written
from tests.support.oracles import drawn


def region(name: str, attributes: dict[str, Any] | None = None, **shape: Any) -> dict[str, Any]:
    return {
        "shape_attributes": {"name": name} | shape,
        "region_attributes": {"kind": "cat"} if attributes is None else attributes,
    }


def project(tmp_path: Path, *regions: dict[str, Any], name: str = "a.png") -> Path:
    if not (tmp_path / "a.png").exists():
        Image.new("RGB", (8, 6)).save(tmp_path / "a.png")
    images = {f"{name}99": {"filename": name, "size": 99, "regions": list(regions), "file_attributes": {}}}
    return written(tmp_path / "via.json", images)


POLYGON = region("polygon", all_points_x=[1, 4, 4, 1], all_points_y=[1, 1, 3, 3])
SQUARE = drawn("........", ".###....", ".###....", "........", "........", "........")


@pytest.mark.parametrize(
    "one",
    [
        POLYGON,
        region("rect", x=1, y=1, width=3, height=2),
        region("polyline", all_points_x=[1, 4, 4, 1, 1], all_points_y=[1, 1, 3, 3, 1]),
    ],
)
def test_shapes_of_area(tmp_path: Path, one: dict[str, Any]) -> None:
    """A polyline is one if it is closed."""
    assert (masks(project(tmp_path, one))["a.png"] == SQUARE).all()


def test_circles_and_ellipses(tmp_path: Path) -> None:
    """By pixel centers; `theta` is in radians, clockwise."""
    disk = drawn("........", "...##...", "..####..", "..####..", "...##...", "........")
    assert (masks(project(tmp_path, region("circle", cx=4, cy=3, r=2)))["a.png"] == disk).all()
    upright = drawn("........", "...##...", "...##...", "...##...", "...##...", "........")
    turned = region("ellipse", cx=4, cy=3, rx=2, ry=1, theta=1.5707963267948966)
    assert (masks(project(tmp_path, turned))["a.png"] == upright).all()


def test_a_project_is_read_as_its_annotations_are(tmp_path: Path) -> None:
    """VIA 2.x saves them below `_via_img_metadata`."""
    path = project(tmp_path, POLYGON)
    whole = '{"_via_settings": {}, "_via_attributes": {}, "_via_img_metadata": %s}'
    written(tmp_path / "project.json", whole % path.read_text())
    assert (masks(tmp_path / "project.json")["a.png"] == SQUARE).all()


def test_the_label_is_the_only_attribute(tmp_path: Path) -> None:
    """Of several one must be chosen, and the error names them."""
    both = region("rect", {"kind": "cat", "color": "red"}, x=1, y=1, width=3, height=2)
    path = project(tmp_path, both)
    with pytest.raises(InputError, match=r"several attributes \(color, kind\).*--label-attribute"):
        open_annotations(path)
    options = ReadOptions(label_attribute="color")
    assert open_annotations(path, options=options).used == {"red": 1}
    with pytest.raises(InputError, match="no attribute 'colour'; there are: color, kind"):
        open_annotations(path, options=ReadOptions(label_attribute="colour"))


def test_regions_of_a_file_without_attributes_are_objects(tmp_path: Path, polymask_command: Run) -> None:
    """A note tells how many; `--default-label`, on every command, names them otherwise."""
    boxes = [region("rect", {}, x=at, y=1, width=3, height=2) for at in (1, 5)]
    path = project(tmp_path, *boxes)
    annotations = open_annotations(path)
    assert annotations.used == {"object": 2}
    told = "2 regions have no label, and are 'object'; --default-label names them otherwise"
    assert annotations.notes == (told,)
    done = polymask_command("convert", path, tmp_path / "out", "--json")
    assert (done.returncode, told in done.stdout) == (0, True)
    for command in (("check", path), ("stats", path), ("compare", path, tmp_path / "out")):
        named = polymask_command(*command, "--default-label", "object")
        assert named.returncode == 0, named.stderr
    cats = open_annotations(path, options=ReadOptions(default_label="cat"))
    assert (cats.used, cats.notes) == ({"cat": 2}, ())


def test_a_region_that_lacks_the_attribute_needs_a_default_label(tmp_path: Path) -> None:
    """Where others have it, its label may have been forgotten."""
    path = project(tmp_path, POLYGON, region("rect", {"kind": ""}, x=1, y=1, width=3, height=2))
    with pytest.raises(FormatError, match=r"regions\[1\]\.region_attributes: no 'kind'.*--default-label"):
        open_annotations(path)
    assert open_annotations(path, options=ReadOptions(default_label="dog")).used == {"cat": 1, "dog": 1}


def test_a_checkbox_with_one_option_set_is_a_label(tmp_path: Path) -> None:
    """With several it is none."""
    one = {"kind": {"cat": True, "dog": False}}
    path = project(tmp_path, region("rect", one, x=1, y=1, width=3, height=2))
    assert open_annotations(path).used == {"cat": 1}
    both = {"kind": {"cat": True, "dog": True}}
    with pytest.raises(FormatError, match="several are set: cat, dog"):
        open_annotations(project(tmp_path, region("rect", both, x=1, y=1, width=3, height=2)))


def test_points_and_open_polylines_are_left_alone(tmp_path: Path) -> None:
    """They enclose nothing."""
    line = region("polyline", all_points_x=[1, 4, 4, 1], all_points_y=[1, 1, 3, 3])
    annotations = open_annotations(project(tmp_path, line, region("point", cx=1, cy=1), POLYGON))
    assert [one.name for one in annotations.unsupported] == ["a.png", "a.png"]
    assert annotations.used == {"cat": 1}


def test_an_image_whose_picture_is_not_there_fails_alone(tmp_path: Path, polymask_command: Run) -> None:
    """With a clear message and exit 1; `--images` says where it is."""
    path = written(tmp_path / "via.json", (FIXTURES / "via/via_region_data.json").read_text())
    written(tmp_path / "empty.png", (FIXTURES / "via/empty.png").read_bytes())
    report = convert(path, tmp_path / "out")
    assert (report.written, report.failed) == (1, 1)
    assert report.failures[0].name == "boat.png"
    assert "no such picture" in report.failures[0].reason
    assert "--images DIR" in report.failures[0].reason
    done = polymask_command("convert", path, tmp_path / "b", "--images", FIXTURES / "via", "--json")
    assert done.returncode == 0


def test_flags_reach_the_reader(tmp_path: Path, polymask_command: Run) -> None:
    """`--label-attribute` and `--default-label`, of `convert` and `check`."""
    both = region("rect", {"kind": "cat", "color": "red"}, x=1, y=1, width=3, height=2)
    path = project(tmp_path, both)
    assert polymask_command("convert", path, tmp_path / "a").returncode == 2
    chosen = polymask_command("convert", path, tmp_path / "b", "--label-attribute", "kind", "--json")
    assert '"cat": {"instances": 1' in chosen.stdout
    assert polymask_command("check", path, "--default-label", "x").returncode == 0


@pytest.mark.parametrize(
    ("one", "message"),
    [
        (region("polygon", all_points_x=[1, 2], all_points_y=[1, 2]), "at least 3 points"),
        (region("polygon", all_points_x=[1, 2, 3], all_points_y=[1, 2]), "not as many x as y"),
        (region("star"), "no shape of VIA: 'star'"),
        (region("circle", cx=1, cy=1, r=-1), "no ellipse"),
        ({"region_attributes": {"kind": "cat"}}, "missing required field `shape_attributes`"),
    ],
)
def test_malformed_regions_are_refused(tmp_path: Path, one: dict[str, Any], message: str) -> None:
    """With file and place."""
    with pytest.raises(FormatError, match=rf"via\.json: .*regions\[1\].*{message}"):
        open_annotations(project(tmp_path, POLYGON, one))


def test_a_name_that_leads_out_names_a_picture_within(tmp_path: Path) -> None:
    """The picture beside the file is opened, never the one above it; nothing is written above DEST."""
    (tmp_path / "in").mkdir()
    path = project(tmp_path / "in", POLYGON)
    path.write_text(path.read_text().replace("a.png", "../a.png"))
    Image.new("RGB", (1, 1)).save(tmp_path / "a.png")
    convert(path, tmp_path / "out")
    assert open_annotations(path).decode(0).frame == (6, 8)
    assert (tmp_path / "out/masks/a.png").exists()


def version3(tmp_path: Path, *rows: dict[str, Any], files: int = 1, kind: int = 2) -> Path:
    """A project of VIA 3 with a view of so many files, and metadata in it; pictures are 8 × 6 px."""
    if not (tmp_path / "a.png").exists():
        Image.new("RGB", (8, 6)).save(tmp_path / "a.png")
    names = ("a.png", "b.png")[:files]
    options = {"1": "cat", "2": "dog"}
    document = {
        "project": {"pid": "p", "vid_list": ["1"]},
        "config": {},
        "attribute": {"1": {"aname": "kind", "anchor_id": "FILE1_Z0_XY1", "type": 4, "options": options}},
        "file": {str(at): {"fid": at, "fname": name, "type": kind} for at, name in enumerate(names, 1)},
        "view": {"1": {"fid_list": list(range(1, files + 1))}},
        "metadata": {f"1_{at}": {"vid": "1", "flg": 0, "z": []} | row for at, row in enumerate(rows)},
    }
    return written(tmp_path / "via3.json", document)


@pytest.mark.parametrize(
    "xy", [[7, 1, 1, 4, 1, 4, 3, 1, 3], [2, 1, 1, 3, 2], [6, 1, 1, 4, 1, 4, 3, 1, 3, 1, 1]]
)
def test_version_3_tells_shapes_by_numbers(tmp_path: Path, xy: list[float]) -> None:
    """A polygon, a rectangle and a closed polyline are the same square; the option's name is the label."""
    path = version3(tmp_path, {"xy": xy, "av": {"1": "1"}})
    assert (masks(path)["a.png"] == SQUARE).all()


def test_version_3_circles_and_ellipses(tmp_path: Path) -> None:
    """Both about the center (4, 3): one of the radius 2, one twice as wide as high."""
    path = version3(tmp_path, {"xy": [3, 4, 3, 2], "av": {"1": "1"}})
    disk = drawn("........", "...##...", "..####..", "..####..", "...##...", "........")
    assert (masks(path)["a.png"] == disk).all()
    path = version3(tmp_path, {"xy": [4, 4, 3, 2, 1], "av": {"1": "1"}})
    flat = drawn("........", "........", "..####..", "..####..", "........", "........")
    assert (masks(path)["a.png"] == flat).all()


def test_version_3_lists_what_is_no_area_and_counts_what_is_of_the_image(tmp_path: Path) -> None:
    """Points, lines, extreme shapes and what is of a moment in a video; every metadata is counted."""
    shapes = [[1, 2, 2], [5, 0, 0, 3, 3], [6, 0, 0, 3, 3], [8, 0, 0, 1, 1, 2, 2, 3, 3], [9, 0, 0, 1, 1, 2, 0]]
    rows = [{"xy": xy, "av": {"1": "1"}} for xy in shapes]
    rows += [{"xy": [2, 1, 1, 3, 2], "av": {"1": "2"}, "z": [0.5]}, {"xy": [], "av": {"1": "2"}}]
    annotations = open_annotations(version3(tmp_path, *rows))
    assert len(annotations.unsupported) == 6
    assert annotations.ledger
    assert (annotations.ledger.count("unsupported"), annotations.ledger.count("tag")) == (6, 1)


@pytest.mark.parametrize(
    ("row", "place"),
    [
        ({"xy": [2, 1, 1, 3]}, r"\$\.metadata\['1_0'\]\.xy: a rect has 4 coordinates, not 3"),
        ({"xy": [12, 1, 1]}, r"\$\.metadata\['1_0'\]\.xy\[0\]: no shape of VIA 3 has the number 12"),
        ({"xy": [7, 1, 1, 2, 2, 3]}, r"\$\.metadata\['1_0'\]\..*not as many x as y"),
        ({"xy": [2, 1, 1, 3, 2], "vid": "9"}, r"\$\.metadata\['1_0'\]\.vid: no view has the id '9'"),
    ],
)
def test_version_3_refuses_with_the_place(tmp_path: Path, row: dict[str, Any], place: str) -> None:
    with pytest.raises(FormatError, match=place):
        open_annotations(version3(tmp_path, {"av": {"1": "1"}} | row))


def test_version_3_views_of_videos_and_pairs_are_left_out(tmp_path: Path) -> None:
    """They are listed, as is what was drawn in them."""
    row = {"xy": [2, 1, 1, 3, 2], "av": {"1": "1"}}
    for kind, files, reason in ((4, 1, "a video"), (2, 2, "a view of 2 files")):
        annotations = open_annotations(version3(tmp_path, row, kind=kind, files=files))
        assert not annotations.names
        assert reason in annotations.images_left_out[0].reason
        assert len(annotations.unsupported) == 1


def test_version_3_checkboxes_and_texts(tmp_path: Path) -> None:
    """An option of a checkbox is a label, two are refused; a text that is no option's id is the label."""
    path = version3(tmp_path, {"xy": [2, 1, 1, 3, 2], "av": {"1": "1"}})
    path.write_text(path.read_text().replace('"type": 4', '"type": 2'))
    assert open_annotations(path).used == {"cat": 1}
    path.write_text(path.read_text().replace('"av": {"1": "1"}', '"av": {"1": "1,2"}'))
    with pytest.raises(FormatError, match="several are set: cat, dog"):
        open_annotations(path)
    path = version3(tmp_path, {"xy": [2, 1, 1, 3, 2], "av": {"1": "bird"}})
    assert open_annotations(path).used == {"bird": 1}
