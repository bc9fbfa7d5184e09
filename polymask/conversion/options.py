"""The options of a conversion: the flags of `polymask convert`, as one value."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polymask.flag import option, split_priority
from polymask.formats.options import ReadingOptions
from polymask.labels.palettes import PALETTES
from polymask.layouts import LAYOUTS, PICTURE_FORMATS
from polymask.limits import Limits
from polymask.model import Frame
from polymask.painting.painting import CROWD_RULES, HOLE_RULES, OVERLAP_RULES, Rules
from polymask.painting.tiles import Tiling
from polymask.parallel.shards import Shard
from polymask.raster import PIXEL_RULES
from polymask.raster.resize import scaled_frame
from polymask.validation import require_pattern


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ConvertOptions(ReadingOptions):
    """The flags of `polymask convert`, with underscores; `from_` is `--from`.

    They include `ReadingOptions`. `size` and `tile` are (height, width) in pixels. `only` and `where` choose
    labels and images, `creator` and `status` the annotations of a dataset; a single text is a list of one.
    `priority` is a text with commas, or a list of labels. `shard` is a part of the run, such as "2/4".
    Whole numbers may be numpy's.

    Raises:
        InputError: A value is of the wrong type or out of range.

    Examples:
        >>> ConvertOptions(only="sea", size=[60, 80], priority="sea, boat").priority
        ('sea', 'boat')
    """

    check_images: bool = option(
        "Download every picture of a dataset and compare its size.",
        "read",
        default=False,
        kind="switch",
        dest="dataset",
    )
    pixel_rule: str = option(
        "Which pixels belong to a polygon.",
        "painted",
        default="center",
        choices=tuple(PIXEL_RULES),
        dest="both",
    )
    overlap: str = option(
        "Which label gets a pixel that several labels claim.",
        "painted",
        default="last",
        choices=tuple(OVERLAP_RULES),
        index_only=True,
    )
    priority: Sequence[str] = option(
        "Labels, the first on top, for --overlap priority; repeat it for labels with commas.",
        "painted",
        default=(),
        metavar="A,B,C",
        repeatable=True,
        index_only=True,
    )
    holes: str | None = option(
        "What several rings of an instance mean, if not as the format says.",
        "painted",
        default=None,
        choices=HOLE_RULES,
    )
    crowd: str = option(
        "What becomes of regions marked as a crowd.",
        "painted",
        default="keep",
        choices=CROWD_RULES,
        index_only=True,
        harmless=("skip",),
    )
    border: int = option(
        "A void band, N px wide on both sides of instance boundaries.",
        "painted",
        default=0,
        kind="whole",
        least=0,
        metavar="N",
        index_only=True,
    )
    size: Frame | None = option(
        "Scale to this size, in pixels, before drawing.", "painted", default=None, kind="frame", metavar="WxH"
    )
    scale: float | None = option(
        "Scale by this factor before drawing; copied pictures too.",
        "painted",
        default=None,
        kind="number",
        metavar="F",
    )
    tile: Frame | None = option(
        "Cut masks, and copied pictures, into tiles of this size, in pixels.",
        "painted",
        default=None,
        kind="frame",
        metavar="WxH",
    )
    tile_overlap: int = option(
        "Pixels that tiles share with their neighbors, at least.",
        "painted",
        default=0,
        kind="whole",
        least=0,
        metavar="N",
    )
    ids: str = option(
        "Pixel values: 1…N in the label map's order, or the source's category ids.",
        "painted",
        default="contiguous",
        choices=("contiguous", "source"),
    )
    instances: bool = option(
        "Write instance ids too.", "painted", default=False, kind="switch", index_only=True
    )
    stuff: Sequence[str] = option(
        "This label has no instances of its own, in coco-panoptic masks; repeatable.",
        "painted",
        default=(),
        metavar="LABEL",
        repeatable=True,
    )
    void_as: str | None = option(
        "What void becomes in nnunet masks, which have no value for it.",
        "painted",
        default=None,
        choices=("ignore", "background"),
    )
    palette: str = option(
        "Colors of overlays: color-blind safe, or the label map's own (VOC's, if it names none).",
        "painted",
        default="safe",
        choices=tuple(PALETTES),
    )
    to: str = option(
        ", ".join(LAYOUTS) + ".", "dest", default="index", metavar="LAYOUT", completions=LAYOUTS, dest="both"
    )
    copy_images: bool = option("Copy the pictures beside the masks.", "dest", default=False, kind="switch")
    picture_format: str | None = option(
        "Store copied pictures as JPEG or PNG, for loaders that want one of them; else as they are.",
        "dest",
        default=None,
        choices=PICTURE_FORMATS,
    )
    split: str | None = option(
        "The split that the images go to.", "dest", default=None, metavar="NAME", unset="train"
    )
    split_ratio: str | Sequence[float] | None = option(
        "Shares of train, val and test, e.g. 0.8,0.1,0.1, instead of --split.",
        "dest",
        default=None,
        metavar="A,B,C",
    )
    split_by: str | None = option(
        "Keep images in one split if it matches the same text or first group of their names: '^(p[0-9]+)_'.",
        "dest",
        default=None,
        metavar="REGEX",
    )
    seed: int = option("Another number draws other splits.", "dest", default=0, kind="whole", metavar="N")
    add_labels: bool = option(
        "Add labels of masks to a dataset's recipe (its list of labels) if it lacks them.",
        "dest",
        default=False,
        kind="switch",
        dest="dataset",
    )
    overwrite: bool = option(
        "Replace what is there and differs.", "safety", default=False, kind="switch", dest="both"
    )
    update: bool = option(
        "Paint changed annotations anew, unless somebody edited their mask; of a dataset, read only changes.",
        "safety",
        default=False,
        kind="switch",
        dest="both",
    )
    prune: bool = option(
        "Remove masks of images that are gone from SOURCE; those that somebody edited stay, and are listed.",
        "safety",
        default=False,
        kind="switch",
    )
    dry_run: bool = option("Do everything but write.", "safety", default=False, kind="switch", dest="both")
    delete_source: bool = option(
        "Delete polygons that stored, proven masks hold.", "safety", default=False, kind="switch", dest="both"
    )
    max_delete: int | None = option(
        "Delete no more polygons than this.",
        "safety",
        default=None,
        kind="whole",
        least=0,
        metavar="N",
        dest="both",
    )
    journal: str | Path | None = option(
        "Where a dataset's journal and backup lie.",
        "safety",
        default=None,
        metavar="DIR",
        unset="the user's state folder",
        dest="dataset",
    )
    max_conflict: float | None = option(
        "Exit 1 if several labels claim more than this share of the labeled pixels.",
        "safety",
        default=None,
        kind="number",
        least=0,
        most=100,
        metavar="PERCENT",
    )
    workers: int = option(
        "Number of processes; for datasets, of simultaneous calls.",
        "scale",
        default=1,
        kind="whole",
        least=1,
        metavar="N",
        unset="the processors",
        dest="both",
    )
    shard: Shard | str | None = option(
        "Convert one of N parts only, so that N processes or machines share the work.",
        "scale",
        default=None,
        metavar="I/N",
        dest="both",
    )
    scheduler: str | None = option(
        "Work on the Dask cluster of the scheduler there, e.g. tcp://10.0.0.5:8786.",
        "scale",
        default=None,
        metavar="ADDRESS",
    )

    def __post_init__(self) -> None:
        ReadingOptions.__post_init__(self)  # `super()` fails in classes with slots
        object.__setattr__(self, "priority", split_priority(self.priority))
        if self.shard is not None:
            object.__setattr__(self, "shard", Shard.parse(self.shard))
        if not isinstance(self.split_ratio, str | None):
            object.__setattr__(self, "split_ratio", tuple(float(share) for share in self.split_ratio))
        if self.split_by is not None:
            require_pattern("--split-by", self.split_by)

    @property
    def tiling(self) -> Tiling | None:
        """How the images are cut into tiles; None for whole images."""
        return Tiling(self.tile, self.tile_overlap) if self.tile else None

    @property
    def is_reshaped(self) -> bool:
        """Whether copies of pictures are stored anew, because they are cut or scaled."""
        return self.tile is not None or self.scale is not None

    def frame_of_mask(self, frame: Frame) -> Frame:
        """The (height, width) of the mask of an image with a (height, width) frame, before it is cut."""
        return self.size or (scaled_frame(frame, self.scale) if self.scale else frame)

    @property
    def part(self) -> Shard | None:
        """The part of the images to convert, or None for all images."""
        return Shard.parse(self.shard) if self.shard is not None else None

    def rules(self) -> Rules:
        """The options that decide which pixels are painted."""
        return Rules(
            pixel_rule=self.pixel_rule,
            overlap=self.overlap,
            priority=tuple(self.priority),
            crowd=self.crowd,
            border=self.border,
            holes=self.holes,
        )


def chosen_options(options: Any, *, limits: Limits | None = None) -> ConvertOptions:
    """Options by name; `limits` are the limits that the options do not name.

    Raises:
        InputError: An option does not exist; the message suggests the most similar option.

    Examples:
        >>> chosen_options({"overlaps": "first"})
        Traceback (most recent call last):
        polymask.errors.InputError: no option 'overlaps'; did you mean 'overlap'? There are: ...
    """
    return ConvertOptions.of(options, limits=limits)
