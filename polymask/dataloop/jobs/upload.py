"""Masks of local annotations, stored on the items of a dataset that have the same names."""

from collections.abc import Callable, Sequence

from polymask.dataloop.item_queries import EVERY_FILE
from polymask.dataloop.jobs.run import chosen, open_dataset, tell_of_labels
from polymask.dataloop.local_source import MatchedSource
from polymask.dataloop.service.lookup import refuse_missing_folder
from polymask.dataloop.sink import DataloopSink
from polymask.dataloop.source import DataloopSource
from polymask.errors import InputError
from polymask.formats import Annotations
from polymask.in_place.job import ProvenJob, ProvenOptions
from polymask.model import Skipped
from polymask.results import Report

Advance = Callable[[int], None]


def upload(
    annotations: Annotations,
    url: str,
    options: ProvenOptions,
    *,
    where: Sequence[str] = (),
    start: Callable[[int], None] | None = None,
    advance: Advance | None = None,
) -> Report:
    """Masks of local annotations to the items of a dataset that have the same names."""
    if options.delete_source:
        raise InputError(
            "--delete-source deletes in place: local polygons are kept when their masks go elsewhere"
        )
    dataset = open_dataset(url, workers=options.workers)
    everything = DataloopSource(dataset.client, dataset.id, query=EVERY_FILE)
    source = MatchedSource(annotations, everything, folder=dataset.target.folder)
    items = chosen(source.items(), where, shard=options.shard)
    if dataset.target.folder and len(source.unmatched) == len(annotations.names):
        refuse_missing_folder(dataset.target.folder.strip("/"), dataset.client.folders(dataset.id))
    if start:
        start(len(items))
    recipe = dataset.recipe(options)
    sink = DataloopSink(dataset.client, everything, recipe, limits=options.limits)
    report = ProvenJob(source, sink, None, options, sleep=dataset.client.sleep).run(items, advance=advance)
    tell_of_labels(report, recipe)
    report.skipped += annotations.unchosen
    report.notes += annotations.notes
    unmatched = [name for name in source.unmatched if not options.shard or options.shard.takes(name)]
    report.images += len(unmatched)
    report.failures += [Skipped(name, "no item of the dataset has this name") for name in unmatched]
    source.account(report, items, unmatched=set(unmatched))
    return report
