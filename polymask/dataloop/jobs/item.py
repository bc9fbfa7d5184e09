"""One `dl.Item` converted, as an app's function or a pipeline's node does."""

from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

from polymask.dataloop.jobs.journals import ELSEWHERE, held_by_nobody, loss_in_words, on_platform
from polymask.dataloop.jobs.run import Dataset, choice_of, conclude, open_by_id, ways_back
from polymask.dataloop.sink import DataloopSink
from polymask.dataloop.source import DataloopItem
from polymask.errors import InputError, unknown
from polymask.formats.reading.annotation_choice import Choice
from polymask.in_place.deletion import finish
from polymask.in_place.evidence import Evidence
from polymask.in_place.job import ProvenJob, ProvenOptions
from polymask.in_place.journal import Journal
from polymask.results import Report

TRUE, FALSE = ("true", "yes", "1"), ("false", "no", "0")
CHOICES = ("predictions", "min_confidence", "creator", "status", "annotator")  # as of `convert`
_OPTIONS = {field.name: field for field in fields(ProvenOptions) if field.name != "choice"}


def as_flag(name: str, value: Any) -> bool:
    """A boolean input; text is read as what it says, and an empty input is false.

    Raises `InputError` for whatever is neither, so that no value is taken for a yes by being there.

    Examples:
        >>> as_flag("delete_source", "false"), as_flag("delete_source", "Yes"), as_flag("delete_source", None)
        (False, True, False)
    """
    text = "" if value is None else str(value).strip().casefold()
    if text in TRUE:
        return True
    if text in FALSE or not text:
        return False
    raise InputError(f"{name}: {value!r} is neither true nor false", advice="give true or false")


def checked(options: dict[str, Any]) -> dict[str, Any]:
    """Options by name, their booleans read; raises `InputError` for one that does not exist.

    Examples:
        >>> checked({"dry_run": "true"})
        {'dry_run': True}
        >>> checked({"dryrun": True})
        Traceback (most recent call last):
        polymask.errors.InputError: no option 'dryrun'; did you mean 'dry_run'? There are: ...
    """
    names: Iterable[str] = [*_OPTIONS, *CHOICES]
    for name in options:
        if name not in names:
            raise unknown("option", name, names)
    flags = {name for name in options if name in _OPTIONS and isinstance(_OPTIONS[name].default, bool)}
    return {name: as_flag(name, value) if name in flags else value for name, value in options.items()}


def convert_item(
    item: Any, *, delete_source: bool | str = False, journal: str | Path | None = None, **options: Any
) -> Report:
    """Convert the polygons of one `dl.Item`, as an app's node or function does.

    With `delete_source`, the backup goes to the folder that `journal` names; without one to the platform,
    as artifacts of the item's project, since a pod's own disk goes with the pod. `options` are those of
    `polymask.in_place.job.ProvenOptions`: `pixel_rule`, `only`, `max_delete`, `check_images`, `dry_run`,
    `limits`, `add_labels`, and what chooses annotations: `predictions`, `min_confidence`, `creator`,
    `status`, `annotator`. Booleans may be text, as triggers hand them over. Safe to call any number of
    times, also at once. Raises `InputError` for an option that does not exist, before anything is done.
    """
    options = checked(options | {"delete_source": as_flag("delete_source", delete_source)})
    choice = {name: options.pop(name) for name in CHOICES if name in options}
    chosen = ProvenOptions(choice=Choice(**choice), **options)
    dataset = open_by_id(item.dataset_id)
    source = dataset.source(check_images=chosen.check_images, choice=choice_of(chosen))
    raw = dataset.client.call("GET", f"/items/{item.id}", safe=True)
    chosen_item = DataloopItem(str(raw["id"]), str(raw["filename"]).lstrip("/"), raw)
    recipe = dataset.recipe(chosen)
    sink = DataloopSink(dataset.client, source, recipe, limits=chosen.limits)
    writes_journal = chosen.delete_source and not chosen.dry_run
    evidence = _evidence(dataset, chosen_item.id, journal) if writes_journal else None
    looked_at = finish(source, sink, evidence) if evidence else []
    is_new = evidence is not None and evidence.is_new
    job = ProvenJob(source, sink, evidence, chosen, sleep=dataset.client.sleep)
    report = job.run([chosen_item])
    if evidence and is_new and (absent := job.absent.get(chosen_item.id)):
        lost = held_by_nobody(dataset.client, dataset.raw, {(chosen_item.id, key) for key in absent})
        looked_at += [f"{loss_in_words(lost, evidence.place)}; {ELSEWHERE}"] if lost else []
    conclude(report, dataset, recipe, looked_at)
    if evidence:
        report.notes += ways_back(report, dataset, evidence, journal)
    return report


def _evidence(dataset: Dataset, item_id: str, journal: str | Path | None) -> Evidence:
    if journal is not None:
        return Journal(journal)
    return on_platform(dataset.client, dataset.raw, items=[item_id])
