"""What images are called: paths, addresses and drives become paths below DEST, in every format alike."""

import json
import os
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from polymask import FormatError, InputError, check, compare, convert, verify
from polymask.analysis.masks.mask_sets import chosen_masks, masks_in
from polymask.analysis.masks.matching import matched
from polymask.codecs.pictures import SUFFIXES
from polymask.formats import ReadOptions, open_annotations
from polymask.formats.labelstudio.names import image_name as label_studio_name
from polymask.formats.options import ReadingOptions
from polymask.formats.reading.linked_files import LinkedFiles
from polymask.formats.selection import chosen
from polymask.storage.image_names import (
    PICTURE_SUFFIXES,
    ImageNames,
    joined,
    local_name,
    normal_form,
    picture_suffix,
    stem,
    whole_name,
    without_secrets,
)
from tests.conftest import coco, square
from tests.support.formats import written

NAMES = {  # what tools write, and what is left of it
    "images\\1/a.jpg": "images/1/a.jpg",
    "..\\..\\media\\upload\\4\\b.png": "media/upload/4/b.png",
    "C:\\data\\images\\a.jpg": "data/images/a.jpg",
    "C:\\\\data\\a.jpg": "data/a.jpg",
    "c:a.jpg": "a.jpg",
    "\\\\server\\share\\a.jpg": "server/share/a.jpg",
    "/home/me/a.jpg": "home/me/a.jpg",
    "./images/./a.jpg": "images/a.jpg",
    "../a.jpg": "a.jpg",
    "a//b.jpg": "a/b.jpg",
    "https://me:word@host:80/bucket/a%20b.png?token=1#top": "bucket/a b.png",
    "s3://bucket/a.png": "a.png",
    "file:///C:/data/a.png": "data/a.png",
    "https://host/%2e%2e%2fa%5Cb.png": "a/b.png",
    "a#1?.png": "a#1?.png",
    "100%25.png": "100%25.png",
}


def _coco(path: Path, names: list[str]) -> Path:
    images = [{"id": at, "file_name": name, "height": 6, "width": 8} for at, name in enumerate(names)]
    rows = [
        {"id": at, "image_id": at, "category_id": 3, "segmentation": [square(1, 1, at + 1)]}
        for at in range(len(names))
    ]
    return written(path, coco(images=images, annotations=rows))


def _lines(dest: Path) -> dict[str, dict[str, Any]]:
    lines = map(json.loads, (dest / "manifest.jsonl").read_text().splitlines())
    return {line["name"]: line for line in lines}


@pytest.mark.parametrize(("address", "name"), NAMES.items())
def test_what_is_left_of_a_name(address: str, name: str) -> None:
    """Scheme, host, drive, query, fragment, `.` and `..` go; only addresses are percent-decoded."""
    assert local_name(address) == name


@given(st.text(alphabet="ab./\\:%C?#é ", max_size=24))
def test_a_name_never_leads_out(address: str) -> None:
    """Nothing is left that leads up or starts at a root, and what is left stays as it is."""
    name = local_name(address)
    parts = name.split("/") if name else []
    assert not {"", ".", ".."} & set(parts)
    assert "\\" not in name
    assert os.path.normpath(Path("/dest", name)).startswith("/dest")
    assert whole_name(address).endswith(name)


@given(st.lists(st.sampled_from(["a.jpg", "../a.jpg", "C:\\a.jpg", "D:\\a.jpg", "x/a.jpg", "b.jpg"])))
def test_names_are_mapped_alike_alone_and_together(addresses: list[str]) -> None:
    """The look at all names at once decides nothing that a look at each would not: names only grow folders."""
    for name, address in zip(ImageNames.of(addresses).names, addresses, strict=True):
        alone = local_name(address)
        assert name == alone or (name.endswith("/" + alone) and addresses.count(address) < len(addresses))


def test_masks_lie_below_dest_and_the_manifest_keeps_both_names(tmp_path: Path) -> None:
    """A note counts the names; the pictures' own names lead to the masks."""
    addresses = ["C:\\data\\a.jpg", "../up/b.jpg", "plain.jpg"]
    report = convert(_coco(tmp_path / "in/a.json", addresses), tmp_path / "out")
    lines = _lines(tmp_path / "out")
    assert [lines[name].get("source_name") for name in ("data/a.jpg", "up/b.jpg", "plain.jpg")] == [
        "C:\\data\\a.jpg",
        "../up/b.jpg",
        None,
    ]
    assert all((tmp_path / "out" / line["mask"]).exists() for line in lines.values())
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["in", "out"]
    (note,) = report.notes
    assert "2 of 3" in note
    assert "became 'data/a.jpg'" in note


