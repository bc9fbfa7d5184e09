"""What holds for every format: the small scene, sniffing by content, broken and mixed-up files."""

import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from polymask import FormatError, InputError, LabelMap, LimitError, NotFound, convert, index_mask
from polymask.formats import FORMATS, ReadOptions, module_named, open_annotations, sniffed
from polymask.formats.reading.content import Content
from polymask.formats.reading.texts.appearance import appearance
from polymask.limits import Limits
from tests.conftest import Run
from tests.fuzz.targets import TARGETS
from tests.support.formats import FIXTURES, LABELS, SCENE, masks, written

SCENES = {
    "labelme": "labelme",
    "dataloop": "dataloop",
    "cvat": "cvat",
    "cvat.zip": "cvat",
    "yolo": "yolo",
    "via": "via",
    "via-1": "via",
    "via-3": "via",
    "supervisely": "supervisely",
    "labelstudio": "labelstudio",
    "labelstudio-min": "labelstudio",
    "datumaro": "datumaro",
    "labelbox": "labelbox",
    "labelbox-v1": "labelbox",
    "labelbox-import": "labelbox",
    "voc": "voc",
    "voc-rgb": "voc",
    "camvid": "camvid",
    "camvid-kaggle": "camvid",
    "masks": "masks",
    "segmentsai": "segmentsai",
    "coco-stuff": "coco",
    "coco-panoptic": "coco-panoptic",
    "rectlabel": "coco",
    "scale": "scale",
    "scale-segments": "scale",
    "scale-nucleus": "scale",
    "playment": "playment",
    "playment-raster": "playment",
    "rectlabel-xml": "rectlabel",
    "geojson": "geojson",
    "mapillary": "mapillary",
    "bdd100k": "bdd100k",
    "bdd100k-old": "bdd100k",
    "darwin": "darwin",
    "darwin-1": "darwin",
    "encord": "encord",
    "imagej/boat.zip": "imagej",
    "labelme-xml": "labelme-xml",
    "via-csv": "via-csv",
    "via-csv-3": "via-csv",
}
OTHER_SCENES = {  # of other labels, or of shapes that differ a little
    "cityscapes": "cityscapes",
    "idd": "idd",
    "coco-results": "coco",
    "sa1b": "sa1b",
    "bsds": "bsds",
    "bsds-500": "bsds",
    "waymo": "waymo",
    "isat": "isat",
    "dicom": "dicom",
}
FILES = {
    path: name
    for folder, name in (SCENES | OTHER_SCENES).items()
    for path in sorted((FIXTURES / folder).rglob("*"))
    if path.is_file() and (path.suffix != ".png" or "SegmentationClass" in path.parts)
}
PHOTOS = (
    "via/boat.png",
    "scale/bucket/boat.png",
    "yolo/images/train/boat.png",
    "coco-panoptic/panoptic/boat.png",
    "masks/train/boat.png",
)


@pytest.mark.parametrize("folder", SCENES)
def test_the_scene_is_the_same_in_every_format(folder: str) -> None:
    """One hand-drawn mask for all of them, however a format tells of the boat's window."""
    annotations = open_annotations(FIXTURES / folder)
    assert annotations.format == SCENES[folder]
    found = {Path(record.name).stem: index_mask(record, LABELS) for record in annotations}
    assert (found.pop("boat") == SCENE).all()
    for empty in found.values():
        assert not empty.any()
    assert annotations.used == {"sea": 1, "boat": 1, "sun": 1}


ANNOTATOR = {"bsds": "1102", "bsds-500": "1"}  # of several


@pytest.mark.parametrize("folder", [*SCENES, *OTHER_SCENES])
def test_a_zip_is_read_as_the_folder_is(folder: str, tmp_path: Path) -> None:
    """The same names and the same masks, from a zip with the folder's files."""
    root = FIXTURES / folder
    if root.is_file():
        return
    options = {"annotator": ANNOTATOR.get(folder)}
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(root.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(root))
    plain, zipped = masks(root, **options), masks(path, **options)
    assert list(plain) == list(zipped)
    assert all((plain[name] == zipped[name]).all() for name in plain)


