"""Writes docs/limits.md from the limits themselves: `python docs/generate_limits.py`.

With `--check`, fails where the page is not up to date.
"""

import sys
from pathlib import Path

from link_glossary import linked

from polymask.limits import LIMITS, Limits

BEFORE = """# Limits

Made from the table in `polymask/limits.py` by `python docs/generate_limits.py`.

An annotation file or a mask may state any size. polymask checks the stated size before it takes memory
for it: above a limit it stops, before anything is written, with a `LimitError` (exit 2) that names the
file, the place in it and the flag that raises the limit.

| flag | option | default | what |
|---|---|---|---|
"""
AFTER = """
All commands that read annotations or masks take the flags: `convert`, `check`, `stats`, `compare`,
`preview` and `verify`. In Python, their functions and `read` take each limit as an option, or all of them as
`limits=Limits(…)`; so do `LabelMap.from_source`, `training.MaskDataset` and `decode_png`:

```pycon
>>> import polymask
>>> limits = polymask.Limits(max_pixels=10_000)
>>> list(polymask.read("fixtures/shapes/instances.json", limits=limits))  # doctest: +ELLIPSIS
Traceback (most recent call last):
polymask.errors.LimitError: ...instances.json: $.images[0]: 120 × 160 px are more than 10000; ...

```

Why these defaults:

- 2³⁰ pixels are an index mask of 1 GiB. Painting takes one or two bytes a pixel; layouts in
  color and Label Studio's brushes take four.
- A million points is a hundred times the most detailed polygon of the usual datasets, and is
  drawn in seconds.
- A million instances an image allow cells and crowds. There is no limit for a whole file: COCO's
  860,000 annotations, or Objects365's 30 million, belong to many images.
- 4 GiB is the limit for a JSON document that is read whole, a file in a zip, or the data from a pipe.
  COCO files that are [read in parts](scale.md) may be larger. The points of their instances are counted
  only when their image is drawn, so only that image fails.
- 200 levels: annotation formats nest a dozen deep. Beyond about a thousand levels JSON cannot be
  read at all, and is a `FormatError` whatever the limit.
- 65,534 labels fit in 16 bits, beside background and void.
- Annotations shrink to a fiftieth of their size at best; DEFLATE can reach a thousandth. The limit
  holds for each file in an archive and for the whole archive; anything below a megabyte is not checked.
"""
PAGE = Path(__file__).parent / "limits.md"


def page() -> str:
    """The table, and the reasons."""
    rows = [
        f"| `--{name.replace('_', '-')}` | `{name}` | {getattr(Limits(), name):,} | {told} |"
        for name, told in LIMITS.items()
    ]
    return linked(BEFORE + "\n".join(rows) + "\n" + AFTER, PAGE)


def main() -> None:
    """Write the page, or see whether it is up to date."""
    if "--check" in sys.argv:
        sys.exit(0 if PAGE.read_text() == page() else f"{PAGE} is out of date: run docs/generate_limits.py")
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
