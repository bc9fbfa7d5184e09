"""A folder of pictures as a Dataloop dataset."""

from pathlib import Path
from typing import Any

import msgspec

from polymask.dataloop.emulator.pictures import describe_blank, guess_mimetype
from polymask.dataloop.emulator.platform import Platform, clean
from polymask.dataloop.emulator.seeding.dataset import Seeded, add_dataset
from polymask.errors import FormatError, InputError


def fill(platform: Platform, project_id: str, folder: Path) -> Seeded:
    """Make a dataset of a folder, named after it.

    Raises
    ------
    InputError
        There are no pictures in it.
    FormatError
        A file of its `json/` is no annotation file.
    """
    items = folder / "items" if (folder / "items").is_dir() else folder
    pictures = {_path(file, items): file for file in sorted(items.rglob("*")) if _is_picture(file)}
    records = _records(folder / "json", pictures)
    if not pictures and not records:
        raise InputError("no pictures in this folder", file=folder)
    labels = sorted(
        {str(annotation.get("label")) for record in records.values() for annotation in record["annotations"]}
    )
    dataset_id = add_dataset(platform, project_id, folder.resolve().name, labels)
    return _fill(platform, dataset_id, pictures, records)


def _fill(
    platform: Platform, dataset_id: str, pictures: dict[str, Path], records: dict[str, dict[str, Any]]
) -> Seeded:
    done = Seeded()
    for path in sorted(pictures.keys() | records.keys()):
        record = records.get(path, {"annotations": []})
        item_id = _add_item(platform, dataset_id, path, file=pictures.get(path), record=record)
        done.items += 1
        done.annotations += len(platform.add_annotations(item_id, record["annotations"]))
    return done


def _add_item(
    platform: Platform, dataset_id: str, path: str, *, file: Path | None, record: dict[str, Any]
) -> str:
    if file:
        return platform.link(dataset_id, path, file).id
    system = (record.get("metadata") or {}).get("system") or {}
    # Without its picture an item still has the size that was recorded.
    size = (system.get("width") or 1, system.get("height") or 1)
    return platform.add_item(dataset_id, path, describe_blank(path.rpartition("/")[2], size)).id


def _records(folder: Path, pictures: dict[str, Path]) -> dict[str, dict[str, Any]]:
    """Return the annotation files by the path of their item."""
    by_stem = {path.rpartition(".")[0]: path for path in pictures}
    records = {}
    for file in sorted(folder.rglob("*.json")):
        record = _record(file)
        stem = _path(file, folder).removesuffix(".json")
        named = record.get("filename")
        # The record knows its item best; dtlpy drops suffixes, so names alone can be ambiguous.
        path = clean(named) if isinstance(named, str) else by_stem.get(stem, stem)
        records[path] = record
    return records


def _record(file: Path) -> dict[str, Any]:
    try:
        record = msgspec.json.decode(file.read_bytes())
    except msgspec.DecodeError as error:
        raise FormatError(f"{file}: {error}") from error
    if not isinstance(record, dict) or not isinstance(record.get("annotations"), list):
        raise FormatError(f"{file}: $.annotations: missing; this is no Dataloop annotation file")
    if any(
        not isinstance(annotation, dict) or not isinstance(annotation.get("type"), str)
        for annotation in record["annotations"]
    ):
        raise FormatError(f"{file}: $.annotations: an annotation without a type")
    return record


def _path(file: Path, root: Path) -> str:
    return "/" + file.relative_to(root).as_posix()


def _is_picture(file: Path) -> bool:
    return file.is_file() and guess_mimetype(file.name).startswith("image/")
