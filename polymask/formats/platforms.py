"""Platforms whose datasets are read as files are: the scheme of a URL names the module that reads them."""

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from typing import Protocol, cast

from polymask.errors import InputError
from polymask.flag import spelled
from polymask.formats import Annotations
from polymask.formats.options import ReadingOptions
from polymask.formats.reading.annotation_choice import Choice
from polymask.storage.remote.urls import Location, Url

PLATFORMS = {"dataloop": "polymask.dataloop.jobs.download"}
_OF_FILES = ("images", "masks", "label_attribute", "default_label", "boxes")
_CHOICES = ("predictions", "min_confidence", "creator", "status", "annotated_only")


class DatasetReader(Protocol):
    """What the module of a platform offers."""

    def dataset_annotations(self, url: str, options: ReadingOptions) -> Annotations:
        """The annotations of the dataset that a URL names."""


def platform_of(path: Location) -> DatasetReader | None:
    """The module that reads a URL's dataset; None for what is a file, a folder, or in a store."""
    if not isinstance(path, Url) or path.protocol not in PLATFORMS:
        return None
    return cast("DatasetReader", import_module(PLATFORMS[path.protocol]))


def refuse_without_effect(paths: Sequence[Location], options: ReadingOptions) -> None:
    """Raise `InputError` for options of datasets where no path is one, and of files where all are."""
    datasets = [path for path in paths if isinstance(path, Url) and path.protocol in PLATFORMS]
    if options.filter is not None and not datasets:
        raise InputError("--filter is for datasets (dataloop://…)", advice="choose images with --where")
    if len(datasets) < len(paths):
        return
    if options.from_ not in (None, *PLATFORMS):
        raise InputError(f"a dataset is not read as {options.from_}", advice="leave --from out")
    for name in _OF_FILES:
        if getattr(options, name):
            raise InputError(f"{spelled(name)} is for files", advice=f"leave {spelled(name)} out")


def without_choice(options: ReadingOptions) -> ReadingOptions:
    """The same options for a file beside a dataset, whose annotations alone are chosen among."""
    return replace(options, **{name: getattr(Choice(), name) for name in _CHOICES})
