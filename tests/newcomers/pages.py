"""What a page tells its reader to type, with the reader's own files in place of the page's."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str, language: str) -> list[str]:
    """The blocks of one language of a page of the docs, in their order."""
    text = (ROOT / "docs" / page).read_text()
    return [block for name, block in BLOCK.findall(text) if name == language]


@dataclass(frozen=True)
class Reader:
    """Somebody in a folder with files of their own, who follows a page; `own` is what they call what."""

    folder: Path
    own: Mapping[str, str]
    environment: Mapping[str, str]

    def follow(self, page: str) -> None:
        """Type every command and program of a page: each must be done at the first attempt."""
        text, program = (ROOT / "docs" / page).read_text(), ""
        assert all(theirs in text for theirs in self.own), "the page names other files now"
        for language, block in BLOCK.findall(text):
            if language == "console":
                self.type(block)
            elif language == "python":
                program += block
                self.run(sys.executable, "-c", self.mine(program))

    def type(self, commands: str) -> str:
        """Type commands into a shell; gives what they print."""
        return self.run("bash", "-euc", self.mine(commands))

    def mine(self, text: str) -> str:
        """The text with the reader's own names."""
        for theirs, mine in self.own.items():
            text = text.replace(theirs, mine)
        return text

    def run(self, *command: str, code: int = 0) -> str:
        """Run a command that must end so; gives what it prints on stdout."""
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("DATALOOP_")}
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=inherited | {"PATH": path, "PYTHONPATH": str(ROOT)} | dict(self.environment),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, f"{command[-1]}\n{done.stdout}{done.stderr}"
        return done.stdout
