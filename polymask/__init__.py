"""Polygon annotations in, semantic masks out.

>>> import polymask
>>> cat = polymask.Instance(1, "cat", polymask.Polygon([(1, 0), (3, 0), (3, 2), (1, 2)]))
>>> record = polymask.ImageRecord(1, "a.jpg", (2, 4), (cat,))
>>> polymask.index_mask(record, ["cat"])
array([[0, 1, 1, 0],
       [0, 1, 1, 0]], dtype=uint8)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from polymask._version import __version__

if TYPE_CHECKING:
    from polymask import dataloop, training
    from polymask.analysis.check import check
    from polymask.analysis.compare import Comparison, compare
    from polymask.analysis.findings import Findings
    from polymask.analysis.stats import Statistics, stats
    from polymask.api import convert
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
    from polymask.in_place.protocols import Proof
    from polymask.labels.label_map import LabelMap
    from polymask.layouts.overlay import overlay
    from polymask.limits import Limits
    from polymask.model import Conflict, Finding, ImageRecord, Instance, Label, Polygon, Runs, Spans
    from polymask.option_types import ConvertOptions
    from polymask.painting.masks import LabelMask, conflicts, index_mask, label_masks
    from polymask.painting.rules import Rules
    from polymask.parallel.progress import ProgressBar
    from polymask.proving import verify
    from polymask.raster import rasterize
    from polymask.report.html import preview
    from polymask.results import Report
    from polymask.undo import remove_masks, restore

__all__ = [
    "BackendError",
    "Comparison",
    "Conflict",
    "ConflictError",
    "ConvertOptions",
    "Denied",
    "Finding",
    "Findings",
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
    "ProgressBar",
    "Proof",
    "ProofError",
    "Report",
    "Rules",
    "Runs",
    "SourceChanged",
    "Spans",
    "Statistics",
    "Unavailable",
    "__version__",
    "check",
    "compare",
    "conflicts",
    "convert",
    "dataloop",
    "decode_png",
    "encode_png",
    "index_mask",
    "label_masks",
    "overlay",
    "preview",
    "rasterize",
    "read",
    "remove_masks",
    "restore",
    "stats",
    "training",
    "verify",
]

_HOMES = {
    "analysis.check": ("check",),
    "analysis.compare": ("Comparison", "compare"),
    "analysis.findings": ("Findings",),
    "analysis.stats": ("Statistics", "stats"),
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
        "Polygon",
        "Runs",
        "Spans",
    ),
    "api": ("convert",),
    "codecs.png": ("decode_png", "encode_png"),
    "in_place.protocols": ("Proof",),
    "layouts.overlay": ("overlay",),
    "option_types": ("ConvertOptions",),
    "painting.masks": ("LabelMask", "conflicts", "index_mask", "label_masks"),
    "painting.rules": ("Rules",),
    "parallel.progress": ("ProgressBar",),
    "proving": ("verify",),
    "raster": ("rasterize",),
    "report.html": ("preview",),
    "results": ("Report",),
    "undo": ("remove_masks", "restore"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
_ROOMS = ("dataloop", "training")


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that importing the package is quick."""
    if name in _ROOMS:
        return import_module(f"polymask.{name}")
    if name not in _HOME_OF:
        raise AttributeError(f"module 'polymask' has no attribute '{name}'")
    value = globals()[name] = getattr(import_module(f"polymask.{_HOME_OF[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