def test_every_format_has_a_scene_and_is_fuzzed() -> None:
    """Of each there is a fixture that is drawn by hand, and a target of the fuzzer."""
    assert {*SCENES.values(), *OTHER_SCENES.values()} == set(FORMATS)
    assert set(FORMATS) <= set(TARGETS)


LOWEST = {"max_pixels": 95, "max_instances": 1, "max_bytes": 20, "max_labels": 1}  # below every scene


@pytest.mark.parametrize("limit", LOWEST)
@pytest.mark.parametrize("folder", [*SCENES, *OTHER_SCENES])
def test_every_format_keeps_to_the_limits(folder: str, limit: str) -> None:
    """Frame, instances, labels and bytes, on opening or on decoding; the message names the flag."""
    if (folder, limit) == ("sa1b", "max_labels"):
        return  # it has no labels
    limits = Limits(**{limit: LOWEST[limit]})
    options = ReadOptions(limits=limits, annotator=ANNOTATOR.get(folder))
    with pytest.raises(LimitError, match=f"--{limit.replace('_', '-')}"):
        list(open_annotations(FIXTURES / folder, options=options))


@pytest.mark.parametrize("path", FILES, ids=str)
def test_each_file_is_of_one_format_only(path: Path) -> None:
    """Exactly one sniffer says yes, whatever the file is called."""
    if path.stat().st_size and path.suffix not in (".zip",) and path.name != "boat.png":
        said = [name for name in FORMATS if module_named(name).sniff(Content(path))]
        assert said == ([] if "voc-rgb" in path.parts and path.suffix == ".png" else [FILES[path]])


@pytest.mark.parametrize("name", PHOTOS)
def test_a_photo_is_of_no_format(name: str) -> None:
    """Pictures lie among annotations."""
    assert sniffed(Content(FIXTURES / name)) is None


def test_a_name_does_not_tell_the_format(tmp_path: Path) -> None:
    """labelme's content under a Cityscapes name is labelme's; told to be Cityscapes', it is refused."""
    text = (FIXTURES / "labelme/boat.json").read_text()
    path = written(tmp_path / "bonn_000000_000001_gtFine_polygons.json", text)
    assert open_annotations(path).format == "labelme"
    with pytest.raises(FormatError, match=r"objects.*looks like labelme"):
        open_annotations(path, format="cityscapes")


BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "blank": lambda _: b" \n",
    "cut off": lambda text: text[: len(text) // 2],
    "UTF-16": lambda text: text.decode().encode("utf-16"),
    "UTF-16 without a mark": lambda text: text.decode().encode("utf-16-le"),
}
WHOLE_FILES = [
    "labelme/boat.json",
    "dataloop/json/boat.json",
    "cityscapes/bonn_000000_000001_gtFine_polygons.json",
    "idd/000001_gtFine_polygons.json",
    "cvat/annotations.xml",
    "via/via_region_data.json",
    "via-3/via_project.json",
    "supervisely/harbor/ann/boat.png.json",
    "labelstudio/export.json",
    "datumaro/annotations/default.json",
    "sa1b/boat.json",
    "labelbox/export.ndjson",
    "coco-panoptic/panoptic.json",
    "coco-stuff/stuff.json",
    "scale/tasks.json",
    "playment/jobs.json",
    "rectlabel-xml/empty.xml",
    "geojson/boat.geojson",
    "mapillary/training/v2.0/polygons/boat.json",
    "bdd100k/labels.json",
    "bdd100k-old/boat.json",
    "darwin/boat.json",
    "darwin-1/boat.json",
    "encord/labels.json",
    "isat/boat.json",
    "labelme-xml/empty.xml",
]


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize("name", WHOLE_FILES)
def test_broken_files_are_refused(name: str, how: str, tmp_path: Path) -> None:
    """With or without a format named: `FormatError` that names the file."""
    path = written(tmp_path / Path(name).name, BROKEN[how]((FIXTURES / name).read_bytes()))
    for told in (None, FILES[FIXTURES / name]):
        with pytest.raises(FormatError, match=path.name):
            list(open_annotations(path, format=told))


