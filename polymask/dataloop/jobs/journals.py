"""Where the evidence of a dataset's deletions is, and which deletions no evidence here tells of.

It is in a folder, or among the project's artifacts. It may be on another machine, or gone with all its
files; then only the dataset's masks tell what was deleted, and nobody can put it back.
"""

from collections.abc import Collection
from pathlib import Path

from polymask.dataloop.artifact_journal import ArtifactJournal
from polymask.dataloop.artifacts import Artifacts
from polymask.dataloop.reading.deletions import absent, claimed_deletions
from polymask.dataloop.service.client import Client
from polymask.dataloop.service.responses import listed
from polymask.dataloop.service.restoring import kept_by
from polymask.errors import BackendError, Denied, NotFound, ProofError
from polymask.in_place.evidence import Evidence
from polymask.in_place.journal import default_folder, open_existing
from polymask.model import Skipped
from polymask.results import Report
from polymask.validation import Json
from polymask.wording import counted

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


def existing_or_none(client: Client, dataset: Json, folder: str | Path | None) -> list[Evidence]:
    """As `existing`, but an empty list where there is none."""
    try:
        return existing(client, dataset, folder)
    except NotFound:
        return []


def _in_usual_folder(dataset_id: str) -> tuple[list[Evidence], BackendError | None]:
    """The journals in the user's state folder; else the error that there are none."""
    try:
        return list(open_existing(default_folder(dataset_id))), None
    except NotFound as error:
        return [], error


def lost_to_all(client: Client, dataset: Json) -> set[PolygonKey]:
    """The polygons that masks say were deleted, and that the platform's evidence does not have."""
    dataset_id = str(dataset["id"])
    missing = absent(client, dataset_id, claimed_deletions(client, dataset_id))
    return held_by_nobody(client, dataset, {claim.place for claim in missing})


def held_by_nobody(client: Client, dataset: Json, missing: set[PolygonKey]) -> set[PolygonKey]:
    """Of polygons that were deleted, those that the platform's evidence does not have."""
    if not missing:
        return missing
    try:
        journal = on_platform(client, dataset, skips_damaged=True)
        kept = {polygon.key for polygon in kept_by(journal)}
    except BackendError as error:
        if client.may_pass(error):
            raise
        return missing
    return {place for place in missing if place[1] not in kept}


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
        for item, error in journal.damages.items():
            if items is None or item in items:
                report.failures.append(Skipped(f"item {item}", str(error)))
                report.exit_code = max(report.exit_code, error.exit_code)


def tell_of_lost(report: Report, dataset: str, places: Collection[PolygonKey], *, journals: str) -> None:
    """Fail a restoration that cannot put everything back; what it could is put back all the same."""
    if not places:
        return
    reason = f"{loss_in_words(places, journals)}; {ELSEWHERE}"
    report.failures.append(Skipped(dataset, reason))
    report.exit_code = max(report.exit_code, ProofError.exit_code)


def loss_in_words(places: Collection[PolygonKey], journals: str) -> str:
    """How many polygons are in no backup."""
    items = len({item for item, _ in places})
    masks, polygons = counted(items, "item"), counted(len(places), "polygon was", "polygons were")
    say = f"the masks of {masks} say that {polygons} deleted"
    return f"{say} that no journal in {journals} holds"
