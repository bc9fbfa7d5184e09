"""Options without an effect, in a layout or at a destination, are refused before anything is done."""

from dataclasses import fields
from math import inf

from polymask.conversion.options import ConvertOptions
from polymask.errors import InputError
from polymask.flag import flag_of, spelled
from polymask.layouts import STUFF_LAYOUT, TILE_LAYOUTS, Layout


def refuse_dataset_options(options: ConvertOptions) -> None:
    """Raise `InputError` for options that only datasets have."""
    for field in fields(options):
        if flag_of(field).dest == "dataset" and getattr(options, field.name):
            raise InputError(f"{spelled(field.name)} is for datasets (dataloop://…)")


def refuse_folder_options(options: ConvertOptions) -> None:
    """Raise `InputError` for options that only folders have; a dataset has a mask per label."""
    for field in fields(options):
        if flag_of(field).dest == "folder" and getattr(options, field.name) != field.default:
            raise InputError(
                f"{spelled(field.name)} does not go with a dataset as DEST: there, each label has its "
                "own mask"
            )


def refuse_without_effect(options: ConvertOptions, layout: Layout) -> None:
    """Raise `InputError` for options without effect on a layout, and for those that exclude each other."""
    if options.stuff and options.to != STUFF_LAYOUT:
        raise InputError(
            (f"--stuff has no effect on the layout `{options.to}`, which does not tell stuff from things"),
            advice=f"leave it out, or use `--to {STUFF_LAYOUT}`",
        )
    if options.void_as and not hasattr(layout, "VOID_CHOICE"):
        raise InputError(
            f"--void-as has no effect on the layout `{options.to}`, whose masks hold void",
            advice="leave it out, or use `--to nnunet`",
        )
    for field in fields(options) if not layout.INDEX else ():
        flag, value = flag_of(field), getattr(options, field.name)
        if flag.index_only and value != field.default and value not in flag.harmless:
            raise InputError(
                (
                    f"{spelled(field.name)} has no effect on the layout `{options.to}`, where each label "
                    "has its own mask"
                ),
                advice="leave it out, or choose a layout of index masks (`polymask formats` lists them)",
            )
    _refuse_scales(options)
    _refuse_tiles(options)


def _refuse_scales(options: ConvertOptions) -> None:
    if options.scale is None:
        return
    if not (isinstance(options.scale, int | float) and 0 < options.scale < inf):
        raise InputError(f"--scale is a number above 0, not {options.scale!r}")
    if options.size:
        raise InputError("--size and --scale are two ways to say how large masks are", advice="leave one out")
    if options.delete_source:
        raise InputError(
            "--delete-source takes polygons away for good, and masks of another scale do not hold them",
            advice="leave --scale out, or --delete-source",
        )


def _refuse_tiles(options: ConvertOptions) -> None:
    if options.tile is None:
        if options.tile_overlap:
            raise InputError("--tile-overlap is of tiles", advice="add --tile WxH, or leave it out")
        return
    _ = options.tiling  # refuses an overlap as large as a tile
    if options.to not in TILE_LAYOUTS:
        raise InputError(
            f"--tile goes with --to {', '.join(TILE_LAYOUTS)}, not with `{options.to}`",
            advice="choose one of them, or leave --tile out",
        )
    if options.delete_source:
        raise InputError(
            "--delete-source proves whole masks, not tiles",
            advice="convert without --tile first, or leave --delete-source out",
        )