@pytest.mark.parametrize("name", WHOLE_FILES)
def test_a_byte_order_mark_is_read(name: str, tmp_path: Path) -> None:
    """UTF-8 with a mark is UTF-8."""
    path = written(tmp_path / Path(name).name, b"\xef\xbb\xbf" + (FIXTURES / name).read_bytes())
    assert open_annotations(path).format == FILES[FIXTURES / name]


@pytest.mark.parametrize("name", WHOLE_FILES)
def test_every_format_refuses_every_other_formats_file(name: str) -> None:
    """A file told to be of another format is a `FormatError` or an `InputError`, never a crash."""
    own = FILES[FIXTURES / name]
    for other in FORMATS:
        if {own, other} not in ({"cityscapes", "idd"}, {own}):
            with pytest.raises(InputError):
                list(open_annotations(FIXTURES / name, format=other))


@pytest.mark.parametrize("folder", [*SCENES, "cityscapes", "idd", "bsds", "waymo", "dicom"])
def test_records_can_be_sent_to_another_process(folder: str) -> None:
    """Executors pickle what decodes: it works on, without what was open."""
    annotations = open_annotations(FIXTURES / folder)
    decode = pickle.loads(pickle.dumps(annotations.decode))
    for index in range(len(annotations.names)):
        before, after = annotations.decode(index), decode(index)
        labels = LabelMap.from_records([before])
        assert (index_mask(before, labels) == index_mask(after, labels)).all()


@pytest.mark.parametrize("folder", ["labelme", "cvat.zip", "yolo"])
def test_workers_draw_what_one_process_draws(folder: str, tmp_path: Path) -> None:
    """Forked workers open a zip of their own."""
    for workers in (1, 2):
        report = convert(FIXTURES / folder, tmp_path / str(workers), workers=workers)
        assert (report.written, report.failed) == (2, 0)
    one, two = ((tmp_path / str(workers) / "manifest.jsonl").read_bytes() for workers in (1, 2))
    assert one == two


def test_a_bad_file_among_many_is_named_or_left_out(tmp_path: Path) -> None:
    """A folder is refused for one bad file; with `skip_invalid` the others are read."""
    for name in ("boat", "empty"):
        written(tmp_path / f"{name}.json", (FIXTURES / f"labelme/{name}.json").read_text())
    written(tmp_path / "sub/cut.json", '{"shapes": [')
    with pytest.raises(FormatError, match=r"sub/cut\.json: not JSON"):
        open_annotations(tmp_path)
    annotations = open_annotations(tmp_path, options=ReadOptions(skip_invalid=True))
    assert list(annotations.names) == ["boat.png", "empty.png"]
    assert [(one.name, one.reason[:8]) for one in annotations.skipped] == [("sub/cut.json", "not JSON")]


def test_hidden_files_are_passed_over(tmp_path: Path) -> None:
    """What the Finder leaves behind is no annotation."""
    for name in ("boat.json", ".boat.json", "__MACOSX/boat.json"):
        written(tmp_path / name, (FIXTURES / "labelme/boat.json").read_text() if name == "boat.json" else "x")
    assert list(open_annotations(tmp_path).names) == ["boat.png"]


def test_globs_choose_files(tmp_path: Path) -> None:
    """Also below folders; none that match is `NotFound`."""
    text = (FIXTURES / "labelme/boat.json").read_text()
    for name in ("a/1.json", "a/2.json", "b/1.json"):
        written(tmp_path / name, text)
    assert list(open_annotations(tmp_path / "*" / "1.json").names) == ["a/1.png", "b/1.png"]
    assert list(open_annotations(tmp_path / "**" / "2.json").names) == ["a/2.png"]
    with pytest.raises(NotFound, match="no file matches"):
        open_annotations(tmp_path / "*.xml")


