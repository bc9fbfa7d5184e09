"""Runs with a Dataloop dataset at one end or both."""

import json
import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import quote

from polymask.dataloop.client import Client, Json, connect
from polymask.dataloop.local_source import MatchedSource
from polymask.dataloop.recipe import Recipe
from polymask.dataloop.responses import listed
from polymask.dataloop.restoring import Deleted, PuttingBack, deleted
from polymask.dataloop.sink import DataloopSink
from polymask.dataloop.source import DataloopItem, DataloopSource, refuse_missing_folder
from polymask.dataloop.target import SCHEME, Target
from polymask.errors import InputError, NotFound, PolymaskError
from polymask.formats import Annotations
from polymask.formats.reading.choice import Choice
from polymask.in_place.deletion import finish
from polymask.in_place.job import ProvenJob, ProvenOptions, Watch
from polymask.in_place.journal import Journal, default_folder, open_existing, own_folder
from polymask.in_place.protocols import Item, Stored
from polymask.limits import Limits
from polymask.model import Skipped
from polymask.parallel.pool import Watcher, watched
from polymask.parallel.shards import Shard
from polymask.results import Report

ASKED = ("predictions", "min_confidence", "creator", "status")  # of `convert_item`, as of `convert`
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

    def journal_folder(self, given: str | Path | None) -> Path:
        """Where the journal lies: as given, or by the dataset's id in the user's state folder."""
        return Path(given) if given else default_folder(self.id)


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
    progress: Watcher | None = None,
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
    progress: Watcher | None = None,
    watch: Watch | None = None,
) -> Report:
    """Convert a dataset in place; see `convert_in_place`."""
    source = dataset.source(query=query, check_images=options.check_images, choice=choice_of(options))
    recipe = dataset.recipe(options)
    sink = DataloopSink(dataset.client, source, recipe, limits=options.limits)
    writes_journal = options.delete_source and not options.dry_run
    kept = Journal(own_folder(dataset.journal_folder(journal), options.shard)) if writes_journal else None
    looked_at = finish(source, sink, kept) if kept else []  # what is put back is among the items then
    items = chosen(source.items(), where, shard=options.shard)
    if kept and (tell := getattr(progress, "tell", None)):  # what only counts need not have it
        tell(f"journal and backup: {kept.path}")
    if progress:
        progress.start(len(items))
    job = ProvenJob(source, sink, kept, options, sleep=dataset.client.sleep)
    job.watch = watch
    report = job.run(items, advance=progress.advance if progress else None)
    tell_of_labels(report, recipe)
    report.notes += looked_at
    if kept:
        report.notes.append(f"journal and backup: {kept.path}")
    if kept and report.deleted:
        where = f" --journal {shlex.quote(str(journal))}" if journal else ""
        undo = f"polymask restore {shlex.quote(dataset.url)}{where}"
        report.notes.append(f"{report.deleted:,} polygons deleted; `{undo}` undoes it")
    return report


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
    for name in source.unmatched:
        if options.shard and not options.shard.takes(name):
            continue
        report.images += 1
        report.failures.append(Skipped(name, "no item of the dataset has this name"))
        report.exit_code = max(report.exit_code, 1)
    return report


def examine(
    url: str, *, workers: int = 1, limits: Limits | None = None, progress: Watcher | None = None
) -> Report:
    """Prove every mask of ours in a dataset again; those that fail are the report's `failures`.

    `images` counts the items that have masks, `unchanged` the masks that are what they claim.
    Raises `LimitError` for a mask that was made for a frame above the limits, and so not decoded.
    """
    dataset = open_dataset(url, workers=workers)
    query = {"filter": {"$and": [{"hidden": False}, {"type": "file"}]}}
    source = DataloopSource(dataset.client, dataset.id, query=query, folder=dataset.target.folder)
    sink = DataloopSink(dataset.client, source, {}, limits=limits)
    report, items, ways_out = Report(), list(source.items()), dict[str, None]()
    for (item,) in watched(([item] for item in items), len(items), progress):
        stored = sink.proofs(item)
        for proof in stored:
            if proof.mask is None:
                sink.limits.check_frame(f"{item.name}: '{proof.label}'", proof.frame or (0, 0))
        report.images += bool(stored)
        report.unchanged += sum(_is_as_stored(proof) for proof in stored)
        wrong = list(_wrong(stored))
        report.failures += [Skipped(item.name, reason) for reason, _ in wrong]
        ways_out.update(dict.fromkeys(way_out.format(url=url) for _, way_out in wrong))
    report.notes += ways_out
    return report


