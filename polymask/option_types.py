"""The options of the library as types; made by `python docs/generate_option_types.py`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from polymask.labels.as_label_map import Labels
from polymask.model import Frame
from polymask.parallel.shards import Shard
from polymask.storage.remote.urls import Location


class LimitsDict(TypedDict, total=False):
    """The options of `Limits`."""

    max_pixels: int
    max_vertices: int
    max_instances: int
    max_bytes: int
    max_depth: int
    max_labels: int
    max_conflict_pairs: int
    max_zip_ratio: int


class ReadingOptionsDict(LimitsDict, total=False):
    """The options of every function that reads annotations; `labels` and `split` they name themselves."""

    from_: str | None
    images: str | Location | None
    label_attribute: str | None
    default_label: str | None
    masks: str | Location | None
    boxes: bool
    annotator: str | None
    skip_invalid: bool
    only: Sequence[str]
    where: Sequence[str]
    filter: str | Path | None
    predictions: str
    min_confidence: float | None
    creator: Sequence[str]
    status: Sequence[str]
    annotated_only: bool


class ConvertOptionsDict(ReadingOptionsDict, total=False):
    """The options of `convert`."""

    labels: Labels | None
    split: str | None
    check_images: bool
    pixel_rule: str
    overlap: str
    priority: Sequence[str]
    holes: str | None
    crowd: str
    border: int
    size: Frame | None
    scale: float | None
    tile: Frame | None
    tile_overlap: int
    ids: str
    instances: bool
    stuff: Sequence[str]
    void_as: str | None
    palette: str
    to: str
    copy_images: bool
    picture_format: str | None
    split_ratio: str | Sequence[float] | None
    split_by: str | None
    seed: int
    add_labels: bool
    overwrite: bool
    update: bool
    prune: bool
    dry_run: bool
    delete_source: bool
    max_delete: int | None
    journal: str | Path | None
    max_conflict: float | None
    workers: int
    shard: Shard | str | None
    scheduler: str | None


ConvertOptions = ConvertOptionsDict  # as users name it: `options: polymask.ConvertOptions = {"to": "voc"}`
