"""Runs with a Dataloop dataset at one end or both."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import quote

from polymask.dataloop.jobs.lost_backups import loss_in_words, tell_of_lost, without_backup
from polymask.dataloop.local_source import MatchedSource
from polymask.dataloop.service.client import Client, connect
from polymask.dataloop.service.recipe import Recipe
from polymask.dataloop.service.responses import listed
from polymask.dataloop.service.restoring import Deleted, PuttingBack, deleted, restore_command
from polymask.dataloop.sink import DataloopSink
from polymask.dataloop.source import DataloopItem, DataloopSource, refuse_missing_folder
from polymask.dataloop.target import SCHEME, Target
from polymask.errors import InputError, NotFound, PolymaskError
from polymask.formats import Annotations
from polymask.formats.reading.choice import Choice
from polymask.in_place.deletion import finish
from polymask.in_place.job import ProvenJob, ProvenOptions, Watch
from polymask.in_place.journal import Journal, default_folder, open_existing, shard_folder
from polymask.in_place.protocols import Item
from polymask.model import Skipped
from polymask.parallel.progress import Progress
from polymask.parallel.shards import Shard
from polymask.results import Report, note_why_polygons_stay
from polymask.validation import Json

CHOICES = ("predictions", "min_confidence", "creator", "status")  # of `convert_item`, as of `convert`
Advance = Callable[[int], None]


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """A connected dataset."""

    client: Client
    raw: Json
    target: Target

    @property
    def id(self) -> str:
        """The platform's id of it."""
        return str(self.raw["id"])

    @property
    def url(self) -> str:
        """What names it on a command line."""
        project = self.target.project or (listed(self.raw.get("projects")) or ["PROJECT"])[0]
        return f"{SCHEME}{quote(str(project), safe='')}/{quote(self.target.dataset or self.id, safe='')}"

    def source(
        self,
        *,
        query: str | Path | None = None,
        check_images: bool = False,
        choice: Choice | None = None,
    ) -> DataloopSource:
        """Its items that have polygons, or those that a query file selects."""
        return DataloopSource(
            self.client,
            self.id,
            query=read_query(query) if query else None,
            folder=self.target.folder,
            check_images=check_images,
            choice=choice,
        )

    def recipe(self, options: ProvenOptions) -> Recipe:
        """Its labels and their colors; those that it lacks are added if a run may."""
        return Recipe(self.client, self.raw, adds=options.add_labels and not options.dry_run)

    def journal_folder(self, folder: str | Path | None) -> Path:
        """Where the journal lies: the folder, or by the dataset's id in the user's state folder."""
        return Path(folder) if folder else default_folder(self.id)


def open_dataset(url: str, *, workers: int = 1) -> Dataset:
    """Connect to the dataset that a URL names; raises `NotFound` or `Denied` where that fails."""
    target, client = Target.parse(url), connect(workers=workers)
    return Dataset(client, client.dataset(client.project(target.project), target.dataset), target)


def read_query(path: str | Path) -> Json:
    """A query (DQL) file: a JSON object with `filter` and, if wanted, `join`."""
    try:
        query = json.loads(Path(path).read_bytes())
    except FileNotFoundError:
        raise NotFound("no such file", file=path) from None
    except ValueError as error:
        raise InputError(f"not JSON: {error}", file=path) from None
    if not isinstance(query, dict) or "filter" not in query:
        raise InputError('expected {"filter": {"$and": […]}}, as dtlpy\'s Filters.prepare() gives', file=path)
    return query


def convert_in_place(
    url: str,
    options: ProvenOptions,
    *,
    query: str | Path | None = None,
    journal: str | Path | None = None,
    where: Sequence[str] = (),
    progress: Progress | None = None,
) -> Report:
    """Replace the polygons of the dataset at a URL by masks, or add masks beside them."""
    dataset = open_dataset(url, workers=options.workers)
    return convert_connected(dataset, options, query=query, journal=journal, where=where, progress=progress)


def convert_connected(
    dataset: Dataset,
    options: ProvenOptions,
    *,
    query: str | Path | None = None,
    journal: str | Path | None = None,
    where: Sequence[str] = (),
    progress: Progress | None = None,
    watch: Watch | None = None,
) -> Report:
    """Convert a dataset in place; see `convert_in_place`."""
    source = dataset.source(query=query, check_images=options.check_images, choice=choice_of(options))
    recipe = dataset.recipe(options)
    sink = DataloopSink(dataset.client, source, recipe, limits=options.limits)
    writes_journal = options.delete_source and not options.dry_run
    evidence = (
        Journal(shard_folder(dataset.journal_folder(journal), options.shard)) if writes_journal else None
    )
    looked_at = finish(source, sink, evidence) if evidence else []  # what is put back is among the items then
    if evidence and evidence.is_new and options.shard is None:  # other parts have journals of their own
        lost = without_backup(dataset.client, dataset.id, ())
        looked_at += [loss_in_words(lost, str(evidence.path))] if lost else []
    items = chosen(source.items(), where, shard=options.shard)
    if evidence and (tell := getattr(progress, "tell", None)):  # what only counts need not have it
        tell(f"journal and backup: {evidence.path}")
    if progress:
        progress.start(len(items))
    job = ProvenJob(source, sink, evidence, options, sleep=dataset.client.sleep)
    job.watch = watch
    report = job.run(items, advance=progress.advance if progress else None)
    tell_of_labels(report, recipe)
    report.notes += looked_at
    note_why_polygons_stay(report, dataset.url)
    if evidence:
        report.notes += _ways_back(report, dataset, evidence, journal)
    return report


