"""Lines of strace as values, and runs of the command under it."""

import os
import re
import subprocess
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.forked_runs import Ended, ForkedRuns

MUTATING = [
    "openat",
    "mkdir",
    "mkdirat",
    "write",
    "writev",
    "pwrite64",
    "fsync",
    "fdatasync",
    "sync",
    "syncfs",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "unlink",
    "unlinkat",
    "rmdir",
    "ftruncate",
    "fchmod",
]
READING = ["read", "pread64", "flock", "close", "newfstatat", "getdents64"]
PATIENCE = 20  # seconds

_LINE = re.compile(r"^(?:\d+\s+)?(\w+)\((.*)\)\s+= (-?\d+|\?)(?:<(.*?)>)?(.*)$")
_ARGUMENT = re.compile(r'(\w+)<([^>]*)>|"((?:[^"\\]|\\.)*)"(?:\.\.\.)?|([^,\s][^,]*)')


@dataclass(frozen=True)
class Call:
    """One system call: its name, the absolute paths that it names, and what it came to.

    `nth` counts the calls of that name; `paths` has what a descriptor stands for, too.
    """

    name: str
    nth: int
    paths: tuple[str, ...]
    text: str
    failed: bool = False  # or was never carried out, because its process died

    @property
    def path(self) -> str:
        """The path that it is about: the last one it names."""
        return self.paths[-1] if self.paths else ""

    @property
    def creates(self) -> bool:
        return "O_CREAT" in self.text

    def below(self, folder: Path) -> bool:
        return any(Path(path).is_relative_to(folder) for path in self.paths)


def parse(lines: Iterable[str]) -> Iterator[Call]:
    """The calls of a trace made with `-y`, in order; signals and exits are left out.

    >>> list(parse(['1 fsync(3</a/b>) = 0', '1 +++ exited with 0 +++']))
    [Call(name='fsync', nth=1, paths=('/a/b',), text='fsync(3</a/b>) = 0', failed=False)]
    """
    seen: Counter[str] = Counter()
    for line in lines:
        if match := _LINE.match(line.strip()):
            name, arguments, result = match[1], match[2], match[3]
            seen[name] += 1
            text = line.strip().split(maxsplit=1)[1] if line[:1].isdigit() else line.strip()
            yield Call(name, seen[name], tuple(_paths(name, arguments)), text, result[0] in "-?")


def _paths(name: str, arguments: str) -> Iterator[str]:
    """Descriptors by their paths; a name that follows one is below it."""
    folder = ""
    for match in _ARGUMENT.finditer(arguments):
        if match[1] is not None:
            folder = match[2]
            if not name.endswith("at") and name != "renameat2":
                yield folder
                return
        elif match[3] is not None:
            yield os.path.normpath(Path(folder) / match[3])
            if name in ("openat", "newfstatat", "unlinkat", "mkdirat"):
                return


def boundaries(calls: Iterable[Call], folder: Path) -> list[Call]:
    """The calls that change something of the job: where a run can be cut in two."""
    return [
        call
        for call in calls
        if call.name == "sync"
        or (call.name in MUTATING and call.below(folder) and (call.name != "openat" or call.creates))
    ]


def touching(calls: Iterable[Call], folder: Path) -> list[Call]:
    """Every call on files of the job, those that only read too."""
    return [call for call in calls if call.name == "sync" or call.below(folder)]


def traced(
    forked_runs: ForkedRuns, arguments: Sequence[object], *inject: str, calls: Sequence[str] = MUTATING
) -> tuple[Ended, list[Call]]:
    """A run under strace, with faults injected; how it ended, and the calls that it made."""
    log = forked_runs.folder / "trace.txt"
    child = forked_runs.start(arguments, quick=False)
    faults = [option for fault in inject for option in ("-e", f"inject={fault}")]
    if not any(fault.startswith("sync:") for fault in inject):
        faults += ["-e", "inject=sync:retval=0"]  # the machine's other files are none of our business
    command = ["strace", "-qq", "-f", "-y", "-o", log, "-e", f"trace={','.join(calls)}", *faults]
    tracer = subprocess.Popen([*command, "-p", str(child)], stderr=subprocess.PIPE, text=True)
    _attached(child, tracer)
    forked_runs.go()
    ended = forked_runs.ended()
    tracer.communicate(timeout=PATIENCE)
    return ended, list(parse(log.read_text(errors="replace").splitlines()))


def _attached(child: int, tracer: "subprocess.Popen[str]") -> None:
    """Wait until a process is traced."""
    give_up = time.monotonic() + PATIENCE
    while "TracerPid:\t0\n" in Path(f"/proc/{child}/status").read_text():
        if tracer.poll() is not None or time.monotonic() > give_up:
            raise RuntimeError(f"strace does not attach: {tracer.communicate()[1]}")
        time.sleep(0.0005)