STEMS = {
    "train/a.jpg": "train/a",
    "a.TIFF": "a",
    "scan.v1.2": "scan.v1.2",
    "scan.1": "scan.1",
    "frame.0001.png": "frame.0001",
    "frame.0001": "frame.0001",
    "v1.2/a": "v1.2/a",
    ".png": ".png",
    "slide.svs": "slide",
}


@pytest.mark.parametrize(("name", "plain"), STEMS.items())
def test_only_suffixes_of_pictures_are_cut(name: str, plain: str) -> None:
    """What else is behind a dot, a version or a frame's number, is part of the name."""
    assert stem(name) == plain
    assert plain + picture_suffix(name) == name


def test_every_kind_of_picture_that_is_read_has_a_suffix_that_is_cut() -> None:
    assert set(SUFFIXES) <= PICTURE_SUFFIXES


@pytest.mark.parametrize("layout", ["index", "voc", "yolo-semantic", "binary"])
def test_frames_and_versions_keep_their_masks_apart(tmp_path: Path, layout: str) -> None:
    """A mask is called as its image, whatever dots that has; and is found by that name."""
    names = ["frame.0001", "frame.0002", "scan.v1.2", "b.jpg"]
    convert(_coco(tmp_path / "a.json", names), tmp_path / "out", to=layout)
    lines = _lines(tmp_path / "out")
    masks = {name: PurePosixPath(line["mask"]) for name, line in lines.items()}
    plain = {name: mask.name.removesuffix(".png") for name, mask in masks.items()}
    assert plain == {name: name.removesuffix(".jpg") for name in names}
    assert not verify(tmp_path / "out").failures


def test_masks_are_chosen_by_globs_of_names_with_suffix(tmp_path: Path) -> None:
    """Masks have none, so that of a glob does not count, be it written out or a wildcard."""
    convert(_coco(tmp_path / "a.json", ["a.jpg", "b.1"]), tmp_path / "out")
    masks = masks_in(tmp_path / "out")
    assert masks
    for glob, count in {"a.jpg": 1, "a.*": 1, "b.1": 1, "?.*": 2}.items():
        assert len(chosen_masks(masks, ReadingOptions(where=[glob])).names) == count, glob


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    """The mapped names are the images' names for every later run, and for `--where`."""
    path = _coco(tmp_path / "a.json", ["C:\\data\\a.jpg", "/b/b.jpg"])
    convert(path, tmp_path / "out")
    assert convert(path, tmp_path / "out").unchanged == 2
    assert convert(path, tmp_path / "out2", where=["data/*"]).images == 1


def test_secrets_of_addresses_are_written_nowhere(tmp_path: Path) -> None:
    """A query may hold a signature, an address a password."""
    path = _coco(tmp_path / "a.json", ["https://me:word@host/a.jpg?token=secret#x"])
    report = convert(path, tmp_path / "out")
    text = (tmp_path / "out/manifest.jsonl").read_text() + str(report.notes)
    assert "secret" not in text
    assert "word" not in text
    assert "https://host/a.jpg" in text


@given(st.text(alphabet="ab/:@?#.", max_size=20))
def test_without_secrets_is_of_addresses_only(text: str) -> None:
    """Other names stay as they are; nothing behind `?`, `#` or before `@` is left of an address."""
    if "://" not in text:
        assert without_secrets(text) == text
    assert not set("?#") & set(without_secrets(f"https://me:word@host/{text}"))
    assert "word" not in without_secrets(f"https://me:word@host/{text}")


@pytest.mark.parametrize(
    ("addresses", "names"),
    [
        (["C:\\a.jpg", "D:\\a.jpg"], ["C/a.jpg", "D/a.jpg"]),
        (["https://one/x/a.jpg", "https://two/x/a.jpg"], ["one/x/a.jpg", "two/x/a.jpg"]),
        (["C:\\a.jpg", "a.jpg"], ["C/a.jpg", "a.jpg"]),
        (["/x/a.jpg", "/y/a.jpg"], ["x/a.jpg", "y/a.jpg"]),
    ],
)
def test_where_two_meet_a_folder_of_the_original_parts_them(
    tmp_path: Path, addresses: list[str], names: list[str]
) -> None:
    """Each record is under its own name, with its own instances."""
    annotations = open_annotations(_coco(tmp_path / "a.json", [*addresses, "b.jpg"]))
    assert list(annotations.names) == [*names, "b.jpg"]
    sides = [record.instances[0].shape[0].exterior.max() - 1 for record in annotations]  # type: ignore[index,union-attr]
    assert [record.name for record in annotations] == [*names, "b.jpg"]
    assert sides == [1, 2, 3]


