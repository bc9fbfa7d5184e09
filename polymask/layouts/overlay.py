"""`overlay/<name>.png`: the mask over the picture, see-through, with outlines; for people, not for readers.

Without pictures it lies on gray. `contact-sheet-<n>.png` shows all images, small, by name.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polymask.colors import colored, label_colors
from polymask.digest import pixels_sha256
from polymask.errors import InputError
from polymask.formats.pictures import opened_picture
from polymask.layouts import Drawn, LayoutOptions, stem
from polymask.layouts.facts import Facts
from polymask.layouts.reading import Folder, MaskFolder, masks_below
from polymask.model import Frame, IndexMask
from polymask.png import decode_color, encode_color
from polymask.semantic import Painting

IMAGES = "images"
INDEX = True
PICTURES = True  # `options.picture` gives an image's own
ALPHA = 0.55
GRAY = 110
THUMBNAIL = 160  # px, the longer side
COLUMNS, ROWS = 8, 12  # of a contact sheet
_CAPTION = 14

Pixels = NDArray[np.uint8]

FACTS = Facts(
    title="Overlays",
    source="polymask's own",
    files=(
        ("overlay/<name>.png", "the mask over the picture, see-through, with outlines; RGB"),
        ("contact-sheet-<n>.png", "all images of the folder, small, by name"),
    ),
    values=(("pixels", "colors, of --palette safe (color-blind-safe) or voc; no label values"),),
    limits=("For people: nothing reads labels out of it.", "Without --images the masks lie on gray."),
    read_back="Not as masks; `verify` proves that the pixels are still those that were written.",
)


def check(options: LayoutOptions) -> None:
    """Every label map has colors; raise `InputError` for an unknown palette."""
    label_colors(options.label_map, options.palette)


def paths(name: str, options: LayoutOptions) -> tuple[str, ...]:
    """The picture with its mask."""
    return (f"overlay/{stem(name)}.png",)


def draw(painting: Painting, options: LayoutOptions) -> Drawn:
    """The mask over the picture; the digest is that of the overlay's pixels."""
    (path,) = paths(painting.record.name, options)
    data = options.picture() if options.picture else None
    below = _picture(data, painting.record.frame, painting.record.name)
    pixels = blended(below, painting.index, painting.owners, label_colors(options.label_map, options.palette))
    return Drawn(
        name=painting.record.name,
        mask=path,
        pixels_sha256=pixels_sha256(pixels),
        files=((path, encode_color(pixels)),),
        row=_thumbnail(pixels),
    )


def blended(
    below: Pixels, mask: IndexMask, owners: NDArray[np.int32], colors: dict[int, tuple[int, int, int]]
) -> Pixels:
    """(height, width, 3) uint8: colors over a picture where the mask has any, pure along outlines.

    An outline is where another instance, or none, is on top one pixel to the right or below, on the
    side of what is painted.

    >>> flat = np.zeros((1, 3, 3), np.uint8)
    >>> mask = np.array([[0, 1, 1]], np.uint8)
    >>> blended(flat, mask, mask.astype(np.int32), {1: (200, 0, 0)})[..., 0].tolist()
    [[0, 200, 110]]
    """
    colors_of = colored(mask, colors)
    painted = np.isin(mask, list(colors))
    alpha = np.where(_edges(owners), 1.0, ALPHA)[..., None] * painted[..., None]
    mixed: Pixels = np.rint(below * (1 - alpha) + colors_of * alpha).astype(np.uint8)
    return mixed


def _edges(owners: NDArray[np.int32]) -> NDArray[np.bool_]:
    edges = np.zeros(owners.shape, bool)
    across, down = owners[:, 1:] != owners[:, :-1], owners[1:] != owners[:-1]
    edges[:, 1:] |= across
    edges[:, :-1] |= across
    edges[1:] |= down
    edges[:-1] |= down
    return edges


def _picture(data: bytes | None, frame: Frame, name: str) -> Pixels:
    """The picture's pixels at the mask's size; gray where there is none."""
    from PIL import ImageOps

    height, width = frame
    if data is None:
        return np.full((height, width, 3), GRAY, np.uint8)
    try:
        with opened_picture(BytesIO(data)) as opened:
            fits = (opened.width > opened.height) == (width > height)
            shown = (opened if fits else ImageOps.exif_transpose(opened)).convert("RGB")
    except InputError as error:
        raise InputError(f"{name}: {error}; leave --images out for gray") from None
    return np.array(shown if shown.size == (width, height) else shown.resize((width, height)))


def overlays(folder: Folder) -> MaskFolder:
    """The overlays of a folder as they are stored, to be proven; no masks, which nobody could tell."""
    decode: Any = folder.colors
    return MaskFolder(layout="overlay", label_map=None, masks=masks_below(folder, "overlay"), decode=decode)


def _thumbnail(pixels: Pixels) -> bytes:
    from PIL import Image

    small = Image.fromarray(pixels)
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    return encode_color(np.array(small))


def stored_rows(drawn: Iterable[Drawn], read: Callable[[str], bytes | None]) -> Mapping[str, bytes]:
    """Thumbnails of overlays that are there already; none of those that are gone or damaged."""
    return _Thumbnails({image.name: image.mask for image in drawn}, read)


class _Thumbnails(Mapping[str, bytes]):
    """Thumbnails by image name, each made when it is asked for."""

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
    done = sorted((one for one in drawn if one.row), key=lambda one: one.name)
    a_sheet = COLUMNS * ROWS
    for at in range(0, len(done), a_sheet):
        yield f"contact-sheet-{at // a_sheet + 1}.png", contact_sheet(done[at : at + a_sheet])


def contact_sheet(drawn: Sequence[Drawn]) -> bytes:
    """PNG bytes: the thumbnails in rows, each above its name."""
    from PIL import Image, ImageDraw, ImageFont

    columns = min(COLUMNS, len(drawn))
    cell = THUMBNAIL + 8
    sheet = Image.new("RGB", (columns * cell, -(-len(drawn) // columns) * (cell + _CAPTION)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for number, one in enumerate(drawn):
        left, top = number % columns * cell, number // columns * (cell + _CAPTION)
        with Image.open(BytesIO(one.row), formats=("PNG",)) as small:
            sheet.paste(small, (left + (cell - small.width) // 2, top + (cell - small.height) // 2))
        name = one.name if len(one.name) <= 26 else f"…{one.name[-25:]}"
        pen.text((left + 4, top + cell), name, fill="black", font=font)
    return encode_color(np.array(sheet))
