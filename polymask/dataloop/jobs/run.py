"""Runs with a Dataloop dataset at one end or both."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from polymask.dataloop.item_queries import EVERY_FILE
from polymask.dataloop.jobs.journals import (
    ELSEWHERE,
    loss_in_words,
    lost_to_all,
)
from polymask.dataloop.reading.copies import dataset_of
from polymask.dataloop.service.client import Client, connect
from polymask.dataloop.service.lookup import dataset_named, project_named
from polymask.dataloop.service.recipe import Recipe
from polymask.dataloop.service.responses import listed
from polymask.dataloop.service.restoring import restore_command
from polymask.dataloop.sink import DataloopSink
from polymask.dataloop.source import DataloopSource
from polymask.dataloop.target import Target, url_of
from polymask.dataloop.update import UpToDate
from polymask.errors import InputError, NotFound, no_such_label
from polymask.formats.reading.annotation_choice import Choice
from polymask.formats.selection import refuse_no_image
from polymask.in_place.deletion import Finished, finish
from polymask.in_place.evidence import Evidence
from polymask.in_place.job import ProvenJob, ProvenOptions, Watch
from polymask.in_place.journal import Journal, default_folder, shard_folder
from polymask.in_place.protocols import Item
from polymask.parallel.progress import Progress
from polymask.parallel.shards import Shard
from polymask.results import Report, note_why_polygons_stay
from polymask.validation import Json
from polymask.wording import counted


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
        return url_of(str(project), self.target.dataset or self.id)

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
            query_file=query,
            folder=self.target.folder,
            check_images=check_images,
            choice=choice,
        )

    def recipe(self, options: ProvenOptions) -> Recipe:
        """Its labels and their colors; those that it lacks are added if a run may."""
        return Recipe(self.client, self.raw, adds=options.add_labels and not options.dry_run)

    def finish(self, source: DataloopSource, sink: DataloopSink, evidence: Evidence | None) -> Finished:
        """Check what stopped runs deleted last from this dataset; `in_place.deletion.finish`."""

        def is_here(item: Item) -> bool:
            return dataset_of(self.client, item.id) == self.id

        return finish(source, sink, evidence, is_here=is_here) if evidence else Finished()

    def journal_folder(self, folder: str | Path | None) -> Path:
        """Where the journal lies: the folder, or by the dataset's id in the user's state folder."""
        return Path(folder) if folder else default_folder(self.id)


def open_dataset(url: str, *, workers: int = 1) -> Dataset:
    """Connect to the dataset that a URL names; raises `NotFound` or `Denied` where that fails."""
    target, client = Target.parse(url), connect(workers=workers)
    return Dataset(
        client, dataset_named(client, project_named(client, target.project), target.dataset), target
    )


def every_item(dataset: Dataset, *, query: str | Path | None = None) -> DataloopSource:
    """All items of a dataset, below its folder, or those that a query file selects."""
    asked = read_query(query) if query else EVERY_FILE
    return DataloopSource(
        dataset.client, dataset.id, query=asked, query_file=query, folder=dataset.target.folder
    )


def open_by_id(dataset_id: str, *, workers: int = 1) -> Dataset:
    """Connect to a dataset by its id, as an app's functions have it."""
    client = connect(workers=workers)
    raw = client.call("GET", f"/datasets/{dataset_id}", safe=True)
    return Dataset(client, raw, Target("", str(raw.get("name") or "")))


