"""The tiles of a run by name, and stored tiles that no image has any more."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, overload

from polymask.conversion.dest.state import DestState
from polymask.conversion.options import ConvertOptions
from polymask.errors import InputError, PolymaskError
from polymask.formats import Annotations
from polymask.model import Frame
from polymask.painting.tiles import image_of, tile_name, tiling_of
from polymask.storage.remote.urls import Location


class TileNames(Sequence[str]):
    """The names of the tiles of some images, in order; listed when they are first asked for.

    An image that cannot be read has none: it fails when it is converted.
    """

    def __init__(self, annotations: Annotations, indices: Sequence[int], options: ConvertOptions) -> None:
        self.annotations, self.indices, self.options = annotations, indices, options

    @cached_property
    def by_image(self) -> Mapping[str, list[str]]:
        """The names of the tiles of each image that can be read."""
        named = {self.annotations.names[index]: self._of(index) for index in self.indices}
        return {image: tiles for image, tiles in named.items() if tiles}

    def _of(self, index: int) -> list[str]:
        tiling = self.options.tiling
        assert tiling
        try:
            frame = self.options.frame_of_mask(self._frame(index))
            return [tile_name(self.annotations.names[index], window) for window in tiling.windows(frame)]
        except PolymaskError:
            return []

    def _frame(self, index: int) -> Frame:
        if (table := self.annotations.table) is not None:
            height, width = table.frames[index].tolist()
            return height, width
        return self.annotations.decode(index).frame

    def outgrown(self, entries: Mapping[str, Any]) -> list[str]:
        """The stored tiles that their image, which has another size now, is no longer cut into."""
        tiles = {image: frozenset(names) for image, names in self.by_image.items()}
        return [name for name in entries if name not in tiles.get(image_of(name), (name,))]

    @cached_property
    def _names(self) -> list[str]:
        return [name for names in self.by_image.values() for name in names]

    def __len__(self) -> int:
        return len(self._names)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        return self._names[index]


def refuse_outgrown(names: TileNames, dest: Location, state: DestState) -> DestState:
    """The state as it is; raises `InputError` for tiles that would lie stale beside those of the run."""
    tiling = names.options.tiling  # tiles of another are refused as of another layout
    entries = {name: entry for name, entry in state.entries.items() if tiling_of(entry) == tiling}
    if entries and (stale := names.outgrown(entries)):
        raise InputError(
            f"{len(stale)} tiles in {dest} would lie stale beside those of {image_of(stale[0])}, which has "
            f"another size now, e.g. {stale[0]}",
            advice="add --prune to remove them, or choose another DEST",
        )
    return state
