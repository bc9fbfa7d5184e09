"""What every seed makes: a dataset whose ontology knows the labels, and an account of it."""

from collections.abc import Iterable

import msgspec

from polymask.dataloop.emulator.platform import Platform, label_root


class Seeded(msgspec.Struct):
    """What was made of a seed, and what of it could not be used."""

    items: int = 0
    annotations: int = 0
    left_out: list[str] = []

    def summary(self) -> str:
        """Return it in words; nothing if there was no seed.

        Examples:
            >>> Seeded(2, 5, ["annotation 7: no segmentation"]).summary()
            'Seeded with 2 items and 5 annotations.\\nLeft out: annotation 7: no segmentation'
        """
        if not self.items:
            return ""
        lines = [f"Seeded with {self.items} items and {self.annotations} annotations."]
        return "\n".join(lines + [f"Left out: {reason}" for reason in self.left_out])


def add_dataset(platform: Platform, project_id: str, name: str, labels: Iterable[str]) -> str:
    """Create a dataset whose ontology knows these labels; return its id."""
    # Once each, in the order of the file.
    roots = [label_root(label, number) for number, label in enumerate(dict.fromkeys(labels))]
    recipe = platform.add_recipe(project_id, name, roots=roots)
    dataset = platform.add_dataset(project_id, {"name": name, "createDefaultRecipe": False})
    changed = platform.merge("dataset", dataset.id, {"metadata": {"system": {"recipes": [recipe.id]}}})
    return changed.id
