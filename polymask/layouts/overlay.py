"""`overlay/<name>.png`: the mask over the picture, see-through, with outlines; only for viewing.

Without pictures the mask lies on gray. `contact-sheet-<n>.png` shows all images, small, by name.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polymask.codecs.pixels import upright
from polymask.codecs.png import decode_color, encode_color_strips
from polymask.errors import InputError
from polymask.labels.as_label_map import Labels, as_label_map
from polymask.labels.label_map import LabelMap
from polymask.labels.palettes import colored, label_colors
from polymask.layouts import Drawn, LayoutOptions
from polymask.layouts.common.contact_sheets import (
    SHEET,
    Pixels,
    ThumbnailBuilder,
    contact_sheet,
    thumbnail_png,
)
from polymask.layouts.common.facts import LayoutFacts
from polymask.layouts.common.read_back import Folder, MaskFolder, masks_below
from polymask.model import Frame, ImageRecord, IndexMask
from polymask.painting.painting import Painting, Rules
from polymask.provenance.digest import PixelDigest
from polymask.raster.painted import fill
from polymask.storage.disk import regular
from polymask.storage.image_names import stem
from polymask.storage.remote.urls import located
from polymask.validation import Color

if TYPE_CHECKING:
    from PIL import Image

IMAGES = "images"
INDEX = True
PICTURES = True  # the layout needs `options.picture`, the picture of the image
ALPHA = 0.55
GRAY = 110
STRIP_PIXELS = 1 << 17  # pixels that are blended at a time, about 70 bytes each

FACTS = LayoutFacts(
    title="Overlays",
    source="polymask's own",
    files=(
        ("overlay/<name>.png", "the mask over the picture, see-through, with outlines; RGB"),
        ("contact-sheet-<n>.png", "all images of the folder, small, by name"),
    ),
    values=(("pixels", "colors, of --palette safe (color-blind-safe) or voc; no label values"),),
    limits=(
        "For viewing: labels cannot be read back.",
        "Without --images the masks lie on gray.",
        "Pictures lie upright; of more than 8 bits the least value is black, the largest white.",
    ),
    read_back="Not as masks; `verify` proves that the pixels are still those that were written.",
)


def check(options: LayoutOptions) -> None:
    """Every label map has colors; raise `InputError` for an unknown palette."""
    label_colors(options.label_map, options.palette)


def paths(name: str, options: LayoutOptions) -> tuple[str, ...]:
    """The path of the overlay."""
    return (f"overlay/{stem(name)}.png",)


def draw(painting: Painting, options: LayoutOptions) -> Drawn:
    """The mask over the picture; the digest is of the overlay's pixels."""
    (path,) = paths(painting.record.name, options)
    data = options.picture() if options.picture else None
    backdrop = _Backdrop.of(data, painting.record.frame, painting.record.name)
    digest, thumbnail = PixelDigest(), ThumbnailBuilder(painting.record.frame)

    def strips() -> Iterator[Pixels]:
        for strip in _strips(painting, backdrop, label_colors(options.label_map, options.palette)):
            digest.update(strip)
            thumbnail.add(strip)
            yield strip

    png = encode_color_strips(strips(), painting.record.frame)
    return Drawn(
        name=painting.record.name,
        mask=path,
        pixels_sha256=digest.hexdigest(),
        files=((path, png),),
        row=thumbnail.png(),
    )


def overlay(
    record: ImageRecord,
    image: "str | Path | Image.Image | ArrayLike | None" = None,
    *,
    label_map: Labels | None = None,
) -> Pixels:
    """(height, width, 3) uint8: a record's mask over its picture, see-through, with outlines; to look at.

    `image` is a (height, width) or (height, width, 3 or 4) uint8 array, a picture of Pillow, or a file's
    path, whose EXIF orientation is heeded; it is scaled to the record's frame. Without one the mask lies on
    gray. Colors are those of `label_map` (a `LabelMap`, a label file, names, {name: value}), else such as
    the color-blind can tell apart. Raises `InputError` for what is no picture, `LabelError` for a label
    that is not in the map.

    Examples:
        >>> from polymask import ImageRecord, Instance, Polygon
        >>> cat = Instance(1, "cat", Polygon([(1, 0), (3, 0), (3, 2), (1, 2)]))
        >>> overlay(ImageRecord(1, "a.jpg", (2, 4), (cat,)), np.zeros((2, 4), np.uint8))[0, :, 0].tolist()
        [0, 230, 230, 0]
    """
    labels = LabelMap.from_records([record]) if label_map is None else as_label_map(label_map)
    painting = Painting(record, labels, Rules())
    colors = label_colors(labels, "safe" if label_map is None else "voc")
    strips = _strips(painting, _Backdrop(_picture(image, record), record.frame), colors)
    return np.concatenate(list(strips))


