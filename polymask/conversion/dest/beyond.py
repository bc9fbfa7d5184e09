"""What a run asks for beyond the masks of deleted polygons, which nobody can paint anew."""

from dataclasses import dataclass

import numpy as np

from polymask.analysis.mask_sets import open_mask_folder
from polymask.conversion.dest.check import Dest
from polymask.conversion.dest.deleted import Entry
from polymask.conversion.options import ConvertOptions
from polymask.errors import PolymaskError
from polymask.layouts import picture_path
from polymask.layouts.common.read_back import Folder
from polymask.painting.label_choice import LabelChoice


@dataclass(frozen=True, slots=True)
class Beyond:
    """By an image's name and line: what a run's options ask for that the stored mask is not, or lacks."""

    dest: Dest
    labels: LabelChoice
    options: ConvertOptions

    def __call__(self, name: str, entry: Entry) -> str:
        """The problem, in words; empty where there is none."""
        mask, frame = entry["mask"], (entry.get("height"), entry.get("width"))
        if self.options.size and frame != self.options.size:
            return f"its mask is {frame[1]} x {frame[0]} px large"
        if self.options.instances and self._lacks(entry, *self.dest.paths(name)[1:]):
            return f"{mask} has no instance ids beside it"
        if self.options.copy_images and self._lacks(
            entry, picture_path(self.dest.layout, name, self.dest.options)
        ):
            return f"{mask} has no copy of its picture beside it"
        if self.options.only and (others := self._others(entry)):
            return f"{mask} shows '{others[0]}', which --only leaves out"
        return ""

    def _lacks(self, entry: Entry, *paths: str) -> bool:
        return any(path not in entry.get("files", {}) and not self.dest.root.holds(path) for path in paths)

    def _others(self, entry: Entry) -> list[str]:
        """The labels of a mask that the run would not paint; none where it is damaged, which others tell."""
        if labels := entry.get("labels"):
            shown = list(labels)
        else:
            try:
                folder = open_mask_folder(Folder(self.dest.root.path, self.options.limits))
                counts = np.bincount(folder.decode(entry["mask"]).reshape(-1)) if folder else ()
            except PolymaskError:
                return []
            values = set(np.flatnonzero(counts).tolist())
            shown = [label.name for label in self.dest.options.label_map.labels if label.value in values]
        return [label for label in shown if not self.labels.is_painted(label)]
