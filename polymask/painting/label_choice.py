"""Which labels are painted: those that `--only` names and the label map has a value for."""

import msgspec

from polymask.labels.label_map import LabelMap
from polymask.ledger import NOT_CHOSEN, Reason

NOT_IN_MAP = Reason("label", "a label that is not in the label map")


class LabelChoice(msgspec.Struct, frozen=True, kw_only=True):
    """Which labels are painted: the map's labels that `only` names; all of them if it names none.

    Examples:
        >>> choice = LabelChoice(label_map=LabelMap.from_names(["cat", "dog"]), only=frozenset({"cat"}))
        >>> [label for label in ("cat", "dog", "cow") if choice.is_painted(label)]
        ['cat']
    """

    label_map: LabelMap
    only: frozenset[str] = frozenset()

    def is_painted(self, label: str) -> bool:
        """Whether instances of a label are chosen and the label map has a value for them."""
        return label in self.label_map and self.is_chosen(label)

    def is_chosen(self, label: str) -> bool:
        """Whether `only` names a label, or the label that it is painted as."""
        return not self.only or label in self.only or self.label_map.name_of(label) in self.only

    def reason(self, label: str) -> Reason:
        """Why instances of a label that is not painted are left out."""
        return NOT_CHOSEN if label in self.label_map else NOT_IN_MAP
