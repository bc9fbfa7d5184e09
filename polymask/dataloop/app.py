"""The Dataloop app: a service whose functions convert an item, or a whole dataset.

A function may be run more than once for the same item, also at once (the platform delivers at least
once): every run decides from what is stored, so that a second one does nothing. A pod's own disk goes with
the pod: the backup of what is deleted goes to the platform, as the project's artifacts, unless a folder is
named. `dataloop.json` describes the app to the platform.
"""

import logging
from typing import Any

from polymask.dataloop.jobs.inputs import read_inputs
from polymask.dataloop.jobs.item import convert_item, id_of
from polymask.dataloop.jobs.journals import on_platform
from polymask.dataloop.jobs.run import convert_connected, open_by_id
from polymask.dataloop.service.client import import_dtlpy
from polymask.errors import PolymaskError
from polymask.results import Report

dl = import_dtlpy()
LOG = logging.getLogger(__name__)  # the platform shows what is logged beside the execution
CENTER = "center"  # also where the platform hands on nothing
WORKERS = 8  # calls at once; they wait for the platform, not for the processor


class ServiceRunner(dl.BaseServiceRunner):  # type: ignore[misc, name-defined]
    """Polygons to masks, as a pipeline node, from the item menu, on an event, or for a dataset."""

    def convert_item(
        self,
        item: Any,
        delete_source: bool | str = False,
        pixel_rule: str = CENTER,
        journal: str = "",
        progress: Any = None,
        **options: Any,
    ) -> Any:
        """Convert one item and return it, as a pipeline hands it on.

        With `delete_source` the polygons go once their masks are proven and their backup was read back:
        from the project's artifacts, or in a folder named `journal` that outlives the pod. Raises
        `PolymaskError` where not everything could be done (an item that failed, annotations that are not
        supported), so that the platform tells of it. That an item has nothing to paint, but boxes alone, is
        logged. `options` are those of `polymask.dataloop.convert_item`, for manifests that declare
        more inputs.
        """
        report = convert_item(
            item, delete_source=delete_source, pixel_rule=pixel_rule, journal=journal or None, **options
        )
        report.notes += [report.nothing_painted] if report.nothing_painted else []
        report.nothing_painted = ""  # no failure: to execute it again would paint nothing either
        _finish(report, _Shown(progress))
        return item

    def convert_dataset(
        self,
        dataset: Any,
        delete_source: bool | str = False,
        pixel_rule: str = CENTER,
        journal: str = "",
        progress: Any = None,
        **options: Any,
    ) -> Any:
        """Convert every item of a dataset that has polygons, and return the dataset; as `convert_item`."""
        inputs = {"delete_source": delete_source, "pixel_rule": pixel_rule, "workers": WORKERS}
        chosen = read_inputs(inputs | options)
        connected = open_by_id(id_of(dataset, "id", kind="dataset"), workers=WORKERS)
        shown = _Shown(progress)
        report = convert_connected(
            connected,
            chosen,
            journal=journal or on_platform(connected.client, connected.raw),
            progress=shown,
        )
        _finish(report, shown)
        return dataset


class _Shown:
    """A run's progress as the platform shows it: whole percent, and the last message."""

    def __init__(self, progress: Any) -> None:
        self.progress, self.total, self.done, self.percent = progress, 0, 0, 0

    def start(self, items: int) -> None:
        self.total = items

    def advance(self, items: int) -> None:
        self.done += items
        percent = 100 * self.done // max(self.total, 1)
        if percent > self.percent:
            self.percent = percent
            self.tell(f"{self.done:,} of {self.total:,} items")

    def tell(self, message: str) -> None:
        LOG.info(message)
        if self.progress is not None:  # without its percent, it would begin anew
            self.progress.update(progress=self.percent, message=message)


def _finish(report: Report, shown: _Shown) -> None:
    """Tell what was done, and fail the execution where something was not."""
    for note in report.notes:
        LOG.info(note)
    for failure in report.failures:
        LOG.error("%s: %s", failure.name, failure.reason)
    for annotation in report.unsupported:
        LOG.warning("%s: %s", annotation.name, annotation.reason)
    if reason := _undone(report):
        raise PolymaskError(reason, exit_code=report.exit_code)
    shown.percent = 100
    items, written, deleted = report.images, report.written, report.deleted
    shown.tell(f"{items:,} items, {written:,} of them changed, {deleted:,} polygons deleted")


def _undone(report: Report) -> str:
    """Why the same run on a command line would not exit 0: the first reason; nothing where it would."""
    if report.failures:
        first = report.failures[0]
        return f"{report.failed} of {report.images} items failed: {first.name}: {first.reason}"
    if report.unsupported:
        first, count = report.unsupported[0], len(report.unsupported)
        return f"{count} annotations are not supported and were left alone: {first.name}: {first.reason}"
    return report.nothing_painted
