"""Pairs of picture and mask from a converted folder."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from polymask.analysis.masks.mask_sets import MaskSet, open_masks
from polymask.codecs.picture_files import PictureFinder
from polymask.codecs.pixels import read_picture
from polymask.errors import InputError, NotFound
from polymask.labels.as_label_map import Labels
from polymask.labels.label_map import LabelMap
from polymask.limits import Limits
from polymask.model import IndexMask
from polymask.storage.remote.urls import listed_once, located
from polymask.storage.source_files import Place
from polymask.training.sizes import Array


class MaskDataset(Sequence[Any]):
    """The masks of a converted folder of any layout, `dest`, each with the picture of its name in `images`.

    Item i is the pair (picture, mask), or what `transform(picture, mask)` returns. The mask is (height,
    width) uint8 or uint16, the picture (height, width, 3) uint8; pictures of more than 8 bits are uint16,
    int32 or float32 with unchanged values. Pictures are turned by EXIF like their masks. `split`, such as
    "train", takes the images of that split only; `labels` names the values where the folder does not. A
    pickled dataset holds its paths only and opens them again, so any number of worker processes may use it.

    Raises:
        NotFound: A mask has no picture, or a folder does not exist.
        InputError: The split does not exist, or a picture and its mask differ in size.
        LimitError: A picture or a mask is larger than `limits` allow.

    Examples:
        >>> import tempfile
        >>> from polymask import convert
        >>> with tempfile.TemporaryDirectory() as dest:
        ...     _ = convert("fixtures/shapes/instances.json", dest)
        ...     pairs = MaskDataset("fixtures/shapes/images", dest)
        ...     image, mask = pairs[0]
        >>> len(pairs), image.shape, mask.shape
        (3, (120, 160, 3), (120, 160))
    """

    def __init__(
        self,
        images: str | Path,
        dest: str | Path,
        *,
        labels: Labels | None = None,
        split: str | None = None,
        limits: Limits | None = None,
        transform: Callable[[Array, IndexMask], Any] | None = None,
    ) -> None:
        self.images, self.dest = listed_once(located(images)), listed_once(located(dest))
        self._labels, self._limits, self.transform = labels, limits, transform
        self._split = split
        if not self.images.is_dir():
            raise NotFound(
                "no such folder", file=self.images, advice="name the folder that holds the pictures"
            )
        finder = PictureFinder(Place(self.images, limits), self.images)
        pictures = {name: finder.find_stem(name) for name in sorted(self._masks.names)}
        missing = [name for name, picture in pictures.items() if picture is None]
        if missing:
            raise NotFound(
                f"{self.images}: no picture of {len(missing)} masks, e.g. '{missing[0]}'",
                advice="name the folder that holds the pictures",
            )
        self.names = tuple(pictures)
        self._paths = tuple(picture.path for picture in pictures.values() if picture)

    @cached_property
    def _masks(self) -> MaskSet:
        return open_masks(self.dest, labels=self._labels, split=self._split, limits=self._limits)

    @property
    def label_map(self) -> LabelMap | None:
        """The label map of the masks; None where nothing names their values."""
        return self._masks.label_map

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_masks"}

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        name = self.names[index]
        mask = self._masks.decode(name)
        image = read_picture(self._paths[index], (mask.shape[0], mask.shape[1]), limits=self._limits)
        if image.shape[:2] != mask.shape:
            (height, width), (h, w) = image.shape[:2], mask.shape
            raise InputError(
                f"{name}: the picture is {height} × {width} px, the mask {h} × {w}",
                advice="convert without --size and use `resize`, or resize the pictures too",
            )
        return self.transform(image, mask) if self.transform else (image, mask)

    def __iter__(self) -> Iterator[Any]:
        return map(self.__getitem__, range(len(self)))
