"""Advice about labels, layouts and DEST: what a run may not write, and what it may."""

import json
import os
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from polymask import convert
from polymask.conversion.dest.deletion_journal import BACKUP, JOURNAL
from polymask.labels.texts.name_lines import quoted
from tests.advice.sites import Case, follows, polymask
from tests.conftest import SAMPLE, coco, square


def labeled(*names: str, ids: tuple[int, ...] = (3, 7)) -> dict[str, Any]:
    """The small document, its two labels called otherwise."""
    rows = [{"id": number, "name": name} for number, name in zip(ids, names, strict=True)]
    annotations = [row | {"category_id": ids[place]} for place, row in enumerate(coco()["annotations"])]
    return coco(categories=rows, annotations=annotations)


def two_images() -> dict[str, Any]:
    """A cat and a dog in a.jpg, and a cat in b.jpg."""
    images = [*coco()["images"], {"id": 2, "file_name": "b.jpg", "height": 6, "width": 8}]
    cat = {"id": 5, "image_id": 2, "category_id": 3, "segmentation": [square(2, 2, 3)]}
    return coco(images=images, annotations=[*coco()["annotations"], cat])


def advice_of(done: Any) -> str:
    """What the error of a command says is to be done."""
    assert done.error is not None, done.told
    return str(done.error.advice)


@follows("formats/known_labels: add it to the --labels file")
def test_a_label_that_the_file_lacks_is_added_aliased_or_left_out(case: Case) -> None:
    """Each way by itself, with the line that is named."""
    source = case.write("a.json", labeled("weed ", "crop"))
    labels = case.write("labels.txt", "crop\n")
    line = advice_of(case.fails("convert", source, case.out, "--labels", labels)).split("`")[1]
    case.write("labels.txt", f"crop\n{line.replace('LABEL', 'crop')}\n")
    case.works("convert", source, case.out, "--labels", labels)
    case.write("labels.txt", f"crop\n{quoted('weed ')}\n")
    case.works("convert", source, case.out, "--labels", labels)
    case.write("labels.txt", "crop\n")
    case.works("convert", source, case.out, "--labels", labels, "--skip-invalid")


@follows("errors: {hint}: {listed or 'none'}")
def test_a_label_that_nobody_has_is_replaced_by_one_that_is_named(case: Case) -> None:
    """The nearest, and all that there are."""
    for command in (["convert", SAMPLE, case.out], ["stats", SAMPLE]):
        advice = advice_of(case.fails(*command, "--only", "baot"))
        case.works(*command, "--only", advice.split("'")[1])
        assert advice == "did you mean 'boat'? There are: boat, flock, house, sea, sun, tree"


@follows("labels/texts/name_lines: point the arrow at the last label", "usual: LabelError")
def test_arrows_point_at_the_last_label(case: Case) -> None:
    """A chain is none; and a line that is none is corrected."""
    labels = case.write("labels.txt", "cat -> dog\ndog -> animal\n")
    source = case.write("a.json", coco())
    case.fails("convert", source, case.out, "--labels", labels)
    case.write("labels.txt", "cat -> animal\ndog -> animal\n")
    case.works("convert", source, case.out, "--labels", labels)
    case.write("labels.txt", "cat -> animal\ncat -> dog\n")
    case.fails("convert", source, case.out, "--labels", labels)
    case.write("labels.txt", "cat -> animal\ndog\n")
    case.works("convert", source, case.out, "--labels", labels)


@follows(
    "labels/texts/json_labels: number its labels from 1",
    "labels/label_files: number its labels from 1",
    "labels/label_map: advice or None",
)
def test_labels_with_the_backgrounds_value_are_numbered_from_1(case: Case) -> None:
    """0 is the background's, in JSON and in a table of ids."""
    source, labels = case.write("a.json", coco()), case.write("id2label.json", {"0": "cat", "1": "dog"})
    case.fails("convert", source, case.out, "--labels", labels)
    case.write("id2label.json", {"1": "cat", "2": "dog"})
    case.works("convert", source, case.out, "--labels", labels)
    table = case.write("classes.csv", "id,name\n0,cat\n1,dog\n")
    case.fails("convert", source, case.out, "--labels", table)
    case.write("classes.csv", "id,name\n1,cat\n2,dog\n")
    case.works("convert", source, case.out, "--labels", table)


@follows("labels/texts/name_lines: name a file with one name a line")
def test_a_file_that_is_no_list_of_names_becomes_one(case: Case) -> None:
    """And a name that looks like another file is put in double quotes."""
    source = case.write("a.json", labeled("cat", "sea, deep"))
    labels = case.write("labels.txt", "cat\nsea, deep\n")
    case.fails("convert", source, case.out, "--labels", labels, told="line 2")
    case.write("labels.txt", 'cat\n"sea, deep"\n')
    case.works("convert", source, case.out, "--labels", labels)
    settings = case.write("obj.data", "classes = 2\nnames = obj.names\n")
    case.fails("convert", case.write("b.json", coco()), case.out, "--labels", settings, told="line 1")
    case.works("convert", case.folder / "b.json", case.out, "--labels", case.write("obj.names", "cat\ndog\n"))


