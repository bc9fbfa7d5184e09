"""A cell of the table: a consumer that reads a layout, and what it must see there.

A cell is a function that takes DEST and yields a `Seen` for each image. Its source is printed in the docs:
what is shown there is what was run.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

BACKGROUND, VOID = "background", "__ignore__"
Names = Mapping[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a consumer made of an image, called by its name without suffix.

    `values` is its (height, width) mask and `names` what those values mean to the consumer; or `labels` are
    the masks of the labels, where these may overlap. `picture` is the (height, width) of the picture that
    came with it, where one did.
    """

    name: str
    values: NDArray[np.integer] | None = None
    names: Names | None = None
    labels: Mapping[str, NDArray[np.bool_]] | None = None
    picture: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A consumer, the layout that it reads, and how.

    `packages` are those that must be installed, the first one's version is told; with `glue` it needs more
    than its own call; with a `fault` of its own it reads something else, which is run too, so that
    it is noticed once that is mended. `unlabeled` tells that background and void are one to it, `light`
    that it is quick and needs no torch.
    """

    consumer: str
    layout: str
    packages: tuple[str, ...]
    read: Callable[[Path], Iterator[Seen]]
    glue: str
    fault: str
    unlabeled: bool
    light: bool

    @property
    def version(self) -> str:
        """That of its package; empty where a package is missing."""
        try:
            versions = [version(package) for package in self.packages]
        except PackageNotFoundError:
            return ""
        return versions[0]

    @property
    def source(self) -> str:
        """The lines that were run, without the decorator."""
        lines = inspect.getsource(self.read).splitlines()
        start = next(number for number, line in enumerate(lines) if line.startswith("def "))
        return "\n".join(lines[start:])


CELLS: list[Cell] = []
Reader = Callable[[Path], Iterator[Seen]]


def reads(
    consumer: str,
    layout: str,
    *packages: str,
    glue: str = "",
    fault: str = "",
    unlabeled: bool = False,
    light: bool = False,
) -> Callable[[Reader], Reader]:
    """Add a cell to the table."""

    def add(read: Reader) -> Reader:
        cell = Cell(
            consumer=consumer,
            layout=layout,
            packages=packages,
            read=read,
            glue=glue,
            fault=fault,
            unlabeled=unlabeled,
            light=light,
        )
        CELLS.append(cell)
        return read

    return add


def check(cell: Cell, dest: Path, truth: "Mapping[str, Truth]") -> None:
    """Raise `AssertionError` where the consumer sees another label at any pixel, or other images."""
    seen = list(cell.read(dest))
    assert sorted(image.name for image in seen) == sorted(truth), [image.name for image in seen]
    for image in seen:
        if image.picture is not None:
            assert tuple(image.picture) == truth[image.name].shape, (image.name, image.picture)
        if image.labels is not None:
            _check_labels(image, truth[image.name])
        else:
            _check_values(image, truth[image.name], unlabeled=cell.unlabeled)


def _check_values(image: Seen, truth: "Truth", *, unlabeled: bool) -> None:
    assert image.values is not None
    assert image.names is not None
    assert image.values.shape == truth.shape, (image.name, image.values.shape)
    for value in np.unique(image.values).tolist():
        label = image.names[value]
        there = set(np.unique(truth.names[image.values == value]).tolist())
        accepted = {BACKGROUND, VOID} if unlabeled and label in (BACKGROUND, VOID) else {label}
        assert there <= accepted, f"{image.name}: {value} is '{label}', and lies on {there}"


def _check_labels(image: Seen, truth: "Truth") -> None:
    assert image.labels is not None
    shown = {label: mask for label, mask in image.labels.items() if mask.any()}
    assert shown.keys() == truth.labels.keys(), (image.name, shown.keys())
    for label, mask in shown.items():
        assert (mask == truth.labels[label]).all(), f"{image.name}: another mask of '{label}'"


@dataclass(frozen=True, slots=True)
class Truth:
    """An image: the name of the label at each pixel, and the mask of each label."""

    names: NDArray[np.str_]
    labels: Mapping[str, NDArray[np.bool_]]

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width)."""
        height, width = self.names.shape
        return height, width
