"""`polymask restore dataloop://…`: polygons that runs deleted are put back, each in its last version.

Journals tell what was deleted, and have it; masks tell which version of it was deleted last, also by a run
on another machine. A copy of an item, made after polygons of it were deleted, has only the masks of these:
they are put back into the copy too.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from polymask.dataloop.jobs.journals import (
    PolygonKey,
    existing,
    looked_in,
    loss_in_words,
    tell_of_damages,
    tell_of_lost,
)
from polymask.dataloop.jobs.run import Dataset, every_item, open_dataset
from polymask.dataloop.jobs.undoing.backups import Backups, Datasets, among_last
from polymask.dataloop.reading.claims import Claimed
from polymask.dataloop.reading.deletions import absent, claimed_deletions
from polymask.dataloop.reading.polygons import is_same_version
from polymask.dataloop.service.lookup import refuse_missing_folder
from polymask.dataloop.service.restoring import (
    Deleted,
    DeletionKey,
    PuttingBack,
    deleted,
    parents_first,
    pending,
)
from polymask.errors import ConflictError, NotFound, PolymaskError, ProofError
from polymask.in_place.evidence import Evidence
from polymask.in_place.protocols import Item
from polymask.model import Skipped
from polymask.parallel.progress import Progress, reported
from polymask.results import Report
from polymask.validation import Json
from polymask.wording import counted


def restore_dataset(
    url: str,
    *,
    journal: str | Path | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Put back every polygon that a run deleted, all rings; those that are there stay as they are.

    They are looked for in the journal that is named, else in the usual folder and among the project's
    artifacts, of the dataset and of those that its items were copied from. `written` counts those that were
    put back, `unchanged` those that were there as they had been deleted. What was edited since it was put
    back stays as it is, what was erased since stays erased, and both are the report's `skipped`. A dry run
    tells how many that would be. Of a folder, only its items' polygons are put back.
    """
    dataset = open_dataset(url)
    restoration = _Restoration(dataset, journal, dry_run=dry_run)
    polygons = restoration.polygons()
    for (polygon,) in reported(([polygon] for polygon in polygons), len(polygons), progress):
        restoration.put_back(polygon)
    return restoration.finished()


GONE = (
    "the item ({item}) is gone from the platform, so that {polygons} of it cannot be put back; the backup "
    "keeps them"
)


