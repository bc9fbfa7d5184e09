"""`overlay/<name>.png`: the mask over the picture, see-through, with outlines; only for viewing.

A title and a legend stand beside it. Without pictures the mask lies on gray. `contact-sheet-<n>.png`
shows all images, small, by name.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from polymask.codecs.pixels import other_size, size_problem, upright
from polymask.errors import InputError
from polymask.labels.as_label_map import Labels, as_label_map
from polymask.labels.label_map import LabelMap
from polymask.labels.palettes import label_colors
from polymask.layouts import Drawn, LayoutOptions
from polymask.layouts.common.facts import LayoutFacts
from polymask.layouts.common.read_back import Folder, MaskFolder, masks_below
from polymask.layouts.overlays.blending import Backdrop, PaintedLayer, Pixels, blended_strips
from polymask.layouts.overlays.contact_sheets import ThumbnailBuilder, contact_sheets, thumbnail_png
from polymask.layouts.overlays.figures import (
    Caption,
    caption_of,
    figure_png,
    is_same_figure,
    parts_of,
    picture_in,
)
from polymask.model import ImageRecord
from polymask.painting.painting import Painting, Rules
from polymask.provenance.digest import PixelDigest
from polymask.storage.disk import regular
from polymask.storage.image_names import stem
from polymask.storage.remote.urls import located

if TYPE_CHECKING:
    from PIL import Image

IMAGES = "images"
INDEX = True
PICTURES = True  # the layout needs `options.picture`, the picture of the image

FACTS = LayoutFacts(
    title="Overlays",
    source="polymask's own",
    files=(
        (
            "overlay/<name>.png",
            "the mask over the picture, see-through, with outlines, title and legend; RGB",
        ),
        ("contact-sheet-<n>.png", "48 images each, small, with names, counts and a legend"),
    ),
    values=(("pixels", "colors, of --palette safe (color-blind-safe) or voc; no label values"),),
    limits=(
        "For viewing: labels cannot be read back.",
        "Without --images the masks lie on gray. A picture of another size than its annotations fails.",
        "Below the colors the picture is gray, so that a color is always the label's.",
        "Pictures lie upright; of more than 8 bits the least value is black, the largest white.",
    ),
    read_back="Not as masks; `verify` proves that the picture's pixels, without title and legend, are still "
    "those that were written.",
)


def check(options: LayoutOptions) -> None:
    """Every label map has colors; raise `InputError` for an unknown palette."""
    label_colors(options.label_map, options.palette)


def paths(name: str, options: LayoutOptions) -> tuple[str, ...]:
    """The path of the overlay."""
    return (f"overlay/{stem(name)}.png",)


def draw(painting: Painting, options: LayoutOptions) -> Drawn:
    """The mask over the picture, with title and legend; the digest is of the picture's pixels."""
    (path,) = paths(painting.record.name, options)
    data = options.picture() if options.picture else None
    frame, name = painting.record.frame, painting.record.name
    backdrop = Backdrop.of(data, frame, name, annotated=options.annotated)
    colors, caption = label_colors(options.label_map, options.palette), caption_of(painting, options.palette)
    digest, thumbnail = PixelDigest(), ThumbnailBuilder(painting.record.frame)

    def strips() -> Iterator[Pixels]:
        for strip in blended_strips(PaintedLayer(painting), backdrop, colors):
            digest.update(strip)
            thumbnail.add(strip)
            yield strip

    png = figure_png(strips(), caption)
    return Drawn(
        name=painting.record.name,
        mask=path,
        pixels_sha256=digest.hexdigest(),
        files=((path, png),),
        row=thumbnail.png(caption),
    )


def overlay(
    record: ImageRecord,
    image: "str | Path | Image.Image | ArrayLike | None" = None,
    *,
    label_map: Labels | None = None,
) -> Pixels:
    """A record's mask over its picture, transparent and with outlines, for people: (height, width, 3) uint8.

    `image` is a (height, width) or (height, width, 3 or 4) uint8 array, a Pillow image, or the path of a
    picture, which is turned by its EXIF orientation. It has the record's frame; without it, the mask lies on
    gray. Colors are those of `label_map` (a `LabelMap`, a label file, names, {name: value}), or
    without it colors that color-blind people can tell apart. Raises `InputError` for what is no picture
    or has another size, `LabelError` for a label that is not in the map.

    Examples:
        >>> from polymask import ImageRecord, Instance, Polygon
        >>> cat = Instance(1, "cat", Polygon([(1, 0), (3, 0), (3, 2), (1, 2)]))
        >>> overlay(ImageRecord(1, "a.jpg", (2, 4), (cat,)), np.zeros((2, 4), np.uint8))[0, :, 0].tolist()
        [0, 230, 230, 0]
    """
    labels = LabelMap.from_records([record]) if label_map is None else as_label_map(label_map)
    painting = Painting(record, labels, Rules())
    colors = label_colors(labels, "safe" if label_map is None else "voc")
    backdrop = Backdrop(_picture(image, record), record.frame)
    return np.concatenate(list(blended_strips(PaintedLayer(painting), backdrop, colors)))


def _picture(image: Any, record: ImageRecord) -> "Image.Image | None":
    """What may be handed in as a record's picture, upright and as large as its frame."""
    from PIL import Image

    if image is None:
        return None
    if isinstance(image, str | Path):
        try:
            data = regular(located(image))
            _refuse(size_problem(BytesIO(data), record.frame))
            return upright(BytesIO(data), record.frame)
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
    picture.getexif().clear()  # what is handed in is shown as it is
    _refuse(other_size(picture, record.frame))
    return picture


def _refuse(problem: str) -> None:
    if problem:
        raise InputError(problem, advice="hand in the picture that was annotated, or scale it to that size")


def same(stored: bytes, data: bytes) -> bool:
    """Whether a stored figure shows the same picture and says the same of it."""
    return is_same_figure(stored, data)


def overlays(folder: Folder) -> MaskFolder:
    """The stored overlays of a folder, to prove their pixels; masks cannot be read from them."""

    def decode(path: str) -> Any:
        return folder.decoded(path, picture_in)

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
            pixels, caption = parts_of(self.read(self.paths[name]) or b"")
        except InputError:
            return b""
        return thumbnail_png(pixels, caption or Caption(name, (pixels.shape[0], pixels.shape[1]), ()))

    def __iter__(self) -> Iterator[str]:
        return iter(self.paths)

    def __len__(self) -> int:
        return len(self.paths)


def finish(drawn: Iterable[Drawn], options: LayoutOptions) -> Iterator[tuple[str, bytes]]:
    """The contact sheets, in order of name."""
    images = sorted((image for image in drawn if image.row), key=lambda image: image.name)
    for number, sheet in enumerate(contact_sheets([image.row for image in images]), 1):
        yield f"contact-sheet-{number}.png", sheet
