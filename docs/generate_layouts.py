"""Writes docs/layouts/ from the layouts' own tables: `python docs/generate_layouts.py`.

With `--check`, fails where a page is not up to date. The sample is laid out to show what comes of it.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from polymask import convert
from polymask.layouts import LAYOUTS, layout_named
from polymask.layouts.common.facts import LayoutFacts

HERE = Path(__file__).parent / "layouts"
SAMPLE = "fixtures/shapes/instances.json"
MADE = "Made from the layouts' own tables by `python docs/generate_layouts.py`."
INTRODUCTION = """\
`--to LAYOUT` chooses how masks are laid out. Beside every layout lie `labels.json` (names, values,
colors, background and void), `id2label.json` (names by the values that the masks of that layout hold, as
Hugging Face's models read it; of layouts whose masks hold no values, by the label map's) and
`manifest.jsonl` (a line an image: the digest of its pixels, and the rules that it was painted by).
[Training](../training.md#hugging-face) tells what becomes of 255 there.

**Several runs.** Runs into one folder add to it: train then val, one `--shard` after another, `--where`
twice. Lists, `data.yaml`, `annotations.json` and the like hold the images of all of them, and the folder is
the one that a single run would have made. What would make a table false for the masks that are there is
refused before anything is written, and a second annotation file takes no mask of the first away unless
`--overwrite` is given.

**Splits.** `--split NAME` says which split the images belong to. `--split-ratio 0.8,0.1,0.1 --seed N`
draws train, val and test: a digest of the seed and an image's name is a fraction from 0 to 1, and where it
falls among the shares tells the split. So neither order nor `--workers` matters, and an image never moves,
whether `--where` chooses some or the data grows; the sizes are the shares' on the average. Layouts with
lists or folders of splits use theirs; the others get `splits/train.txt` and so on, one name a line.

**Readers.** [Who reads which layout](../consumers.md) tells which loaders and scorers were run on what is
written, and with which lines. Loaders that look for one suffix get their pictures with `--copy-images
--picture-format jpg` or `png`; a note tells where that is so.

**Read back.** `polymask compare`, `verify` and `stats` read all of these layouts, their own
and other tools', and any folder of gray or palette PNGs.
"""
FENCES = {".json": "json", ".jsonl": "json", ".py": "python", ".yaml": "yaml", ".txt": "text"}


def pages() -> Iterator[tuple[str, str]]:
    """The name and the text of every page."""
    told = {name: facts for name in LAYOUTS if (facts := getattr(layout_named(name), "FACTS", None))}
    rows = [
        f"| {f'[`{name}`]({name}.md)' if name in told else f'`{name}`'} | {LAYOUTS[name]} |"
        for name in LAYOUTS
    ]
    head = ["# Layouts\n", f"{MADE}\n", INTRODUCTION, "| layout | what is written |", "|---|---|"]
    yield "overview.md", "\n".join([*head, *rows, ""])  # index.md is the layout of that name
    for name, facts in told.items():
        yield f"{name}.md", _page(name, facts)


def _page(name: str, facts: LayoutFacts) -> str:
    return "\n".join(
        [
            f"# {facts.title}\n",
            f"{MADE} Layout name: `{name}`. Source of the rules: {facts.source}.\n",
            *_table("file", "what is in it", facts.files),
            *_table("value", "what it means", facts.values),
            *(["**Limits.**\n", *(f"- {limit}" for limit in facts.limits), ""] if facts.limits else []),
            f"**Read back.** {facts.read_back}\n",
            _example(name, facts),
        ]
    )


def _table(left: str, right: str, rows: tuple[tuple[str, str], ...]) -> list[str]:
    return [f"| {left} | {right} |", "|---|---|", *(f"| `{one}` | {told} |" for one, told in rows), ""]


def _example(name: str, facts: LayoutFacts) -> str:
    with tempfile.TemporaryDirectory() as out:
        convert(SAMPLE, out, to=name)
        paths = sorted(path for path in Path(out).rglob("*") if path.is_file())
        files = [path.relative_to(out).as_posix() for path in paths]
        shown = (Path(out) / facts.shown).read_text() if facts.shown else ""
    lines = [
        "## Example\n",
        f"```console\n$ polymask convert {SAMPLE} out --to {name}\n```\n",
        "```pycon",
        ">>> import pathlib, polymask, tempfile",
        ">>> with tempfile.TemporaryDirectory() as out:",
        f'...     report = polymask.convert("{SAMPLE}", out, to="{name}")',
        '...     for path in sorted(p for p in pathlib.Path(out).rglob("*") if p.is_file()):',
        "...         print(path.relative_to(out).as_posix())",
        "...     polymask.verify(out).unchanged",
        *files,
        "3",
        "\n```\n",
    ]
    if facts.shown:
        fence = FENCES[Path(facts.shown).suffix]
        lines.append(f"`{facts.shown}`:\n\n```{fence}\n{shown.rstrip()}\n```\n")
    return "\n".join(lines)


def main() -> None:
    """Write the pages, or compare them."""
    stale = []
    for name, text in pages():
        path = HERE / name
        if "--check" not in sys.argv:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            stale.append(name)
    if stale:
        sys.exit(f"docs/layouts: {', '.join(stale)} not up to date: run python docs/generate_layouts.py")


if __name__ == "__main__":
    main()
