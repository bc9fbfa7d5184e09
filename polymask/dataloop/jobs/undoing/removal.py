"""`polymask remove-masks dataloop://…`: the masks that polymask wrote go, and nothing else.

A mask goes where its own claim and digest prove that it is as we wrote it, and only while no polygon is
gone on its account: those are put back first (`polymask restore`). What was to go is noted before it
goes (fsync), looked at again where polygons may ever have been deleted for it, deleted on the condition
that nobody changed it since it was read, and read back as gone.
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock

from polymask.dataloop.item_queries import MASKED_QUERY
from polymask.dataloop.jobs.journals import existing_or_none, looked_in
from polymask.dataloop.jobs.run import Dataset, open_dataset
from polymask.dataloop.jobs.undoing.backups import Backups
from polymask.dataloop.reading.claims import claims_of
from polymask.dataloop.service.bulk_deletion import DeletionByFilter
from polymask.dataloop.service.restoring import restore_command
from polymask.dataloop.sink import DataloopSink
from polymask.dataloop.source import DataloopSource
from polymask.errors import InputError, PolymaskError, ProofError, SourceChanged
from polymask.in_place.deletion import readings
from polymask.in_place.journal import Journal
from polymask.in_place.protocols import Item, Stored
from polymask.limits import Limits
from polymask.model import Skipped
from polymask.parallel.pool import in_threads
from polymask.parallel.progress import Progress, reported
from polymask.results import Report
from polymask.validation import Json
from polymask.wording import counted

CHANGED = "somebody changed the mask of '{label}' ({location}), so it stays; delete it in the studio"
NEEDED = (
    "{polygons} deleted for the mask of '{label}' ({location}), so it stays; put them back "
    "with `{restore}`, then run this again"
)
NOWHERE = (
    "{polygons} deleted for the mask of '{label}' ({location}) that no journal in {places} holds: "
    "it is all that is left of them, so it stays; where another folder or machine has the journal, name it "
    "with --journal, and where nobody needs the polygons, delete the mask in the studio"
)


def remove_dataset_masks(
    url: str,
    *,
    journal: str | Path | None = None,
    dry_run: bool = False,
    workers: int = 1,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> Report:
    """Delete every mask of ours that is as it was written, and that no polygon was deleted for.

    `images` counts the items that have masks of ours, `retracted` the masks that went. Those that stay are
    the report's `failures`, with exit code 4 where somebody changed them, 2 where polygons are to be put
    back first. Polygons, and the marks of those that were put back, are not touched.
    """
    dataset = open_dataset(url, workers=workers)
    source = DataloopSource(dataset.client, dataset.id, query=MASKED_QUERY, folder=dataset.target.folder)
    removal = _Removal(dataset, source, journal, limits=limits, dry_run=dry_run)
    items = list(source.items())
    report = Report(dry_run=dry_run)
    outcomes = in_threads(removal.run, items, workers) if workers > 1 else map(removal.run, items)
    for (outcome,) in reported(([outcome] for outcome in outcomes), len(items), progress):
        _add(report, outcome)
    if report.retracted and not dry_run:
        report.notes.append(f"what was removed is noted in {removal.journal_folder}")
    return report


def _add(report: Report, outcome: Report) -> None:
    report.images += outcome.images
    report.retracted += outcome.retracted
    report.failures += outcome.failures
    report.exit_code = max(report.worst, outcome.worst)


class _Removal:
    """Removes the masks of one item after another; threads share it."""

    def __init__(
        self,
        dataset: Dataset,
        source: DataloopSource,
        journal: str | Path | None,
        *,
        limits: Limits | None,
        dry_run: bool,
    ) -> None:
        self.dataset, self.source, self.dry_run, self.folder = dataset, source, dry_run, journal
        self.sink = DataloopSink(dataset.client, source, {}, limits=limits)
        self.deletion = DeletionByFilter(dataset.client, dataset.id, kind="binary")
        self.restore = restore_command(dataset.url, journal)
        self.sleep = dataset.client.sleep
        self.journal_folder = dataset.journal_folder(journal)
        self.journal = None if dry_run else Journal(self.journal_folder)
        self._lock = Lock()  # of what journals hold

    def run(self, item: Item) -> Report:
        """What became of an item's masks."""
        report = Report()
        try:
            self._remove(item, report)
        except PolymaskError as error:  # the masks of other items can go
            _fail(report, item, error)
        return report

    def _remove(self, item: Item, report: Report) -> None:
        rows = self.source.annotations(item)
        stored, present = self.sink.proofs_in(rows), self.source.listed(item, rows)
        report.images = int(bool(stored))
        going = [proof for proof in stored if self._may_go(item, proof, present, report)]
        if self.dry_run or not going:
            report.retracted = len(going)
            return
        if any(proof.deletable for proof in going):  # one answer may be outdated, and show what is gone
            present = self.source.listed(item, self.source.annotations(item))
            going = [proof for proof in going if self._may_go(item, proof, present, report)]
        if going:
            self._delete(
                item, [row for row in rows if str(row["id"]) in set(map(_place, going))], going, report
            )

    def _may_go(self, item: Item, proof: Stored, present: frozenset[str], report: Report) -> bool:
        """Whether a mask is ours as it was written, and nobody needs it; else the report tells."""
        if proof.mask is None:  # too large to be looked at, or damaged
            self.sink.limits.check_frame(f"{item.name}: '{proof.label}'", proof.frame or (0, 0))
        place = {"label": proof.label, "location": proof.location}
        if not proof.sound or proof.relabeled:
            _fail(report, item, SourceChanged(CHANGED.format(**place)))
        elif needed := proof.absorbed(present):
            self._refuse(item, proof, needed, report)
        else:
            return True
        return False

    def _refuse(self, item: Item, proof: Stored, needed: frozenset[str], report: Report) -> None:
        """Tell that polygons are needed, and whether they can be put back."""
        claims = [claim for claim in claims_of(proof, item.id) if claim.key in needed]
        with self._lock:
            lost = [claim for claim in claims if not self._backups.of(claim)]
        facts = {"label": proof.label, "location": proof.location, "places": self._places}
        text, count = (NOWHERE, len(lost)) if lost else (NEEDED, len(needed))
        polygons = counted(count, "polygon was", "polygons were")
        _fail(report, item, InputError(text.format(polygons=polygons, restore=self.restore, **facts)))

    @cached_property
    def _backups(self) -> Backups:
        """What journals hold, read only where polygons are needed."""
        return Backups(
            self.dataset.client,
            existing_or_none(self.dataset.client, self.dataset.raw, self.folder),
            folder=self.folder,
        )

    @cached_property
    def _places(self) -> str:
        return looked_in(self.dataset.client, self.dataset.raw, self.folder)

    def _delete(self, item: Item, rows: Sequence[Json], going: Sequence[Stored], report: Report) -> None:
        """Delete masks as they were read; `report` counts those that are gone."""
        assert self.journal is not None
        facts = [{"id": proof.location, "label": proof.label, "key": proof.key} for proof in going]
        self.journal.note("removing", item.id, name=item.name, masks=facts)
        self.deletion.run(item, rows)
        try:
            self._require_removed(item, rows, report)
        finally:
            self.journal.note("removed", item.id, masks=facts)

    def _require_removed(self, item: Item, rows: Sequence[Json], report: Report) -> None:
        for _ in readings(self.sleep):
            present = {str(row["id"]): row for row in self.source.annotations(item)}
            remaining = [row for row in rows if str(row["id"]) in present]
            report.retracted = len(rows) - len(remaining)
            if not remaining:
                return
            if any(present[str(row["id"])] != row for row in remaining):
                raise SourceChanged(
                    f"{item.name}: a mask was changed meanwhile, and stays", advice="run again"
                )
        raise ProofError(
            f"{item.name}: {len(remaining)} masks were removed but are still there", advice="run again"
        )


def _place(proof: Stored) -> str:
    return proof.location


def _fail(report: Report, item: Item, error: PolymaskError) -> None:
    report.failures.append(Skipped(item.name, str(error).removeprefix(f"{item.name}: ")))
    report.exit_code = max(report.worst, error.exit_code)
