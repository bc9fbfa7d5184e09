"""Every option of `convert`, asked of a folder whose polygons are deleted: refused, harmless, or not for it.

A new option has no place here: this file fails until it is said what the masks of deleted polygons,
which nobody can paint anew, make of it.
"""

import json
import shutil
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from polymask import InputError, LabelMap, Limits, convert
from polymask.conversion.options import ConvertOptions
from polymask.flag import flag_of
from tests.conftest import SAMPLE, tree

PICTURES = SAMPLE.parent / "images"
REFUSED: dict[str, Any] = {
    "labels": LabelMap.from_names(["sun", "sea", "boat", "flock", "house", "tree", "road"]),
    "only": ["sea"],
    "pixel_rule": "pil",
    "overlap": "first",
    "priority": ["sea"],
    "holes": "union",
    "crowd": "void",
    "border": 2,
    "size": (60, 80),
    "scale": 0.5,
    "tile": (60, 80),
    "tile_overlap": 8,
    "ids": "source",
    "instances": True,
    "to": "voc",
    "copy_images": True,
    "picture_format": "png",
    "split": "val",
    "split_ratio": (0.0, 0.0, 1.0),
    "split_by": "^[a-z]",
}
WITH: dict[str, dict[str, Any]] = {
    "priority": {"overlap": "priority"},
    "copy_images": {"images": PICTURES},
    "split_by": {"split_ratio": (0.0, 1.0)},
    "tile_overlap": {"tile": (60, 80)},
    "picture_format": {"images": PICTURES, "copy_images": True},
}
HARMLESS: dict[str, tuple[Any, str]] = {
    "masks": (PICTURES, "masks that instances are named by; those of a finished mask are gone"),
    "images": (PICTURES, "where pictures lie does not change a mask"),
    "boxes": (True, "boxes that become instances join no finished mask: the image fails"),
    "skip_invalid": (True, "records that are left out are listed"),
    "where": (["harbor*"], "the other images stay as they are"),
    "label_attribute": ("kind", "labels of instances; those of a finished mask are gone"),
    "default_label": ("sea", "labels of instances; those of a finished mask are gone"),
    "annotator": ("me", "chooses instances, as --only; those of a finished mask are gone"),
    "seed": (7, "draws the splits of --split-ratio, which are compared"),
    "palette": ("label-map", "colors of overlays"),
    "overwrite": (True, "replaces what differs; a finished mask is not painted"),
    "update": (True, "masks follow their source; a finished one is not painted"),
    "prune": (True, "masks of images that are gone; a finished one stays then too"),
    "dry_run": (True, "writes nothing"),
    "delete_source": (True, "what is there to be deleted"),
    "max_delete": (5, "a limit of what is deleted"),
    "max_conflict": (50.0, "a limit of what is painted"),
    "workers": (2, "how it is done"),
    "shard": ("1/1", "a part of the images"),
    **{field.name: (getattr(Limits(), field.name), "a limit of what is read") for field in fields(Limits)},
}
NOT_HERE = {
    "from_": "the format of the file, which is the same",
    "filter": "of datasets",
    "check_images": "of datasets",
    "predictions": "of Dataloop's annotations",
    "min_confidence": "of predictions",
    "creator": "of Dataloop's annotations",
    "status": "of Dataloop's annotations",
    "annotated_only": "of Dataloop's annotations",
    "void_as": "of a layout that this folder is not of",
    "stuff": "of a layout that no polygons are deleted for",
    "add_labels": "of datasets",
    "journal": "of datasets",
    "scheduler": "how it is done, on a cluster",
}


def finished(tmp_path: Path) -> tuple[Path, Path]:
    """A file whose polygons are deleted, and their masks."""
    path, out = tmp_path / "s.json", tmp_path / "out"
    shutil.copy(SAMPLE, path)
    assert convert(path, out, delete_source=True).deleted == 9
    return path, out


def test_every_option_is_classified_once() -> None:
    names = [*REFUSED, *HARMLESS, *NOT_HERE]
    assert sorted(names) == sorted(field.name for field in fields(ConvertOptions))


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_finished_mask_is_not_is_refused(tmp_path: Path, name: str) -> None:
    """Exit 2, before anything is written; with --overwrite too, for the mask cannot be painted anew."""
    path, out = finished(tmp_path)
    before = tree(tmp_path)
    for overwrite in (False, True):
        with pytest.raises(InputError, match=r"choose another DEST"):
            convert(path, out, overwrite=overwrite, **{name: REFUSED[name]}, **WITH.get(name, {}))
        assert tree(tmp_path) == before


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_harmless_leaves_finished_masks_alone(tmp_path: Path, name: str) -> None:
    path, out = finished(tmp_path)
    before = tree(out / "masks")
    assert convert(path, out, **{name: HARMLESS[name][0]}).failed == 0
    assert tree(out / "masks") == before
    assert json.loads((out / "labels.json").read_text())["labels"]


def test_options_of_datasets_say_so() -> None:
    """Those that are left out here for that reason are no option of folders."""
    options = {field.name: flag_of(field) for field in fields(ConvertOptions)}
    for name, reason in NOT_HERE.items():
        assert (options[name].dest == "dataset") == (reason == "of datasets")


@pytest.mark.parametrize("name", ["instances", "copy_images"])
def test_what_lies_beside_a_finished_mask_may_be_asked_for_again(tmp_path: Path, name: str) -> None:
    path, out = tmp_path / "s.json", tmp_path / "out"
    shutil.copy(SAMPLE, path)
    options: dict[str, Any] = {name: True, "images": PICTURES}
    convert(path, out, delete_source=True, **options)
    before = tree(out / ".").keys()
    assert convert(path, out, **options).failed == 0
    assert tree(out).keys() == before


def test_a_choice_of_labels_may_be_asked_for_again(tmp_path: Path) -> None:
    """The mask shows no other label: nothing is claimed that it is not."""
    path, out = tmp_path / "s.json", tmp_path / "out"
    shutil.copy(SAMPLE, path)
    convert(path, out, delete_source=True, only=["sea"])
    assert convert(path, out, only=["sea"]).failed == 0