def read_query(path: str | Path) -> Json:
    """A query (DQL) file: a JSON object with `filter` and, if wanted, `join`."""
    try:
        query = json.loads(Path(path).read_bytes())
    except FileNotFoundError:
        raise NotFound("no such file", file=path, exit_code=2) from None
    except ValueError as error:
        raise InputError(f"not JSON: {error}", file=path) from None
    condition = query.get("filter") if isinstance(query, dict) else None
    if not isinstance(condition, dict) or not isinstance(condition.get("$and", []), list):
        raise InputError('expected {"filter": {"$and": […]}}, as dtlpy\'s Filters.prepare() gives', file=path)
    return dict(query)


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
    journal: str | Path | Evidence | None = None,
    where: Sequence[str] = (),
    progress: Progress | None = None,
    watch: Watch | None = None,
) -> Report:
    """Convert a dataset in place; see `convert_in_place`. The journal may be another than a folder."""
    source = dataset.source(query=query, check_images=options.check_images, choice=choice_of(options))
    recipe = dataset.recipe(options)
    _refuse_unknown_labels(dataset, options.only, recipe)
    sink = DataloopSink(dataset.client, source, recipe, limits=options.limits)
    writes_journal = options.delete_source and not options.dry_run
    evidence = _evidence(dataset, options, journal) if writes_journal else None
    finished = dataset.finish(source, sink, evidence)  # what is put back is among the items then
    if evidence and evidence.is_new and options.shard is None:  # other parts have journals of their own
        lost = lost_to_all(dataset.client, dataset.raw)
        finished.notes += [f"{loss_in_words(lost, evidence.place)}; {ELSEWHERE}"] if lost else []
    items = chosen(source.items(), where, shard=options.shard)
    _refuse_unmatched(dataset, items, where)
    if evidence and (tell := getattr(progress, "tell", None)):  # what only counts need not have it
        tell(f"journal and backup: {evidence.place}")
    if progress:
        progress.start(len(items))
    job = ProvenJob(source, sink, evidence, options, sleep=dataset.client.sleep)
    job.watch = watch
    if options.update and watch is None:  # who watches wants to see every item
        job.glance = UpToDate(source, sink, items, options)
    report = job.run(items, advance=progress.advance if progress else None)
    finished.tell(report, items)
    conclude(report, dataset, recipe)
    if evidence:
        report.notes += ways_back(report, dataset, evidence, journal)
    return report


def conclude(report: Report, dataset: Dataset, recipe: Recipe) -> None:
    """Add what a run in place ends with: its labels' colors, and why polygons stay."""
    tell_of_labels(report, recipe)
    note_why_polygons_stay(report, dataset.url)


def _evidence(dataset: Dataset, options: ProvenOptions, journal: str | Path | Evidence | None) -> Evidence:
    if isinstance(journal, Evidence):
        return journal
    return Journal(shard_folder(dataset.journal_folder(journal), options.shard))


def ways_back(
    report: Report, dataset: Dataset, evidence: Evidence, journal: str | Path | Evidence | None
) -> Iterator[str]:
    """Where the backup lies, and the command that puts back what was deleted."""
    yield f"journal and backup: {evidence.place}"
    if report.deleted:
        undo = restore_command(dataset.url, None if isinstance(journal, Evidence) else journal)
        yield f"{counted(report.deleted, 'polygon')} deleted; `{undo}` undoes it"


def chosen(items: Any, where: Sequence[str], *, shard: Shard | None = None) -> list[Item]:
    """The items whose names match any of the globs, or all; of these, those of the shard."""
    named = [item for item in items if not where or _matches(item.name, where)]
    return [item for item in named if shard is None or shard.takes(item.id)]


def _refuse_unmatched(dataset: Dataset, items: Sequence[Item], where: Sequence[str]) -> None:
    """Raise `InputError` for globs that match no item: neither one to be converted nor a finished one."""
    if where and not items:
        names = [item.name for item in every_item(dataset).items()]
        refuse_no_image([name for name in names if _matches(name, where)], names, where)


def _refuse_unknown_labels(dataset: Dataset, only: Iterable[str], recipe: Recipe) -> None:
    """Raise `LabelError` for a label that neither the recipe nor any annotation has."""
    for name in sorted(set(only) - set(recipe.labels)):
        query = {"filter": {"$and": [{"label": name}]}}
        if not dataset.client.pages(dataset.id, "annotations", query, keep=_label_of):
            rows = dataset.client.pages(dataset.id, "annotations", {"filter": {"$and": []}}, keep=_label_of)
            raise no_such_label(name, sorted({*recipe.labels, *(str(row["label"]) for row in rows)}))


def _label_of(row: Json) -> Json:
    return {"id": row["id"], "label": row.get("label")}


def _matches(name: str, where: Sequence[str]) -> bool:
    return any(fnmatchcase(name, glob) for glob in where)


def choice_of(options: ProvenOptions) -> Choice:
    """Which polygons a run takes: where it deletes, none that QA has an open issue with, unless asked to."""
    return replace(options.choice, flagged=not options.delete_source)


def tell_of_labels(report: Report, recipe: Recipe) -> None:
    """Note labels of painted masks that the recipe lacks, or add those that no new mask asked for."""
    if recipe.adds:
        recipe.add(report.labels)
    if note := recipe.note(report.labels):
        report.notes.append(note)
