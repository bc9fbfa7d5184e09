"""The evidence of deletions among a project's artifacts, where no folder outlives the process.

For each item there are documents below `/artifacts/polymask/<dataset id>/`, each made once and never changed:
`<item id>-backup-<digest>.json`, its polygons as the platform had them, before anything of it is
deleted; and one for each event, such as `<item id>-deleting-<digest>.json`, what a run set out to delete.
A document is a line of a chain (`provenance.chain`) in a file of its own: its name has its digest, and
it tells the document that its run saw before it. So runs at once cannot overwrite each other's, and a
document that is damaged, or one before it that is missing, is an error.
"""

import contextlib
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from polymask.dataloop.artifacts import Artifact, Artifacts
from polymask.errors import ProofError
from polymask.in_place.deletion import WAIT, readings
from polymask.in_place.evidence import Evidence, is_backup, is_event, rows_of
from polymask.provenance.chain import START, body_of, sealed, unsealed
from polymask.validation import Json, listed, part

BACKUP = "backup"
LOOKS = 3  # at the documents of an item before one is taken for missing
_NAME = re.compile(r"(.+)-([a-z]+)-([0-9a-f]{64})\.json")


class KeptDocument(NamedTuple):
    """What a document's name tells: its item, its kind (`backup`, or an event), its digest."""

    file: Artifact
    item: str
    kind: str
    sha256: str


class _Content(NamedTuple):
    document: KeptDocument
    rows: list[Json]
    after: str  # the digest of the document before it


def _instances(contents: Sequence[_Content]) -> dict[tuple[str, str], Json]:
    """The rows of backups, by the digest of their document and the instance's id."""
    return {
        (content.document.sha256, str(row["instance"]["id"])): row
        for content in contents
        if content.document.kind == BACKUP
        for row in content.rows
    }


def _reliable(contents: Sequence[_Content]) -> list[_Content]:
    """What can be relied on where documents of an item are missing: deletions whose backups are there.

    Not those of polygons that were put back since: what is missing may have a later version.
    """
    kept = _instances(contents)
    events = [row for content in contents if content.document.kind != BACKUP for row in content.rows]
    restored = {str(key) for row in events if row["event"] == "restored" for key in listed(row.get("ids"))}

    def proven(row: Json) -> Json:
        pairs = [(str(row.get("backup")), str(key)) for key in row["ids"]]
        return row | {"ids": [key for backup, key in pairs if (backup, key) in kept and key not in restored]}

    def reliable(row: Json) -> Json:
        return proven(row) if row.get("event") == "deleting" else row

    return [content._replace(rows=list(map(reliable, content.rows))) for content in contents]


