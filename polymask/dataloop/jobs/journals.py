"""Where the evidence of a dataset's deletions is, and which deletions no evidence here tells of.

It is in a folder, or among the project's artifacts. It may be on another machine, or gone with all its
files; then only the dataset's masks tell what was deleted, and nobody can put it back.
"""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from polymask.dataloop.artifact_journal import ArtifactJournal
from polymask.dataloop.artifacts import Artifacts
from polymask.dataloop.service.client import Client
from polymask.dataloop.service.responses import listed
from polymask.dataloop.service.restoring import deleted_of
from polymask.dataloop.sink import claim_of
from polymask.errors import BackendError, Denied, NotFound, ProofError
from polymask.formats.reading.choice import original_id
from polymask.in_place.evidence import Evidence
from polymask.in_place.journal import default_folder, open_existing
from polymask.in_place.protocols import Stored
from polymask.model import Skipped
from polymask.results import Report
from polymask.validation import Json

ITEMS_A_CALL = 200

PolygonKey = tuple[str, str]  # an item's id, and the id under which a polygon was first known


def on_platform(
    client: Client, dataset: Json, *, items: Collection[str] | None = None, skips_damaged: bool = False
) -> ArtifactJournal:
    """The evidence that is kept among the artifacts of a dataset's project, of some items or of all."""
    project = next(iter(listed(dataset.get("projects"))), "")
    artifacts = Artifacts(client, str(project), str(dataset["id"]))
    return ArtifactJournal(artifacts, items=items, skips_damaged=skips_damaged)


def existing(client: Client, dataset: Json, folder: str | Path | None) -> list[Evidence]:
    """The journals of earlier runs: of a folder that is named, else of the usual one and of the platform.

    Raises `NotFound` where there is none, and `Denied` where only the platform may have some.
    """
    if folder is not None:
        return list(open_existing(Path(folder)))
    journals, nowhere = _in_usual_folder(str(dataset["id"]))
    platform = on_platform(client, dataset, skips_damaged=True)
    try:
        journals += [] if platform.is_new else [platform]
    except BackendError as error:  # a project without the place, or one that this user may not see
        if client.may_pass(error):
            raise
        nowhere = error if isinstance(error, Denied) else nowhere
    if not journals and nowhere:
        raise nowhere
    return journals


def _in_usual_folder(dataset_id: str) -> tuple[list[Evidence], BackendError | None]:
    """The journals in the user's state folder; else the error that there are none."""
    try:
        return list(open_existing(default_folder(dataset_id))), None
    except NotFound as error:
        return [], error


def lost_to_all(client: Client, dataset: Json) -> set[PolygonKey]:
    """The polygons that masks say were deleted, and that the platform's evidence does not have."""
    lost = without_backup(client, str(dataset["id"]), ())
    if not lost:
        return lost
    try:
        journal = on_platform(client, dataset, skips_damaged=True)
        kept = {deleted_of(journal, line).key for line in journal.deleted()}
    except BackendError as error:
        if client.may_pass(error):
            raise
        return lost
    return {place for place in lost if place[1] not in kept}


def places(folder: Path, journals: Collection[Evidence]) -> str:
    """Where journals lie, for people; those of a run's parts lie in one folder."""
    names = [journal.place if isinstance(journal, ArtifactJournal) else str(folder) for journal in journals]
    return " or ".join(dict.fromkeys(names))


def tell_of_damages(report: Report, journals: Collection[Evidence]) -> None:
    """Fail a restoration for each item whose documents are damaged: its polygons were not put back."""
    for journal in journals:
        for item, error in journal.damages.items() if isinstance(journal, ArtifactJournal) else ():
            report.failures.append(Skipped(f"item {item}", str(error)))
            report.exit_code = max(report.exit_code, error.exit_code)


def without_backup(client: Client, dataset_id: str, backed_up: Collection[str]) -> set[PolygonKey]:
    """The polygons that masks say were deleted, that are not there, and whose ids are not backed up.

    The masks are listed once; polygons only of items of which something is missing. A clone's masks name the
    polygons of the item that it was cloned from, so only the ids are compared.
    """
    query = {"filter": {"$and": [{"type": "binary"}]}}
    masks = client.pages(dataset_id, "annotations", query, keep=_claimed)
    missing = {(row["item"], key) for row in masks for key in row["deleted"] if key not in backed_up}
    return missing - set(_polygons_of(client, dataset_id, sorted({item for item, _ in missing})))


def _claimed(row: Json) -> Json:
    """What is kept of a mask: its item, and the polygons that may have been deleted on its account."""
    claim = claim_of(row)
    deleted = Stored("", "", "", "", claim, None).absorbed(frozenset()) if claim else frozenset()
    return {"id": row["id"], "item": str(row.get("itemId")), "deleted": deleted}


def _polygons_of(client: Client, dataset_id: str, items: Sequence[str]) -> Iterator[PolygonKey]:
    for start in range(0, len(items), ITEMS_A_CALL):
        ids = items[start : start + ITEMS_A_CALL]
        query = {"filter": {"$and": [{"itemId": {"$in": ids}}, {"type": "segment"}]}}
        for row in client.pages(dataset_id, "annotations", query, keep=_named):
            yield from ((row["item"], key) for key in row["keys"])


def _named(row: Json) -> Json:
    keys = {str(row["id"]), original_id(row) or str(row["id"])}
    return {"id": row["id"], "item": str(row.get("itemId")), "keys": keys}


def tell_of_lost(report: Report, dataset: str, places: Collection[PolygonKey], *, journals: str) -> None:
    """Fail a restoration that cannot put everything back; what it could is put back all the same."""
    if not places:
        return
    report.failures.append(Skipped(dataset, loss_in_words(places, journals)))
    report.exit_code = max(report.exit_code, ProofError.exit_code)


def loss_in_words(places: Collection[PolygonKey], journals: str) -> str:
    """How many polygons are in no backup, and what can be done."""
    items = len({item for item, _ in places})
    return (
        f"the masks of {items:,} items say that {len(places):,} polygons were deleted that no journal in "
        f"{journals} holds; where another folder or machine has it, `polymask restore` it with --journal"
    )
