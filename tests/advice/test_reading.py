"""Advice of readers: what is wrong with a source, and what makes it readable."""

import bz2
import io
import json
import shutil
import subprocess
import zipfile
from typing import Any

import pytest
from PIL import Image

from tests.advice.sites import Case, Done, follows, polymask
from tests.conftest import ROOT, SAMPLE, coco
from tests.support.formats import FIXTURES

BAD = {"id": 2, "image_id": 1, "category_id": 7, "segmentation": [[0, 0, 1, 1]]}
GOOD = coco()["annotations"][0]


def commands_in(advice: str) -> list[list[str]]:
    """The `polymask …` commands that an advice names, as words."""
    import shlex

    return [shlex.split(part)[1:] for part in advice.split("`")[1::2] if part.startswith("polymask ")]


@follows("formats/reading/refusals: correct it, or leave such records out with --skip-invalid")
def test_a_malformed_record_is_corrected_or_left_out(case: Case) -> None:
    """And the command that the advice names lists all of them."""
    source = case.write("a.json", coco(annotations=[GOOD, BAD, BAD | {"id": 3}]))
    done = case.fails("convert", source, case.out)
    assert done.error
    (check,) = commands_in(done.error.advice)
    listed = json.loads(polymask(*check, "--json").stdout)
    assert listed["counts"]["invalid"] == 2
    case.works("convert", source, case.out, "--skip-invalid")
    case.works("convert", case.write("b.json", coco(annotations=[GOOD])), case.out)


@follows("usual: FormatError")
def test_a_file_that_is_not_its_format_is_corrected_exported_again_or_named(case: Case) -> None:
    """Of another format: the right one is told, and naming it works."""
    broken = case.write("a.json", coco(images=5))
    case.fails("convert", broken, case.out, told="images")
    case.works("convert", case.write("a.json", coco()), case.out)
    source = case.write("b.json", coco())
    case.fails("convert", source, case.out, "--from", "labelme", told="it looks like coco")
    case.works("convert", source, case.out, "--from", "coco")


@follows("formats/reading/texts/appearance: _UNPACKED if look.endswith(PACKED) else _LISTED")
def test_what_shows_no_format_is_exported_in_one_or_named(case: Case) -> None:
    """A file that shows none, and a folder of such."""
    text = case.write("folder/notes.txt", "some notes")
    case.fails("convert", text, case.out, told="none of the formats")
    case.fails("convert", text.parent, case.out, told="no file in it shows")
    shutil.copytree(FIXTURES / "voc", case.folder / "masks")
    case.works("convert", case.folder / "masks", case.out, "--from", "voc")
    packed = case.write("a.json.bz2", bz2.compress(json.dumps(coco()).encode()))
    done = case.fails("convert", packed, case.out, told="it looks like a bzip2 archive")
    assert done.error
    assert done.error.advice == "unpack it, and name what is in it"
    case.works("convert", case.write("a.json", bz2.decompress(packed.read_bytes())), case.out)
    case.works("formats")
    assert (ROOT / "docs/tools.md").is_file()


@follows("formats/reading/records: advice")
def test_a_file_of_an_odd_suffix_is_named_itself(case: Case) -> None:
    """In a folder only files of a format's usual suffixes are read."""
    row = (ROOT / "fixtures/labelbox/export.ndjson").read_text()
    path = case.write("in/rows.txt", row)
    case.fails("convert", path.parent, case.out)
    case.works("convert", path, case.out)


@follows("formats: name one of them as SOURCE")
def test_of_several_files_of_a_format_one_is_named(case: Case) -> None:
    """A folder of two files that are each a dataset."""
    for name in ("a", "b"):
        shutil.copy(SAMPLE, case.folder / f"{name}.json")
    case.fails("convert", case.folder, case.out)
    case.works("convert", case.folder / "a.json", case.out)


@follows("formats: name {error.file} as SOURCE")
def test_a_file_of_another_format_in_a_folder_is_converted_apart(case: Case) -> None:
    """A folder of labelme's files, and one of COCO."""
    shutil.copy(FIXTURES / "labelme/boat.json", case.folder / "a.json")
    source = case.write("i.json", coco())
    done = case.fails("convert", case.folder, case.out, told="it looks like coco, the folder like labelme")
    assert done.error
    assert str(source) in done.error.advice
    case.works("convert", source, case.out)
    case.works("convert", case.folder, case.out.with_name("rest"), "--skip-invalid")


