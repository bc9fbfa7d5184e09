"""Where the evidence of a dataset's deletions is, and which deletions no evidence here tells of.

It is in a folder, or among the project's artifacts. It may be on another machine, or gone with all its
files; then only the dataset's masks tell what was deleted, and nobody can put it back.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from polymask.dataloop.artifact_journal import ArtifactJournal
from polymask.dataloop.artifacts import Artifacts
from polymask.dataloop.service.client import Client
from polymask.dataloop.service.responses import listed
from polymask.dataloop.service.restoring import deleted_of
from polymask.dataloop.sink import claim_of
from polymask.errors import BackendError, Denied, NotFound, ProofError
from polymask.formats.reading.annotation_choice import ids_in_claims
from polymask.in_place.evidence import Evidence
from polymask.in_place.journal import default_folder, open_existing
from polymask.in_place.protocols import Stored
from polymask.model import Skipped
from polymask.results import Report
from polymask.validation import Json

ITEMS_A_CALL = 200
ELSEWHERE = "where another folder or machine has it, `polymask restore` it with --journal"

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
    return held_by_nobody(client, dataset, without_backup(client, str(dataset["id"]), ()))


def held_by_nobody(client: Client, dataset: Json, absent: set[PolygonKey]) -> set[PolygonKey]:
    """Of polygons that were deleted, those that the platform's evidence does not have."""
    if not absent:
        return absent
    try:
        journal = on_platform(client, dataset, skips_damaged=True)
        kept = {deleted_of(journal, line).key for line in journal.deleted()}
    except BackendError as error:
        if client.may_pass(error):
            raise
        return absent
    return {place for place in absent if place[1] not in kept}


def journals_of(client: Client, dataset: Json, folder: str | Path | None) -> list[Evidence]:
    """As `existing`; raises `ProofError` where there is no journal, but masks tell of deleted polygons."""
    try:
        return existing(client, dataset, folder)
    except NotFound:
        lost = without_backup(client, str(dataset["id"]), ()) if folder is None else set()
        if not lost:
            raise
        problem = loss_in_words(lost, looked_in(client, dataset, folder))
    raise ProofError(problem, advice="name its folder with --journal, where another folder or machine has it")


def looked_in(client: Client, dataset: Json, folder: str | Path | None) -> str:
    """Where journals are looked for, for people: in a folder that is named, or in both usual places."""
    if folder is not None:
        return str(folder)
    return f"{default_folder(str(dataset['id']))} or {on_platform(client, dataset).place}"


def tell_of_damages(
    report: Report, journals: Collection[Evidence], *, items: Collection[str] | None = None
) -> None:
    """Fail a restoration for each item whose documents are damaged: some polygons were not put back."""
    for journal in journals:
        for item, error in journal.damages.items() if isinstance(journal, ArtifactJournal) else ():
            if items is None or item in items:
                report.failures.append(Skipped(f"item {item}", str(error)))
                report.exit_code = max(report.exit_code, error.exit_code)


def without_backup(
    client: Client,
    dataset_id: str,
    backed_up: Collection[PolygonKey],
    *,
    items: Collection[str] | None = None,
) -> set[PolygonKey]:
    """The polygons that masks say were deleted, that are not there, and that are not backed up.

    The masks are listed once; polygons only of items of which something is missing.
    """
    keys = {key for _, key in backed_up}

    def claimed(row: Json) -> Json:
        claim, item = claim_of(row), str(row.get("itemId"))
        stored = Stored("", "", "", "", claim, None) if claim else None
        missing = unproven(stored, item, backed_up, keys=keys) if stored else frozenset()
        return {"id": row["id"], "item": item, "missing": missing}

    query = {"filter": {"$and": [{"type": "binary"}]}}
    masks = client.pages(dataset_id, "annotations", query, keep=claimed)
    missing = {(row["item"], key) for row in masks for key in row["missing"]}
    missing = {place for place in missing if items is None or place[0] in items}
    return missing - set(_polygons_of(client, dataset_id, sorted({item for item, _ in missing})))


def unproven(
    mask: Stored, item: str, backed_up: Collection[PolygonKey], *, keys: Collection[str]
) -> frozenset[str]:
    """The polygons that may have been deleted on a mask's account, and that are not backed up.

    `keys` are those of all that is backed up. A copy of an item names polygons of the first one, and then
    its own; where its own of the same geometry is backed up, it does not miss the first one's.
    """
    sources = mask.sources
    shapes = {sha256 for key, sha256 in sources.items() if (item, key) in backed_up}
    absent = {key for key in mask.absorbed(frozenset()) if (item, key) not in backed_up}
    return frozenset(key for key in absent if key not in keys or sources[key] not in shapes)


def _polygons_of(client: Client, dataset_id: str, items: Sequence[str]) -> Iterator[PolygonKey]:
    for start in range(0, len(items), ITEMS_A_CALL):
        ids = items[start : start + ITEMS_A_CALL]
        query = {"filter": {"$and": [{"itemId": {"$in": ids}}, {"type": "segment"}]}}
        for row in client.pages(dataset_id, "annotations", query, keep=_named):
            yield from ((row["item"], key) for key in row["keys"])


def _named(row: Json) -> Json:
    return {"id": row["id"], "item": str(row.get("itemId")), "keys": ids_in_claims(row)}


def tell_of_lost(report: Report, dataset: str, places: Collection[PolygonKey], *, journals: str) -> None:
    """Fail a restoration that cannot put everything back; what it could is put back all the same."""
    if not places:
        return
    reason = f"{loss_in_words(places, journals)}; {ELSEWHERE}"
    report.failures.append(Skipped(dataset, reason))
    report.exit_code = max(report.exit_code, ProofError.exit_code)


def tell_of_copies(report: Report, client: Client, places: Collection[PolygonKey]) -> None:
    """Fail a restoration for items that were copied after their polygons were deleted: these get none."""
    for item, keys in sorted(Counter(item for item, _ in places).items()):
        name = str(client.call("GET", f"/items/{item}", safe=True).get("filename", item)).lstrip("/")
        reason = (
            f"a copy, made after {keys} of its polygons were deleted: they are put back into the item that "
            "it was copied from alone; to have them here too, delete this item and copy that one again"
        )
        report.failures.append(Skipped(name, reason))
        report.exit_code = max(report.exit_code, ProofError.exit_code)


def loss_in_words(places: Collection[PolygonKey], journals: str) -> str:
    """How many polygons are in no backup."""
    items = len({item for item, _ in places})
    return (
        f"the masks of {items:,} items say that {len(places):,} polygons were deleted that no journal in "
        f"{journals} holds"
    )