def test_an_unknown_format_is_told_with_the_nearest() -> None:
    """`--from` takes names from the table."""
    with pytest.raises(InputError, match="did you mean 'labelme'"):
        open_annotations(FIXTURES / "labelme", format="lableme")


def test_a_folder_of_nothing_known_is_refused(tmp_path: Path) -> None:
    """The message names what is read."""
    written(tmp_path / "notes.txt", "hello")
    with pytest.raises(FormatError, match="is a folder, and no file in it"):
        open_annotations(tmp_path)


def test_several_coco_files_are_not_guessed_between(tmp_path: Path) -> None:
    """A folder with two of them, which are no subsets by their names, is refused with these."""
    for name in ("train", "other"):
        written(tmp_path / f"{name}.json", (FIXTURES / "coco-stuff/stuff.json").read_text())
    with pytest.raises(FormatError, match=r"other\.json, train\.json.*name one"):
        open_annotations(tmp_path)


def test_unsupported_instances_make_the_run_exit_1(tmp_path: Path, polymask_command: Run) -> None:
    """They are left alone and listed; all else is painted; `check` tells of them too."""
    text = (FIXTURES / "cvat/annotations.xml").read_text()
    line = '<polyline label="boat" points="0,0;5,5" z_order="0"></polyline>'
    path = written(tmp_path / "annotations.xml", text.replace("</image>", line + "</image>", 1))
    done = polymask_command("convert", path, tmp_path / "out", "--json")
    assert done.returncode == 1
    assert '"unsupported": [{"name": "boat.png", "reason": "polyline[3]: a polyline' in done.stdout
    assert "1 instances are not supported" in done.stderr
    assert (tmp_path / "out/masks/boat.png").exists()
    assert "unsupported" in polymask_command("check", path).stdout


LOOKS = {
    "a gzip archive": b"\x1f\x8b\x08\0",
    "a JPEG picture": b"\xff\xd8\xff\xe0",
    "a PDF document": b"%PDF-1.7",
    "a page of HTML, not a download": b"<!DOCTYPE html><html><title>Sign in</title></html>",
    "XML of the element <kml>": b'<?xml version="1.0"?>\n<kml><name/></kml>',
    "a JSON object with the keys model, epochs": b'{"model": 1, "epochs": []}',
    "a JSON list of objects with the keys a": b'[{"a": 1}]',
    "JSON without any keys": b"[[1, 2]]",
    "damaged JSON": b'{"model": ',
    "a text that begins with 'to whom it may concern'": b"to whom it may concern\n",
    "binary data": b"\x01\x02\0\x03",
}


@pytest.mark.parametrize("look", LOOKS)
def test_what_is_of_no_format_is_told_by_its_look(look: str, tmp_path: Path) -> None:
    """With what leads on: the command that lists the formats, and the page on exports."""
    path = written(tmp_path / "a.bin", LOOKS[look])
    assert appearance(Content(path)).startswith(look)
    with pytest.raises(FormatError, match=r"none of the formats|not JSON") as told:
        open_annotations(path)
    if "none" in str(told.value):
        assert f"it looks like {look}" in str(told.value)
        assert ("unpack it" in told.value.advice) == ("archive" in look)
        assert ("`polymask formats`" in told.value.advice) == ("archive" not in look)


def test_binary_data_is_no_utf_16(tmp_path: Path) -> None:
    """A text in UTF-16 is told as one, with and without a byte order mark."""
    for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        with pytest.raises(FormatError, match="UTF-16 text"):
            open_annotations(written(tmp_path / "a.json", '{"a": 1}'.encode(encoding)))


def test_what_a_decoder_refuses_is_a_value_error() -> None:
    """The readers rely on it: errors of older releases of msgspec passed them by."""
    assert issubclass(msgspec.DecodeError, ValueError)
