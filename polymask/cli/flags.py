"""Flags: those that commands share, and those of `polymask convert`, in the order of its help."""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

import click

from polymask.formats import FORMATS
from polymask.formats.reading.choice import PREDICTIONS
from polymask.labels.palettes import PALETTES
from polymask.layouts import LAYOUTS
from polymask.limits import LIMITS, Limits
from polymask.model import Frame
from polymask.painting.painting import CROWD_RULES, HOLE_RULES, OVERLAP_RULES, Rules
from polymask.raster import PIXEL_RULES

Command = Callable[..., Any]


class Size(click.ParamType[Frame]):
    """WxH, as (height, width)."""

    name = "WxH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Frame:
        width, _, height = str(value).lower().partition("x")
        if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
            self.fail(f"{value!r} is not WIDTHxHEIGHT in pixels, e.g. 128x128", param, ctx)
        return int(height), int(width)


def names_of(table: Mapping[str, object]) -> Callable[..., list[str]]:
    """What a shell completes for a flag that takes a name of a table."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        return [name for name in table if name.startswith(incomplete)]

    return complete


_LIMIT_FLAGS = [
    click.option(
        f"--{name.replace('_', '-')}",
        type=click.IntRange(1),
        default=getattr(Limits(), name),
        show_default=True,
        metavar="N",
        help=told,
    )
    for name, told in LIMITS.items()
]


def limit_flags(command: Command) -> Command:
    """Give a command the flags of the limits, which it takes as `limits`."""

    @wraps(command)
    def limited(**options: Any) -> Any:
        limits = Limits(**{name: options.pop(name) for name in LIMITS})
        return command(limits=limits, **options)

    return _with(_LIMIT_FLAGS, limited)


def rule_flags(when: str = "") -> Callable[[Command], Command]:
    """Give a command the flags of the rules that it paints by, which it takes as `rules`."""
    flags = [
        click.option(
            "--pixel-rule",
            type=click.Choice(list(PIXEL_RULES)),
            default="center",
            show_default=True,
            help=_sentence(f"{when}which pixels belong to a polygon."),
        ),
        click.option(
            "--overlap",
            type=click.Choice([rule for rule in OVERLAP_RULES if rule not in ("priority", "error")]),
            default="last",
            show_default=True,
            help=_sentence(f"{when}who owns a pixel that several labels claim."),
        ),
    ]

    def with_rules(command: Command) -> Command:
        @wraps(command)
        def ruled(*, pixel_rule: str, overlap: str, **options: Any) -> Any:
            return command(rules=Rules(pixel_rule=pixel_rule, overlap=overlap), **options)

        return _with(flags, ruled)

    return with_rules


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _with(flags: Sequence[Callable[[Command], Command]], command: Command) -> Command:
    for flag in reversed(flags):
        command = flag(command)
    return command


JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
LABELS = click.option(
    "--labels", metavar="FILE", help="Label map, where nothing beside the masks names their values."
)
WORKERS = click.option(
    "--workers", type=click.IntRange(1), metavar="N", help="Processes.  [default: the processors]"
)
BOXES = click.option("--boxes", is_flag=True, help="Paint boxes that have no segmentation as rectangles.")
IMAGES = click.option(
    "--images", metavar="DIR", help="Where the pictures are that tell annotations' frames, if not beside."
)
QUIET = click.option("--quiet", is_flag=True, help="No bar, and no summary.")
NO_BAR = click.option("--quiet", is_flag=True, help="No bar.")
FROM = click.option(
    "--from",
    "from_",
    metavar="FORMAT",
    help="The annotations' format, where their content does not tell.",
    shell_complete=names_of(FORMATS),
)

_FLAGS = [
    click.option(
        "--from",
        "from_",
        metavar="FORMAT",
        help="The source's format, where its content does not tell.",
        shell_complete=names_of(FORMATS),
    ),
    click.option(
        "--to",
        default="index",
        show_default=True,
        metavar="LAYOUT",
        help=", ".join(LAYOUTS) + ".",
        shell_complete=names_of(LAYOUTS),
    ),
    click.option("--images", metavar="DIR", help="Where the pictures are; a folder or a URL."),
    click.option("--copy-images", is_flag=True, help="Copy the pictures beside the masks."),
    click.option(
        "--labels", metavar="FILE", help="Label map: labels.txt, labelmap.txt, id2label.json, labels.json."
    ),
    click.option(
        "--ids",
        type=click.Choice(["contiguous", "source"]),
        default="contiguous",
        show_default=True,
        help="Pixel values: 1…N in the label map's order, or the source's category ids.",
    ),
    click.option("--only", multiple=True, metavar="LABEL", help="Paint this label only; repeatable."),
    click.option(
        "--where", multiple=True, metavar="GLOB", help="Convert images with such names only; repeatable."
    ),
    click.option(
        "--shard",
        metavar="I/N",
        help="Convert one of N parts only, so that N processes or machines share the work.",
    ),
    click.option(
        "--overlap",
        type=click.Choice(list(OVERLAP_RULES)),
        default="last",
        show_default=True,
        help="Who owns a pixel that several labels claim.",
    ),
    click.option(
        "--priority",
        multiple=True,
        metavar="A,B,C",
        help="Labels, the first on top, for --overlap priority; repeat it for labels with commas.",
    ),
    click.option(
        "--max-conflict",
        type=click.FloatRange(0, 100),
        metavar="PERCENT",
        help="Exit 1 when more of the labeled pixels than this are claimed by several labels.",
    ),
    click.option(
        "--pixel-rule",
        type=click.Choice(list(PIXEL_RULES)),
        default="center",
        show_default=True,
        help="Which pixels belong to a polygon.",
    ),
    click.option(
        "--holes",
        type=click.Choice(HOLE_RULES),
        help="What several rings of an instance mean, if not as the format says.",
    ),
    click.option(
        "--crowd",
        type=click.Choice(CROWD_RULES),
        default="keep",
        show_default=True,
        help="What becomes of regions marked as a crowd.",
    ),
    click.option(
        "--border",
        type=click.IntRange(0),
        default=0,
        metavar="N",
        help="A void ring, N px wide on both sides of instance boundaries.",
    ),
    click.option("--instances", is_flag=True, help="Write instance ids too."),
    click.option(
        "--stuff",
        multiple=True,
        metavar="LABEL",
        help="This label has no instances of its own, in coco-panoptic masks; repeatable.",
    ),
    click.option("--size", type=Size(), help="Scale to this size, in pixels, before drawing."),
    click.option(
        "--split",
        default="train",
        show_default=True,
        metavar="NAME",
        help="The split that the images belong to.",
    ),
    click.option(
        "--label-attribute", metavar="NAME", help="The region attribute that tells the label, in VIA files."
    ),
    click.option(
        "--default-label", metavar="NAME", help="The label of regions that have none, in VIA and SA-1B files."
    ),
    click.option(
        "--annotator",
        metavar="NAME",
        help="Whose drawing is read where several people drew an image (BSDS).",
    ),
    click.option(
        "--split-ratio",
        metavar="A,B,C",
        help="Shares of train, val and test, e.g. 0.8,0.1,0.1, instead of --split.",
    ),
    click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Draws the splits."),
    click.option("--skip-invalid", is_flag=True, help="Leave malformed records out, and list them."),
    BOXES,
    *_LIMIT_FLAGS,
    click.option("--filter", metavar="FILE", help="A query (DQL, JSON) that chooses a dataset's items."),
    click.option(
        "--predictions",
        type=click.Choice(PREDICTIONS),
        default="skip",
        show_default=True,
        help="What becomes of a dataset's annotations that a model made.",
    ),
    click.option(
        "--min-confidence", type=click.FloatRange(0, 1), metavar="F", help="Leave out predictions below it."
    ),
    click.option("--creator", multiple=True, metavar="NAME", help="Take what they made only; repeatable."),
    click.option(
        "--status",
        multiple=True,
        metavar="STATUS",
        help="Take annotations of this QA status only: issue, review, approved, none or any; repeatable."
        "  [default: any; with --delete-source, all but issue]",
    ),
    click.option("--annotated-only", is_flag=True, help="Leave out items with nothing to paint."),
    click.option("--add-labels", is_flag=True, help="Add labels of masks to a recipe that lacks them."),
    click.option("--check-images", is_flag=True, help="Download every picture and compare its size."),
    click.option("--delete-source", is_flag=True, help="Delete the polygons that proven masks account for."),
    click.option(
        "--max-delete", type=click.IntRange(0), metavar="N", help="Delete no more polygons than this."
    ),
    click.option(
        "--journal",
        metavar="DIR",
        help="Where a dataset's journal and backup lie.  [default: the user's state folder]",
    ),
    click.option(
        "--workers",
        type=click.IntRange(1),
        metavar="N",
        help="Processes; calls at once, for datasets.  [default: the processors]",
    ),
    click.option(
        "--scheduler",
        metavar="ADDRESS",
        help="Work on the Dask cluster of the scheduler there, e.g. tcp://10.0.0.5:8786.",
    ),
    click.option(
        "--palette",
        type=click.Choice(list(PALETTES)),
        default="safe",
        show_default=True,
        help="Colors of overlays: color-blind safe, or the label map's own (VOC's, if it names none).",
    ),
    click.option("--overwrite", is_flag=True, help="Replace what is there and differs."),
    click.option("--dry-run", is_flag=True, help="Do everything but write."),
    click.option(
        "--preview", metavar="FILE", help="With --dry-run: an HTML page of what would change, item by item."
    ),
    click.option("--json", "as_json", is_flag=True, help="One JSON report on stdout."),
    click.option("--quiet", is_flag=True, help="No bar and no summary."),
]


def convert_flags(command: Command) -> Command:
    """Give a command all flags of a conversion."""
    return _with(_FLAGS, command)
