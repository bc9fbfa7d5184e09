"""`overlay/<name>.png`: the mask over the picture, see-through, with outlines; only for viewing.

Without pictures the mask lies on gray. `contact-sheet-<n>.png` shows all images, small, by name.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polymask.codecs.pixels import upright
from polymask.codecs.png import decode_color, encode_color, encode_color_strips
from polymask.errors import InputError
from polymask.labels.palettes import colored, label_colors
from polymask.layouts import Drawn, LayoutOptions
from polymask.layouts.common.facts import LayoutFacts
from polymask.layouts.common.read_back import Folder, MaskFolder, masks_below
from polymask.model import Frame, IndexMask
from polymask.painting.painting import Painting
from polymask.provenance.digest import PixelDigest
from polymask.raster.painted import fill
from polymask.storage.image_names import stem
from polymask.validation import Color

IMAGES = "images"
INDEX = True
PICTURES = True  # the layout needs `options.picture`, the picture of the image
ALPHA = 0.55
GRAY = 110
THUMBNAIL = 160  # px, the longer side
COLUMNS, ROWS = 8, 12  # of a contact sheet
_CAPTION = 14
STRIP_PIXELS = 1 << 17  # pixels that are blended at a time, about 70 bytes each

Pixels = NDArray[np.uint8]

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
    backdrop = _Backdrop(data, painting.record.frame, painting.record.name)
    digest, thumbnail = PixelDigest(), _ThumbnailBuilder(painting.record.frame)

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

    def __init__(self, data: bytes | None, frame: Frame, name: str) -> None:
        self.frame = frame
        try:
            self.picture = upright(BytesIO(data), frame) if data is not None else None
        except InputError as error:
            raise InputError(f"{name}: {error}", advice="leave --images out for gray") from None

    def rows(self, top: int, bottom: int) -> Pixels:
        """(bottom - top, width, 3) uint8."""
        width = self.frame[1]
        if self.picture is None:
            return np.full((bottom - top, width, 3), GRAY, np.uint8)
        return np.array(self.picture.crop((0, top, width, bottom)).convert("RGB"))


class _ThumbnailBuilder:
    """Makes a thumbnail from strips: averages of blocks, then reduced further."""

    def __init__(self, frame: Frame) -> None:
        self.step = max(1, max(frame) // (4 * THUMBNAIL))
        self.blocks: list[Pixels] = []
        self.waiting = np.zeros((0, frame[1], 3), np.uint8)

    def add(self, strip: Pixels) -> None:
        """Add the next rows; rows that do not fill a block wait for more."""
        rows = np.concatenate([self.waiting, strip])
        whole = len(rows) // self.step * self.step
        self.waiting = rows[whole:].copy()
        if whole:
            self.blocks.append(self._reduced(rows[:whole]))

    def _reduced(self, rows: Pixels) -> Pixels:
        from PIL import Image

        return np.array(Image.fromarray(rows).reduce(self.step))

    def png(self) -> bytes:
        """The thumbnail of all rows."""
        remainder = [self._reduced(self.waiting)] if len(self.waiting) else []
        return _thumbnail(np.concatenate([*self.blocks, *remainder]))


def overlays(folder: Folder) -> MaskFolder:
    """The stored overlays of a folder, to prove their pixels; masks cannot be read from them."""
    decode: Any = folder.colors
    return MaskFolder(layout="overlay", label_map=None, masks=masks_below(folder, "overlay"), decode=decode)


def _thumbnail(pixels: Pixels) -> bytes:
    from PIL import Image

    thumbnail = Image.fromarray(pixels)
    thumbnail.thumbnail((THUMBNAIL, THUMBNAIL))
    return encode_color(np.array(thumbnail))


def stored_rows(drawn: Iterable[Drawn], read: Callable[[str], bytes | None]) -> Mapping[str, bytes]:
    """The thumbnails of stored overlays; empty for missing or damaged overlays."""
    return _Thumbnails({image.name: image.mask for image in drawn}, read)


class _Thumbnails(Mapping[str, bytes]):
    """Thumbnails by image name, each made on access."""

    def __init__(self, paths: Mapping[str, str], read: Callable[[str], bytes | None]) -> None:
        self.paths, self.read = paths, read

    def __getitem__(self, name: str) -> bytes:
        try:
            return _thumbnail(decode_color(self.read(self.paths[name]) or b""))
        except InputError:
            return b""

    def __iter__(self) -> Iterator[str]:
        return iter(self.paths)

    def __len__(self) -> int:
        return len(self.paths)


def finish(drawn: Iterable[Drawn], options: LayoutOptions) -> Iterator[tuple[str, bytes]]:
    """The contact sheets, in order of name."""
    images = sorted((image for image in drawn if image.row), key=lambda image: image.name)
    per_sheet = COLUMNS * ROWS
    for at in range(0, len(images), per_sheet):
        yield f"contact-sheet-{at // per_sheet + 1}.png", contact_sheet(images[at : at + per_sheet])


def contact_sheet(drawn: Sequence[Drawn]) -> bytes:
    """A contact sheet as PNG bytes: thumbnails in rows, each above its name."""
    from PIL import Image, ImageDraw, ImageFont

    columns = min(COLUMNS, len(drawn))
    cell = THUMBNAIL + 8
    sheet = Image.new("RGB", (columns * cell, -(-len(drawn) // columns) * (cell + _CAPTION)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for number, image in enumerate(drawn):
        x, y = number % columns * cell, number // columns * (cell + _CAPTION)
        with Image.open(BytesIO(image.row), formats=("PNG",)) as small:
            sheet.paste(small, (x + (cell - small.width) // 2, y + (cell - small.height) // 2))
        name = image.name if len(image.name) <= 26 else f"…{image.name[-25:]}"
        pen.text((x + 4, y + cell), name, fill="black", font=font)
    return encode_color(np.array(sheet))
