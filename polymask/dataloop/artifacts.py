"""A project's artifacts: files that the platform keeps for programs, in the project's `Binaries` dataset.

They lie beside the datasets that people see, and outlive the process that made them. What is
created here is never changed: an upload leaves what is at its path, so that it is safe to repeat.
"""

from functools import cached_property
from typing import NamedTuple

from polymask.dataloop.service.client import Client
from polymask.dataloop.service.responses import is_page
from polymask.dataloop.service.sending import FileForm
from polymask.errors import NotFound, Unavailable
from polymask.validation import Json

ROOT = "/artifacts/polymask"
BINARIES = "Binaries"


class Artifact(NamedTuple):
    """A file: the platform's id of it, and its name within its folder."""

    id: str
    name: str


class Artifacts:
    """The files of one folder below a project's `/artifacts/polymask/`."""

    def __init__(self, client: Client, project_id: str, folder: str) -> None:
        self.client, self.project_id = client, project_id
        self.folder = f"{ROOT}/{folder}"

    def listed(self, names: str = "*") -> list[Artifact]:
        """The files whose names match a glob, those first that were created first."""
        path = f"{self.folder}/{names}"
        query = {"filter": {"$and": [{"hidden": False}, {"type": "file"}, {"filename": path}]}}
        rows = self.client.pages(self.dataset_id, "items", query, keep=_named)
        start = f"{self.folder}/"
        files = (Artifact(row["id"], row["filename"].removeprefix(start)) for row in rows)
        # A platform whose star stands for folders too lists what lies deeper.
        return [file for file in files if "/" not in file.name]

    def read(self, artifact: Artifact) -> bytes:
        """The bytes of a file."""
        return self.client.stream(artifact.id)

    def create(self, name: str, data: bytes) -> None:
        """Make a file, or leave the one that has this name; what is stored must be read back."""
        path = f"/datasets/{self.dataset_id}/items?mode=skip"
        self.client.call("POST", path, FileForm(f"{self.folder}/{name}", data), safe=True)

    @cached_property
    def dataset_id(self) -> str:
        """The id of the project's `Binaries` dataset; raises `NotFound` where it has none."""
        body = {
            "filter": {"$and": [{"name": BINARIES}]},
            "page": 0,
            "pageSize": 1000,
            "resource": "datasets",
            "context": {"projects": [self.project_id]},
            "systemSpace": True,  # else only what people see is listed
        }
        page = self.client.call("POST", "/datasets/query", body, safe=True)
        if not is_page(page):
            raise Unavailable("Dataloop: a listing of datasets was answered with no page of rows")
        ids = [str(row["id"]) for row in page["items"] if row.get("name") == BINARIES]
        if not ids:
            raise NotFound(
                f"Dataloop: the project {self.project_id} has no dataset '{BINARIES}' for artifacts",
                advice="name a folder for the journal that outlives this process",
            )
        return ids[0]


def _named(row: Json) -> Json:
    return {"id": row["id"], "filename": str(row.get("filename"))}
