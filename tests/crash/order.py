"""What a kill cannot show: whether everything was on disk before the next step relied on it.

A kill lets the operating system write at leisure what a power cut would take. So the order of the
calls themselves is checked, with a model of a disk that keeps only what it was told to keep: a
file's bytes at `fsync` of the file, a folder's names at `fsync` of the folder, everything at `sync`.
"""

from collections.abc import Iterable
from pathlib import Path

from tests.crash.traces import Call

WORK, JOURNAL, BACKUP = ".polymask", "journal.jsonl", "backup"


class Disk:
    """Which bytes and which names would outlast a power cut."""

    def __init__(self) -> None:
        self.bytes_at_risk: set[str] = set()  # written to since the last fsync
        self.names_at_risk: dict[str, str] = {}  # made or renamed since the last fsync of their folder
        self.unsafe_renames: list[str] = []

    def see(self, call: Call) -> None:
        """Take one call into account."""
        if call.failed:
            return
        if call.name in ("write", "writev", "pwrite64", "ftruncate"):
            self.bytes_at_risk.add(call.path)
        elif call.name in ("mkdir", "mkdirat") or (call.name == "openat" and call.creates):
            self.names_at_risk[call.path] = call.text
        elif call.name.startswith("rename"):
            self._rename(*call.paths[-2:], call)
        elif call.name in ("fsync", "fdatasync"):
            self._fsync(call.path)
        elif call.name in ("sync", "syncfs"):
            self.bytes_at_risk.clear()
            self.names_at_risk.clear()
        elif call.name.startswith("unlink"):
            self.bytes_at_risk.discard(call.path)
            self.names_at_risk.pop(call.path, None)

    def _rename(self, old: str, new: str, call: Call) -> None:
        self.names_at_risk.pop(old, None)
        self.names_at_risk[new] = call.text
        self.bytes_at_risk.discard(new)
        if old in self.bytes_at_risk:
            self.bytes_at_risk.remove(old)
            self.bytes_at_risk.add(new)

    def _fsync(self, path: str) -> None:
        self.bytes_at_risk.discard(path)
        self.names_at_risk = {
            name: text for name, text in self.names_at_risk.items() if str(Path(name).parent) != path
        }

    def at_risk(self, *, below: Path, apart: str = "") -> list[str]:
        """Paths that a power cut might take, without those of work in progress and the one named."""
        return sorted(
            path
            for path in self.bytes_at_risk | self.names_at_risk.keys()
            if Path(path).is_relative_to(below) and not _in_progress(Path(path)) and path != apart
        )


def _in_progress(path: Path) -> bool:
    """Whether a file is gone when a run is done; the journal and the backups stay."""
    return WORK in path.parts and path.name not in (WORK, JOURNAL) and BACKUP not in path.parts


def violations(calls: Iterable[Call], *, dest: Path, source: Path) -> list[str]:
    """What in a run's calls would lose something in a power cut; nothing, if all is as promised.

    The manifest speaks of masks, and of what may be deleted: the journal and the masks must last before
    it gets its name. The source
    is rewritten last: when it changes, nothing of the destination may be at risk, nor the new
    source's own bytes. At the end all of it must last.
    """
    disk, wrong = Disk(), []
    for call in calls:
        final = call.path if call.name.startswith("rename") and not call.failed else ""
        if final == str(source) or (call.name.startswith("unlink") and call.path == str(source)):
            wrong += [f"{path} is not on disk when the source changes" for path in disk.at_risk(below=dest)]
        if final == str(dest / "manifest.jsonl"):
            wrong += [
                f"{path} is not on disk when the manifest names it" for path in disk.at_risk(below=dest)
            ]
        if final in (str(source), str(dest / "manifest.jsonl"), str(dest / WORK / JOURNAL)) or (
            final and Path(final).is_relative_to(dest / WORK / BACKUP)
        ):
            wrong += [f"{final} gets its name before its bytes are on disk"] * (
                call.paths[-2] in disk.bytes_at_risk
            )
        if call.path == str(source) and call.name in ("write", "ftruncate", "pwrite64"):
            wrong.append(f"{source} is written to in place")
        disk.see(call)
    wrong += [f"{path} is not on disk at the end" for path in disk.at_risk(below=source.parent)]
    return wrong
