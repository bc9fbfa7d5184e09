"""Pictures for a report: found by name, and made small enough for one file."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cached_property
from io import BytesIO
from pathlib import Path

from PIL import Image

from polymask.codecs.pictures import SUFFIXES
from polymask.codecs.pixels import reduced
from polymask.errors import InputError
from polymask.formats import Annotations
from polymask.layouts import stem
from polymask.model import Frame
from polymask.storage.urls import Location, in_order, name_below

# (longest side, JPEG quality), from what a big screen shows to a postage stamp
SIZES = (
    (1600, 92),
    (1600, 80),
    (1280, 75),
    (1024, 75),
    (800, 70),
    (640, 65),
    (480, 60),
    (320, 50),
    (192, 45),
)
_BESIDE = (".", "images", "JPEGImages")  # where pictures lie beside annotations and masks


class Pictures:
    """The pictures of a source: its own, those below `images`, or those that lie beside `paths`."""

    def __init__(
        self, images: Location | None, paths: Iterable[Location], annotations: Annotations | None
    ) -> None:
        self.images, self.annotations = images, annotations
        here = [path for path in paths if isinstance(path, Path) or path.listing]  # a bucket is not searched
        self.roots = [path if path.is_dir() else path.parent for path in here]

    def read(self, name: str, index: int | None) -> bytes | None:
        """The bytes of a picture, or None where there is none."""
        own = self.annotations.picture if self.annotations else None
        if own is not None and index is not None and self.images is None:
            try:
                return own(index)
            except (OSError, ValueError):  # a report without the picture is better than none
                return None
        path = self._below.get(stem(name)) or self._below.get(Path(stem(name)).name) or self._beside(name)
        return path.read_bytes() if path else None

    @cached_property
    def _below(self) -> dict[str, Location]:
        """Those below `images`, by name without suffix, and by its last part."""
        root = self.images
        if root is None:
            return {}
        found = [path for path in in_order(root.rglob("*")) if path.suffix.lower() in SUFFIXES]
        by_last = {path.stem: path for path in reversed(found)}
        return by_last | {stem(name_below(path, root)): path for path in found}

    def _beside(self, name: str) -> Location | None:
        if self.images is not None:
            return None
        suffixes = [""] if Path(name).suffix.lower() in SUFFIXES else SUFFIXES
        tried = (
            root / folder / f"{name}{end}" for root in self.roots for folder in _BESIDE for end in suffixes
        )
        return next((path for path in tried if path.is_file()), None)


def small_jpeg(data: bytes, frame: Frame, size: tuple[int, int]) -> bytes:
    """A picture as it is annotated, at most `size[0]` px long, as JPEG; `InputError` for what is none."""
    return _jpeg(reduced(BytesIO(data), frame, size[0]), size)


def _jpeg(picture: Image.Image, size: tuple[int, int]) -> bytes:
    (side, quality), out = size, BytesIO()
    shown = picture.copy()
    shown.thumbnail((side, side), Image.Resampling.LANCZOS)
    shown.save(out, "JPEG", quality=quality, subsampling=0 if quality > 90 else 2)
    return out.getvalue()


def best_size(examples: Sequence[tuple[bytes, Frame]], count: int, budget: int) -> tuple[int, int] | None:
    """The largest of `SIZES` at which `count` pictures like the examples fit; None where none does."""
    shown = []
    for data, frame in examples:
        with suppress(InputError):  # told when its turn comes
            shown.append(reduced(BytesIO(data), frame, SIZES[0][0]))
    for size in SIZES:
        made = [len(_jpeg(picture, size)) for picture in shown]
        if made and sum(made) / len(made) * count * 4 / 3 <= budget:
            return size
    return None
