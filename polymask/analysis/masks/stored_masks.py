"""The masks of a folder, image by image, read by the layout and checked against the manifest."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from polymask.analysis.masks.label_sets import LabelMasks
from polymask.errors import FormatError, NotFound
from polymask.layouts.common.lookup import painted
from polymask.layouts.common.read_back import Folder, MaskFolder
from polymask.model import Frame, IndexMask
from polymask.storage.manifest import MANIFEST


@dataclass(frozen=True, slots=True)
class StoredMasks:
    """A folder's masks by image name without suffix: their paths, and the manifest's entries."""

    folder: Folder
    masks: MaskFolder
    paths: Mapping[str, str]
    entries: Mapping[str, Mapping[str, Any]]

    def decode(self, name: str) -> IndexMask:
        """An image's index mask; from label masks, with later labels on top."""
        if self.masks.labels_of and self.masks.label_map:
            image = self.labels_of(name)
            return painted(image.masks, self.masks.label_map, frame=image.frame)
        with self._listed(name):
            return self.masks.decode(self.paths[name])

    def labels_of(self, name: str) -> LabelMasks:
        """An image's label masks; raises `FormatError` if a mask that the manifest lists is missing."""
        with self._listed(name):
            return LabelMasks(self._label_masks(name), self._frame(name))

    def _label_masks(self, name: str) -> Iterator[tuple[str, IndexMask]]:
        assert self.masks.labels_of
        missing = dict.fromkeys(self.entries.get(name, {}).get("labels") or ())
        with self._listed(name):
            for label, mask in self.masks.labels_of(self.paths[name]):
                missing.pop(label, None)
                yield label, mask
        if missing:
            raise FormatError(
                f"missing, though {MANIFEST} lists it: the mask of {', '.join(missing)}",
                file=self.folder / self.paths[name],
                advice="convert again with --overwrite",
            )

    def _frame(self, name: str) -> Frame | None:
        if self.masks.frame_of:
            return self.masks.frame_of(self.paths[name])
        entry = self.entries.get(name, {})
        if not {"height", "width"} <= entry.keys():
            return None
        frame = entry["height"], entry["width"]
        self.folder.limits.check_frame(f"{self.folder / MANIFEST}: {name}", frame)
        return frame

    @contextmanager
    def _listed(self, name: str) -> Iterator[None]:
        """For a missing mask, add to the error that the manifest lists it, if it does."""
        try:
            yield
        except NotFound as error:
            if name not in self.entries:
                raise
            raise FormatError(
                f"{error}, and {self.folder / MANIFEST} lists it",
                advice="convert again, or take its line out there",
            ) from None
