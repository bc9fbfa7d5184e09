"""The journal and the backups of local deletions, in DEST/.polymask.

Every line of `journal.jsonl` carries a digest of itself and of all earlier lines (`provenance.chain`), and
the last line has their number. The file is replaced as a whole, so a changed or missing line is
detected. A backup is a copy of an annotation file, named by its digest. The journal is written before
any manifest or backup that implies a deletion, so if these exist without it, it was lost. Earlier builds
kept journal and backups in DEST itself, without digests.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from polymask.errors import FormatError, InputError, ProofError
from polymask.provenance.chain import START, sealed, unsealed
from polymask.storage.local_disk.equal_files import files_beside
from polymask.storage.manifest import read_manifest
from polymask.storage.roots.local import Root
from polymask.storage.safe_names import WORK, is_possible, safe_path
from polymask.validation import Json

JOURNAL = f"{WORK}/journal.jsonl"
BACKUP = f"{WORK}/backup"
EARLIER_JOURNAL, EARLIER_BACKUP = "journal.jsonl", "backup"
END = "end"
JOURNAL_GONE = "{journal} is missing; every file that a backup here is of lies beside the folder, as it was"
RESTORED, CALLED_OFF = "restored", "called off"  # events: a deletion was undone, or never took place


class FileDeletion(msgspec.Struct, frozen=True):
    """A deletion of polygons from a file.

    Attributes:
        source: The path of the file.
        backup: The path of its backup, relative to DEST.
        before: The file's digest before the deletion.
        after: The file's digest after the deletion.
        undone: Whether the file was restored, or the deletion never took place.
        images: The number of images with deleted polygons.
        dest: The path of DEST at that time; empty if an earlier build noted the deletion.
        relative: The path of the file relative to DEST; empty as for `dest`.
    """

    source: str
    backup: str
    before: str
    after: str
    undone: bool = False
    images: int = 1
    dest: str = ""
    relative: str = ""

    @property
    def edge(self) -> tuple[str, str, str]:
        """The file and its digests, which identify a deletion."""
        return self.source, self.before, self.after


class _Deleting(msgspec.Struct):
    """The members of a line on a deletion; lines of earlier builds lack those with a default."""

    source: str
    backup: str
    before: str
    after: str
    images: int = 1
    dest: str = ""
    relative: str = ""


class Log:
    """The journal of a folder: its lines in order, without their digests."""

    def __init__(self, root: Root, lines: Sequence[Json]) -> None:
        self.root, self.lines = root, list(lines)

    def note(self, event: str, **facts: Any) -> None:
        """Append a line durably."""
        self.lines.append({"event": event, **facts})
        self.root.write(JOURNAL, _sealed(self.lines), durable=True)

    @property
    def deletions(self) -> list[FileDeletion]:
        """The deletions in these lines, in order."""
        return _deletions(self.lines)

    @property
    def all_deletions(self) -> list[FileDeletion]:
        """All deletions, those of earlier builds first; raises `ProofError` if their journal is damaged."""
        return _deletions([*_earlier_lines(self.root), *self.lines])

    @property
    def lost(self) -> str:
        """The message about a journal that was missing when a run began; empty if none was.

        It is empty, too, if every backup that existed then is named by later deletions, or put back by hand.
        """
        lines = [line for line in self.lines if line["event"] == "lost"]
        if not lines:
            return ""
        noted = {deletion.before for deletion in self.deletions}
        names = dict.fromkeys(name for line in lines for name in line["backups"] if name not in noted)
        backups = names.keys() - put_back(self.root, names).keys()
        if not backups and all(line["backups"] for line in lines):
            return ""
        paths = ", ".join(str(self.root.path / BACKUP / f"{name}.json") for name in sorted(backups))
        advice = f"put back by hand: {paths}" if paths else "put back what you have a copy of"
        return f"an earlier journal is missing, and the polygons that it listed stay deleted; {advice}"


def _deletions(lines: Iterable[Json]) -> list[FileDeletion]:
    """The deletions in some lines, each once, even if it was noted several times."""
    by_edge: dict[tuple[str, str, str], FileDeletion] = {}
    for line in lines:
        if line["event"] == "deleting":
            fields = msgspec.convert(line, _Deleting)
            deletion = FileDeletion(**msgspec.structs.asdict(fields))
            by_edge.pop(deletion.edge, None)
            by_edge[deletion.edge] = deletion
        elif line["event"] in (RESTORED, CALLED_OFF):
            edge = line["source"], line["before"], line["after"]
            if edge in by_edge:
                by_edge[edge] = replace(by_edge[edge], undone=True)
    return list(by_edge.values())


def read_log(root: Root) -> Log | None:
    """The journal of a folder, or None if there is none; raises `ProofError` if it is damaged."""
    data = root.read(JOURNAL)
    if data is None:
        return None
    try:
        return Log(root, _unsealed(data))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ProofError(
            f"{root.path / JOURNAL} is damaged",
            advice=(
                f"the files as they were are in {root.path / BACKUP}: put them back by hand, as JSON files "
                f"beside {root.path} or in a folder there, then move the journal away"
            ),
        ) from None


def begin(root: Root) -> None:
    """Write a journal before anything else implies deletions; it notes if an earlier journal is missing."""
    if read_log(root) is None:
        lost = {"event": "lost", "backups": backups_in(root)}
        log = Log(root, [lost] if implies_deletions(root) else [])
        log.note("begun")


def lost_journal(root: Root) -> ProofError:
    """The error for a folder that implies deletions but has no journal."""
    backups = backups_in(root)
    missing = set(backups) - put_back(root, backups).keys()
    paths = ", ".join(str(root.path / BACKUP / f"{name}.json") for name in sorted(missing))
    return ProofError(
        f"{root.path / JOURNAL} is missing, though polygons may have been deleted from here",
        advice=(
            f"put them back by hand, as JSON files beside {root.path} or in a folder there: "
            f"{paths or 'copies of your own'}; or choose another DEST"
        ),
    )


def put_back(root: Root, names: Iterable[str]) -> dict[str, Path]:
    """The files beside a folder that have the content of its backups, by the digests of these."""
    return files_beside(root.path, {name: root.path / BACKUP / f"{name}.json" for name in names})


def implies_deletions(root: Root) -> bool:
    """Whether a folder implies deletions without its journal: by a backup or a line of its manifest.

    It does not where the files beside it have all that is in its backups: somebody put them back.
    """
    if names := backups_in(root):
        return len(put_back(root, names)) < len(names)
    try:
        entries = read_manifest(root)
        return any("remaining_sha256" in entries[name] for name in entries)
    except FormatError:
        return False


def backups_in(root: Root) -> list[str]:
    """The digests that name the backups below `.polymask`."""
    return [
        name.removesuffix(".json") for name in root.names(BACKUP) if _is_digest(name.removesuffix(".json"))
    ]


def _is_digest(text: object) -> bool:
    return isinstance(text, str) and len(text) == 64 and set(text) <= set("0123456789abcdef")


def _sealed(lines: Iterable[Json]) -> bytes:
    """The bytes of a journal: lines with digests, and a last line with their number."""
    lines, tip, data = list(lines), START, b""
    for line in [*lines, {"event": END, "lines": len(lines)}]:
        tip, text = sealed(tip, line)
        data += text
    return data


def _unsealed(data: bytes) -> list[Json]:
    """The lines of a journal; raises `ValueError`, `KeyError` or `TypeError` if a line was changed."""
    lines = list(_opened(data.splitlines()))
    if not lines or lines[-1] != {"event": END, "lines": len(lines) - 1}:
        raise ValueError(data)
    for line in lines:
        _check(line)
    return lines[:-1]


def _opened(texts: Sequence[bytes]) -> Iterator[Json]:
    """Parse lines and check their digests, also those of an earlier build, which were computed otherwise."""
    tip, earlier_tip = START, ""
    for text in texts:
        line = dict(json.loads(text))
        claimed = line.pop("sha256")
        earlier_tip = sha256(f"{earlier_tip} {json.dumps(line, sort_keys=True)}".encode()).hexdigest()
        if opened := unsealed(tip, text):
            tip, _ = opened
        elif claimed != earlier_tip:
            raise ValueError(line)
        yield line


def _check(line: Json) -> None:
    """Raise `ValueError` or `TypeError` for a line that no run writes; the folder may be foreign."""
    if line["event"] in ("deleting", RESTORED, CALLED_OFF):
        _check_deletion(line, line.get("backup", ""), below=BACKUP)
    if line["event"] == "lost" and not all(map(_is_digest, line["backups"])):
        raise ValueError(line)


def _check_deletion(line: Json, backup: str, *, below: str) -> None:
    deletion = msgspec.convert({"backup": "", **line}, _Deleting)
    paths = map(Path, (deletion.source, deletion.dest, deletion.relative))
    if not (Path(deletion.source).name and all(map(is_possible, paths))):
        raise ValueError(line)
    if not (_is_digest(deletion.before) and _is_digest(deletion.after)):
        raise ValueError(line)
    if backup:
        safe_path(backup.removeprefix(f"{below}/"))


def _earlier_lines(root: Root) -> list[Json]:
    """The lines of an earlier build's journal in DEST itself; empty if polymask did not write the file.

    Raises:
        ProofError: Polymask wrote the journal, and it is damaged, or missing beside its backups.
    """
    data = root.read(EARLIER_JOURNAL)
    lines = [_earlier_line(line) for line in (data or b"").splitlines()]
    is_by_polymask = any(lines) or _has_earlier_backups(root)
    if not is_by_polymask or (data == b"" and not _has_earlier_backups(root)):
        return []
    if not lines or None in lines:
        raise ProofError(
            f"{root.path / EARLIER_JOURNAL} is {('missing' if data is None else 'damaged')}",
            advice=(
                f"the files as they were are in {root.path / EARLIER_BACKUP}: put them back by hand, "
                "then move that folder away"
            ),
        )
    return [line for line in lines if line]


def _earlier_line(text: bytes) -> Json | None:
    """A line of an earlier build's journal, or None if the text is something else."""
    try:
        line = dict(json.loads(text))
        _check_deletion(line, line["backup"], below=EARLIER_BACKUP)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, InputError):
        return None
    return {"event": "deleting", **line}


def _has_earlier_backups(root: Root) -> bool:
    """Whether DEST/backup has a file that is named by the digest of its content, as only backups are."""
    names = (name for name in root.names(EARLIER_BACKUP) if _is_digest(name.removesuffix(".json")))
    return any(
        sha256(root.read(f"{EARLIER_BACKUP}/{name}") or b"").hexdigest() == name.removesuffix(".json")
        for name in names
    )


def temporary_name(root: Root, source: Path, before: str, after: str) -> str:
    """The name of the temporary file, in the folder of a source, for the source's new bytes.

    Only a run on this DEST makes this name, and only for this change, so the file may be removed.
    """
    change = "\0".join((str(root.path.resolve()), str(source), before, after))
    return f".polymask-{sha256(change.encode(errors='surrogateescape')).hexdigest()[:32]}.tmp"
