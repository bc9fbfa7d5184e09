"""Scorers: `compare` gives their numbers, to 1e-9. Each function is printed in the docs as it stands.

TRUTH is the sample with void borders, OTHER the same annotations by Pillow's rule, the first label on top.
"""

import contextlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from PIL import Image

from polymask import compare
from tests.consumers.light import id2label
from tests.consumers.mmsegmentation import prepared
from tests.consumers.scenes import Scenes

Score = Mapping[str, float]
NEAR = 1e-9
OTHER = {"pixel_rule": "pil", "overlap": "first", "border": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer:
    """A scorer of a layout, and what `compare` is asked to give the same."""

    name: str
    layout: str
    package: str
    score: Callable[[Path, Path], Score]
    options: Mapping[str, Any]
    converted: Mapping[str, Any]
    light: bool

    @property
    def version(self) -> str:
        """That of its package; empty where it is missing."""
        try:
            return version(self.package)
        except PackageNotFoundError:
            return ""


SCORERS: list[Scorer] = []


def scores(
    name: str,
    layout: str,
    package: str,
    *,
    light: bool = False,
    converted: Mapping[str, Any] | None = None,
    **options: Any,
) -> Callable[[Callable[[Path, Path], Score]], Callable[[Path, Path], Score]]:
    """Add a scorer; `converted` are options of both conversions, `options` those of `compare`."""

    def add(score: Callable[[Path, Path], Score]) -> Callable[[Path, Path], Score]:
        scorer = Scorer(
            name=name,
            layout=layout,
            package=package,
            score=score,
            options=options,
            converted=converted or {},
            light=light,
        )
        SCORERS.append(scorer)
        return score

    return add


def check_score(scorer: Scorer, scenes: Scenes) -> int:
    """The number of labels whose scores are equal; raises `AssertionError` where one is not."""
    sides = [scenes.side(scorer.layout, name, **scorer.converted, **rules) for name, rules in SIDES.items()]
    theirs = scorer.score(*sides)
    ours = compare(*sides, **scorer.options)
    assert theirs.keys() <= {*ours}, theirs.keys() - {*ours}
    assert len(theirs) > 2, theirs
    for label, score in theirs.items():
        assert abs(score - ours[label]) <= NEAR, f"{label}: {score} here, {ours[label]} by compare"
    assert min(theirs.values()) < 1
    return len(theirs)


SIDES: dict[str, dict[str, Any]] = {"truth": {}, "other": OTHER}


def pairs(truth: Path, other: Path, pattern: str) -> list[tuple[Path, Path]]:
    """The masks of TRUTH and those of OTHER."""
    return [(path, other / path.relative_to(truth)) for path in sorted(truth.glob(pattern))]


@scores("cityscapesScripts evalPixelLevelSemanticLabeling", "cityscapes", "cityscapesScripts", light=True)
def cityscapes_evaluation(truth: Path, other: Path) -> Score:
    from cityscapesscripts.evaluation import evalPixelLevelSemanticLabeling as Evaluation

    Evaluation.args.JSONOutput = False
    Evaluation.args.quiet = True
    files = pairs(truth, other, "gtFine/*/*/*_labelIds.png")
    with contextlib.redirect_stdout(io.StringIO()), patch.object(np, "in1d", np.isin, create=True):
        result = Evaluation.evaluateImgLists(  # in1d: numpy 2.4 has it no more
            [str(predicted) for _, predicted in files], [str(path) for path, _ in files], Evaluation.args
        )
    return {label: score for label, score in result["classScores"].items() if not np.isnan(score)}


@scores(
    "panopticapi, SQ of stuff",
    "coco-panoptic",
    "panopticapi-lite",
    light=True,
    converted={"stuff": ("sea", "boat", "sun", "tree", "house", "flock"), "where": ["meadow.png"]},
)
def panoptic_quality(truth: Path, other: Path) -> Score:
    """Of one image, where a label is one segment: the IoU of those that match, above one half."""
    import json

    from panopticapi.evaluation import pq_compute_single_core

    files = [path / "annotations/panoptic_train.json" for path in (truth, other)]
    documents = [json.loads(file.read_text()) for file in files]
    categories = {row["id"]: row for row in documents[0]["categories"]}
    rows = list(zip(*(document["annotations"] for document in documents), strict=True))
    with contextlib.redirect_stdout(io.StringIO()):
        folders = [str(file.with_suffix("")) for file in files]
        quality = pq_compute_single_core(0, rows, *folders, categories)
        _, by_label = quality.pq_average(categories, isthing=None)
    return {categories[number]["name"]: row["sq"] for number, row in by_label.items() if row["sq"]}


@scores("torchmetrics JaccardIndex", "index", "torchmetrics", with_background=True)
def torchmetrics_jaccard(truth: Path, other: Path) -> Score:
    import torch
    from torchmetrics import JaccardIndex

    names = id2label(truth)
    metric = JaccardIndex(
        task="multiclass", num_classes=len(names) - 1, ignore_index=255, average="none"
    ).set_dtype(torch.float64)
    for path, predicted in pairs(truth, other, "masks/*.png"):
        masks = [torch.from_numpy(np.array(Image.open(file)).astype(int)) for file in (predicted, path)]
        metric.update(*masks)
    matrix = metric.confmat.double()  # its own counts; its quotients are of 32 bits
    union = matrix.sum(0) + matrix.sum(1) - matrix.diag()
    assert torch.allclose(metric.compute().double(), matrix.diag() / union, atol=1e-6)
    return {names[value]: score for value, score in enumerate((matrix.diag() / union).tolist())}


@scores("mmsegmentation IoUMetric", "mmseg", "mmsegmentation", with_background=True)
def mmseg_iou(truth: Path, other: Path) -> Score:
    prepared()
    import torch
    from mmseg.evaluation import IoUMetric

    names = {value: name for value, name in id2label(truth).items() if value != 255}
    areas = []
    for path, predicted in pairs(truth, other, "ann_dir/*/*.png"):
        masks = [torch.from_numpy(np.array(Image.open(file)).astype(int)) for file in (predicted, path)]
        areas.append(IoUMetric.intersect_and_union(*masks, len(names), 255))
    totals = [sum(part).double() for part in zip(*areas, strict=True)]
    metrics = IoUMetric.total_area_to_metrics(*totals, metrics=["mIoU"])
    return dict(zip(names.values(), metrics["IoU"].tolist(), strict=True))


@scores("segmentation-models-pytorch iou_score", "index", "segmentation-models-pytorch", with_background=True)
def segmentation_models_iou(truth: Path, other: Path) -> Score:
    import torch
    from segmentation_models_pytorch.metrics import get_stats

    names = {value: name for value, name in id2label(truth).items() if value != 255}
    stats = []
    for path, predicted in pairs(truth, other, "masks/*.png"):
        masks = [torch.from_numpy(np.array(Image.open(file)).astype(int))[None] for file in (predicted, path)]
        masks[1][masks[1] == 255] = -1  # it takes no class's number for what is ignored
        stats.append(get_stats(*masks, mode="multiclass", num_classes=len(names), ignore_index=-1))
    hit, extra, missed, _ = (sum(part)[0].double() for part in zip(*stats, strict=True))
    return dict(zip(names.values(), (hit / (hit + extra + missed)).tolist(), strict=True))