@follows("formats/known_labels: _LISTED_ANEW")
def test_a_label_that_the_formats_own_table_lacks_is_listed_or_left_out(case: Case) -> None:
    """In a file for --labels, where there was none."""
    shapes = [
        {"label": label, "polygon": [[x, 1], [x + 3, 1], [x + 3, 5], [x, 5]]}
        for label, x in (("road", 1), ("crane", 6))
    ]
    document = {"imgHeight": 8, "imgWidth": 12, "objects": shapes}
    source = case.write("bonn_000000_000001_gtFine_polygons.json", document)
    case.fails("convert", source, case.out, told="'crane' is not in the source's own table of labels")
    case.works("convert", source, case.out, "--labels", case.write("labels.txt", "road\ncrane\n"))
    case.works("convert", source, case.out, "--skip-invalid")


def own(*rows: tuple[str, int, str], background: int = 0, void: int = 255) -> dict[str, Any]:
    """A `labels.json`."""
    labels = [{"name": name, "value": value, "color": color} for name, value, color in rows]
    return {"labels": labels, "background": background, "void": void}


@follows("labels/texts/json_labels: give each label, the background and void a name and a value of its own")
def test_values_of_labels_json_are_told_apart(case: Case) -> None:
    """Two labels of one value."""
    source = case.write("a.json", coco())
    labels = case.write("labels.json", own(("cat", 1, "#100000"), ("dog", 1, "#200000")))
    case.fails("convert", source, case.out, "--labels", labels)
    case.write("labels.json", own(("cat", 1, "#100000"), ("dog", 2, "#200000")))
    case.works("convert", source, case.out, "--labels", labels)


@follows("labels/label_map: use `--ids contiguous`", "labels/label_map: advice or None")
def test_ids_of_the_source_that_do_not_serve_give_way(case: Case) -> None:
    """None, one label with two, and one that is the background's."""
    for source in (
        Path("fixtures/labelme"),
        case.write("a.json", labeled("cat", "cat")),
        case.write("b.json", labeled("cat", "dog", ids=(0, 7))),
    ):
        case.fails("convert", source, case.out, "--ids", "source")
        case.works("convert", source, case.out, "--ids", "contiguous")


@follows(
    "layouts/binary: rename the label",
    "layouts/common/lookup: rename it",
    "layouts/voc: rename it",
)
def test_labels_that_a_layout_cannot_hold_are_renamed(case: Case) -> None:
    """By the line that is named; also those with outer spaces."""
    for layout, name in (
        ("binary", "con"),
        ("binary", "a/b"),
        ("voc", "a:b"),
        ("voc", "weed "),
        ("camvid", "weed "),
        ("ade20k", "weed "),
    ):
        source = case.write("a.json", labeled(name, "dog"))
        done = case.fails("convert", source, case.out, "--to", layout)
        line = advice_of(done).split("`")[1].replace("NAME", "new").replace("old", quoted(name))
        labels = case.write("labels.txt", f"dog\n{line}\n")
        case.works("convert", source, case.out, "--to", layout, "--labels", labels)


@follows("layouts/camvid: give one of them another color")
def test_labels_of_one_color_get_another(case: Case) -> None:
    """In a labels.json."""
    source = case.write("a.json", coco())
    labels = case.write("labels.json", own(("cat", 1, "#100000"), ("dog", 2, "#100000")))
    case.fails("convert", source, case.out, "--to", "camvid", "--labels", labels)
    case.write("labels.json", own(("cat", 1, "#100000"), ("dog", 2, "#200000")))
    case.works("convert", source, case.out, "--to", "camvid", "--labels", labels)


@follows(
    "layouts/cityscapes: give the background the value 0", "layouts/coco_stuff: number the labels from 1"
)
def test_the_backgrounds_value_is_0_where_a_layout_needs_it(case: Case) -> None:
    """In the labels file, or by the numbering of polymask."""
    source = case.write("a.json", coco())
    rows = ("cat", 0, "#100000"), ("dog", 2, "#200000")
    labels = case.write("labels.json", own(*rows, background=9))
    for layout in ("cityscapes", "coco-stuff"):
        case.fails("convert", source, case.out, "--to", layout, "--labels", labels)
    case.write("labels.json", own(("cat", 1, "#100000"), ("dog", 2, "#200000")))
    for layout in ("cityscapes", "coco-stuff"):
        case.works("convert", source, case.out, "--to", layout, "--labels", labels)
        case.works("convert", source, case.out, "--to", layout, "--ids", "contiguous")


