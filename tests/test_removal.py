"""Deleting local polygons that stored masks prove, and putting them back byte for byte."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from polymask import (
    FormatError,
    InputError,
    NotFound,
    PolymaskError,
    ProofError,
    SourceChanged,
    convert,
    removal,
    restore,
    verify,
)
from polymask.strips import painting as striped
from tests.conftest import coco, square, tree

Write = Callable[..., Path]
RUNS = {"id": 9, "image_id": 1, "category_id": 3, "segmentation": {"size": [6, 8], "counts": [0, 2, 46]}}


def masks(out: Path) -> dict[str, bytes]:
    return {name: data for name, data in tree(out).items() if name.startswith("masks")}


def kept(path: Path) -> list[object]:
    return [annotation["id"] for annotation in json.loads(path.read_text())["annotations"]]


def test_proven_polygons_go_and_everything_else_stays(coco_file: Write, tmp_path: Path) -> None:
    """Runs, boxes, other keys and the order of what is left are untouched; masks are as before."""
    box = {"id": 8, "image_id": 1, "category_id": 3, "bbox": [1, 1, 2, 2]}
    path = coco_file(annotations=[box, *coco()["annotations"], RUNS], info={"year": 2026})
    convert(path, tmp_path / "plain")
    report = convert(path, tmp_path / "out", delete_source=True)
    assert (report.deleted, kept(path)) == (2, [8, 9])
    assert json.loads(path.read_text())["info"] == {"year": 2026}
    assert masks(tmp_path / "out") == masks(tmp_path / "plain")


def test_restore_brings_the_file_back_byte_for_byte(coco_file: Write, tmp_path: Path) -> None:
    """Once and again; white space and all."""
    path = coco_file()
    path.write_text(json.dumps(coco(), indent=3) + "\n\n")
    before = path.read_bytes()
    convert(path, tmp_path / "out", delete_source=True)
    assert path.read_bytes() != before
    assert restore(tmp_path / "out").written == 1
    assert path.read_bytes() == before
    assert (restore(tmp_path / "out").written, restore(tmp_path / "out").unchanged) == (0, 1)
    assert convert(path, tmp_path / "out", delete_source=True).deleted == 2


def test_a_second_run_keeps_the_masks_of_deleted_polygons(coco_file: Write, tmp_path: Path) -> None:
    """An empty record does not repaint its mask, not even with `overwrite`; nothing changes."""
    path, out = coco_file(annotations=[*coco()["annotations"], RUNS]), tmp_path / "out"
    convert(path, out, delete_source=True)
    before = tree(out)
    for options in ({}, {"overwrite": True}):
        report = convert(path, out, delete_source=True, **options)
        assert (report.unchanged, report.written, report.deleted, report.failed) == (1, 0, 0, 0)
        assert tree(out) == before
    assert verify(out).unchanged == 1


def test_new_instances_beside_deleted_ones_fail_their_image(coco_file: Write, tmp_path: Path) -> None:
    """They cannot join the mask: restore first, or choose another DEST."""
    path, out = coco_file(), tmp_path / "out"
    convert(path, out, delete_source=True)
    before = masks(out)
    document = json.loads(path.read_text())
    document["annotations"].append(
        {"id": 5, "image_id": 1, "category_id": 3, "segmentation": [square(5, 0, 2)]}
    )
    path.write_text(json.dumps(document))
    report = convert(path, out, delete_source=True)
    assert "restore" in report.failures[0].reason
    assert (masks(out), kept(path)) == (before, [5])
    with pytest.raises(SourceChanged, match="by hand"):
        restore(out)


def test_a_mask_that_is_not_what_was_written_stops_the_deleting(
    coco_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read back after writing: another mask is a failed proof, and the file is untouched."""
    path, out = coco_file(), tmp_path / "out"
    before = path.read_bytes()
    honest = removal.open_annotations

    def tampering(*arguments: object, **options: object) -> object:
        (out / "masks/a.png").write_bytes(b"damaged")
        return honest(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(removal, "open_annotations", tampering)
    with pytest.raises(ProofError, match="nothing was deleted"):
        convert(path, out, delete_source=True)
    assert path.read_bytes() == before


def test_a_file_that_changes_meanwhile_keeps_its_polygons(
    coco_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody saves the file between reading and deleting: exit 4, nothing lost."""
    path = coco_file()
    honest = removal._proven

    def slow(*arguments: object) -> object:
        path.write_text(json.dumps(coco(annotations=coco()["annotations"][:1])))
        return honest(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(removal, "_proven", slow)
    with pytest.raises(SourceChanged, match="nothing was deleted"):
        convert(path, tmp_path / "out", delete_source=True)
    assert kept(path) == [1]


def test_more_than_max_delete_is_not_deleted(coco_file: Write, tmp_path: Path) -> None:
    """All or nothing: the file has two polygons, one may go, none does."""
    path = coco_file()
    with pytest.raises(PolymaskError, match="--max-delete 1"):
        convert(path, tmp_path / "out", delete_source=True, max_delete=1)
    assert kept(path) == [1, 2]
    assert convert(path, tmp_path / "out", delete_source=True, max_delete=2).deleted == 2


def test_only_what_was_painted_is_deleted(coco_file: Write, tmp_path: Path) -> None:
    """Of chosen images the chosen labels; a failed image keeps its polygons."""
    document = coco()
    document["images"].append({"id": 2, "file_name": "b.jpg", "height": 6, "width": 8})
    document["annotations"].append(
        {"id": 3, "image_id": 2, "category_id": 3, "segmentation": [square(1, 1, 2)]}
    )
    path = coco_file(document)
    assert convert(path, tmp_path / "cats", only=["cat"], where=["a*"], delete_source=True).deleted == 1
    assert kept(path) == [2, 3]
    path = coco_file(document)
    report = convert(path, tmp_path / "strict", overlap="error", delete_source=True)
    assert (report.failed, report.deleted, kept(path)) == (1, 1, [1, 2])


def test_malformed_records_that_were_left_out_stay_in_the_file(coco_file: Write, tmp_path: Path) -> None:
    """What was not painted is not deleted."""
    bad = {"id": 4, "image_id": 1, "category_id": 3, "segmentation": [[1, 2, 3]]}
    path = coco_file(annotations=[bad, *coco()["annotations"]])
    convert(path, tmp_path / "out", delete_source=True, skip_invalid=True)
    assert kept(path) == [4]


@pytest.mark.parametrize("layout", ["binary", "voc"])
def test_other_layouts_prove_as_well(coco_file: Write, tmp_path: Path, layout: str) -> None:
    """One mask a label, or palette masks."""
    assert convert(coco_file(), tmp_path / "out", to=layout, delete_source=True).deleted == 2
    assert verify(tmp_path / "out").unchanged == 1


def test_what_cannot_be_proven_or_deleted_is_refused_at_once(coco_file: Write, tmp_path: Path) -> None:
    """A layout of one shared file; a dry run deletes nothing."""
    path = coco_file()
    with pytest.raises(InputError, match="--delete-source goes with"):
        convert(path, tmp_path / "out", to="coco", delete_source=True)
    assert not (tmp_path / "out").exists()
    convert(path, tmp_path / "out", delete_source=True, dry_run=True)
    assert kept(path) == [1, 2]


def test_restore_without_a_deletion_says_so(coco_file: Write, tmp_path: Path) -> None:
    """And a damaged backup is not put in place."""
    path, out = coco_file(), tmp_path / "out"
    convert(path, out)
    with pytest.raises(NotFound, match="nothing was deleted"):
        restore(out)
    convert(path, out, delete_source=True, overwrite=True)
    left = path.read_bytes()
    next((out / "backup").iterdir()).write_bytes(b"{}")
    with pytest.raises(ProofError, match="missing or damaged"):
        restore(out)
    assert path.read_bytes() == left


def test_a_mask_that_is_not_its_polygons_deletes_nothing(
    coco_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Masks are painted again from the file that is there: that a manifest agrees with them is no proof."""
    path = coco_file()
    before = path.read_bytes()
    monkeypatch.setattr(
        "polymask.job.striped", lambda record, *rest: striped(replace(record, instances=()), *rest)
    )
    with pytest.raises(ProofError, match="is not the mask of its polygons"):
        convert(path, tmp_path / "out", delete_source=True)
    assert path.read_bytes() == before


@pytest.mark.parametrize("line", [b"x", b"[]", b'{"source": 5}', b'{"source": "\xe4"}'])
def test_a_damaged_journal_restores_nothing(coco_file: Write, tmp_path: Path, line: bytes) -> None:
    """One line that is none of ours, and no file is touched."""
    path = coco_file()
    convert(path, tmp_path / "out", delete_source=True)
    after = path.read_bytes()
    journal = tmp_path / "out" / "journal.jsonl"
    journal.write_bytes(line + b"\n" + journal.read_bytes())
    with pytest.raises(FormatError, match="is damaged"):
        restore(tmp_path / "out")
    assert path.read_bytes() == after


def test_an_erased_polygon_keeps_the_others_of_an_image_that_was_not_deleted_yet(
    coco_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run dies before it deletes, somebody erases a polygon: the mask is of more than is there."""
    path = coco_file()

    def dies(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(removal, "_replace", dies)
        convert(path, tmp_path / "out", delete_source=True)
    document = json.loads(path.read_text())
    document["annotations"].pop(0)
    path.write_text(json.dumps(document))
    report = convert(path, tmp_path / "out", delete_source=True)
    assert [failure.reason for failure in report.failures] == [
        f"a.jpg lacks instances that its mask was made of, and has others; if they were deleted, run "
        f"`polymask restore {tmp_path / 'out'}` first, or choose another DEST"
    ]
    assert (report.deleted, kept(path)) == (0, [2])
