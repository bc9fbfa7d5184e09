"""The README tells what the command really prints."""

import re
from pathlib import Path

from tests.conftest import ROOT, SAMPLE, Run


def test_the_output_in_the_readme_is_the_commands_own(polymask_command: Run, tmp_path: Path) -> None:
    """All but the line that holds the time."""
    told = re.search(r"\$ polymask convert [^\n]*\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert told is not None
    printed = polymask_command("convert", SAMPLE, tmp_path).stdout.replace(str(tmp_path), "masks/")
    lines = [
        [line for line in text.strip().splitlines() if "images/s" not in line] for text in (told[1], printed)
    ]
    assert lines[0] == lines[1]
