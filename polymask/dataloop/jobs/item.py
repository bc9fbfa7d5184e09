"""One `dl.Item` converted, as an app's function or a pipeline's node does."""

from pathlib import Path
from typing import Any

from polymask.dataloop.jobs.journals import on_platform
from polymask.dataloop.jobs.run import Dataset, choice_of, open_by_id, tell_of_labels, ways_back
from polymask.dataloop.sink import DataloopSink
from polymask.dataloop.source import DataloopItem
from polymask.formats.reading.choice import Choice
from polymask.in_place.deletion import finish
from polymask.in_place.evidence import Evidence
from polymask.in_place.job import ProvenJob, ProvenOptions
from polymask.in_place.journal import Journal
from polymask.results import Report, note_why_polygons_stay

# of `convert_item`, as of `convert`
CHOICES = ("predictions", "min_confidence", "creator", "status", "annotator")


def convert_item(
    item: Any, *, delete_source: bool = False, journal: str | Path | None = None, **options: Any
) -> Report:
    """Convert the polygons of one `dl.Item`, as an app's node or function does.

    With `delete_source`, the backup goes to the folder that `journal` names; without one to the platform,
    as artifacts of the item's project, since a pod's own disk goes with the pod. `options` are those of
    `polymask.in_place.job.ProvenOptions`: `pixel_rule`, `only`, `max_delete`, `check_images`, `dry_run`,
    `limits`, `add_labels`, and what chooses annotations: `predictions`, `min_confidence`, `creator`,
    `status`, `annotator`. Safe to call any number of times, also at once.
    """
    dataset = open_by_id(item.dataset_id)
    choice = {name: options.pop(name) for name in CHOICES if name in options}
    chosen = ProvenOptions(delete_source=delete_source, choice=Choice(**choice), **options)
    source = dataset.source(check_images=chosen.check_images, choice=choice_of(chosen))
    raw = dataset.client.call("GET", f"/items/{item.id}", safe=True)
    chosen_item = DataloopItem(str(raw["id"]), str(raw["filename"]).lstrip("/"), raw)
    recipe = dataset.recipe(chosen)
    sink = DataloopSink(dataset.client, source, recipe, limits=chosen.limits)
    writes_journal = delete_source and not chosen.dry_run
    evidence = _evidence(dataset, chosen_item.id, journal) if writes_journal else None
    looked_at = finish(source, sink, evidence) if evidence else []
    report = ProvenJob(source, sink, evidence, chosen, sleep=dataset.client.sleep).run([chosen_item])
    tell_of_labels(report, recipe)
    report.notes += looked_at
    note_why_polygons_stay(report, dataset.url)
    if evidence:
        report.notes += ways_back(report, dataset, evidence, journal)
    return report


def _evidence(dataset: Dataset, item_id: str, journal: str | Path | None) -> Evidence:
    if journal is not None:
        return Journal(journal)
    return on_platform(dataset.client, dataset.raw, items=[item_id])