CHANGED = (
    "A mask that is not what was stored: delete it in the studio, after `polymask restore {url}` "
    "where its polygons are gone, and `polymask convert {url}` again."
)
RELABELED = (
    "A mask with another label: give it its first label back in the studio. For the new one to stay, "
    "`polymask restore {url}` where its polygons are gone; then delete the mask and give its polygons the "
    "new label in the studio, and `polymask convert {url}` again."
)
DOUBLED = "A label with several masks: `polymask convert {url}` again makes them one."


def _is_as_stored(proof: Stored) -> bool:
    """Whether a mask has its pixels and its label; a server may change the label's case."""
    first = str(proof.claim.get("label", proof.label))
    return proof.sound and first.strip().casefold() == proof.label.strip().casefold()


def _wrong(stored: Sequence[Stored]) -> Iterator[tuple[str, str]]:
    """What is wrong with an item's masks, and the way out."""
    for proof in stored:
        first = str(proof.claim.get("label", proof.label))
        if not proof.sound:
            yield f"'{proof.label}' ({proof.location}): not what was stored", CHANGED
        elif not _is_as_stored(proof):
            yield f"'{proof.label}' ({proof.location}): stored as '{first}', and relabeled", RELABELED
    for label, masks in sorted(Counter(proof.label for proof in stored).items()):
        if masks > 1:
            yield f"'{label}' has {masks} masks", DOUBLED


def restore(url: str, *, journal: str | Path | None = None, dry_run: bool = False) -> Report:
    """Put back every polygon that a run deleted, all rings; those that are there stay as they are.

    A dry run tells how many that would be.
    """
    dataset = open_dataset(url)
    polygons, meant = deleted(open_existing(dataset.journal_folder(journal)))
    putting, report = PuttingBack(dataset.client, dataset.id), Report(dry_run=dry_run)
    now: dict[tuple[str, str], str] = {}
    for one in polygons:
        report.images += 1
        parent = now.get(meant.get(one.parent, ("", "")))
        try:
            if dry_run:
                dataset.client.call("GET", f"/items/{one.item.id}", safe=True)
                now[one.place] = putting.there(one.item, one.key)
                done = not now[one.place]
            else:
                done, now[one.place] = putting.run(one.item, one.backup, one.key, parent=parent)
        except PolymaskError as error:  # its picture may be gone; the others can be put back
            report.failures.append(Skipped(one.item.name, str(error)))
            report.exit_code = max(report.exit_code, error.exit_code)
            continue
        if done and not dry_run:
            one.journal.note("restored", one.item.id, ids=[one.backup["id"]], now=[now[one.place]])
        report.written += done
        report.unchanged += not done
        if done:
            report.notes += _not_put_back(one, linked=parent is not None or one.parent not in meant)
    return report


def _not_put_back(one: Deleted, *, linked: bool) -> Iterator[str]:
    """What of a polygon is in the backup only."""
    if one.unfit:
        yield f"{one.item.name}: the metadata of polygon {one.key} is no object; it stays in the backup"
    if not linked:
        yield f"{one.item.name}: polygon {one.key} is linked to its parent's old id: that was not put back"


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
    choice = {name: options.pop(name) for name in ASKED if name in options}
    chosen_options = ProvenOptions(delete_source=delete_source, choice=Choice(**choice), **options)
    source = dataset.source(check_images=chosen_options.check_images, choice=choice_of(chosen_options))
    raw = client.call("GET", f"/items/{item.id}", safe=True)
    one = DataloopItem(str(raw["id"]), str(raw["filename"]).lstrip("/"), raw)
    writes_journal = delete_source and not chosen_options.dry_run
    kept = Journal(dataset.journal_folder(journal)) if writes_journal else None
    recipe = dataset.recipe(chosen_options)
    sink = DataloopSink(client, source, recipe, limits=chosen_options.limits)
    if kept:
        finish(source, sink, kept)
    report = ProvenJob(source, sink, kept, chosen_options, sleep=client.sleep).run([one])
    tell_of_labels(report, recipe)
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