@follows("formats: leave them out")
def test_choices_among_datasets_annotations_are_left_out_elsewhere(case: Case) -> None:
    """A COCO file has no status."""
    case.fails("convert", SAMPLE, case.out, "--status", "approved")
    case.works("convert", SAMPLE, case.out)


@follows(
    "formats/reading/texts/appearance: export it again, or leave it out",
    "formats/reading/content: export it again, or leave it out",
)
def test_empty_files_are_exported_again(case: Case) -> None:
    """An empty list, and an empty file."""
    for text in ("[]", ""):
        source = case.write("a.json", text)
        case.fails("convert", source, case.out)
        case.works("convert", case.write("a.json", coco()), case.out)


@follows("formats/bsds: there are: ", "formats/bsds: choose with --annotator NAME")
def test_one_of_several_annotators_is_chosen(case: Case) -> None:
    """Those that there are, are told."""
    shutil.copytree(FIXTURES / "bsds/1102", case.folder / "1102")
    shutil.copytree(FIXTURES / "bsds/1102", case.folder / "1103")
    text = (case.folder / "1103/boat.seg").read_text().replace("user 1102", "user 1103")
    (case.folder / "1103/boat.seg").write_text(text)
    case.fails("convert", case.folder, case.out, told="several people drew")
    done = case.fails("convert", case.folder, case.out, "--annotator", "nobody")
    assert done.error
    assert "1103" in done.error.advice
    case.works("convert", case.folder, case.out, "--annotator", "1103")


@follows("formats/cityscapes: say --from idd")
def test_a_label_of_idd_is_read_as_idd(case: Case) -> None:
    """Both have the same files."""
    source = FIXTURES / "idd"
    case.fails("convert", source, case.out, "--from", "cityscapes")
    case.works("convert", source, case.out, "--from", "idd")


@follows("formats/coco/whole: add those of its annotations as `images`")
def test_a_coco_file_without_images_gets_them(case: Case) -> None:
    """Or is exported again, where it has no annotations either."""
    for nothing in ({}, {"annotations": []}):
        case.fails("convert", case.write("a.json", coco(images=[], **nothing)), case.out)
    case.works("convert", case.write("a.json", coco()), case.out)


@follows("formats/coco/rows: join the two, or take one out")
def test_lists_that_are_there_twice_are_joined_or_one_is_taken_out(case: Case) -> None:
    """A reader sees one of two only."""
    text = json.dumps(coco())
    case.fails("convert", case.write("a.json", text[:-1] + ', "annotations": []}'), case.out)
    case.works("convert", case.write("a.json", text), case.out)


@follows("formats/coco_panoptic: say where with --images DIR")
def test_panoptic_pixels_are_found_where_images_says(case: Case) -> None:
    """The JSON alone has no pixels."""
    source = case.folder / "panoptic.json"
    shutil.copy(FIXTURES / "coco-panoptic/panoptic.json", source)
    case.fails("convert", source, case.out, code=1)
    case.works("convert", source, case.out, "--images", FIXTURES / "coco-panoptic/panoptic")


@follows("formats/cvat/tracks: _ADVICE")
def test_a_video_export_is_exported_for_images_or_has_its_frames_named(case: Case) -> None:
    """The same task has both exports; the frames of a video are packed as pictures."""
    box = '<box frame="0" outside="0" xtl="0" ytl="0" xbr="4" ybr="4"/>'
    source = case.write("a.xml", f'<annotations><track id="0" label="a">{box}</track></annotations>')
    case.fails("convert", source, case.out)
    case.works("convert", FIXTURES / "cvat/annotations.xml", case.folder / "images-export")
    (case.folder / "frames").mkdir()
    shutil.copy(FIXTURES / "via/boat.png", case.folder / "frames/frame_000000.png")
    case.works("convert", source, case.out, "--images", case.folder / "frames")


@follows("formats/dicom: add --images DIR")
def test_slices_are_found_where_images_says(case: Case) -> None:
    """A structure set alone has no pixels."""
    pytest.importorskip("pydicom")
    source = case.folder / "rs.dcm"
    shutil.copy(FIXTURES / "dicom/rs.dcm", source)
    case.fails("convert", source, case.out)
    case.works("convert", source, case.out, "--images", FIXTURES / "dicom")