class _Restoration:
    """What is put back into a dataset, and the report of it."""

    def __init__(self, dataset: Dataset, journal: str | Path | None, *, dry_run: bool) -> None:
        self.dataset, self.journal = dataset, journal
        self.items = _items_by_id(dataset)
        claims = claimed_deletions(dataset.client, dataset.id)
        self.claims = [claim for claim in claims if self._is_chosen(claim.item)]
        self.report = Report(dry_run=dry_run)
        self._putting = PuttingBack(dataset.client, dataset.id)
        self._now: dict[PolygonKey, str] = {}  # the ids that polygons have by now
        self._meant: dict[PolygonKey, PolygonKey] = {}  # what the ids of backups stood for
        self._journals: Sequence[Evidence] = ()
        self._outdated: set[PolygonKey] = set()
        self._copies: set[PolygonKey] = set()
        self._uncalled: set[PolygonKey] = set()  # copies of them are there
        self._lost: set[PolygonKey] = set()
        self._pending: set[DeletionKey] = set()  # what no restoration has undone
        self._claimed = {claim.place for claim in self.claims}
        self._gone: Counter[Item] = Counter()  # polygons of items that are gone
        self._seen: dict[str, Item] = {}  # items whose polygons are there

    def polygons(self) -> list[Deleted]:
        """Everything that may be put back, parents first.

        Raises:
            NotFound: The journal that was named does not exist.
            ProofError: There is no journal, but masks tell of deleted polygons.
        """
        client = self.dataset.client
        self._journals, nowhere = self._existing()
        self._pending, is_last = pending(self._journals), among_last(self.claims)
        latest, self._meant = deleted(self._journals, is_last=is_last)
        latest = {place: polygon for place, polygon in latest.items() if self._is_chosen(place[0])}
        self._outdated = {place for place, polygon in latest.items() if not is_last(polygon)}
        kept = latest.keys() - self._outdated
        backups = Backups(client, self._journals, folder=self.journal)
        claims = _unproven(self.claims, kept, backups)
        copied = self._copied(claims, backups)
        missing = {claim.place for claim in absent(client, self.dataset.id, claims)}
        self._copies, self._uncalled = set(copied), copied.keys() - missing
        self._lost = missing - copied.keys()
        if nowhere and not copied:
            self._refuse(nowhere)
        self._meant |= {(place[0], str(copy.backup["id"])): place for place, copy in copied.items()}
        return self._of_this_dataset(list(parents_first(latest | copied, self._meant)))

    def put_back(self, polygon: Deleted) -> None:
        """Put a polygon back unless it is there; a failure, such as an item that is gone, is reported."""
        try:
            present = self._putting.row_now(polygon.item, polygon.key)
            if present is None and polygon.place in self._outdated | self._uncalled:
                return  # edited before its last deletion, and told as lost; or there, under the copy's own id
            self.report.images += 1
            if not self.report.dry_run:
                self._seen[polygon.item.id] = polygon.item
            if present is None and self._is_undone(polygon):
                self._skip(polygon, "was erased since it was put back, and is not put back again")
            elif present is None:
                self._put_back(polygon)
            else:
                self._see(polygon, present)
        except PolymaskError as error:  # its picture may be gone; the others can be put back
            reason = str(error).removeprefix(f"{polygon.item.name}: ")
            self._fail(polygon.item, f"polygon {polygon.key} could not be put back: {reason}", error)

    def finished(self) -> Report:
        """The report, with what could not be put back."""
        report, dataset = self.report, self.dataset
        for item in self._seen.values():
            self._take_back_doubles(item)
        places = looked_in(dataset.client, dataset.raw, self.journal)
        tell_of_lost(report, dataset.url, self._lost, journals=places)
        for item, count in self._gone.items():
            report.failures.append(
                Skipped(item.name, GONE.format(item=item.id, polygons=counted(count, "polygon")))
            )
            report.exit_code = max(report.exit_code, ConflictError.exit_code)
        chosen = set(self.items) if dataset.target.folder.strip("/") else None
        tell_of_damages(report, self._journals, items=chosen)
        return report

    def _is_chosen(self, item_id: str) -> bool:
        return item_id in self.items or not self.dataset.target.folder.strip("/")

    def _existing(self) -> tuple[Sequence[Evidence], NotFound | None]:
        """The journals; without any, the error that tells so."""
        try:
            return existing(self.dataset.client, self.dataset.raw, self.journal), None
        except NotFound as error:
            return (), error

    def _refuse(self, nowhere: NotFound) -> None:
        if self.journal is not None:
            raise nowhere
        if not self._lost:
            self.report.notes.append("nothing was deleted, as far as a journal or a mask shows")
            return
        places = looked_in(self.dataset.client, self.dataset.raw, self.journal)
        raise ProofError(
            loss_in_words(self._lost, places),
            advice="name its folder with --journal, where another folder or machine has it",
        )

    def _copied(self, claims: Sequence[Claimed], backups: Backups) -> dict[PolygonKey, Deleted]:
        """The polygons that only masks tell of, most of them copies, from the backups of the first items."""
        originals = ((claim, backups.of(claim)) for claim in claims)
        return {
            claim.place: replace(original, item=self._item(claim.item), key=claim.key)
            for claim, original in originals
            if original
        }

    def _item(self, item_id: str) -> Item:
        return self.items.get(item_id) or Item(item_id, item_id)

    def _of_this_dataset(self, polygons: list[Deleted]) -> list[Deleted]:
        """The polygons of a journal, but those of the items of another dataset, such as a clone's first."""
        datasets = Datasets(self.dataset.client)

        def is_here(item_id: str) -> bool | None:
            """None for an item that is gone."""
            try:
                return item_id in self.items or datasets.of(item_id) == self.dataset.id
            except NotFound:
                return None
            except PolymaskError:
                return True  # and told so

        here = {item_id: is_here(item_id) for item_id in {polygon.item.id for polygon in polygons}}
        self._gone.update(
            polygon.item
            for polygon in polygons
            if here[polygon.item.id] is None and not self._is_undone(polygon)
        )
        if others := sum(here[polygon.item.id] is False for polygon in polygons):
            self.report.notes.append(f"{counted(others, 'polygon')} of another dataset's items left alone")
        return [polygon for polygon in polygons if here[polygon.item.id]]

    def _take_back_doubles(self, item: Item) -> None:
        try:
            doubles = self._putting.take_back_doubles(item)
        except PolymaskError as error:  # the next restoration takes them back
            self._fail(item, str(error).removeprefix(f"{item.name}: "), error)
            return
        if doubles:
            self.report.notes.append(
                f"{item.name}: {counted(doubles, 'polygon')} that another restoration put back too "
                f"{'was' if doubles == 1 else 'were'} taken back"
            )

    def _fail(self, item: Item, reason: str, error: PolymaskError) -> None:
        self.report.failures.append(Skipped(item.name, reason))
        self.report.exit_code = max(self.report.exit_code, error.exit_code)

    def _put_back(self, polygon: Deleted) -> None:
        """Put back a polygon that is not there, or see whether it could be."""
        item, parent = polygon.item, self._now.get(self._meant.get(polygon.parent, ("", "")))
        if self.report.dry_run:
            self.dataset.client.call("GET", f"/items/{item.id}", safe=True)
            self._now[polygon.place] = ""
            is_new = True
        else:
            is_new, id_now = self._putting.run(item, polygon.backup, polygon.key, parent=parent)
            self._now[polygon.place] = id_now
            if is_new and polygon.place not in self._copies:  # nobody noted a deletion from a copy
                polygon.journal.note("restored", item.id, ids=[polygon.backup["id"]], now=[id_now])
        self.report.written += is_new
        is_linked = parent is not None or polygon.parent not in self._meant
        self.report.notes += _notes_on(polygon, linked=is_linked)

    def _see(self, polygon: Deleted, present: Json) -> None:
        """Count a polygon that is there: as it was deleted, or edited since."""
        self._now[polygon.place] = str(present["id"])
        if (
            polygon.deletion in self._pending
            and str(present["id"]) != polygon.key
            and not self.report.dry_run
        ):
            # A restoration was stopped after it put this back, and before its note.
            polygon.journal.note("restored", polygon.item.id, ids=[polygon.backup["id"]], now=[present["id"]])
        if polygon.place not in self._outdated and is_same_version(polygon.backup, present, polygon.item):
            self.report.unchanged += 1
            return
        self._skip(polygon, "was edited since it was put back, and stays as it is")

    def _is_undone(self, polygon: Deleted) -> bool:
        """Whether a deletion was undone, and no mask says that the polygon was deleted again."""
        return polygon.deletion not in self._pending and polygon.place not in self._claimed

    def _skip(self, polygon: Deleted, reason: str) -> None:
        self.report.skipped.append(Skipped(polygon.item.name, f"polygon {polygon.key} {reason}"))


