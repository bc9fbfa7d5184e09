"""The lowest versions that pyproject.toml allows, as requirements for pip: `python tests/lowest.py s3 gis`.

Those of the package itself and of the extras that are named, with what the tests need, in any version.
"""

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parent.parent / "pyproject.toml"
BOUNDED = re.compile(r"([A-Za-z0-9_.-]+(?:\[[^]]*\])?)>=([0-9.]+)(?:,<[0-9.]+)?")


def lowest(project: Mapping[str, Any], *extras: str) -> Iterator[str]:
    """The requirements, `name==bound` each, which must have the form `name>=bound`; then those of the tests.

    Examples:
        >>> extras = {"gis": ["rasterio>=1.3,<3"], "test": ["polymask[gis]", "pytest>=8"]}
        >>> list(lowest({"name": "polymask", "dependencies": [], "optional-dependencies": extras}, "gis"))
        ['rasterio==1.3', 'pytest>=8']
    """
    named = project["optional-dependencies"]
    for requirement in sum((named[extra] for extra in extras), project["dependencies"]):
        bounded = BOUNDED.fullmatch(requirement)
        if not bounded:
            raise ValueError(f"pyproject.toml: {requirement!r} has no lower bound")
        yield f"{bounded[1]}=={bounded[2]}"
    yield from (tool for tool in named["test"] if not tool.startswith(f"{project['name']}["))


if __name__ == "__main__":
    written = tomllib.loads(PROJECT.read_text())["project"]
    sys.stdout.write("\n".join(lowest(written, *sys.argv[1:])) + "\n")