@follows("layouts/cityscapes: leave --instances out, or number the labels up to {MOST_ID}")
def test_instance_ids_that_do_not_fit_are_left_out_or_numbered_anew(case: Case) -> None:
    """Ids above 64."""
    source = case.write("a.json", labeled("cat", "dog", ids=(3, 70)))
    flags = ("--to", "cityscapes", "--instances")
    case.fails("convert", source, case.out, *flags, "--ids", "source")
    case.works("convert", source, case.out, "--to", "cityscapes", "--ids", "source")
    case.works("convert", source, case.out, *flags, "--ids", "contiguous")
    labels = case.write("id2label.json", {"3": "cat", "64": "dog"})
    case.works("convert", source, case.out, *flags, "--labels", labels)


@follows(
    "layouts/common/cityscapes_instances: use another layout",
    "painting/painting: use `--to index` without --instances",
)
def test_too_many_instances_of_an_image_are_painted_without_numbers(case: Case) -> None:
    """A thousand and one cats, and more instances than 16 bits number."""
    cat = coco()["annotations"][0]
    source = case.write("a.json", coco(annotations=[cat | {"id": n} for n in range(1, 1002)]))
    case.fails("convert", source, case.out, "--to", "cityscapes", code=1)
    case.works("convert", source, case.out, "--to", "index")
    source = case.write("b.json", coco(annotations=[cat | {"id": n} for n in range(1, 2**16)]))
    case.fails("convert", source, case.out, "--instances", code=1)
    case.works("convert", source, case.out, "--to", "index")


@follows("layouts/common/lookup: use `--to index`")
def test_values_of_16_bits_go_to_index_or_are_numbered_anew(case: Case) -> None:
    """By --ids, or in the labels file."""
    source = case.write("a.json", labeled("cat", "dog", ids=(3, 700)))
    case.fails("convert", source, case.out, "--to", "voc", "--ids", "source")
    case.works("convert", source, case.out, "--to", "index", "--ids", "source")
    case.works("convert", source, case.out, "--to", "voc", "--ids", "contiguous")
    labels = case.write("id2label.json", {"3": "cat", "700": "dog"})
    case.fails("convert", source, case.out, "--to", "voc", "--labels", labels)
    case.write("id2label.json", {"3": "cat", "70": "dog"})
    case.works("convert", source, case.out, "--to", "voc", "--labels", labels)


@follows(
    "layouts/common/shared_files: convert all images with --overwrite, or choose another DEST",
)
def test_lists_that_lack_images_are_made_anew_or_elsewhere(case: Case) -> None:
    """Their file was emptied of the image that the manifest lists."""
    source = case.write("a.json", coco())
    for layout in ("coco", "coco-panoptic"):
        out = case.out
        case.works("convert", source, out, "--to", layout)
        (listed,) = [path for path in out.rglob("*.json") if '"images"' in path.read_text()]
        document = json.loads(listed.read_text())
        listed.write_text(json.dumps(document | {"images": [], "annotations": []}))
        case.fails("convert", source, out, "--to", layout, told="says nothing of")
        case.works("convert", source, case.out, "--to", layout)
        case.works("convert", source, out, "--to", layout, "--overwrite")


@follows(
    "layouts/common/read_back: put another copy there, or remove it",
    "layouts/common/read_back: as_utf_8",
)
def test_damaged_tables_of_masks_are_replaced_or_removed(case: Case) -> None:
    """labels.json of a folder of masks, and a text in another encoding."""
    out = case.out
    case.works("convert", SAMPLE, out)
    table = (out / "labels.json").read_bytes()
    (out / "labels.json").write_bytes(b"\x00damaged")
    case.fails("stats", out)
    (out / "labels.json").write_bytes(table)
    case.works("stats", out)
    (out / "labels.json").write_bytes(table.decode().replace("sun", "sünne").encode("latin-1"))
    case.fails("stats", out)
    (out / "labels.json").write_bytes(table.decode().replace("sun", "sünne").encode())
    case.works("stats", out)
    (out / "labels.json").unlink()
    assert "damaged" not in polymask("stats", out).told


@follows("layouts/overlays/blending: leave --images out for gray", "usual: InputError")
def test_overlays_of_damaged_pictures_are_gray(case: Case) -> None:
    """Where --images is left out."""
    source = case.write("a.json", coco())
    (case.folder / "pictures").mkdir()
    (case.folder / "pictures/a.jpg").write_bytes(b"no picture")
    case.fails("convert", source, case.out, "--to", "overlay", "--images", case.folder / "pictures", code=1)
    case.works("convert", source, case.out, "--to", "overlay")


@follows(
    "conversion/copies: name the folder that holds it with --images DIR, or leave --copy-images out",
    "conversion/planning/layout_plan: add --images DIR",
)
def test_pictures_to_be_copied_are_found_or_left(case: Case) -> None:
    """One of two is missing; and nobody said where they are."""
    source, pictures = case.write("a.json", two_images()), case.folder / "pictures"
    pictures.mkdir()
    Image.new("RGB", (8, 6)).save(pictures / "a.jpg")
    flags = ("--to", "voc", "--copy-images")
    case.fails("convert", source, case.out, *flags)
    case.fails("convert", source, case.out, *flags, "--images", pictures, code=1)
    case.works("convert", source, case.out, "--to", "voc")
    Image.new("RGB", (8, 6)).save(pictures / "b.jpg")
    case.works("convert", source, case.out, *flags, "--images", pictures)


