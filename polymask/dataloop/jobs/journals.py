"""Where the evidence of a dataset's deletions is: in a folder, or among the project's artifacts."""

from collections.abc import Collection
from pathlib import Path

from polymask.dataloop.artifact_journal import ArtifactJournal
from polymask.dataloop.jobs.lost_backups import PolygonKey, without_backup
from polymask.dataloop.service.artifacts import Artifacts
from polymask.dataloop.service.client import Client
from polymask.dataloop.service.responses import listed
from polymask.dataloop.service.restoring import deleted_of
from polymask.errors import BackendError, Denied, NotFound
from polymask.in_place.evidence import Evidence
from polymask.in_place.journal import default_folder, open_existing
from polymask.model import Skipped
from polymask.results import Report
from polymask.validation import Json


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


def places(journals: Collection[Evidence]) -> str:
    """Where journals lie, for people."""
    return " or ".join(dict.fromkeys(journal.place for journal in journals))


def tell_of_damages(report: Report, journals: Collection[Evidence]) -> None:
    """Fail a restoration for each item whose documents are damaged: its polygons were not put back."""
    for journal in journals:
        for item, error in journal.damages.items() if isinstance(journal, ArtifactJournal) else ():
            report.failures.append(Skipped(f"item {item}", str(error)))
            report.exit_code = max(report.exit_code, error.exit_code)
