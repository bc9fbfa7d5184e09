"""The Dataloop app: a service whose functions convert an item, or a whole dataset.

A function may be run more than once for the same item (the platform delivers at least once):
every run decides from what is stored, so that a second one does nothing. `dataloop.json`
describes it to the platform.
"""

from typing import Any

from polymask.dataloop.jobs.run import convert_item
from polymask.dataloop.service.client import connect, import_dtlpy
from polymask.errors import InputError, PolymaskError
from polymask.results import Report

dl = import_dtlpy()


class ServiceRunner(dl.BaseServiceRunner):  # type: ignore[misc, name-defined]
    """Polygons to masks, as a pipeline node, from the item menu, or for a dataset."""

    def convert_item(
        self, item: Any, delete_source: bool = False, pixel_rule: str = "center", journal: str = ""
    ) -> Any:
        """Convert one item and return it, as a pipeline hands it on.

        With `delete_source` the polygons go once their masks are proven; `journal` is then a
        folder that outlives the pod, for the backup. Raises `PolymaskError` where the item
        could not be converted, so that the platform tells of it.
        """
        report = convert_item(
            item, delete_source=delete_source, pixel_rule=pixel_rule, journal=_journal(journal, delete_source)
        )
        _raise_failure(report)
        return item

    def convert_dataset(
        self,
        dataset: Any,
        delete_source: bool = False,
        pixel_rule: str = "center",
        journal: str = "",
        progress: Any = None,
    ) -> Any:
        """Convert every item of a dataset that has polygons, and return the dataset."""
        from polymask.dataloop.jobs.run import Dataset, convert_connected
        from polymask.dataloop.target import Target
        from polymask.in_place.job import ProvenOptions

        client = connect(workers=WORKERS)
        raw = client.call("GET", f"/datasets/{dataset.id}", safe=True)
        options = ProvenOptions(pixel_rule=pixel_rule, delete_source=delete_source, workers=WORKERS)
        report = convert_connected(
            Dataset(client, raw, Target("", raw["name"])),
            options,
            journal=_journal(journal, delete_source),
            progress=_Percent(progress),
        )
        _raise_failure(report)
        return dataset


WORKERS = 8  # calls at once; they wait for the platform, not for the processor


class _Percent:
    """The platform's progress, in whole percent."""

    def __init__(self, progress: Any) -> None:
        self.progress, self.total, self.done, self.percent = progress, 0, 0, 0

    def start(self, items: int) -> None:
        self.total = items

    def advance(self, items: int) -> None:
        self.done += items
        percent = 100 * self.done // max(self.total, 1)
        if self.progress is not None and percent > self.percent:
            self.progress.update(progress=percent)
            self.percent = percent


def _journal(folder: str, delete_source: bool) -> str | None:
    if delete_source and not folder:
        raise InputError(
            "delete_source needs a journal: a folder that outlives the pod, "
            "where the backup of what is deleted goes"
        )
    return folder or None


def _raise_failure(report: Report) -> None:
    if report.failures:
        first = report.failures[0]
        raise PolymaskError(f"{report.failed} of {report.images} items failed: {first.name}: {first.reason}")