@follows("formats/dicom: name one of them")
def test_of_two_structure_sets_one_is_named(case: Case) -> None:
    """Both are of the same series."""
    pytest.importorskip("pydicom")
    shutil.copytree(FIXTURES / "dicom", case.folder / "series")
    shutil.copy(FIXTURES / "dicom/rs.dcm", case.folder / "series/rs2.dcm")
    case.fails("convert", case.folder / "series", case.out)
    case.works("convert", case.folder / "series/rs.dcm", case.out)


@follows("formats/reading/content: as_utf_8(self.path, data)", "labels/label_files: as_utf_8")
def test_texts_in_other_encodings_are_saved_as_utf_8(case: Case) -> None:
    """UTF-16, Latin-1, and a label file."""
    text = json.dumps(
        coco(categories=[{"id": 3, "name": "bär"}, {"id": 7, "name": "dog"}]), ensure_ascii=False
    )
    for encoding in ("utf-16", "latin-1", "gb18030"):
        source = case.write("a.json", text.replace("bär", "熊").encode(encoding, "replace"))
        if encoding == "latin-1":
            case.write("a.json", text.encode(encoding))
        iconv(case.fails("convert", source, case.out))
        case.works("convert", source, case.out)
    case.write("a.json", text.encode())
    labels = case.write("labels.txt", "bär\ndog\n".encode("latin-1"))
    iconv(case.fails("convert", source, case.out, "--labels", labels))
    case.works("convert", source, case.out, "--labels", labels)


def iconv(done: Done) -> None:
    """Run the command that an error names."""
    assert done.error is not None
    subprocess.run(done.error.advice.split("`")[1], shell=True, check=True)


@follows(
    'formats/reading/texts/xml_encodings: write encoding="UTF-8" into its first line',
    "formats/reading/texts/xml_encodings: write the encoding that it has",
)
def test_xml_declares_the_encoding_that_it_has(case: Case) -> None:
    """Or is saved in that which it declares."""
    text = (FIXTURES / "labelme-xml/empty.xml").read_text().replace("harbor", "zürich")
    declared = '<?xml version="1.0" encoding="{}"?>'
    source = case.write("a.xml", (declared.format("ISO-8859-1") + text).encode())
    case.fails("convert", source, case.out, told="declares encoding='ISO-8859-1'")
    case.works("convert", case.write("a.xml", (declared.format("UTF-8") + text).encode()), case.out)
    case.works(
        "convert", case.write("a.xml", (declared.format("latin-1") + text).encode("latin-1")), case.out
    )
    case.fails("convert", case.write("a.xml", (declared.format("ascii") + text).encode("latin-1")), case.out)
    case.works("convert", case.write("a.xml", (declared.format("cp1252") + text).encode("latin-1")), case.out)


@follows("formats/reading/images/addresses: add --images DIR")
def test_pictures_of_stems_are_found_where_images_says(case: Case) -> None:
    """Some of the images have their picture, and one has not."""
    shutil.copytree(FIXTURES / "geojson", case.folder / "a")
    pictures = case.folder / "pictures"
    pictures.mkdir()
    for picture in (case.folder / "a").glob("*.png"):
        shutil.copy(picture, pictures)
    next((case.folder / "a").glob("boat*.png")).unlink()
    case.fails("convert", case.folder / "a", case.out, code=1)
    case.works("convert", case.folder / "a", case.out, "--images", pictures)


@follows("formats/yolo: add --images DIR")
def test_pictures_of_yolo_are_found_where_images_says(case: Case) -> None:
    """One is missing beside its labels."""
    shutil.copytree(FIXTURES / "yolo", case.folder / "yolo")
    picture = next(path for path in (case.folder / "yolo/images").rglob("*.png") if "boat" in path.name)
    picture.unlink()
    case.fails("convert", case.folder / "yolo", case.out, code=1)
    case.works("convert", case.folder / "yolo", case.out, "--images", FIXTURES / "yolo/images")


@follows("formats/reading/images/needed_pictures: name the folder that holds them with --images DIR")
def test_needed_pictures_are_found_where_images_says(case: Case) -> None:
    """VIA tells no size."""
    source = case.folder / "via.json"
    shutil.copy(FIXTURES / "via/via_region_data.json", source)
    case.fails("convert", source, case.out)
    case.works("convert", source, case.out, "--images", FIXTURES / "via")