@follows("painting/painting: correct the annotations, or choose another --overlap rule")
def test_conflicts_are_corrected_or_ruled(case: Case) -> None:
    """--overlap error fails the image."""
    source = case.write("a.json", coco())
    case.fails("convert", source, case.out, "--overlap", "error", code=1)
    case.works("convert", source, case.out, "--overlap", "last")
    apart = [
        row | {"segmentation": [square(place * 4, 1, 2)]} for place, row in enumerate(coco()["annotations"])
    ]
    case.works("convert", case.write("b.json", coco(annotations=apart)), case.out, "--overlap", "error")


@follows("raster/overlaps: leave labels out with --only, or, if that is right, raise --max-conflict-pairs")
def test_too_many_pairs_of_labels_are_left_out_or_allowed(case: Case) -> None:
    """Four labels on the same pixels are six pairs."""
    names = [{"id": number, "name": f"l{number}"} for number in range(1, 5)]
    cat = coco()["annotations"][0]
    rows = [cat | {"id": number, "category_id": number} for number in range(1, 5)]
    source = case.write("a.json", coco(categories=names, annotations=rows))
    flag = "--max-conflict-pairs"
    done = polymask("convert", source, case.out, flag, 1)
    assert done.code != 0, done.told
    case.works("convert", source, case.out, flag, 100)
    case.works("convert", source, case.out, flag, 1, "--only", "l1")


@follows("conversion/planning/effects: leave it out, or use `--to {STUFF_LAYOUT}`")
def test_stuff_is_for_the_layout_that_tells_it(case: Case) -> None:
    """Left out, or with that layout."""
    case.fails("convert", SAMPLE, case.out, "--stuff", "sea")
    case.works("convert", SAMPLE, case.out)
    case.works("convert", SAMPLE, case.out, "--stuff", "sea", "--to", "coco-panoptic")


@follows("conversion/planning/effects: leave it out, or choose a layout of index masks")
def test_options_of_index_masks_are_left_out_elsewhere(case: Case) -> None:
    """Or another layout is chosen."""
    case.fails("convert", SAMPLE, case.out, "--to", "binary", "--border", 1)
    case.works("convert", SAMPLE, case.out, "--to", "binary")
    case.works("convert", SAMPLE, case.out, "--to", "voc", "--border", 1)


@follows("errors: {hint}: {', '.join(listed)}")
def test_names_of_tables_are_told(case: Case) -> None:
    """The nearest is taken."""
    advice = advice_of(case.fails("convert", SAMPLE, case.out, "--to", "vok"))
    case.works("convert", SAMPLE, case.out, "--to", advice.split("'")[1])


@follows("conversion/planning/label_plan: leave one out")
def test_of_two_numberings_one_is_left_out(case: Case) -> None:
    """Either."""
    source, labels = case.write("a.json", coco()), case.write("labels.txt", "cat\ndog\n")
    case.fails("convert", source, case.out, "--ids", "source", "--labels", labels)
    case.works("convert", source, case.out, "--labels", labels)
    case.works("convert", source, case.out, "--ids", "source")


@follows("conversion/dest/check: pass --overwrite, or choose another DEST")
def test_masks_of_other_rules_are_written_over_or_elsewhere(case: Case) -> None:
    """Never unasked."""
    out = case.out
    case.works("convert", SAMPLE, out)
    case.fails("convert", SAMPLE, out, "--overlap", "first")
    case.works("convert", SAMPLE, out, "--overlap", "first", "--overwrite")
    case.works("convert", SAMPLE, case.out, "--overlap", "first")


@follows("conversion/dest/check: choose another DEST")
def test_what_is_read_or_of_another_layout_is_left_alone(case: Case) -> None:
    """A source that would be written over, and a folder of another layout."""
    source = case.write("same/annotations/instances.json", coco())
    labels = case.write("same/labels.json", own(("cat", 1, "#100000"), ("dog", 2, "#200000")))
    case.fails("convert", source, case.folder / "same", "--labels", labels, "--overwrite")
    case.works("convert", source, case.out, "--labels", labels)
    out = case.out
    case.works("convert", source, out)
    case.fails("convert", source, out, "--to", "voc", "--overwrite")
    case.works("convert", source, case.out, "--to", "voc")


@follows("conversion/dest/check: convert them too, or choose another DEST{advice}")
def test_masks_under_another_label_map_are_converted_too(case: Case) -> None:
    """Or another DEST is chosen."""
    source, out = case.write("a.json", two_images()), case.out
    case.works("convert", source, out, "--where", "a.jpg")
    labels = case.write("labels.txt", "dog\ncat\n")
    flags = ("--labels", labels, "--overwrite")
    case.fails("convert", source, out, "--where", "b.jpg", *flags)
    case.works("convert", source, case.out, "--where", "b.jpg", *flags)
    case.works("convert", source, out, *flags)


