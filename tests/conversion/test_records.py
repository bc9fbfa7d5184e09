"""Records that a program has made itself go the way of those in files: same plan, proofs and manifest."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from polymask import (
    ImageRecord,
    InputError,
    Instance,
    LabelError,
    LabelMap,
    LimitError,
    Limits,
    Polygon,
    convert,
    read,
    stats,
    verify,
)
from tests.conftest import SAMPLE, tree

PICTURES = SAMPLE.parent / "images"
LABELS = ["sun", "sea", "boat", "flock", "house", "tree", "road"]
SQUARE = Polygon([(1, 1), (3, 1), (3, 3), (1, 3)])


def records() -> list[ImageRecord]:
    return list(read(SAMPLE))


def record(name: str, label: str = "cat") -> ImageRecord:
    return ImageRecord(name, name, (4, 6), (Instance(1, label, SQUARE),))


@pytest.mark.parametrize(
    "options", [{}, {"to": "voc"}, {"overlap": "smallest", "workers": 2}, {"to": "coco"}]
)
def test_records_give_what_their_file_does(tmp_path: Path, options: dict[str, Any]) -> None:
    """Bit for bit: masks, tables and manifest; whatever iterable they come in."""
    convert(SAMPLE, tmp_path / "file", labels=LABELS, **options)
    for name, source in (("list", records()), ("iterator", read(SAMPLE)), ("tuple", tuple(records()))):
        report = convert(source, tmp_path / name, labels=LABELS, **options)
        assert (report.images, report.written, report.failed) == (3, 3, 0)
        assert report.declared == report.painted == 11
        assert tree(tmp_path / name) == tree(tmp_path / "file")


def test_a_second_run_has_nothing_to_do_and_the_masks_are_proven(tmp_path: Path) -> None:
    """As with files; where the records changed, the masks are not overwritten unasked."""
    convert(records(), tmp_path)
    assert convert(records(), tmp_path).unchanged == 3
    assert verify(tmp_path).unchanged == 3
    labels = LabelMap.load(tmp_path / "labels.json")
    changed = [replace(each, instances=each.instances[:1]) for each in records()]
    assert convert(changed, tmp_path, labels=labels).failed == 2
    assert convert(changed, tmp_path, labels=labels, overwrite=True).failed == 0
    assert stats(tmp_path).labels["boat"]["pixels"] == 0


def test_labels_are_those_that_occur_by_name(tmp_path: Path) -> None:
    """Without `labels=` they are numbered as `LabelMap.from_records` does."""
    convert([record("a.jpg", "dog"), record("b.jpg", "cat")], tmp_path)
    assert list(stats(tmp_path).labels) == ["cat", "dog"]


def test_names_that_meet_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    """Two records of one mask, the last of an iterator too."""

    def made() -> Iterator[ImageRecord]:
        yield from (record("a.jpg"), record("b.jpg"), record("a.png"))

    with pytest.raises(InputError, match=r"a\.(jpg|png)"):
        convert(made(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_pictures_are_copied_from_where_they_are(tmp_path: Path) -> None:
    """`images=` names their folder; without it nobody knows where they are."""
    convert(records(), tmp_path / "out", to="voc", images=PICTURES, copy_images=True)
    assert len(list((tmp_path / "out/JPEGImages").iterdir())) == 3
    with pytest.raises(InputError, match="--images DIR"):
        convert(records(), tmp_path / "none", to="voc", copy_images=True)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("delete_source", True),
        ("max_delete", 3),
        ("scheduler", "tcp://127.0.0.1:1"),
        ("from_", "coco"),
        ("boxes", True),
        ("label_attribute", "kind"),
        ("default_label", "cat"),
        ("annotator", "me"),
        ("predictions", "only"),
        ("status", ["approved"]),
    ],
)
def test_options_of_files_are_refused_with_a_way_out(tmp_path: Path, option: str, value: Any) -> None:
    """What deletes from files, reads them, or opens them elsewhere makes no sense of records."""
    with pytest.raises(InputError, match=f"--{option.strip('_').replace('_', '-')} .*records") as error:
        convert(records(), tmp_path / "out", **{option: value})
    assert error.value.advice
    assert not (tmp_path / "out").exists()


def test_options_that_choose_and_leave_out_are_taken(tmp_path: Path) -> None:
    """Labels, images, limits, parts."""
    assert convert(records(), tmp_path / "a", only=["boat"], where=["harbor*"]).instances == 3
    assert convert(records(), tmp_path / "b", labels=["boat"], skip_invalid=True).instances == 3
    assert convert(records(), tmp_path / "c", shard="1/1", size=(60, 80), dry_run=True).images == 3
    assert not (tmp_path / "c").exists()
    with pytest.raises(LabelError, match="'boat' is not in the label map"):
        convert([record("a.jpg", "boat")], tmp_path / "d", labels=["sea"])
    with pytest.raises(LimitError, match="max-pixels"):
        convert(records(), tmp_path / "e", limits=Limits(max_pixels=10))


def test_what_is_no_record_is_refused(tmp_path: Path) -> None:
    """With its place among the records."""
    with pytest.raises(InputError, match=r"SOURCE\[1\] is a dict, not an ImageRecord"):
        convert([record("a.jpg"), {}], tmp_path / "out")  # type: ignore[list-item]
    with pytest.raises(InputError, match="not a int"):
        convert(7, tmp_path / "out")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="DEST is missing"):
        convert([record("a.jpg")])


def test_one_record_is_a_source_too(tmp_path: Path) -> None:
    assert convert(record("a.jpg"), tmp_path).images == 1


def test_executors_that_share_memory_are_taken(tmp_path: Path) -> None:
    """Threads are; processes are told what to do instead."""
    with ThreadPoolExecutor(2) as threads:
        assert convert(records(), tmp_path / "a", executor=threads).written == 3
    with ProcessPoolExecutor(1) as processes, pytest.raises(InputError, match="workers=…"):
        convert(records(), tmp_path / "b", executor=processes)
