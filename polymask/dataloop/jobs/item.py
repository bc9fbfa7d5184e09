"""One `dl.Item` converted, as an app's function or a pipeline's node does."""

from pathlib import Path
from typing import Any

from polymask.dataloop.jobs.inputs import read_inputs
from polymask.dataloop.jobs.journals import ELSEWHERE, held_by_nobody, loss_in_words, on_platform
from polymask.dataloop.jobs.run import Dataset, choice_of, conclude, open_by_id, ways_back
from polymask.dataloop.sink import DataloopSink
from polymask.dataloop.source import DataloopItem
from polymask.errors import InputError
from polymask.in_place.evidence import Evidence
from polymask.in_place.job import ProvenJob
from polymask.in_place.journal import Journal
from polymask.results import Report


def convert_item(
    item: Any, *, delete_source: bool | str = False, journal: str | Path | None = None, **options: Any
) -> Report:
    """Convert the polygons of one `dl.Item`, as an app's node or function does.

    With `delete_source`, the backup goes to the folder that `journal` names; without one to the platform,
    as artifacts of the item's project, since a pod's own disk goes with the pod. `options` are those of
    `polymask.in_place.job.ProvenOptions`: `pixel_rule`, `only`, `max_delete`, `check_images`, `dry_run`,
    `limits`, `add_labels`, and what chooses annotations: `predictions`, `min_confidence`, `creator`,
    `status`, `annotator`. Booleans and numbers may be text, as triggers hand them over. Safe to call any
    number of times, also at once. Raises `InputError` for an option that does not exist, or a value of the
    wrong kind, before anything is done.
    """
    chosen = read_inputs(options | {"delete_source": delete_source})
    dataset = open_by_id(id_of(item, "dataset_id", kind="item"))
    source = dataset.source(check_images=chosen.check_images, choice=choice_of(chosen))
    raw = dataset.client.call("GET", f"/items/{item.id}", safe=True)
    chosen_item = DataloopItem(str(raw["id"]), str(raw["filename"]).lstrip("/"), raw)
    recipe = dataset.recipe(chosen)
    sink = DataloopSink(dataset.client, source, recipe, limits=chosen.limits)
    writes_journal = chosen.delete_source and not chosen.dry_run
    evidence = _evidence(dataset, chosen_item.id, journal) if writes_journal else None
    finished = dataset.finish(source, sink, evidence)
    is_new = evidence is not None and evidence.is_new
    job = ProvenJob(source, sink, evidence, chosen, sleep=dataset.client.sleep)
    report = job.run([chosen_item])
    if evidence and is_new and (absent := job.absent.get(chosen_item.id)):
        lost = held_by_nobody(dataset.client, dataset.raw, {(chosen_item.id, key) for key in absent})
        finished.notes += [f"{loss_in_words(lost, evidence.place)}; {ELSEWHERE}"] if lost else []
    finished.tell(report, [chosen_item])
    conclude(report, dataset, recipe)
    if evidence:
        report.notes += ways_back(report, dataset, evidence, journal)
    return report


def id_of(entity: Any, name: str, *, kind: str) -> str:
    """The id that an entity of dtlpy has; raises `InputError` for anything else, such as an id as text."""
    value = getattr(entity, name, None)
    if isinstance(value, str):
        return value
    message = f"expected a dl.{kind.title()}, not {entity!r}"
    raise InputError(message, advice=f"get it with dl.{kind}s.get({kind}_id=…)")


def _evidence(dataset: Dataset, item_id: str, journal: str | Path | None) -> Evidence:
    if journal is not None:
        return Journal(journal)
    return on_platform(dataset.client, dataset.raw, items=[item_id])
