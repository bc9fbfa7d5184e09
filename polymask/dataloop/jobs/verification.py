"""`polymask verify dataloop://…`: every mask of ours in a dataset is proven again."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from polymask.dataloop.jobs.journals import (
    existing,
    existing_or_none,
    looked_in,
    tell_of_damages,
)
from polymask.dataloop.jobs.run import chosen, every_item, open_dataset
from polymask.dataloop.jobs.undoing.backups import Backups
from polymask.dataloop.reading.claims import claims_of
from polymask.dataloop.service.restoring import deleted_of, restore_command
from polymask.dataloop.sink import DataloopSink
from polymask.dataloop.source import DataloopSource
from polymask.formats.reading.annotation_choice import original_id
from polymask.in_place.evidence import Evidence
from polymask.in_place.protocols import Item, Stored
from polymask.limits import Limits
from polymask.model import Skipped
from polymask.parallel.progress import Progress, reported
from polymask.results import Report
from polymask.wording import counted


def verify_dataset(
    url: str,
    *,
    journal: str | Path | None = None,
    query: str | Path | None = None,
    where: Sequence[str] = (),
    workers: int = 1,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> Report:
    """Prove every mask of ours in a dataset again; those that fail are the report's `failures`.

    `query` is a file that selects items, `where` are globs of their names.

    So are masks that are gone with their polygons, where a journal knows of these, and polygons that masks
    say were deleted and that no journal holds: the one named, which must be there, or those in the usual
    place and among the project's artifacts. `images` counts the items
    that have masks, `unchanged` the masks that are what they claim. Raises `LimitError` for a mask that was
    made for a frame above the limits, and so not decoded, and `NotFound` for a folder without a journal.
    """
    dataset = open_dataset(url, workers=workers)
    source = every_item(dataset, query=query)
    sink = DataloopSink(dataset.client, source, {}, limits=limits)
    report, items, ways_out = Report(), chosen(source.items(), where), dict[str, None]()
    find = existing if journal is not None else existing_or_none  # one that is named must be there
    journals = find(dataset.client, dataset.raw, journal)
    deleted_ids, restore = _first_ids_of_deleted(journals), restore_command(url, journal)
    backups = Backups(dataset.client, journals, folder=journal)
    places = looked_in(dataset.client, dataset.raw, journal)
    for (item,) in reported(([item] for item in items), len(items), progress):
        stored = sink.proofs(item)
        for proof in stored:
            if proof.mask is None:
                sink.limits.check_frame(f"{item.name}: '{proof.label}'", proof.frame or (0, 0))
        report.images += bool(stored)
        report.unchanged += sum(_is_as_stored(proof) for proof in stored)
        wrong = [*_wrong(stored), *_without_mask(source, item, stored, deleted_ids.get(item.id, set()))]
        if lost := _without_backup(source, item, stored, backups):
            polygons = counted(lost, "polygon was", "polygons were")
            reason = f"{polygons} deleted that no journal in {places} holds"
            wrong.append((reason, WITHOUT_BACKUP))
        report.failures += [Skipped(item.name, reason) for reason, _ in wrong]
        ways_out.update(dict.fromkeys(way_out.format(url=url, restore=restore) for _, way_out in wrong))
    report.notes += ways_out
    failures = report.failed
    tell_of_damages(report, journals)
    report.notes += [DAMAGED] if report.failed > failures else []
    return report


CHANGED = (
    "A mask that is not what was stored: delete it in the studio, after `{restore}` "
    "where its polygons are gone, and `polymask convert {url}` again."
)
RELABELED = (
    "A mask with another label: give it its first label back in the studio. For the new one to stay, "
    "`{restore}` where its polygons are gone; then delete the mask and give its polygons the "
    "new label in the studio, and `polymask convert {url}` again."
)
WITHOUT_MASK = "Polygons whose mask is gone: `{restore}` puts them back, from the journal."
WITHOUT_BACKUP = (
    "Deleted polygons that no journal here holds cannot be put back, and their masks are all that is left "
    "of them: where another folder or machine has the journal, `polymask verify {url} --journal DIR`."
)
DAMAGED = (
    "A backup of which a document is damaged or missing: put back a copy of that document. Until then, what "
    "it had cannot be restored, and nothing more is deleted of its item."
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
    # Several sources may have one each.
    for (label, _), masks in sorted(Counter((proof.label, proof.origin) for proof in stored).items()):
        if masks > 1:
            yield f"'{label}' has {masks} masks", DOUBLED


def _first_ids_of_deleted(journals: Sequence[Evidence]) -> dict[str, set[str]]:
    """By item, the first ids of the polygons that were deleted, as far as a journal tells."""
    by_item: dict[str, set[str]] = {}
    for polygon in (deleted_of(journal, line) for journal in journals for line in journal.not_restored()):
        by_item.setdefault(polygon.item.id, set()).add(polygon.key)
    return by_item


def _without_mask(
    source: DataloopSource, item: Item, stored: Sequence[Stored], deleted_ids: set[str]
) -> Iterator[tuple[str, str]]:
    """What was deleted from an item, is in none of its masks, and was not put back."""
    missing = deleted_ids - {key for proof in stored for key in proof.statements}
    if missing:
        rows = source.annotations(item)
        missing -= {key for row in rows for key in (str(row["id"]), original_id(row)) if key}
    if missing:
        polygons = counted(len(missing), "polygon that was", "polygons that were")
        yield f"the mask of {polygons} deleted is gone", WITHOUT_MASK


def _without_backup(source: DataloopSource, item: Item, stored: Sequence[Stored], backups: Backups) -> int:
    """How many polygons an item's masks say were deleted, that are not there, and that no journal holds."""
    masks = [proof for proof in stored if not proof.origin or proof.is_made_from(source.origin)]
    claims = [claim for proof in masks for claim in claims_of(proof, item.id)]
    proven = {claim.key for claim in claims if backups.of(claim)}
    missing = {claim.key for claim in claims} - proven
    if missing:
        missing -= source.listed(item, source.annotations(item))
    return len(missing)
