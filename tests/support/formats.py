"""What the tests of formats share: the small scene, drawn by hand, and ways to write files."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from polymask import LabelMap, index_mask
from polymask.formats import ReadOptions, open_annotations
from tests.support.oracles import drawn

FIXTURES = Path("fixtures")
SCENE = drawn(  # 1 boat, 2 sea, 3 sun
    "............",
    ".........33.",
    "..111111.33.",
    "..11..11....",
    "..11..11....",
    "221111112222",
    "222222222222",
    "222222222222",
)
LABELS = LabelMap.from_names(["boat", "sea", "sun"])


def masks(path: Path | str, labels: LabelMap | None = None, **options: Any) -> dict[str, np.ndarray]:
    """Index masks by image name; without a label map, of labels sorted by name."""
    annotations = open_annotations(path, options=ReadOptions(**options))
    labels = labels or LabelMap.from_names(sorted(annotations.used))
    return {record.name: index_mask(record, labels) for record in annotations}


def written(path: Path, document: Any) -> Path:
    """The path, at which the document (JSON, text or bytes) now lies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(document, bytes):
        path.write_bytes(document)
    else:
        path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path