class ArtifactJournal(Evidence):
    """The evidence of deletions from a dataset, or of some of its `items`, as artifacts of the project.

    With `skips_damaged`, of an item of which something is damaged only that is told which the other
    documents prove, and the error goes to `damages`; else it is raised.
    """

    def __init__(
        self, artifacts: Artifacts, *, items: Collection[str] | None = None, skips_damaged: bool = False
    ) -> None:
        self.artifacts, self.items = artifacts, items
        self.skips_damaged = skips_damaged
        self.damages: dict[str, ProofError] = {}
        self._last: dict[str, str] = {}  # the digest of the last document of each item that was seen
        self._backup: dict[str, str] = {}  # and of the one that has its polygons as they were read
        self._was_empty: bool | None = None  # when the documents were first listed
        self._contents: list[_Content] | None = None  # of all documents, once they were read

    @property
    def place(self) -> str:
        """The folder, as `project.artifacts` has it."""
        return f"{self.artifacts.folder} (the project's artifacts)"

    @property
    def is_new(self) -> bool:
        """Whether there was no document when they were first listed."""
        if self._was_empty is None:
            self._documents()
        return bool(self._was_empty)

    def back_up(
        self, item: str, name: str, instances: Sequence[Mapping[str, Any]], *, ids: Sequence[str] = ()
    ) -> None:
        """Keep instances as the source wrote them; what an item's last backup has is not kept twice.

        Raises `ProofError` where a document of the item is damaged or missing, so that nothing more is
        deleted of it until that is back.
        """
        rows = rows_of(item, name, instances, ids)
        if not rows:
            return
        contents = self._whole(item)
        self._last[item] = contents[-1].document.sha256 if contents else START
        backups = [content for content in contents if content.document.kind == BACKUP]
        if backups and body_of({"": backups[-1].rows}) == body_of({"": rows}):
            self._backup[item] = backups[-1].document.sha256
        else:
            self._backup[item] = self._create(item, BACKUP, rows, proven=True)

    def note(self, event: str, item: str, **facts: Any) -> None:
        """Add a document of evidence; one of a deletion is read back, and tells its backup."""
        row = {"event": event, "item": item, **facts}
        if event == "deleting":
            row["backup"] = self._backup[item]
        self._create(item, event, [row], proven=event == "deleting")

    def backups(self) -> Iterator[Json]:
        """Every instance that was backed up, in the order of the documents."""
        return (
            row for content in self._read_all() if content.document.kind == BACKUP for row in content.rows
        )

    def events(self) -> Iterator[Json]:
        """What was noted, in the order of the documents."""
        return (
            row for content in self._read_all() if content.document.kind != BACKUP for row in content.rows
        )

    def backup_lacks(self, ids: Sequence[str]) -> ProofError:
        """The error that instances were deleted that are not in the backup."""
        return self._damaged("*", f"no backup has {', '.join(ids)}")

    def deleted(self) -> list[Json]:
        """The backups of the instances that runs set out to delete, each as its run read it."""
        latest, kept = dict[tuple[str, str], Json](), _instances(self._read_all())
        for row in (row for row in self.events() if row["event"] == "deleting"):
            for key in map(str, row["ids"]):
                latest[str(row["item"]), key] = kept[str(row["backup"]), key]
        return list(latest.values())

    def unfinished(self) -> list[Json]:
        """Of `deleted`, those of items whose names tell of a deletion, and of no look at its masks since.

        An item of which something is damaged is among the `damages`.
        """
        due: dict[str, None] = {}
        for document in self._documents():
            if document.kind == "deleting":
                due[document.item] = None
            elif document.kind in ("deleted", "seen"):
                due.pop(document.item, None)
        journal = ArtifactJournal(self.artifacts, items=due, skips_damaged=True)
        lines = Evidence.unfinished(journal) if due else []
        self.damages |= journal.damages
        return [line for line in lines if str(line["item"]) not in journal.damages]

    def _documents(self, items: Collection[str] | None = None) -> list[KeptDocument]:
        """The documents of some items, or of all there are, those first that were made first."""
        items = self.items if items is None else items
        glob = "*" if items is None or len(items) != 1 else f"{quote(next(iter(items)), safe='')}-*"
        matches = ((file, _NAME.fullmatch(file.name)) for file in self.artifacts.listed(glob))
        documents = [KeptDocument(file, unquote(name[1]), name[2], name[3]) for file, name in matches if name]
        chosen = [document for document in documents if items is None or document.item in items]
        if self._was_empty is None and items == self.items:
            self._was_empty = not chosen
        return chosen

    def _create(self, item: str, kind: str, rows: Sequence[Json], *, proven: bool) -> str:
        """Make a document, and read it back where something is done on its account; its digest."""
        after = self._last.get(item) or self._last_of(item)
        facts = {"dataset": self._dataset, "item": item, "after": after, "rows": rows}
        digest, data = sealed(after, facts)
        name = f"{quote(item, safe='')}-{kind}-{digest}.json"
        for _ in readings(self.artifacts.client.sleep):
            self.artifacts.create(name, data)
            if not proven or self._is_stored(name, data):
                self._last[item], self._contents = digest, None
                return digest
        raise ProofError(
            "the backup cannot be read back; nothing was deleted",
            file=f"{self.artifacts.folder}/{name}",
            advice="run again",
        )

    def _is_stored(self, name: str, data: bytes) -> bool:
        """Whether what a restoration will find under a name is what was written."""
        return any(self.artifacts.read(file) == data for file in self.artifacts.listed(name))

    def _last_of(self, item: str) -> str:
        documents = self._documents([item])
        return documents[-1].sha256 if documents else START

    @property
    def _dataset(self) -> str:
        return self.artifacts.folder.rpartition("/")[2]

    def _read_all(self) -> list[_Content]:
        """What all documents have; of an item of which some are damaged, what can be relied on."""
        if self._contents is None:
            by_item: dict[str, list[KeptDocument]] = {}
            for document in self._documents():
                by_item.setdefault(document.item, []).append(document)
            read = (self._read_item(item, documents) for item, documents in by_item.items())
            self._contents = [content for contents in read for content in contents]
        return self._contents

    def _whole(self, item: str) -> list[_Content]:
        """What all documents of an item have; raises `ProofError` for one that is damaged or missing."""
        damage: ProofError | None = None
        for _ in range(LOOKS):  # a listing may show a document later than the one after it
            contents = [self._read(document) for document in self._documents([item])]
            try:
                self._require_whole(contents)
            except ProofError as error:
                damage = error
                self.artifacts.client.sleep(WAIT)
                continue
            return contents
        raise damage or self._damaged(f"{item}-*", "it cannot be read")

    def _read_item(self, item: str, documents: Sequence[KeptDocument]) -> list[_Content]:
        contents = []
        for document in documents:
            with self._telling_damage(item):
                contents.append(self._read(document))
        with self._telling_damage(item):
            self._require_whole(contents)
        return _reliable(contents) if item in self.damages else contents

    @contextlib.contextmanager
    def _telling_damage(self, item: str) -> Iterator[None]:
        try:
            yield
        except ProofError as error:
            if not self.skips_damaged:
                raise
            self.damages.setdefault(item, error)

    def _require_whole(self, contents: Sequence[_Content]) -> None:
        """Raise `ProofError` where a document of an item tells of one that is gone."""
        present, kept = {START, *(content.document.sha256 for content in contents)}, _instances(contents)
        for document, rows, after in contents:
            if after not in present:
                problem = f"the document before it is gone: {quote(document.item, safe='')}-*-{after}.json"
                raise self._damaged(document.file.name, problem)
            for row in rows if document.kind == "deleting" else ():
                ids = map(str, row["ids"])
                if lost := [key for key in ids if (str(row.get("backup")), key) not in kept]:
                    raise self.backup_lacks(lost)

    def _read(self, document: KeptDocument) -> _Content:
        """What a document has; raises `ProofError` where it is not what was written."""
        data, value = self.artifacts.read(document.file), None
        with contextlib.suppress(ValueError, RecursionError):
            value = part(json.loads(data))
        after = part(value).get("after")
        line = unsealed(after, data) if isinstance(after, str) else None
        if value is None or line is None or line[0] != document.sha256:
            raise self._damaged(document.file.name, "it is not what was written")
        return _Content(document, self._rows_of(document, value), str(after))

    def _rows_of(self, document: KeptDocument, value: Json) -> list[Json]:
        rows, is_row = listed(value.get("rows")), is_backup if document.kind == BACKUP else is_event
        places = {(str(value.get("dataset")), str(value.get("item")))}
        places |= {(self._dataset, str(row["item"])) for row in rows if is_row(row)}
        if places != {(self._dataset, document.item)} or not all(map(is_row, rows)):
            raise self._damaged(document.file.name, "it is of something else than its name says")
        return rows

    def _damaged(self, name: str, problem: str) -> ProofError:
        return ProofError(
            f"damaged, {problem}",
            file=f"{self.artifacts.folder}/{name}",
            advice="put back a copy of it, or name a folder with --journal",
        )