def _picture(image: Any, record: ImageRecord) -> "Image.Image | None":
    """What may be handed in as a record's picture, upright and as large as its frame."""
    from PIL import Image

    if image is None:
        return None
    if isinstance(image, str | Path):
        try:
            return upright(BytesIO(regular(located(image))), record.frame)
        except InputError as error:
            raise error.within(file=image) from None
    if not isinstance(image, Image.Image):
        pixels = np.asarray(image)
        if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or pixels.shape[2:] not in ((), (3,), (4,)):
            raise InputError(
                f"{record.name}: an array of shape {pixels.shape} and {pixels.dtype} is no picture",
                advice="make it uint8, (height, width) or (height, width, 3)",
            )
        image = Image.fromarray(pixels)
    picture: Image.Image = image.convert("RGB")
    size = record.frame[1], record.frame[0]
    return picture if picture.size == size else picture.resize(size)


def _strips(painting: Painting, backdrop: "_Backdrop", colors: dict[int, Color]) -> Iterator[Pixels]:
    """The overlay in strips of whole rows; outlines need a row above and below each strip."""
    height, width = painting.record.frame
    rows = max(1, STRIP_PIXELS // width)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        above, below = min(top, 1), min(height - bottom, 1)
        index, owners = _rows(painting, top - above, bottom + below)
        mixed = blended(backdrop.rows(top - above, bottom + below), index, owners, colors)
        yield mixed[above : above + bottom - top]


def _rows(painting: Painting, top: int, bottom: int) -> tuple[IndexMask, NDArray[np.int32]]:
    """The mask and its owners in the rows from `top` to `bottom`."""
    index = fill(painting.painted.within(top, bottom), painting.label_map.dtype)
    return index, painting.owners(top, bottom)


def blended(picture: Pixels, mask: IndexMask, owners: NDArray[np.int32], colors: dict[int, Color]) -> Pixels:
    """A (height, width, 3) uint8 picture with see-through colors on top, opaque along outlines.

    An outline is where two neighboring pixels have different instances on top, on the painted side.

    Examples:
        >>> flat = np.zeros((1, 3, 3), np.uint8)
        >>> mask = np.array([[0, 1, 1]], np.uint8)
        >>> blended(flat, mask, mask.astype(np.int32), {1: (200, 0, 0)})[..., 0].tolist()
        [[0, 200, 110]]
    """
    colors_of = colored(mask, colors)
    painted = np.isin(mask, list(colors))
    alpha = np.where(_edges(owners), 1.0, ALPHA)[..., None] * painted[..., None]
    mixed: Pixels = np.rint(picture * (1 - alpha) + colors_of * alpha).astype(np.uint8)
    return mixed


def _edges(owners: NDArray[np.int32]) -> NDArray[np.bool_]:
    edges = np.zeros(owners.shape, bool)
    across, down = owners[:, 1:] != owners[:, :-1], owners[1:] != owners[:-1]
    edges[:, 1:] |= across
    edges[:, :-1] |= across
    edges[1:] |= down
    edges[:-1] |= down
    return edges


class _Backdrop:
    """The rows of a picture at the mask's size; gray without a picture."""

    def __init__(self, picture: "Image.Image | None", frame: Frame) -> None:
        self.picture, self.frame = picture, frame

    @classmethod
    def of(cls, data: bytes | None, frame: Frame, name: str) -> "_Backdrop":
        """The picture in a file's bytes; raises `InputError` for what is none."""
        try:
            return cls(upright(BytesIO(data), frame) if data is not None else None, frame)
        except InputError as error:
            raise InputError(f"{name}: {error}", advice="leave --images out for gray") from None

    def rows(self, top: int, bottom: int) -> Pixels:
        """(bottom - top, width, 3) uint8."""
        width = self.frame[1]
        if self.picture is None:
            return np.full((bottom - top, width, 3), GRAY, np.uint8)
        return np.array(self.picture.crop((0, top, width, bottom)).convert("RGB"))


def overlays(folder: Folder) -> MaskFolder:
    """The stored overlays of a folder, to prove their pixels; masks cannot be read from them."""
    decode: Any = folder.colors
    return MaskFolder(layout="overlay", label_map=None, masks=masks_below(folder, "overlay"), decode=decode)


def stored_rows(drawn: Iterable[Drawn], read: Callable[[str], bytes | None]) -> Mapping[str, bytes]:
    """The thumbnails of stored overlays; empty for missing or damaged overlays."""
    return _Thumbnails({image.name: image.mask for image in drawn}, read)


class _Thumbnails(Mapping[str, bytes]):
    """Thumbnails by image name, each made on access."""

    def __init__(self, paths: Mapping[str, str], read: Callable[[str], bytes | None]) -> None:
        self.paths, self.read = paths, read

    def __getitem__(self, name: str) -> bytes:
        try:
            return thumbnail_png(decode_color(self.read(self.paths[name]) or b""))
        except InputError:
            return b""

    def __iter__(self) -> Iterator[str]:
        return iter(self.paths)

    def __len__(self) -> int:
        return len(self.paths)


def finish(drawn: Iterable[Drawn], options: LayoutOptions) -> Iterator[tuple[str, bytes]]:
    """The contact sheets, in order of name."""
    images = sorted((image for image in drawn if image.row), key=lambda image: image.name)
    per_sheet = SHEET
    for at in range(0, len(images), per_sheet):
        yield f"contact-sheet-{at // per_sheet + 1}.png", contact_sheet(images[at : at + per_sheet])