@follows("formats/reading/annotation_choice: add --predictions keep, or --predictions only")
def test_a_confidence_needs_predictions(case: Case) -> None:
    """Each of the two flags is enough."""
    source = FIXTURES / "dataloop"
    case.fails("convert", source, case.out, "--min-confidence", "0.5")
    for which in ("keep", "only"):
        done = polymask("convert", source, case.out, "--min-confidence", "0.5", "--predictions", which)
        assert done.error is None


def via(**attributes: str) -> dict[str, Any]:
    """A region with attributes, in a picture of 12 × 8 px."""
    shape = {"name": "polygon", "all_points_x": [1, 5, 5, 1], "all_points_y": [1, 1, 5, 5]}
    region = {"shape_attributes": shape, "region_attributes": attributes}
    return {"boat.png100": {"filename": "boat.png", "size": 100, "regions": [region], "file_attributes": {}}}


@follows(
    "formats/via/region_instances: choose with --label-attribute",
    "formats/via/region_instances: there are: ",
)
def test_one_of_several_attributes_is_the_label(case: Case) -> None:
    """Those that there are, are told; or all regions get one label."""
    source, pictures = case.write("a.json", via(kind="sea", state="calm")), FIXTURES / "via"
    case.fails("convert", source, case.out, "--images", pictures)
    done = case.fails("convert", source, case.out, "--images", pictures, "--label-attribute", "class")
    assert done.error
    assert "kind" in done.error.advice
    case.works("convert", source, case.out, "--images", pictures, "--label-attribute", "kind")
    case.works("convert", source, case.out, "--images", pictures, "--default-label", "sea")


@follows("codecs/picture_files: name the folder that holds the right ones with --images DIR")
def test_pictures_of_one_name_are_told_apart_by_their_folder(case: Case) -> None:
    """Two folders below hold one of that name."""
    pictures, source = case.folder / "pictures", case.write("a.json", coco())
    for folder in ("old", "new"):
        (pictures / folder).mkdir(parents=True)
        Image.new("RGB", (8, 6)).save(pictures / folder / "a.jpg")
    flags = ("--to", "voc", "--copy-images", "--images")
    case.fails("convert", source, case.out, *flags, pictures)
    case.works("convert", source, case.out, *flags, pictures / "new")


@follows(
    "codecs/picture_files: take away the wrong one, or name the folder of the right one with --images DIR"
)
def test_of_pictures_of_one_stem_one_is_taken_away_or_named(case: Case) -> None:
    """Where they differ in size; either way works."""
    shutil.copytree(FIXTURES / "yolo", case.folder / "yolo")
    picture = next(path for path in (case.folder / "yolo/images").rglob("*.png") if "boat" in path.name)
    Image.new("RGB", (3, 3)).save(picture.with_suffix(".jpg"))
    case.fails("convert", case.folder / "yolo", case.out, told="differ in size")
    case.works("convert", case.folder / "yolo", case.out, "--images", FIXTURES / "yolo/images")
    picture.with_suffix(".jpg").unlink()
    case.works("convert", case.folder / "yolo", case.out)


@follows(
    "formats/reading/texts/appearance: "
    "unpack it, and name the folder, or the archive in it that holds the annotations",
)
def test_an_archive_of_archives_is_unpacked(case: Case) -> None:
    """Its folder is read, and so is the archive in it."""
    outer = case.folder / "outer.zip"
    with zipfile.ZipFile(outer, "w") as archive:
        archive.write(FIXTURES / "cvat.zip", "cvat.zip")
    case.fails("convert", outer, case.out, told="an archive of archives")
    with zipfile.ZipFile(outer) as archive:
        archive.extractall(case.folder / "unpacked")
    case.works("convert", case.folder / "unpacked", case.out)
    case.works("convert", case.folder / "unpacked/cvat.zip", case.out)


@follows("formats/coco: name the annotation file that they were made of")
def test_detectron2s_dicts_come_from_a_file(case: Case) -> None:
    """Which is COCO's, or is written as that."""
    row = {"file_name": "a.jpg", "image_id": 1, "height": 6, "width": 8, "annotations": []}
    case.fails("convert", case.write("dicts.json", json.dumps([row]).encode()), case.out, told="Detectron2")
    case.works("convert", case.write("a.json", coco()), case.out)


@follows("limits: advice")
def test_a_limit_is_raised_by_the_flag_that_is_named(case: Case) -> None:
    """With the value that it must have at least."""
    done = case.fails("convert", SAMPLE, case.out, "--max-pixels", "100")
    assert done.error
    flag = done.error.advice.split()[-1]
    case.works("convert", SAMPLE, case.out, flag, 160 * 120)