def test_what_nothing_parts_is_refused_with_the_way_out(tmp_path: Path) -> None:
    """Two images of one name; and `../a.jpg` beside `a.jpg`."""
    for addresses in (["a.jpg", "a.jpg"], ["../a.jpg", "a.jpg"]):
        with pytest.raises(InputError, match=r"two images named 'a.jpg'.*a folder before the name"):
            convert(_coco(tmp_path / "a.json", addresses), tmp_path / "out")
        assert not (tmp_path / "out").exists()
    convert(_coco(tmp_path / "a.json", ["one/a.jpg", "two/a.jpg"]), tmp_path / "out")  # as the advice says


@pytest.mark.parametrize("name", ["/", "..", "C:", "https://host", ".//./"])
def test_a_name_of_which_nothing_is_left(tmp_path: Path, name: str) -> None:
    """It is refused with its place; the others are read with `--skip-invalid`."""
    path = _coco(tmp_path / "a.json", ["a.jpg", name])
    with pytest.raises(FormatError, match=r"images\[1\].file_name: no image's name is in"):
        open_annotations(path)
    assert open_annotations(path, options=ReadOptions(skip_invalid=True)).names == ["a.jpg"]


def _cvat(path: Path, *images: str) -> Path:
    tasks = "".join(f"<task><id>{at}</id><name>video {at}</name></task>" for at in (5, 6))
    body = "".join(
        f'<image id="{at}" name="f.png" width="8" height="6" {image}>'
        f'<box label="a" xtl="1" ytl="1" xbr="{at + 2}" ybr="3"/></image>'
        for at, image in enumerate(images)
    )
    return written(
        path, f"<annotations><meta><project><tasks>{tasks}</tasks></project></meta>{body}</annotations>"
    )


@pytest.mark.parametrize(
    ("images", "names"),
    [
        (('subset="Train" task_id="5"', 'subset="Val" task_id="6"'), ["Train/f.png", "Val/f.png"]),
        (('subset="Train" task_id="5"', 'subset="Train" task_id="6"'), ["video 5/f.png", "video 6/f.png"]),
        (('task_id="8"', 'task_id="9"'), ["task_8/f.png", "task_9/f.png"]),
        (('subset="Train"', ""), ["Train/f.png", "f.png"]),
        (('subset="Train"', 'subset="Train"'), ["f.png", "f.png"]),
    ],
)
def test_cvat_tells_same_names_apart_by_subset_or_task(
    tmp_path: Path, images: tuple[str, str], names: list[str]
) -> None:
    """The folder is the subset where that is enough, else the task; each record keeps its own shapes."""
    annotations = open_annotations(_cvat(tmp_path / "a.xml", *images))
    assert list(annotations.names) == names
    widths = [record.instances[0].shape[0].exterior[:, 0].max() for record in annotations]  # type: ignore[index,union-attr]
    assert widths == [2, 3]


def test_pictures_of_images_told_apart_are_those_of_their_folders(tmp_path: Path) -> None:
    """As CVAT packs them; a picture that may be of either is of none."""
    path = _cvat(tmp_path / "in/a.xml", 'subset="Train"', 'subset="Val"')
    for subset in ("Train", "Val"):
        (tmp_path / "in/images" / subset).mkdir(parents=True)
        Image.new("RGB", (8, 6)).save(tmp_path / "in/images" / subset / "f.png")
    Image.new("RGB", (8, 6)).save(tmp_path / "in/f.png")
    annotations = open_annotations(path)
    found = [file and file.name for file in map(annotations.picture_file, range(2))]
    assert found == ["images/Train/f.png", "images/Val/f.png"]
    (tmp_path / "in/images/Val/f.png").unlink()
    assert open_annotations(path).picture_file(1) is None


def test_one_subset_alone_makes_no_folder(tmp_path: Path) -> None:
    """Folders are added only where names meet."""
    assert list(open_annotations(_cvat(tmp_path / "a.xml", 'subset="Train" task_id="5"')).names) == ["f.png"]


def test_datumaro_subsets_part_names(tmp_path: Path) -> None:
    """Each is a file of its own, called like the subset."""
    item = {"id": "a", "annotations": [], "image": {"path": "a.png", "size": [6, 8]}}
    for name in ("train", "val"):
        written(
            tmp_path / f"annotations/{name}.json", {"categories": {"label": {"labels": []}}, "items": [item]}
        )
    assert list(open_annotations(tmp_path).names) == ["train/a.png", "val/a.png"]


