"""docs/consumers.md, from a run of all cells."""

import inspect
from collections.abc import Iterable
from pathlib import Path

from tests.consumers.cells import Cell
from tests.consumers.scenes import BORDER
from tests.consumers.scores import SCORERS, Scorer

PAGE = Path(__file__).parents[2] / "docs" / "consumers.md"
NOT_RUN = {
    "detectron2": "it has no release on the package index. By its documentation `load_sem_seg` pairs files "
    "by name, as `index` with --copy-images has them; that is not shown here.",
    "mmcv with compiled operators": "there is no build for the newest torch. mmsegmentation's loaders ran "
    "with mmcv-lite, and something that refuses every call where the operators would be.",
    "panopticapi": "its own project has no release on the package index: `panopticapi-lite`, which holds its "
    "code, ran instead.",
}
INTRODUCTION = f"""\
# Who reads which layout

Written by `python -m tests.consumers --write` from a run of every row: the real package, in the newest
release that could be installed, loads what `polymask convert` wrote, unchanged, and has the same label at the
same pixel.

The masks are those of the sample with a void border (`--border {BORDER}`, where the layout has one mask an
image), in train and val, with `--copy-images`, and under `--picture-format jpg` where the reader looks for
JPEGs. *As it is*: its own call, and no more. *With glue*: the lines below do what it does not do itself.
*No*: it reads something else.
"""
SCORES = """\
Of the sample with void borders against the same annotations by another pixel rule and overlap rule: the IoU
of each label is equal to 1e-9.
"""


def page(outcomes: Iterable[tuple[Cell, str]], scored: Iterable[tuple[Scorer, str]]) -> str:
    """The text of the page."""
    equal = [
        f"| {scorer.name} {scorer.version} | [`{scorer.layout}`](layouts/{scorer.layout}.md) | "
        f"{_asked(scorer)} | {outcome} |"
        for scorer, outcome in scored
    ]
    rows = list(outcomes)
    table = [_row(cell, outcome) for cell, outcome in rows]
    not_run = [f"- **{name}**: {reason}" for name, reason in NOT_RUN.items()]
    return "\n".join(
        [
            INTRODUCTION,
            "| who | reads | how |",
            "|---|---|---|",
            *table,
            f"\n## Whose scores `compare` gives\n\n{SCORES}",
            "| scorer | layout | `polymask compare` | |",
            "|---|---|---|---|",
            *equal,
            "\n## Not run\n",
            *not_run,
            "\n## The lines that were run\n",
            "`dest` is DEST; a `Seen` is compared with the annotations, painted.",
            *(_section(cell) for cell, _ in rows),
            *(_lines(scorer.name, inspect.getsource(scorer.score)) for scorer in SCORERS),
            f"\n### What several of them call\n\n```python\n{shared_lines()}\n```",
            "",
        ]
    )


def _asked(scorer: Scorer) -> str:
    flags = " ".join(f"--{name.replace('_', '-')}" for name in scorer.options)
    return f"`{flags}`" if flags else "as it is"


def _row(cell: Cell, outcome: str) -> str:
    how = f"with glue: {cell.glue}" if cell.glue else outcome
    return f"| {cell.consumer} {cell.version} | [`{cell.layout}`](layouts/{cell.layout}.md) | {how} |"


def _section(cell: Cell) -> str:
    return _lines(f"{cell.consumer}: {cell.layout}", cell.source)


def _lines(title: str, source: str) -> str:
    body = source[source.index("\ndef ") + 1 :] if source.startswith("@") else source
    return f"\n### {title}\n\n```python\n{body.rstrip()}\n```"


def shared_lines() -> str:
    """What several cells call."""
    from tests.consumers import learners, light, mmsegmentation

    helpers = (
        light.id2label,
        light.datumaro_items,
        learners.processed,
        learners.painted,
        mmsegmentation.pipeline,
        mmsegmentation.loaded,
        mmsegmentation.prepared,
    )
    return "\n\n\n".join(inspect.getsource(helper).rstrip() for helper in helpers)
