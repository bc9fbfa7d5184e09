"""What an emulator begins with: a COCO file, or a folder of pictures.

A COCO file becomes a dataset of its name: an item for each image, an annotation
for each object, all rings of an object in one annotation; runs become binary
masks. A folder becomes a dataset of its pictures; where it is laid out as dtlpy
downloads one (`items/` and `json/`), the annotations of `json/` come along.
"""

import colorsys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from polymask.dataloop.emulator.platform import Platform
from polymask.errors import InputError


class Seeded(msgspec.Struct):
    """What was made of a seed, and what of it could not be used."""

    items: int = 0
    annotations: int = 0
    left_out: list[str] = []

    def summary(self) -> str:
        """Return it in words; nothing if there was no seed.

        >>> Seeded(2, 5, ["annotation 7: no segmentation"]).summary()
        'Seeded with 2 items and 5 annotations.\\nLeft out: annotation 7: no segmentation'
        """
        if not self.items:
            return ""
        lines = [f"Seeded with {self.items} items and {self.annotations} annotations."]
        return "\n".join(lines + [f"Left out: {reason}" for reason in self.left_out])


def seed_platform(
    platform: Platform, seed: Path, *, images: str | Path | None = None, project: str = "emulator"
) -> Seeded:
    """Fill a platform from a COCO file or a folder.

    Raises
    ------
    InputError
        It is neither, or not what it should be; the message names the file.
    """
    # Imported here: both build on this file.
    from polymask.dataloop.emulator.seeding import coco as seed_coco
    from polymask.dataloop.emulator.seeding import folder as seed_folder

    if not seed.exists():
        raise InputError(f"{seed}: no such file or folder")
    with platform.store.lock, platform.write():
        project_id = platform.add_project(project).id
        if seed.is_dir():
            done = seed_folder.fill(platform, project_id, seed)
        else:
            done = seed_coco.fill(platform, project_id, seed, images=Path(images) if images else None)
    platform.store.settle()
    return done


def add_dataset(platform: Platform, project_id: str, name: str, labels: Iterable[str]) -> str:
    """Create a dataset whose ontology knows these labels; return its id."""
    # Once each, in the order of the file.
    roots = [label_root(label, number) for number, label in enumerate(dict.fromkeys(labels))]
    recipe = platform.add_recipe(project_id, name, roots=roots)
    dataset = platform.add_dataset(project_id, {"name": name, "createDefaultRecipe": False})
    changed = platform.merge("dataset", dataset.id, {"metadata": {"system": {"recipes": [recipe.id]}}})
    return changed.id


def label_root(label: str, number: int) -> dict[str, Any]:
    """Return an ontology's entry for a label, with a color of its own.

    >>> label_root("cat", 0)["value"]["color"]
    '#e63737'
    """
    # The golden ratio spreads any number of hues without knowing how many will come.
    red, green, blue = colorsys.hsv_to_rgb(number * 0.618034 % 1, 0.76, 0.9)
    color = f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"
    return {"value": {"tag": label, "color": color, "attributes": [], "displayLabel": label}, "children": []}
