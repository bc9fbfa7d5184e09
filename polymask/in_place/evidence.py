"""What tells of an in-place run's deletions, wherever it is kept: in a folder, or on a platform.

It is made of rows of two kinds: an instance as the source wrote it (`{"item", "name", "instance"}`, and the
`id` under which it was read), kept before anything of its item is deleted; and what was proven and
deleted (`{"event", "item", …}`). It is evidence and undo, never the only truth.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from polymask.errors import ProofError


class Evidence(ABC):
    """The backup and the journal of in-place runs; threads may share it, and processes add to it at once.

    `damages` has the errors of the items of which something is damaged, where the others can still be read.
    """

    damages: Mapping[str, ProofError] = MappingProxyType({})

    @property
    @abstractmethod
    def is_new(self) -> bool:
        """Whether nothing is there: no run was before this one, or all that it kept is gone."""

    @property
    @abstractmethod
    def place(self) -> str:
        """Where it is kept, for people."""

    @abstractmethod
    def back_up(
        self, item: str, name: str, instances: Sequence[Mapping[str, Any]], *, ids: Sequence[str] = ()
    ) -> None:
        """Keep instances as the source wrote them; they are there once this returns, or the error says so.

        `ids` are those under which they were read, where these may be others than their own. What was kept
        last of an instance is its last version, also where an edit was taken back.
        """

    @abstractmethod
    def note(self, event: str, item: str, **facts: Any) -> None:
        """Add evidence; that of a deletion is there once this returns, or the error says so."""

    @abstractmethod
    def backups(self) -> Iterator[dict[str, Any]]:
        """Every instance that was backed up, in order."""

    @abstractmethod
    def events(self) -> Iterator[dict[str, Any]]:
        """What was noted, in order."""

    @abstractmethod
    def backup_lacks(self, ids: Sequence[str]) -> ProofError:
        """The error that instances were deleted that are not in the backup."""

    def deleted(self) -> list[dict[str, Any]]:
        """The backups of the instances that runs set out to delete, the last version of each.

        Raises:
            ProofError: An instance is not in the backup, or something of it is damaged.
        """
        deletions = (row for row in self.events() if row["event"] == "deleting")
        ids = {(str(row["item"]), str(key)) for row in deletions for key in row["ids"]}
        latest = {(str(line["item"]), str(line["instance"]["id"])): line for line in self.backups()}
        if lost := sorted(key for _, key in ids - latest.keys()):
            raise self.backup_lacks(lost)
        return [line for key, line in latest.items() if key in ids]

    def not_restored(self) -> list[dict[str, Any]]:
        """The lines of `deleted` whose instances no run with this evidence has put back since."""
        return self._lines_of(self.ids_not_restored())

    def ids_not_restored(self) -> set[tuple[str, str]]:
        """The items and ids of the instances of `not_restored`."""
        return self._pending(until=("restored",))

    def ids_not_confirmed(self) -> set[tuple[str, str]]:
        """The items and ids of instances of `deleted` that no run has seen to be gone."""
        return self._pending(until=("deleted",))

    def unfinished(self) -> list[dict[str, Any]]:
        """The lines of `deleted` for which no run has confirmed since that the mask is still stored.

        A run that ends normally notes it (`deleted` or `restored`); a run that was killed did not. Items
        that are damaged are left out, and are among the `damages`.
        """
        return self._lines_of(self._pending(until=("deleted", "seen", "restored")))

    def _pending(self, *, until: Sequence[str]) -> set[tuple[str, str]]:
        """The items and ids of instances whose last deletion none of the events in `until` has followed."""
        pending: set[tuple[str, str]] = set()
        for row in self.events():
            ids = {(str(row["item"]), str(key)) for key in row.get("ids", ())}
            if row["event"] == "deleting":
                pending |= ids
            elif row["event"] in until:
                pending -= ids
        return pending

    def _lines_of(self, pending: set[tuple[str, str]]) -> list[dict[str, Any]]:
        """The lines of `deleted` of some items and ids."""
        lines = self.deleted() if pending else ()
        return [line for line in lines if (str(line["item"]), str(line["instance"]["id"])) in pending]


def rows_of(
    item: str, name: str, instances: Sequence[Mapping[str, Any]], ids: Sequence[str]
) -> list[dict[str, Any]]:
    """The rows that keep instances of an item."""
    rows: list[dict[str, Any]] = [
        {"item": item, "name": name, "instance": dict(instance)} for instance in instances
    ]
    for row, key in zip(rows, ids, strict=False):
        row["id"] = key
    return rows


def is_backup(value: Any) -> bool:
    """Whether a value is a row that keeps an instance."""
    if not isinstance(value, dict) or not {"item", "name", "instance"} <= value.keys():
        return False
    return isinstance(value["instance"], dict) and "id" in value["instance"]


def is_event(value: Any) -> bool:
    """Whether a value is a row that tells what was proven or deleted."""
    if not isinstance(value, dict) or not {"event", "item"} <= value.keys():
        return False
    return value["event"] != "deleting" or isinstance(value.get("ids"), list)