def test_labelbox_datasets_part_names(tmp_path: Path) -> None:
    """Where the export tells them."""
    rows = [
        {
            "data_row": {"id": name, "external_id": "a.png", "details": {"dataset_name": name}},
            "projects": {},
            "media_attributes": {"width": 8, "height": 6},
        }
        for name in ("north", "south")
    ]
    assert list(open_annotations(written(tmp_path / "a.json", rows)).names) == ["north/a.png", "south/a.png"]


def _via(name: str) -> Any:
    return {"x": {"filename": name, "size": 1, "regions": []}}


def _task(name: str) -> Any:
    row = {"type": "choices", "original_width": 8, "original_height": 6, "value": {}}
    return [{"id": 1, "data": {"image": name}, "annotations": [{"result": [row]}]}]


def _image(name: str) -> Any:
    return coco(images=[{"id": 1, "file_name": name, "height": 6, "width": 8}])


def _sa1b(name: str) -> Any:
    return {"image": {"image_id": 1, "file_name": name, "width": 8, "height": 6}, "annotations": []}


@pytest.mark.parametrize(
    ("format_", "document", "name"),
    [
        ("coco", _image, "data/x/a.png"),
        ("via", _via, "data/x/a.png"),
        ("labelstudio", _task, "a.png"),
        ("sa1b", _sa1b, "data/x/a.png"),
    ],
)
def test_formats_name_images_alike(
    tmp_path: Path, format_: str, document: Callable[[str], Any], name: str
) -> None:
    """From the same path of another machine; Label Studio's uploads go by their last part."""
    Image.new("RGB", (8, 6)).save(tmp_path / "a.png")
    path = written(tmp_path / "a.json", document("D:\\data\\x\\a.png"))
    annotations = open_annotations(path, format=format_)
    assert list(annotations.names) == [name]
    assert annotations.source_name(0) == "D:\\data\\x\\a.png"
    assert annotations.decode(0).name == name
    assert annotations.picture_file(0) == annotations.picture_file(0)
    assert (file := annotations.picture_file(0))
    assert PurePosixPath(file.name) == PurePosixPath("a.png")


def test_pictures_are_found_by_the_last_parts_of_a_path(tmp_path: Path) -> None:
    """As many folders of another machine's path as there are below `--images`."""
    path = _coco(tmp_path / "in/a.json", ["/home/me/data/day1/a.png", "/home/me/data/day2/a.png"])
    for day in ("day1", "day2"):
        (tmp_path / "pictures" / day).mkdir(parents=True)
        Image.new("RGB", (8, 6)).save(tmp_path / "pictures" / day / "a.png")
    annotations = open_annotations(path, options=ReadOptions(images=tmp_path / "pictures"))
    found = [annotations.picture_file(at) for at in range(2)]
    assert [file and file.name for file in found] == ["day1/a.png", "day2/a.png"]