@follows("conversion/dest/check: put it back from a copy, convert them too, or choose another DEST")
def test_a_lost_table_beside_more_masks_is_put_back(case: Case) -> None:
    """Or its images are converted too, or another DEST is chosen."""
    source, out = case.write("a.json", two_images()), case.out
    case.works("convert", source, out, "--where", "a.jpg")
    copies = {path: path.read_bytes() for path in (out / "labels.json", out / "id2label.json")}
    for path in copies:
        path.unlink()
    flags = ("--labels", case.write("labels.txt", "dog\ncat\n"))
    case.fails("convert", source, out, "--where", "b.jpg", *flags)
    case.works("convert", source, case.out, "--where", "b.jpg", *flags)
    for path, content in copies.items():
        path.write_bytes(content)
    case.works("convert", source, out, "--where", "b.jpg")
    for path in copies:
        path.unlink()
    case.works("convert", source, out, "--overwrite", *flags)


@follows("formats/selection: f'images are called as")
def test_images_are_chosen_as_they_are_called(case: Case) -> None:
    """The advice names one."""
    source = case.write("a.json", two_images())
    done = case.fails("convert", source, case.out, "--where", "c.jpg")
    assert done.error
    case.works("convert", source, case.out, "--where", done.error.advice.split("'")[1])


@follows("conversion/undoing/removal: put them back first: `{command}`")
def test_polygons_are_put_back_before_their_masks_are_removed(case: Case) -> None:
    """By the command that is told."""
    source, out = case.write("a.json", coco()), case.out
    case.works("convert", source, out, "--delete-source")
    done = case.fails("remove-masks", out)
    assert done.error
    case.works(*shlex.split(done.error.advice.split("`")[1])[1:])
    case.works("remove-masks", out)
    assert sorted(path.name for path in out.iterdir()) == [".polymask"]


