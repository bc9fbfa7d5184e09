"""Writes docs/formats/ from the formats' own tables: `python docs/generate_formats.py`.

With `--check`, fails where a page is not up to date. Samples are read to show what comes of them.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from link_glossary import linked

from polymask.formats import FORMATS, module_named, open_annotations
from polymask.formats.reading.facts import Facts

HERE = Path(__file__).parent / "formats"
ROOT = HERE.parent.parent
MADE = "Made from the formats' own tables by `python docs/generate_formats.py`."
MOST_SHOWN = 1200
INTRODUCTION = """\
SOURCE is a file, a folder, a zip, or a pattern such as `'train/*.json'`. polymask recognizes the format by
the content, never by the name of a file; `--from FORMAT` names it instead. The first file of a known
format decides for a whole folder. [Which export to take](../tools.md) says for each annotation tool which
export is read, and where to find it.

A zip is read in place, and nothing is unpacked to disk. Names that would lead out of the zip are refused, and
so is a file in it that unpacks to more than 200 times its size. Files and folders whose names begin with
a dot are ignored, and links to folders are not followed.

All files are checked before anything is written. Each is read again when its turn comes, so that
memory holds one image at a time. Pictures are opened only if the format does not give their size, and then
only their headers are read.

What to ask of [services without a public format](other-tools.md), such as Appen, Fritz AI and Anolytics, is
on a page of its own.
"""
FENCES = {
    ".json": "json",
    ".ndjson": "json",
    ".xml": "xml",
    ".txt": "text",
    ".jsonl": "json",
    ".csv": "text",
    ".geojson": "json",
    ".seg": "text",
}
# what is read is what a user would name: of these formats, a folder
FOLDERS = {
    "yolo": "yolo",
    "voc": "voc",
    "camvid": "camvid",
    "masks": "masks",
    "segmentsai": "segmentsai",
    "supervisely": "supervisely",
    "dataloop": "dataloop/json",
    "scale": "scale",
    "labelme-xml": "labelme-xml",
    "dicom": "dicom",
    "imagej": "imagej",
    "mapillary": "mapillary",
    "geojson": "geojson",
    "playment": "playment",
}


def pages() -> Iterator[tuple[str, str]]:
    """The name and the text of every page."""
    yield "index.md", _index()
    for name in FORMATS:
        yield f"{name}.md", _page(name, module_named(name).FACTS)


def _index() -> str:
    rows = [f"| [`{name}`]({name}.md) | {summary} |" for name, summary in FORMATS.items()]
    return "\n".join(
        [
            "# Formats\n",
            f"{MADE}\n",
            f"{INTRODUCTION}\n",
            "| format | what |",
            "|---|---|",
            *rows,
            "",
        ]
    )


def _page(name: str, facts: Facts) -> str:
    fields = [f"| `{path}` | {meaning} |" for path, meaning in facts.read]
    told = [
        ("Ignored", facts.ignored),
        ("Several rings", facts.rings),
        ("Paint order", facts.order),
        ("Labels", facts.labels),
        ("Frame", facts.frame),
    ]
    return "\n".join(
        [
            f"# {facts.title}\n",
            f"{MADE} Format name: `{name}`. Source of the rules: {facts.source}.\n",
            f"{facts.files} It is known by its content: {facts.sniffed}.\n",
            "| field read | what it means |",
            "|---|---|",
            *fields,
            "",
            *(f"**{title}.** {text}\n" for title, text in told),
            *(["**Limits.**\n", *(f"- {limit}" for limit in facts.limits), ""] if facts.limits else []),
            _example(name, facts),
        ]
    )


def _example(name: str, facts: Facts) -> str:
    path = ROOT / "fixtures" / facts.sample
    source = f"fixtures/{FOLDERS.get(name, facts.sample)}"
    lines = [f"{r.name} {r.frame} {_labels(r)}" for r in open_annotations(ROOT / source)]
    return "\n".join(
        [
            f"## Example\n\n`fixtures/{facts.sample}`:\n",
            *_shown(path),
            "```pycon",
            ">>> import polymask",
            f'>>> for record in polymask.read("{source}"):',
            '...     print(record.name, record.frame, ", ".join(i.label for i in record.instances) or "-")',
            *lines,
            "\n```\n",
        ]
    )


def _shown(path: Path) -> Iterator[str]:
    """A sample's text, or its beginning; of a file that is no text nothing."""
    if path.suffix in FENCES:
        text = path.read_text()
        shown = text if len(text) <= MOST_SHOWN else text[:MOST_SHOWN].rpartition("\n")[0] + "\n…\n"
        yield f"```{FENCES[path.suffix]}\n{shown.rstrip()}\n```\n"


def _labels(record: object) -> str:
    return ", ".join(instance.label for instance in record.instances) or "-"  # type: ignore[attr-defined]


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
        sys.exit(f"docs/formats: {', '.join(stale)} not up to date: run python docs/generate_formats.py")


if __name__ == "__main__":
    main()
