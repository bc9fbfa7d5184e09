"""A dataset's recipe: the labels it knows, their colors, and labels that are added to it."""

import threading
from collections.abc import Iterable, Iterator, Mapping
from colorsys import hsv_to_rgb
from itertools import count

from polymask.dataloop.service.client import Client
from polymask.dataloop.service.colors import labels_of
from polymask.errors import InputError
from polymask.layouts.dataloop import WHITE
from polymask.validation import Color, Json

MOST_TOLD = 5  # of labels that it lacks


class Recipe(Mapping[str, Color]):
    """The colors of a dataset's labels, by label; `labels` are all of them, in the recipe's order.

    With `adds`, a label that is asked for and is not there is added, in a color that no other has.
    """

    def __init__(self, client: Client, dataset: Json, *, adds: bool = False) -> None:
        self.client, self.adds = client, adds
        self._lock = threading.Lock()
        ontologies = client.ontologies(dataset)
        self._ontology = str(ontologies[0]["id"]) if ontologies else ""
        self.labels: dict[str, Color | None] = {}
        for ontology in ontologies:
            for label, color in labels_of(ontology.get("roots")):
                self.labels[label] = self.labels.get(label) or color
        if adds and not self._ontology:
            raise InputError(
                "the dataset has no recipe that --add-labels could add to",
                advice="give it one on the platform, or leave --add-labels out",
            )

    def __getitem__(self, label: str) -> Color:
        if self.adds:
            self.add([label])
        color = self.labels.get(label)
        if color is None:
            raise KeyError(label)
        return color

    def __iter__(self) -> Iterator[str]:
        return (label for label, color in self.labels.items() if color)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def lacks(self, labels: Iterable[str]) -> list[str]:
        """Those of the labels that it does not have."""
        return [label for label in labels if label not in self.labels]

    def add(self, labels: Iterable[str]) -> None:
        """Add labels that it lacks, `parent.child` below its parent; each in one call, safe to repeat."""
        with self._lock:
            for label in self.lacks(_with_parents(labels)):
                color = self._free_color()
                node = {"tag": label, "color": f"#{bytes(color).hex()}", "attributes": []}
                node["displayLabel"] = label.rpartition(".")[2]
                body = {"labelsNode": [node], "upsert": True}
                self.client.call("PATCH", f"/ontologies/{self._ontology}/labels", body, safe=True)
                self.labels[label] = color

    def _free_color(self) -> Color:
        used = {WHITE, *self.labels.values()}
        return next(color for number in count() if (color := _hue(number)) not in used)

    def note(self, labels: Iterable[str]) -> str:
        """What to tell where masks have labels that it lacks; nothing where it has all."""
        lacking = self.lacks(labels)
        if not lacking:
            return ""
        shown = ", ".join(f"'{label}'" for label in lacking[:MOST_TOLD])
        remainder = f" and {len(lacking) - MOST_TOLD} more" if len(lacking) > MOST_TOLD else ""
        return f"the recipe lacks {shown}{remainder}, so that their masks are white; --add-labels adds them"


def _hue(number: int) -> Color:
    """A strong color: the golden ratio spreads any number of hues without knowing how many will come."""
    red, green, blue = hsv_to_rgb(number * 0.618034 % 1, 0.76, 0.9)
    return round(red * 255), round(green * 255), round(blue * 255)


def _with_parents(labels: Iterable[str]) -> Iterator[str]:
    for label in labels:
        parts = label.split(".")
        yield from (".".join(parts[:depth]) for depth in range(1, len(parts) + 1))