@follows("storage/archives/zips: unpack it first")
def test_an_encrypted_zip_is_unpacked(case: Case) -> None:
    """Only the flag of encryption is set here; what is unpacked is read."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("instances.json", json.dumps(coco()))
    data = bytearray(buffer.getvalue())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= 1
    case.fails("convert", case.write("a.zip", bytes(data)), case.out)
    case.works("convert", case.write("a/instances.json", coco()), case.out)


@follows("storage/remote/urls: name the archive: ")
def test_of_a_zip_the_archive_is_named(case: Case) -> None:
    """What lies in it is found by itself."""
    with zipfile.ZipFile(case.folder / "a.zip", "w") as archive:
        archive.writestr("instances.json", json.dumps(coco()))
    done = case.fails("convert", f"zip://instances.json::{case.folder / 'a.zip'}", case.out)
    assert done.error
    case.works("convert", done.error.advice.removeprefix("name the archive: "), case.out)


@follows("storage/safe_names: APART", "storage/safe_names: rename one, or choose with --where")
def test_images_of_one_mask_are_renamed_or_chosen(case: Case) -> None:
    """Of one name, in folders or each by itself; and of names that differ in their suffix alone."""
    first = coco()["images"][0]
    case.fails("convert", case.write("a.json", coco(images=[first, first | {"id": 2}])), case.out)
    apart = [
        first | {"id": number, "file_name": f"{folder}/a.jpg"}
        for number, folder in enumerate(("one", "two"), 1)
    ]
    case.works("convert", case.write("a.json", coco(images=apart)), case.out)
    case.works("convert", case.write("a.json", coco(images=[first])), case.out)
    source = case.write("b.json", coco(images=[first, first | {"id": 2, "file_name": "a.png"}]))
    case.fails("convert", source, case.out)
    case.works("convert", source, case.out, "--where", "a.jpg")


@follows("formats/selection: f'images are called as")
def test_images_are_chosen_as_they_are_called(case: Case) -> None:
    """By the name of the first, which is told."""
    for command in (["convert", SAMPLE, case.out], ["stats", SAMPLE]):
        done = case.fails(*command, "--where", "*.tif")
        assert done.error
        case.works(*command, "--where", done.error.advice.split("'")[1])


@follows("usual: NotFound", "analysis/masks/mask_sets: advice")
def test_a_path_that_is_not_there_is_checked(case: Case) -> None:
    """A source, and masks or annotations."""
    case.fails("convert", case.folder / "none.json", case.out)
    case.fails("stats", case.folder / "none")
    case.works("stats", SAMPLE)


@follows("raster/rules/parity: ", "raster/rules/pycocotools: ")
def test_pixel_rules_with_a_reach_give_way_to_center(case: Case) -> None:
    """A coordinate that is too far, and a boundary that is too long."""
    far = [0.0, 0.0, 1e10, 0.0, 1e10, 4.0, 0.0, 4.0]
    long = [number for step in range(10) for number in ((-1) ** step * 1e6, float(step))]
    for rule, ring in (("cv2-trunc", far), ("coco", long)):
        rows = [GOOD, GOOD | {"id": 2, "segmentation": [ring]}]
        source = case.write("a.json", coco(annotations=rows))
        done = case.fails("convert", source, case.out, "--pixel-rule", rule, code=1)
        assert "`center`" in done.told
        case.works("convert", source, case.out, "--pixel-rule", "center")


@follows("formats/drawing/shares: export them in pixels, or multiply each x")
def test_shares_of_the_picture_are_multiplied_by_its_sides(case: Case) -> None:
    """x by the width, y by the height."""
    document = coco(images=[{"id": 1, "file_name": "a.jpg", "height": 60, "width": 80}])
    points = [[0.1, 0.5, 0.6, 0.5, 0.6, 0.9], [0.2, 0.2, 0.7, 0.2, 0.7, 0.4]]
    rows = document["annotations"]
    for row, ring in zip(rows, points, strict=True):
        row["segmentation"] = [ring]
    case.fails("convert", case.write("a.json", document), case.out, told="lie between 0 and 1")
    for row, ring in zip(rows, points, strict=True):
        row["segmentation"] = [[n * side for n, side in zip(ring, (80, 60) * 3, strict=True)]]
    case.works("convert", case.write("a.json", document), case.out)
