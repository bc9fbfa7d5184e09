"""`python -m tests.benchmarks`: measure, print the tables, and with --write renew docs/performance.md."""

import argparse
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks import measures
from tests.benchmarks.generator import write_coco
from tests.benchmarks.running import SCRATCH

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
PLOT = PAGE.with_name("performance.svg")


def arguments() -> argparse.Namespace:
    """The command's flags."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--file", type=Path, help="a COCO file; else a generated one")
    parser.add_argument("--images", type=int, default=5000, help="how many images to generate")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each, in turn")
    parser.add_argument(
        "--peers", default=sys.executable, metavar="PYTHON", help="an interpreter that has the peers"
    )
    parser.add_argument("--only", action="append", help="these sections only; repeatable")
    parser.add_argument("--write", action="store_true", help="renew docs/performance.md and its plot")
    return parser.parse_args()


def sections(source: Path, given: argparse.Namespace) -> dict[str, Callable[[], list[str]]]:
    """What can be measured, by the name of its place in the page."""
    rounds = given.rounds

    def peers() -> list[str]:
        lines, rates = measures.peers(source, rounds=rounds, python=given.peers)
        if given.write:
            plot(rates)
        return lines

    return {
        "environment": lambda: measures.environment(given.peers),
        "peers": peers,
        "raster": lambda: measures.raster(source, rounds=rounds, python=given.peers),
        "png": lambda: measures.png(source, rounds=rounds),
        "stages": lambda: measures.stages(source),
        "slopes": lambda: measures.slopes(rounds=rounds),
        "workers": lambda: measures.workers(rounds=rounds),
        "large": lambda: measures.large(rounds=rounds),
        "huge": measures.huge,
        "memory": measures.memory,
        "dataloop": lambda: measures.dataloop(rounds=rounds),
    }


def plot(rates: dict[str, float]) -> None:
    """Images a second as bars, on a logarithmic axis; the same bytes for the same numbers."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "polymask"
    from matplotlib import pyplot

    names = sorted(rates, key=lambda name: rates[name])
    figure, axes = pyplot.subplots(figsize=(8, 0.5 * len(names) + 1), layout="constrained")
    colors = ["#d95f02" if name.startswith("polymask") else "#7f7f7f" for name in names]
    axes.bar_label(axes.barh(names, [rates[name] for name in names], color=colors), fmt="{:,.0f}", padding=3)
    axes.set(xscale="log", xlabel="images a second, one core, start-up included")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(PLOT, metadata={"Date": None})


def renew(section: str, lines: list[str], *, page: Path = PAGE) -> None:
    """Put lines between a section's marks in the page."""
    begin, end = f"<!-- {section} -->", f"<!-- /{section} -->"
    text = re.sub(
        f"{re.escape(begin)}.*?{re.escape(end)}",
        lambda _: "\n".join([begin, *lines, end]),
        page.read_text(),
        flags=re.DOTALL,
    )
    page.write_text(text)


def main() -> None:
    """Measure and tell."""
    given = arguments()
    with tempfile.TemporaryDirectory(dir=SCRATCH) as scratch:
        source = given.file or Path(scratch, "generated.json")
        if not given.file:
            write_coco(source, images=given.images)
        for name, measure in sections(source, given).items():
            if given.only and name not in given.only:
                continue
            lines = measure()
            sys.stdout.write("\n".join([f"## {name}", "", *lines, "", ""]))
            sys.stdout.flush()
            if given.write:
                renew(name, lines)


if __name__ == "__main__":
    main()
