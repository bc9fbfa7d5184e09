"""Writes docs/limits.md from the limits themselves: `python docs/generate_limits.py`.

With `--check`, fails where the page is not up to date.
"""

import sys
from pathlib import Path

from link_glossary import linked

from polymask.limits import LIMITS, Limits

BEFORE = """# Limits

Made from the table in `polymask/limits.py` by `python docs/generate_limits.py`.

An annotation file, or a mask, may claim anything. What it claims is looked at before memory is taken for
it: above a limit there is a `LimitError` (exit 2) that names the file, the place in it and the
flag that raises the limit. Nothing was written then.

| flag | option | default | what |
|---|---|---|---|
"""
AFTER = """
All commands that read annotations or masks take the flags: `convert`, `check`, `stats`, `compare`,
`preview` and `verify`. In Python their functions and `read` take each limit as an option, or all as
`limits=`, a `Limits`, as `LabelMap.from_source`, `training.MaskDataset` and `decode_png` do:

```pycon
>>> import polymask
>>> limits = polymask.Limits(max_pixels=10_000)
>>> list(polymask.read("fixtures/shapes/instances.json", limits=limits))  # doctest: +ELLIPSIS
Traceback (most recent call last):
polymask.errors.LimitError: ...instances.json: $.images[0]: 120 × 160 px are more than 10000; ...

```

Why these defaults:

- 2³⁰ pixels are an index mask of 1 GiB. Painting takes one or two bytes a pixel; layouts that
  make colors of it four, and reading Label Studio's brushes as many.
- A million points is a hundred times the most detailed polygon of the usual datasets, and is
  drawn in seconds.
- A million instances an image allow cells and crowds. There is no limit for a file: COCO's
  860,000 annotations, or Objects365's 30 million, are so many small ones.
- 4 GiB is one JSON document that is read whole, one member of a zip, or what a pipe gives. COCO files
  that are [read by parts](scale.md) may be larger; the points of their instances are counted when
  their image is drawn, which then fails alone.
- 200 levels: annotation formats nest a dozen deep. Beyond about a thousand levels JSON cannot be
  read at all, and is a `FormatError` whatever the limit.
- 65,534 labels are what 16 bits hold beside background and void.
- Annotations pack to a fiftieth at best; DEFLATE goes up to a thousandth. The ratio is that of each
  member and of the whole archive; what is below a megabyte is not looked at.
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
