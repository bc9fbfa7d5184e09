"""Tiles of an image put together again: stored masks, or what a model makes of each tile."""

from collections.abc import Mapping, Sequence

from polymask.analysis.masks.joined_tiles import require_frame, stitched
from polymask.analysis.masks.mask_sets import open_masks
from polymask.analysis.masks.whole_images import whole_images
from polymask.errors import InputError
from polymask.model import Frame
from polymask.painting.tiles import corner_of, image_of
from polymask.storage.image_names import stem
from polymask.storage.remote.urls import Location
from polymask.training.sizes import Array


def stitch(
    tiles: Mapping[str, Array] | str | Location, image: str | None = None, *, frame: Frame | None = None
) -> Array:
    """The whole (height, width) mask of an image, joined from the tiles that `convert(…, tile=…)` made.

    `tiles` is the converted folder, whose stored tiles are read, or a dict of tile names and arrays, such as
    a model's predictions: (height, width), or (height, width, K) planes. The names, with or without suffix,
    say where the tiles lie. Where predicted tiles overlap, the overlap is cut in the middle and each tile
    keeps its side, since models err most at the edge. `image` chooses one image if there are tiles of
    several. Pass `frame`, the image's (height, width), to notice that the last row or column of tiles is
    missing as a whole.

    Raises:
        InputError: There are tiles of several images and `image` is None, or there are none of `image`; tiles
            are missing; or stored tiles differ where they overlap.

    Examples:
        >>> import tempfile
        >>> from polymask import convert
        >>> dest, pictures = tempfile.mkdtemp(), "fixtures/shapes/images"
        >>> _ = convert("fixtures/shapes/instances.json", dest, tile=(64, 64), tile_overlap=8,
        ...     images=pictures, copy_images=True)
        >>> mask = stitch(dest, "harbor.png")
        >>> from polymask.training import MaskDataset
        >>> pairs = MaskDataset(f"{dest}/images", dest)
        >>> model = lambda image, mask: mask  # a perfect one
        >>> predicted = {name: model(*pair) for name, pair in zip(pairs.names, pairs)}
        >>> mask.shape, bool((stitch(predicted, "harbor", frame=mask.shape) == mask).all())
        ((120, 160), True)
    """
    if isinstance(tiles, Mapping):
        return stitched(_of_image(tiles, image), frame=frame)
    masks = whole_images(open_masks(tiles))
    whole = masks.decode(_named(image, masks.names))
    require_frame(whole, frame)
    return whole


def _named(image: str | None, images: Sequence[str]) -> str:
    """The image that is asked for, without suffix, among those that there are."""
    if image is None and len(images) == 1:
        return images[0]
    if image is None or stem(image) not in images:
        problem = f"there are no tiles of {image}" if image else f"there are tiles of {len(images)} images"
        raise InputError(problem, advice=f"name an image, such as {', '.join(images[:3]) or 'none'}")
    return stem(image)


def _of_image(tiles: Mapping[str, Array], image: str | None) -> Mapping[tuple[int, int], Array]:
    """An image's tiles by row and column."""
    corners = {name: corner_of(name) for name in tiles}
    if odd := [name for name, corner in corners.items() if corner is None]:
        raise InputError(
            f"'{odd[0]}' is not the name of a tile", advice="name them as the manifest does: a_r00000_c00064"
        )
    images = {name: stem(image_of(name)) for name in tiles}
    chosen = _named(image, list(dict.fromkeys(images.values())))
    return {corner: tiles[name] for name, corner in corners.items() if corner and images[name] == chosen}
