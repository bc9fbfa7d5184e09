"""Writes docs/layouts/ from the layouts' own tables: `python docs/generate_layouts.py`.

With `--check`, fails where a page is not up to date. The sample is laid out to show what comes of it.
"""

import sys
import tempfile
from collections.abc import Iterator
from html import escape
from pathlib import Path

from link_glossary import linked

from polymask import convert
from polymask.layouts import LAYOUTS, layout_named
from polymask.layouts.common.facts import LayoutFacts

HERE = Path(__file__).parent / "layouts"
SAMPLE = "fixtures/shapes/instances.json"
MADE = "Made from the layouts' own tables by `python docs/generate_layouts.py`."
INTRODUCTION = """\
A layout is the way masks lie in a folder: their file names, their pixel values, the tables beside them.
`--to LAYOUT` chooses it. Words such as [index mask](../glossary.md#index-mask),
[instance](../glossary.md#instance), [paint order](../glossary.md#paint-order),
[palette PNG](../glossary.md#palette-png) and [void](../glossary.md#void) are in the glossary. Every layout
comes with three files:

- `labels.json`: the labels' names, values and colors, and the values of background and void.
- `id2label.json`: the name of each value in the masks, in the form that Hugging Face's models read. If the
  masks hold no values, it uses those of the [label map](../glossary.md#label-map).
  [Training](../training.md#hugging-face) explains what these models do with 255.
- `manifest.jsonl`: a line for each image, with the [digest](../glossary.md#digest) of its pixels and the
  rules by which it was painted.

**Several runs.** A run into an existing folder adds to it: train and then val, one `--shard` after another,
one `--where` after another. Lists, `data.yaml`, `annotations.json` and the like then hold the images of all
runs, as if one run had written everything. A run that would make such a table wrong for masks that are there
already is refused before anything is written. A second annotation file does not replace masks of the first,
unless you pass `--overwrite`.

**Splits.** `--split NAME` names the split that the images belong to. `--split-ratio 0.8,0.1,0.1 --seed N`
distributes them over train, val and test: a hash of seed and image name gives a number from 0 to 1, here
below 0.8 for train, below 0.9 for val, else test. So an image's split depends on nothing else: not on the
order, `--workers`, `--where` or the other images. The splits therefore have about the sizes that you asked
for, not exactly. Layouts with lists or folders of splits use these; the others get `splits/train.txt` and so
on, one name a line.

**Readers.** [Who reads which layout](../consumers.md) lists the loaders and scorers that were run on each
layout, with the code. Some loaders look for a single suffix; convert their pictures with `--copy-images
--picture-format jpg` or `png`. The run prints a note if you need it.

**Read back.** `polymask compare`, `verify` and `stats` read all of these layouts, whether polymask or another
tool wrote them, and any folder of gray or palette PNGs.
"""
FENCES = {".json": "json", ".jsonl": "json", ".py": "python", ".yaml": "yaml", ".txt": "text"}


def pages() -> Iterator[tuple[str, str]]:
    """The name and the text of every page."""
    told = {name: facts for name in LAYOUTS if (facts := getattr(layout_named(name), "FACTS", None))}
    rows = [
        f"| {f'[`{name}`]({name}.md)' if name in told else f'`{name}`'} | {escape(text, quote=False)} |"
        for name, text in LAYOUTS.items()
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
    for name, unlinked in pages():
        path = HERE / name
        text = linked(unlinked, path)
        if "--check" not in sys.argv:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            stale.append(name)
    if stale:
        sys.exit(f"docs/layouts: {', '.join(stale)} not up to date: run python docs/generate_layouts.py")


if __name__ == "__main__":
    main()