@follows("conversion/undoing/removal: run its command again, then remove the masks")
def test_an_unfinished_run_is_finished_before_its_masks_are_removed(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a killed run wrote is not in the manifest yet."""
    from polymask.storage.roots.local import Root

    source, out, write = case.write("a.json", coco()), case.out, Root.write

    def killed(root: Root, relative: str, data: Any, **options: Any) -> None:
        if relative == "labels.json":
            raise KeyboardInterrupt
        write(root, relative, data, **options)

    with monkeypatch.context() as kill, pytest.raises(KeyboardInterrupt):
        kill.setattr(Root, "write", killed)
        convert(source, out)
    case.fails("remove-masks", out)
    case.works("convert", source, out)
    case.works("remove-masks", out)
    assert not list(out.iterdir())


@follows("conversion/undoing/removal: name a folder")
def test_masks_are_removed_from_folders(case: Case) -> None:
    """Of a store's, a copy on disk is meant."""
    case.works("convert", case.write("a.json", coco()), out := case.out)
    case.fails("remove-masks", "memory://bucket/masks")
    case.works("remove-masks", out)


@follows("undo: a folder contains its journal: leave --journal out")
def test_a_folder_is_restored_without_naming_its_journal(case: Case) -> None:
    """It lies in the folder."""
    source, out = case.write("a.json", coco()), case.out
    case.works("convert", source, out, "--delete-source")
    case.fails("restore", out, "--journal", case.folder)
    case.works("restore", out)


@follows("conversion/dest/companions: move it away, or choose another DEST")
def test_a_file_that_somebody_edited_is_moved_away(case: Case) -> None:
    """Instance ids that are not as they were written."""
    source, out = case.write("a.json", coco()), case.out
    case.works("convert", source, out, "--instances")
    (edited,) = [path for path in out.rglob("*.png") if "instance" in str(path)]
    edited.write_bytes(b"edited")
    case.write("a.json", coco(annotations=coco()["annotations"][:1]))
    case.fails("convert", source, out, "--overwrite", code=1)
    case.works("convert", source, case.out)
    edited.unlink()
    case.works("convert", source, out, "--overwrite")


@follows("storage/roots/local: remove it")
def test_what_is_no_file_in_dest_is_removed(case: Case) -> None:
    """A pipe where a mask goes."""
    source, out = case.write("a.json", coco()), case.out
    (out / "masks").mkdir(parents=True)
    os.mkfifo(out / "masks/a.png")
    case.fails("convert", source, out)
    (out / "masks/a.png").unlink()
    case.works("convert", source, out)


@follows("storage/disk: put a regular file in its place")
def test_what_is_no_file_is_replaced_by_one(case: Case) -> None:
    """A pipe where the manifest was."""
    source, out = case.write("a.json", coco()), case.out
    case.works("convert", source, out)
    (out / "manifest.jsonl").rename(case.folder / "moved")
    os.mkfifo(out / "manifest.jsonl")
    case.fails("verify", out)
    (case.folder / "moved").rename(out / "manifest.jsonl")
    case.works("verify", out)


@follows("storage/disk: move it away")
def test_what_no_memory_holds_is_moved_away(case: Case) -> None:
    """A file with a hole of four gigabytes, where the manifest was."""
    source, out = case.write("a.json", coco()), case.out
    case.works("convert", source, out)
    with (out / "manifest.jsonl").open("r+b") as manifest:
        manifest.truncate((4 << 30) + 1)
    case.fails("verify", out)
    (out / "manifest.jsonl").rename(case.folder / "hole")
    case.works("convert", source, out, "--overwrite")


@follows("storage/roots/folders: remove the link", "storage/roots/folders: move it away")
def test_what_is_no_folder_in_dest_goes(case: Case) -> None:
    """A link, or a file, where the folder of masks goes."""
    source = case.write("a.json", coco())
    for make in (lambda path: path.symlink_to(case.folder), Path.touch):
        out = case.out
        out.mkdir()
        make(out / "masks")
        case.fails("convert", source, out)
        (out / "masks").rename(case.folder / f"{out.name} away")
        case.works("convert", source, out)


@follows("storage/manifest: move the file away and convert again")
def test_a_damaged_manifest_is_moved_away(case: Case) -> None:
    """And the masks are converted again, as the next message says."""
    source, out = case.write("a.json", coco()), case.out
    case.works("convert", source, out)
    with (out / "manifest.jsonl").open("a") as manifest:
        manifest.write("damaged\n")
    case.fails("convert", source, out)
    (out / "manifest.jsonl").rename(case.folder / "away")
    case.works("convert", source, out, "--overwrite")


@follows("storage/roots/local: wait for it, or stop it")
def test_a_folder_that_is_held_is_waited_for(case: Case) -> None:
    """When the other is done, the run goes on."""
    from polymask.storage.roots.local import Root

    source, out = case.write("a.json", coco()), case.out
    case.works("convert", source, out)
    with Root(out).run({}):
        case.fails("convert", source, out, "--overwrite", code=4)
    case.works("convert", source, out, "--overwrite")


@follows("usual: Denied", "storage/disk: check the permissions")
def test_permissions_are_checked(case: Case) -> None:
    """Of a file, and of the folder of a file that is to be replaced."""
    if os.geteuid() == 0:
        pytest.skip("root may do everything")
    source = case.write("a/a.json", coco())
    source.chmod(0)
    case.fails("convert", source, case.out, code=3)
    source.chmod(0o600)
    source.parent.chmod(0o500)
    case.fails("convert", source, case.out, "--delete-source", code=3)
    source.parent.chmod(0o700)
    case.works("convert", source, case.out, "--delete-source")


@follows(
    "conversion/dest/deleted: choose another DEST, or {recovery(root)}",
    "conversion/dest/folder_sink: if they were deleted, choose another DEST",
    "conversion/dest/companions: {recovery(dest.root)}, then convert",
    "conversion/dest/losses: {recovery(root)}, then convert",
)
def test_after_a_deletion_polygons_are_put_back_by_the_command_that_is_named(case: Case) -> None:
    """Other rules, new instances, a lost mask, a lost manifest."""
    restored = 0
    for trouble in ("rules", "new", "mask", "manifest"):
        source, out = case.write(f"{trouble}/a.json", coco()), case.out
        before = source.read_bytes()
        case.works("convert", source, out, "--delete-source")
        flags = ["--overlap", "first"] if trouble == "rules" else []
        if trouble == "new":
            source.write_text(json.dumps(coco(annotations=[coco()["annotations"][0] | {"id": 9}])))
        elif trouble == "mask":
            (out / "masks/a.png").unlink()
        elif trouble == "manifest":
            (out / "manifest.jsonl").unlink()
        done = polymask("convert", source, out, *flags)
        assert done.code in (1, 2, 5), done.told
        assert f"`polymask restore {out}`" in done.told
        if trouble != "new":
            case.works("restore", out)
            assert source.read_bytes() == before
            case.works("convert", source, out, "--overwrite", *flags)
            restored += 1
        else:
            case.works("convert", source, case.out)
    assert restored == 3


@follows(
    "conversion/undoing/restore: merge it with",
    "conversion/undoing/restore: as it was, it is {backup}: copy it there",
    "conversion/undoing/restore: put it back from a copy",
)
def test_what_restore_cannot_do_is_done_by_hand(case: Case) -> None:
    """A file that was edited, one that is gone, and a backup that is gone."""
    source, out = case.write("a.json", coco()), case.out
    before = source.read_bytes()
    case.works("convert", source, out, "--delete-source")
    deleted = source.read_bytes()
    (backup,) = (out / BACKUP).iterdir()

    source.write_text(json.dumps(json.loads(deleted) | {"info": {"edited": True}}))
    advice = advice_of(case.fails("restore", out, code=4))
    assert str(backup) in advice
    merged = json.loads(source.read_text()) | {"annotations": json.loads(backup.read_text())["annotations"]}
    source.write_text(json.dumps(merged))
    case.works("restore", out)

    source, out = case.write("b.json", coco()), case.out
    case.works("convert", source, out, "--delete-source")
    source.unlink()
    advice = advice_of(case.fails("restore", out, code=3))
    shutil.copy(advice.partition(" it is ")[2].partition(":")[0], source)
    case.works("restore", out)
    assert source.read_bytes() == before

    source, out = case.write("c.json", coco()), case.out
    case.works("convert", source, out, "--delete-source")
    (backup,) = (out / BACKUP).iterdir()
    backup.rename(case.folder / "copy")
    case.fails("restore", out, code=5)
    shutil.copy(case.folder / "copy", backup)
    case.works("restore", out)
    assert source.read_bytes() == before


@follows("conversion/undoing/restore: name a folder")
def test_nothing_is_restored_from_a_store(case: Case) -> None:
    """A folder is named."""
    case.fails("restore", "memory://bucket/out")
    source, out = case.write("a.json", coco()), case.out
    case.works("convert", source, out, "--delete-source")
    case.works("restore", out)


@follows(
    "conversion/dest/losses: put it there from a copy of your own, or choose another DEST",
    "conversion/dest/deletion_journal: put them back by hand, as JSON files beside {root.path}",
)
def test_lost_traces_of_a_deletion_are_put_back_or_left(case: Case) -> None:
    """Another DEST always goes; a copy of the backup too."""
    for lost in (BACKUP, JOURNAL):
        source, out = case.write(f"{Path(lost).name}/a.json", two_images()), case.out
        case.works("convert", source, out, "--delete-source", "--where", "a.jpg")
        shutil.copytree(out, case.folder / "copy")
        shutil.rmtree(out / lost) if (out / lost).is_dir() else (out / lost).unlink()
        case.fails("convert", source, out, "--delete-source", code=5)
        if lost == BACKUP:
            shutil.copytree(case.folder / "copy" / lost, out / lost)
            case.works("convert", source, out, "--delete-source")
        else:
            case.works("convert", source, case.out, "--delete-source")
            advice = advice_of(case.fails("restore", out, code=5))
            shutil.copy(advice.partition("there: ")[2].partition(";")[0], out.parent / "back.json")
            for command in ("restore", "verify", "remove-masks"):
                case.works(command, out)
        shutil.rmtree(case.folder / "copy")


@follows("conversion/dest/deletion_journal: the files as they were are in {root.path / BACKUP}: put them")
def test_of_a_damaged_journal_the_files_are_put_back_by_hand(case: Case) -> None:
    """From the folder that is named; then the journal is moved away."""
    source, out = case.write("a.json", coco()), case.out
    before = source.read_bytes()
    case.works("convert", source, out, "--delete-source")
    (out / JOURNAL).write_bytes(b"damaged\n" + (out / JOURNAL).read_bytes())
    advice = advice_of(case.fails("restore", out, code=5))
    (backup,) = Path(advice.partition(" are in ")[2].partition(":")[0]).iterdir()
    source.write_bytes(backup.read_bytes())
    (out / JOURNAL).rename(case.folder / "away")
    assert source.read_bytes() == before
    case.works("restore", out)
    case.works("convert", source, out, "--overwrite")
    case.works("verify", out)
    case.works("remove-masks", out)


@follows(
    "conversion/planning/rehearsal: this source is none: leave --delete-source out",
    "conversion/planning/rehearsal: convert to one of them first",
    "conversion/planning/rehearsal: copy {place} here, or leave --delete-source out",
    "conversion/planning/rehearsal: move it elsewhere first",
)
def test_what_cannot_be_deleted_from_is_converted_otherwise(case: Case) -> None:
    """Another format, another layout, a store, a file among our own."""
    source = case.write("a.json", coco())
    labelme = Path("fixtures/labelme")
    case.fails("convert", labelme, case.out, "--delete-source")
    case.works("convert", labelme, case.out)
    case.fails("convert", source, case.out, "--delete-source", "--to", "coco")
    out = case.out
    case.works("convert", source, out, "--delete-source", "--to", "voc")
    case.works("restore", out)
    case.fails("convert", source, "memory://advice/out", "--delete-source")
    case.works("convert", source, "memory://advice/out")
    inner = case.write("out/.polymask/a.json", coco())
    case.fails("convert", inner, case.folder / "out", "--delete-source")
    shutil.move(inner, case.folder / "b.json")
    case.works("convert", case.folder / "b.json", case.out, "--delete-source")


@follows("api: name a folder for the masks", "api: add --dry-run")
def test_a_dest_is_named_and_a_preview_is_of_a_dry_run(case: Case) -> None:
    """As the messages say."""
    case.fails("convert", SAMPLE)
    case.works("convert", SAMPLE, case.out)
    page = case.folder / "page.html"
    case.fails("convert", SAMPLE, case.out, "--preview", page)
    case.works("convert", SAMPLE, case.out, "--preview", page, "--dry-run")


@follows(
    "report/html: name it {_renamed(dest, '.html')} or {_renamed(dest, '.png')}",
    "report/html: name it {_renamed(dest, '.html')}",
    "report/html: leave it out",
)
def test_a_preview_is_named_as_what_it_is(case: Case) -> None:
    """Other suffixes, a size for a picture, a picture of changes."""
    case.fails("preview", SAMPLE, "-o", case.folder / "look.pdf")
    for name in ("look.html", "look.png"):
        case.works("preview", SAMPLE, "-o", case.folder / name)
    case.fails("preview", SAMPLE, "-o", case.folder / "look.png", "--max-mb", 3)
    case.works("preview", SAMPLE, "-o", case.folder / "look.png")
    case.fails("convert", SAMPLE, case.out, "--dry-run", "--preview", case.folder / "look.png")
    case.works("convert", SAMPLE, case.out, "--dry-run", "--preview", case.folder / "look.html")


@follows(
    "analysis/masks/mask_sets: add --labels",
    "analysis/masks/stored_masks: convert again, or take its line out there",
)
def test_masks_without_names_get_some_and_lost_masks_are_made_again(case: Case) -> None:
    """--only needs names; and a mask that the manifest lists is not there."""
    out = case.out
    case.works("convert", SAMPLE, out)
    shutil.copytree(out / "masks", case.folder / "bare")
    labels = out / "labels.json"
    case.fails("stats", case.folder / "bare", "--only", "sea")
    case.works("stats", case.folder / "bare", "--only", "sea", "--labels", labels)
    (out / "masks/harbor.png").unlink()
    done = polymask("stats", out)
    assert done.code, done.told
    case.works("convert", SAMPLE, out)
    case.works("stats", out)
    (out / "masks/harbor.png").unlink()
    manifest = (out / "manifest.jsonl").read_text().splitlines(keepends=True)
    (out / "manifest.jsonl").write_text("".join(line for line in manifest if '"harbor' not in line))
    case.works("stats", out)


@follows("analysis/compare: rename those of one: images are matched by name without suffix")
def test_sets_without_a_common_image_are_renamed(case: Case) -> None:
    """Then they are compared."""
    mask = case.out
    case.works("convert", SAMPLE, mask)
    other = case.folder / "other"
    shutil.copytree(mask / "masks", other)
    for path in sorted(other.glob("*.png")):
        path.rename(other / f"x_{path.name}")
    case.fails("compare", mask, other)
    for path in sorted(other.glob("*.png")):
        path.rename(other / path.name.removeprefix("x_"))
    assert polymask("compare", mask, other).error is None


@follows(
    "analysis/verify: masks of other tools are verified against the annotations, with --source",
    "analysis/verify: name the folder that holds them",
    "usual: ProofError",
)
def test_masks_are_verified_where_they_lie_or_against_their_source(case: Case) -> None:
    """Without a manifest, without masks; and what is damaged is converted again."""
    out = case.out
    case.works("convert", SAMPLE, out)
    shutil.copytree(out / "masks", case.folder / "theirs")
    shutil.copy(out / "labels.json", case.folder / "theirs")
    (case.folder / "empty").mkdir()
    case.fails("verify", case.folder / "theirs")
    case.works("verify", case.folder / "theirs", "--source", SAMPLE)
    case.fails("verify", case.folder / "empty", "--source", SAMPLE)
    case.works("verify", out, "--source", SAMPLE)
    (out / "masks/harbor.png").write_bytes(b"damaged")
    case.fails("verify", out, code=5)
    case.works("convert", SAMPLE, out, "--overwrite")
    case.works("verify", out)


@follows("analysis/masks/mask_sets: name the annotations that they were made of, or masks in another layout")
def test_overlays_are_no_masks(case: Case) -> None:
    """Their annotations are, and so is what another layout makes of them."""
    looks, masks = case.folder / "looks", case.folder / "masks"
    case.works("convert", SAMPLE, looks, "--to", "overlay")
    case.works("convert", SAMPLE, masks)
    case.fails("compare", masks, looks)
    case.works("compare", masks, SAMPLE)
    case.works("compare", masks, masks)


@follows("report/html: allow 1 or more", "report/html: name a local file, and copy it")
def test_a_report_has_room_and_a_file(case: Case) -> None:
    """As the messages say."""
    page = case.folder / "page.html"
    case.fails("preview", SAMPLE, "-o", page, "--max-mb", "0.1")
    case.works("preview", SAMPLE, "-o", page, "--max-mb", "1")
    case.fails("preview", SAMPLE, "-o", "memory://bucket/page.html")
    case.works("preview", SAMPLE, "-o", page)
