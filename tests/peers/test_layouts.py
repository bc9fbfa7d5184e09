"""What the scripts of a layout's own data set say of what is written."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from polymask import compare, convert
from polymask.labels.cityscapes import CITYSCAPES

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]
NAMES = [name for name, row in CITYSCAPES.items() if row.id > 0]


def street(folder: Path, seed: int) -> Path:
    """Six images of random rectangles of all labels; much stays unlabeled."""
    random, folder = np.random.default_rng(seed), folder / f"{seed}"
    folder.mkdir()
    for number in range(6):
        objects = []
        for _ in range(25):
            (x, y), (width, height) = random.integers(0, 50, 2), random.integers(4, 24, 2)
            corners = [[x, y], [x + width, y], [x + width, y + height], [x, y + height]]
            ring = [list(map(int, corner)) for corner in corners]
            objects.append({"label": NAMES[int(random.integers(len(NAMES)))], "polygon": ring})
        document = {"imgHeight": 60, "imgWidth": 70, "objects": objects}
        (folder / f"bonn_{number:06}_000019_gtFine_polygons.json").write_text(json.dumps(document))
    return folder


def test_compare_is_the_evaluation_of_cityscapes_scripts(tmp_path: Path) -> None:
    """IoU of each class, and the mean, of its own pixel-level evaluation."""
    from cityscapesscripts.evaluation import evalPixelLevelSemanticLabeling as Scorer
    from cityscapesscripts.helpers.labels import id2label

    for seed, name in ((1, "truth"), (2, "other")):
        convert(street(tmp_path, seed), tmp_path / name, to="cityscapes")
    pixels = [
        np.stack([np.array(Image.open(path)) for path in sorted((tmp_path / name).rglob("*_labelIds.png"))])
        for name in ("truth", "other")
    ]
    args = SimpleNamespace(evalLabels=[row for row in id2label if row >= 0], avgClassSize={})
    matrix = np.zeros((256, 256), np.ulonglong)
    np.add.at(matrix, tuple(pixels), 1)
    theirs = {id2label[row].name: Scorer.getIouScoreForLabel(row, matrix, args) for row in args.evalLabels}
    theirs = {name: score for name, score in theirs.items() if not np.isnan(score)}
    ours = compare(tmp_path / "truth", tmp_path / "other")
    assert dict(ours) == pytest.approx(theirs)
    assert ours.mean_iou == pytest.approx(Scorer.getScoreAverage(theirs, args))
