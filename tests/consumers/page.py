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
    "by name, and `index` with --copy-images names them so; it was not tried.",
    "mmcv with compiled operators": "there is no build for the newest torch. mmsegmentation's loaders ran "
    "with mmcv-lite, and a stand-in for the operators that refuses every call.",
    "panopticapi": "its project has no release on the package index. `panopticapi-lite`, which contains its "
    "code, ran instead.",
}
INTRODUCTION = f"""\
# Who reads which layout

Each row of this table was run: the real package, in the newest release that could be installed, loaded the
unchanged output of `polymask convert`. Unless the row says *no*, it had the right label at every pixel.
(`python -m tests.consumers --write` runs the rows and writes this page.)

The masks are those of the sample, split into train and val, with `--copy-images`; if the reader looks for
JPEGs, with `--picture-format jpg`; if the layout has one mask for each image, with a void border
(`--border {BORDER}`). The last column says how the package reads them:

- *as it is*: a plain call of the package is enough.
- *with glue*: it needs a few lines more, which stand [below](#the-lines-that-were-run).
- *no*: it reads something other than what the masks say.
"""
SCORES = """\
The sample with void borders is compared with the same annotations, painted by another pixel rule and another
overlap rule. For each label, the scorer's IoU and that of `polymask compare` are equal to within 1e-9.
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
            "`dest` is the converted folder. Each function yields what the package has loaded as `Seen` "
            "objects, which are compared with the painted annotations.",
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
