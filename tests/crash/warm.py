"""A run of everything in this process, so that its forks import nothing."""

import shutil
from pathlib import Path

from polymask import convert, restore, verify
from tests.crash.scene import LAYOUTS, write_source


def warm(folder: Path) -> None:
    """Convert, verify and restore once in each layout."""
    place = folder / "warm"
    for layout in LAYOUTS:
        place.mkdir(parents=True)
        source = write_source(place)
        convert(source, place / "out", to=layout, delete_source=True)
        verify(place / "out")
        restore(place / "out")
        shutil.rmtree(place)
