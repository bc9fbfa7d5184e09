"""What every label file comes down to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from polymask.validation import Color


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRows:
    """The content of a label file, not yet checked as a whole.

    `names` are the labels in the file's order; labels without `values` are numbered. `class_ids` are numbers
    of classes, and no values of pixels. `complete` rows set all values and colors, also `background` and
    `void`. `advice` tells how to correct rows that make no label map.
    """

    names: Sequence[str]
    values: Mapping[str, int] = field(default_factory=dict)
    colors: Mapping[str, Color] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    class_ids: Sequence[int] = ()
    complete: bool = False
    background: int = 0
    void: int = 255
    advice: str = ""

    @property
    def by_class(self) -> dict[int, str]:
        """The names by class number, for formats whose rows have only the number.

        The number is the value that the file gives a name; names without values count from 0.

        Examples:
            >>> LabelRows(names=["cat", "dog"]).by_class
            {0: 'cat', 1: 'dog'}
        """
        if self.values and not self.complete:
            return {value: name for name, value in self.values.items()}
        return dict(zip(self.class_ids or range(len(self.names)), self.names, strict=True))