def _ways_back(
    report: Report, dataset: Dataset, evidence: Journal, journal: str | Path | None
) -> Iterator[str]:
    """Where the backup lies, and the command that puts back what was deleted."""
    yield f"journal and backup: {evidence.path}"
    if report.deleted:
        undo = restore_command(dataset.url, journal)
        yield f"{report.deleted:,} polygons deleted; `{undo}` undoes it"


def chosen(items: Any, where: Sequence[str], *, shard: Shard | None = None) -> list[Item]:
    """The items whose names match any of the globs, or all; of these, those of the shard."""
    named = [item for item in items if not where or any(fnmatchcase(item.name, glob) for glob in where)]
    return [item for item in named if shard is None or shard.takes(item.id)]


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
    everything = DataloopSource(
        dataset.client, dataset.id, query={"filter": {"$and": [{"hidden": False}, {"type": "file"}]}}
    )
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


def restore_dataset(url: str, *, journal: str | Path | None = None, dry_run: bool = False) -> Report:
    """Put back every polygon that a run deleted, all rings; those that are there stay as they are.

    A dry run tells how many that would be.
    """
    dataset = open_dataset(url)
    folder = dataset.journal_folder(journal)
    polygons, meant = deleted(open_existing(folder))
    putting, report = PuttingBack(dataset.client, dataset.id), Report(dry_run=dry_run)
    now: dict[tuple[str, str], str] = {}
    for polygon in polygons:
        report.images += 1
        parent = now.get(meant.get(polygon.parent, ("", "")))
        try:
            is_new, now[polygon.place] = _put_back(putting, polygon, parent=parent, dry_run=dry_run)
        except PolymaskError as error:  # its picture may be gone; the others can be put back
            reason = str(error).removeprefix(f"{polygon.item.name}: ")
            reason = f"polygon {polygon.key} could not be put back: {reason}"
            report.failures.append(Skipped(polygon.item.name, reason))
            report.exit_code = max(report.exit_code, error.exit_code)
            continue
        report.written += is_new
        report.unchanged += not is_new
        if is_new:
            report.notes += _not_put_back(polygon, linked=parent is not None or polygon.parent not in meant)
    lost = without_backup(dataset.client, dataset.id, {polygon.key for polygon in polygons})
    tell_of_lost(report, dataset.url, lost, journals=str(folder))
    return report


def _put_back(
    putting: PuttingBack, polygon: Deleted, *, parent: str | None, dry_run: bool
) -> tuple[bool, str]:
    """Put a polygon back, or see whether it would be; whether it was missing, and the id that it has now."""
    item, key = polygon.item, polygon.key
    if dry_run:
        putting.client.call("GET", f"/items/{item.id}", safe=True)
        id_now = putting.id_now(item, key)
        return not id_now, id_now
    is_new, id_now = putting.run(item, polygon.backup, key, parent=parent)
    if is_new:
        polygon.journal.note("restored", item.id, ids=[polygon.backup["id"]], now=[id_now])
    return is_new, id_now


def _not_put_back(polygon: Deleted, *, linked: bool) -> Iterator[str]:
    """What of a polygon is in the backup only."""
    name, key = polygon.item.name, polygon.key
    if polygon.unfit:
        yield f"{name}: the metadata of polygon {key} is no object; it stays in the backup"
    if not linked:
        yield f"{name}: polygon {key} is linked to its parent's old id: that was not put back"


def convert_item(
    item: Any, *, delete_source: bool = False, journal: str | Path | None = None, **options: Any
) -> Report:
    """Convert the polygons of one `dl.Item`, as an app's node or function does.

    `options` are those of `polymask.in_place.job.ProvenOptions`: `pixel_rule`, `only`, `max_delete`,
    `check_images`, `dry_run`, `limits`, `add_labels`, and what chooses annotations: `predictions`,
    `min_confidence`, `creator`, `status`. Safe to call any number of times.
    """
    client = connect()
    dataset = Dataset(client, client.call("GET", f"/datasets/{item.dataset_id}", safe=True), Target("", ""))
    choice = {name: options.pop(name) for name in CHOICES if name in options}
    chosen_options = ProvenOptions(delete_source=delete_source, choice=Choice(**choice), **options)
    source = dataset.source(check_images=chosen_options.check_images, choice=choice_of(chosen_options))
    raw = client.call("GET", f"/items/{item.id}", safe=True)
    chosen_item = DataloopItem(str(raw["id"]), str(raw["filename"]).lstrip("/"), raw)
    writes_journal = delete_source and not chosen_options.dry_run
    evidence = Journal(dataset.journal_folder(journal)) if writes_journal else None
    recipe = dataset.recipe(chosen_options)
    sink = DataloopSink(client, source, recipe, limits=chosen_options.limits)
    if evidence:
        finish(source, sink, evidence)
    report = ProvenJob(source, sink, evidence, chosen_options, sleep=client.sleep).run([chosen_item])
    tell_of_labels(report, recipe)
    note_why_polygons_stay(report, dataset.url)
    return report


def choice_of(options: ProvenOptions) -> Choice:
    """Which polygons a run takes: where it deletes, none that QA has an open issue with, unless asked to."""
    return replace(options.choice, flagged=not options.delete_source)


def tell_of_labels(report: Report, recipe: Recipe) -> None:
    """Note labels of painted masks that the recipe lacks, or add those that no new mask asked for."""
    if recipe.adds:
        recipe.add(report.labels)
    if note := recipe.note(report.labels):
        report.notes.append(note)
