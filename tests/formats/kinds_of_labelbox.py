"""Every kind of annotation that Labelbox's dialects know, and what becomes of it."""

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import numpy as np

from polymask import encode_png
from tests.formats.scenes import XY, H, Images, Scene, W, name, outcomes, picture
from tests.support.formats import written

LABELBOX: dict[str, Any] = {
    "polygon": {"annotation_kind": "ImagePolygon", "polygon": XY},
    "box": {
        "annotation_kind": "ImageBoundingBox",
        "bounding_box": {"top": 1, "left": 1, "height": 4, "width": 4},
    },
    "mask": {"annotation_kind": "ImageSegmentationMask", "mask": {"url": "https://x/1"}},
    "mask at hand": {"annotation_kind": "ImageSegmentationMask", "mask": {"url": "https://x/7/mask?token=1"}},
    "geographic": {"annotation_kind": "GeoPolygon", "geojson": {"type": "Polygon", "coordinates": []}},
    "line": {"annotation_kind": "ImageLine", "line": XY},
    "point": {"annotation_kind": "ImagePoint", "point": XY[0]},
    "no name": {"annotation_kind": "ImagePolygon", "polygon": XY, "name": ""},
}


def mask_at_hand(path: Path) -> None:
    """The picture of a mask, called by the last parts of its address."""
    written(path / "masks/7/mask.png", encode_png(np.eye(H, W, dtype=np.uint8)))


def labelbox(path: Path, images: Images) -> Path:
    mask_at_hand(path)
    rows = []
    for image, kinds in enumerate(images):
        objects = [{"name": "cat"} | LABELBOX[kind] for kind in kinds if kind in LABELBOX]
        count = list(kinds).count
        annotations = {
            "objects": objects,
            "classifications": [{"name": "weather"}] * count("classification"),
            "relationships": [{"name": "on"}] * count("relationship"),
            "frames": {
                str(at): {"objects": {"k1": {"name": "cat"}}, "classifications": []}
                for at in range(count("frame"))
            },
        }
        row = {
            "data_row": {"id": f"r{image}", "external_id": name(image)},
            "media_attributes": {"height": H, "width": W},
            "projects": {"p": {"labels": [{"annotations": annotations}]}},
        }
        rows.append(json.dumps(row))
    return written(path / "a.ndjson", "\n".join(rows) + "\n")


LABELBOX_1: dict[str, Any] = {
    "polygon": {"polygon": XY, "instanceURI": "https://x/1"},
    "box": {"bbox": {"top": 1, "left": 1, "height": 4, "width": 4}, "instanceURI": "https://x/1"},
    "mask": {"instanceURI": "https://x/masks/feature/1"},
    "mask at hand": {"instanceURI": "https://x/7/mask?token=1"},
    "line": {"line": XY, "instanceURI": "https://x/7/mask"},
    "point": {"point": XY[0]},
    "no name": {"polygon": XY, "title": ""},
}


def labelbox_1(path: Path, images: Images) -> Path:
    """A row for every annotation, as if each were another person's."""
    mask_at_hand(path)
    rows = []
    for image, kinds in enumerate(images):
        for kind in (*kinds, ""):
            objects = [{"title": "cat"} | LABELBOX_1[kind]] if kind in LABELBOX_1 else []
            label: dict[str, Any] = {
                "objects": objects,
                "classifications": [{"title": "x"}] * (kind == "classification"),
            }
            if kind == "video":
                label = {"frames": "https://x/frames.ndjson"}
            size = {"Media Attributes": {"height": H, "width": W}}
            head = {"DataRow ID": f"r{image}", "External ID": name(image), "Labeled Data": "https://x/y.png"}
            rows.append(head | size | {"Label": label})
    return written(path / "a.json", rows)


LABELBOX_0: dict[str, Any] = {
    "ring": {"geometry": XY},
    "bare ring": XY,
    "text": {"geometry": "POLYGON ((1 1, 2 1, 2 2, 1 1))"},
    "words": "sunny",
    "two points": {"geometry": XY[:2]},
}


def labelbox_0(path: Path, images: Images) -> Path:
    rows = []
    for image, kinds in enumerate(images):
        picture(path / "pictures" / name(image))
        head = {"ID": f"k{image}", "Labeled Data": f"https://x/{name(image)}"}
        rows.append(head | {"Label": {"cat": [LABELBOX_0[kind] for kind in kinds]}})
    return written(path / "a.json", rows)


LABELBOX_IMPORT: dict[str, Any] = {
    "polygon": {"polygon": XY},
    "box": {"bbox": {"top": 1, "left": 1, "height": 4, "width": 4}},
    "mask": {"mask": {"instanceURI": "https://x/1", "colorRGB": [1, 1, 1]}},
    "mask at hand": {"mask": {"instanceURI": "https://x/7/mask"}},
    "mask inside": {"mask": {"png": b64encode(encode_png(np.eye(H, W, dtype=np.uint8))).decode()}},
    "line": {"line": XY},
    "point": {"point": XY[0]},
    "no name": {"polygon": XY, "name": ""},
    "schema only": {"polygon": XY, "name": "", "schemaId": "ck1"},
    "classification": {"answer": {"name": "sunny"}},
    "video": {"segments": [{"keyframes": []}]},
}


def labelbox_import(path: Path, images: Images) -> Path:
    """A line an annotation; an image without any is not in the file, so each has one more."""
    mask_at_hand(path)
    for image in range(len(images)):
        picture(path / "pictures" / name(image))
    lines = [
        {"dataRow": {"globalKey": name(image)}, "name": "cat"} | LABELBOX_IMPORT[kind]
        for image, kinds in enumerate(images)
        for kind in ("polygon", *kinds)
    ]
    return written(path / "a.ndjson", "".join(json.dumps(line) + "\n" for line in lines))


LABELBOX_SCENES = {
    "labelbox": Scene(
        "labelbox",
        outcomes(
            LABELBOX, box=("box", "painted"), mask="linked", line="unsupported", point="unsupported",
            geographic="unsupported", no_name="invalid", classification="tag", relationship="tag",
            frame="unsupported",
        ),
        labelbox,
        {"masks": "masks"},
    ),
    "labelbox v1": Scene(
        "labelbox",
        outcomes(
            LABELBOX_1, box=("box", "painted"), mask="linked", line="unsupported", point="unsupported",
            no_name="invalid", classification="tag", video="unsupported",
        ),
        labelbox_1,
        {"masks": "masks"},
    ),
    "labelbox by class": Scene(
        "labelbox",
        outcomes(LABELBOX_0, text="unsupported", words="tag", two_points="invalid"),
        labelbox_0,
        {"images": "pictures"},
    ),
    "labelbox import": Scene(
        "labelbox",
        outcomes(
            LABELBOX_IMPORT, box=("box", "painted"), mask="linked", line="unsupported", point="unsupported",
            no_name="invalid", schema_only="invalid", classification="tag", video="unsupported",
        ),
        labelbox_import,
        {"images": "pictures", "masks": "masks"},
        besides="painted",
    ),
}  # fmt: skip