def _unproven(claims: Sequence[Claimed], kept: Collection[PolygonKey], backups: Backups) -> list[Claimed]:
    """The claims on polygons that are not `kept`; those of earlier builds with the item that a backup tells.

    Such a claim names a polygon of the first item and, once a copy was converted itself, that of the copy.
    The latter is enough.
    """
    shapes = {(claim.item, claim.shape) for claim in claims if claim.place in kept}
    unproven = [claim for claim in claims if claim.place not in kept]
    unproven = [claim for claim in unproven if claim.origin or (claim.item, claim.shape) not in shapes]
    return [claim if claim.origin else backups.attributed(claim) for claim in unproven]


def _items_by_id(dataset: Dataset) -> dict[str, Item]:
    """The items of a dataset, or of its folder that is named.

    Raises `InputError` for a folder in which no item lies.
    """
    folder = dataset.target.folder.strip("/")
    items = {item.id: item for item in every_item(dataset).items()}
    if folder and not items:
        refuse_missing_folder(folder, dataset.client.folders(dataset.id))
    return items


def _notes_on(polygon: Deleted, *, linked: bool) -> Iterator[str]:
    """What of a polygon is in the backup only, and that nobody knows whether a run deleted it."""
    name, key = polygon.item.name, polygon.key
    if polygon.unfit:
        yield f"{name}: the metadata of polygon {key} is no object; it stays in the backup"
    if not linked:
        yield f"{name}: polygon {key} is linked to its parent's old id: that was not put back"
    if not polygon.confirmed:
        yield f"{name}: polygon {key} may have been erased by somebody when a run was stopped"
