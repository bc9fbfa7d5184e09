"""A run of everything in this process, so that its forks import nothing."""

import shutil
from contextlib import redirect_stdout
from functools import partial
from io import StringIO
from pathlib import Path

from polymask.cli.app import cli
from tests.crash.workload import LAYOUTS, write_source


def warm(folder: Path) -> None:
    """Convert, verify and restore once in each layout, as commands, which import late."""
    run = partial(cli.main, prog_name="polymask", standalone_mode=False)
    place = folder / "warm"
    for layout in LAYOUTS:
        place.mkdir(parents=True)
        source = write_source(place)
        for flags in ([], ["--overwrite"]):
            run(
                [
                    "convert",
                    str(source),
                    str(place / "out"),
                    "--to",
                    layout,
                    "--delete-source",
                    "--quiet",
                    *flags,
                ]
            )
        with redirect_stdout(StringIO()):
            run(["verify", str(place / "out")])
            run(["restore", str(place / "out")])
        shutil.rmtree(place)