def test_a_choice_of_images_keeps_what_the_source_calls_them(tmp_path: Path) -> None:
    """Also where findings are of an image whose name was mapped."""
    path = _coco(tmp_path / "a.json", ["/x/a.jpg", "/y/b.jpg"])
    document = json.loads(path.read_text())
    for row in document["annotations"]:
        row["id"] = 1
    annotations = chosen(open_annotations(written(path, document)), ReadingOptions(where=["y/*"]))
    assert [annotations.source_name(0), annotations.names[0]] == ["/y/b.jpg", "y/b.jpg"]
    assert [finding.image for finding in annotations.findings] == ["y/b.jpg"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16_in_a_folder_is_told_and_the_advice_helps(tmp_path: Path, encoding: str) -> None:
    """Not that no format is there: saved as UTF-8, as the advice says, it is read."""
    text = json.dumps(coco())
    written(tmp_path / "a.json", text.encode(encoding))
    written(tmp_path / "empty.txt", "")
    with pytest.raises(FormatError, match=r"a\.json: UTF-16 text; save it as UTF-8"):
        open_annotations(tmp_path)
    written(tmp_path / "a.json", text)
    assert open_annotations(tmp_path).format == "coco"


@pytest.mark.parametrize(
    ("truth", "other", "pairs"),
    [
        (["a", "b"], ["b", "c"], {"b": "b"}),
        (["e\u0301"], ["\u00e9"], {"e\u0301": "\u00e9"}),
        (["a%20b", "c"], ["a b", "c"], {"a%20b": "a b", "c": "c"}),
        (["a%20b", "a b"], ["a b"], {"a b": "a b"}),
        (["e\u0301"], ["x/\u00e9", "x/b"], {"e\u0301": "x/\u00e9"}),
        (["a"], ["x/a", "y/a"], {}),
    ],
)
def test_names_are_joined_by_their_normal_form(
    truth: list[str], other: list[str], pairs: dict[str, str]
) -> None:
    """Each name with its own spelling first, then with the only one that means the same."""
    assert matched(tuple(truth), tuple(other)) == pairs


@given(st.lists(st.sampled_from(["a", "%61", "e\u0301", "\u00e9", "%C3%A9", "b"]), unique=True), st.data())
def test_no_two_names_are_joined_with_one(names: list[str], data: st.DataObject) -> None:
    """What is joined means the same, and the other way round it is the same pair."""
    others = data.draw(st.permutations(["a", "%61", "e\u0301", "\u00e9", "b"]))[
        : data.draw(st.integers(0, 5))
    ]
    pairs = joined(names, others)
    assert len(set(pairs.values())) == len(pairs)
    assert all(normal_form(name) == normal_form(other) for name, other in pairs.items())
    assert {other: name for name, other in pairs.items()} == joined(others, names)


def _labelme(side: int | None) -> Any:
    return {"shapes": [], "imagePath": "a.png", "imageHeight": side, "imageWidth": side}


def _isat(side: int | None) -> Any:
    return {"info": {"name": "a.png", "width": side, "height": side}, "objects": []}


def _datumaro(side: int | None) -> Any:
    item = {"id": "a", "annotations": [], "image": {"path": "a.png"}}
    if side is not None:
        item["image"]["size"] = [side, side]
    return {"categories": {"label": {"labels": []}}, "items": [item]}


def _labelbox(side: int | None) -> Any:
    row = {"data_row": {"id": "a", "external_id": "a.png"}, "projects": {}}
    return [row | {"media_attributes": {"width": side, "height": side}}]


def _bdd100k(side: int | None) -> Any:
    return [{"name": "a.png", "labels": [], "size": {"width": side, "height": side}}]


def _darwin(side: int | None) -> Any:
    slot = {"slot_name": "0", "width": side, "height": side}
    return {"item": {"name": "a.png", "path": "/", "slots": [slot]}, "annotations": []}


@pytest.mark.parametrize("side", [0, None])
@pytest.mark.parametrize("document", [_labelme, _isat, _datumaro, _labelbox, _bdd100k, _darwin])
def test_sizes_that_are_missing_or_0_are_those_of_pictures(
    tmp_path: Path, document: Callable[[int | None], Any], side: int | None
) -> None:
    """In every format alike; a note counts them."""
    format_ = document.__name__.removeprefix("_")
    path = written(tmp_path / "a.json", document(side))
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (8, 6)).save(tmp_path / "pictures/a.png")
    annotations = open_annotations(path, format=format_, options=ReadOptions(images=tmp_path / "pictures"))
    assert annotations.decode(0).frame == (6, 8)
    assert annotations.notes == ("1 images have no size in the file: it is taken from their pictures",)


@pytest.mark.parametrize("name", ["plot #1.png", "a+b #1?.png", "s#1/#.png", "x.json#1.png", "#.png"])
@pytest.mark.parametrize("layout", ["index", "binary", "coco", "voc"])
def test_a_number_sign_in_a_name_parts_nothing(name: str, layout: str, tmp_path: Path) -> None:
    """The mask has its image's whole name, is proven, and is written once: a second run changes nothing."""
    source = _coco(tmp_path / "a.json", [name, "plot.png"])
    assert check(source) == []
    convert(source, tmp_path / "out", to=layout)
    assert verify(tmp_path / "out").unchanged == 2
    assert compare(source, tmp_path / "out").mean_iou == 1
    report = convert(source, tmp_path / "out", to=layout)
    assert (report.written, report.unchanged) == (0, 2)
    if layout == "index":
        assert (tmp_path / "out/masks" / PurePosixPath(name).with_suffix(".png")).is_file()


@pytest.mark.parametrize("name", ["plot #1.png", "plot ?1.png", "a;b.png"])
def test_label_studios_files_keep_their_whole_name(name: str) -> None:
    """Only addresses have a query and a fragment."""
    assert label_studio_name(name) == name
    assert label_studio_name(f"/data/local-files/?d=pets/{name.replace('#', '%23')}") == f"pets/{name}"


def test_masks_are_linked_by_whole_names(tmp_path: Path) -> None:
    """And by those of an address, without its query."""
    written(tmp_path / "plot #1.png", b"")
    links = LinkedFiles(tmp_path)
    for address in ("plot #1.png", "https://host/masks/plot%20%231.png?token=1"):
        file = links.linked(address)
        assert file is not None, address
        assert file.name == "plot #1.png"
