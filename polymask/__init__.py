"""Polygons in, one mask per label out.

>>> import polymask
>>> cat = polymask.Instance(1, "cat", polymask.Polygon([(1, 0), (3, 0), (3, 2), (1, 2)]))
>>> record = polymask.ImageRecord(1, "a.jpg", (2, 4), (cat,))
>>> polymask.index_mask(record, polymask.LabelMap.from_names(["cat"]))
array([[0, 1, 1, 0],
       [0, 1, 1, 0]], dtype=uint8)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from polymask._version import __version__

if TYPE_CHECKING:
    from polymask.analysis.check import check
    from polymask.analysis.compare import compare
    from polymask.analysis.stats import stats
    from polymask.api import convert, verify
    from polymask.codecs.png import decode_png, encode_png
    from polymask.errors import (
        BackendError,
        ConflictError,
        Denied,
        FormatError,
        GeometryError,
        InputError,
        LabelError,
        LimitError,
        Locked,
        NotFound,
        PolymaskError,
        ProofError,
        SourceChanged,
        Unavailable,
    )
    from polymask.formats.selection import read
    from polymask.labels.label_map import LabelMap
    from polymask.limits import Limits
    from polymask.model import (
        Conflict,
        Finding,
        ImageRecord,
        Instance,
        Label,
        LabelMask,
        Polygon,
        Proof,
        Runs,
        Spans,
    )
    from polymask.painting.painting import conflicts, index_mask, label_masks
    from polymask.raster import rasterize
    from polymask.results import Report
    from polymask.undo import remove_masks, restore

__all__ = [
    "BackendError",
    "Conflict",
    "ConflictError",
    "Denied",
    "Finding",
    "FormatError",
    "GeometryError",
    "ImageRecord",
    "InputError",
    "Instance",
    "Label",
    "LabelError",
    "LabelMap",
    "LabelMask",
    "LimitError",
    "Limits",
    "Locked",
    "NotFound",
    "Polygon",
    "PolymaskError",
    "Proof",
    "ProofError",
    "Report",
    "Runs",
    "SourceChanged",
    "Spans",
    "Unavailable",
    "__version__",
    "check",
    "compare",
    "conflicts",
    "convert",
    "decode_png",
    "encode_png",
    "index_mask",
    "label_masks",
    "rasterize",
    "read",
    "remove_masks",
    "restore",
    "stats",
    "verify",
]

_HOMES = {
    "analysis.check": ("check",),
    "analysis.compare": ("compare",),
    "analysis.stats": ("stats",),
    "errors": (
        "BackendError",
        "ConflictError",
        "Denied",
        "FormatError",
        "GeometryError",
        "InputError",
        "LabelError",
        "LimitError",
        "Locked",
        "NotFound",
        "PolymaskError",
        "ProofError",
        "SourceChanged",
        "Unavailable",
    ),
    "formats.selection": ("read",),
    "labels.label_map": ("LabelMap",),
    "limits": ("Limits",),
    "model": (
        "Conflict",
        "Finding",
        "ImageRecord",
        "Instance",
        "Label",
        "LabelMask",
        "Polygon",
        "Proof",
        "Runs",
        "Spans",
    ),
    "api": ("convert", "verify"),
    "codecs.png": ("decode_png", "encode_png"),
    "raster": ("rasterize",),
    "results": ("Report",),
    "undo": ("remove_masks", "restore"),
    "painting.painting": ("conflicts", "index_mask", "label_masks"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that importing the package is quick."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'polymask' has no attribute '{name}'")
    value = globals()[name] = getattr(import_module(f"polymask.{_HOME_OF[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
