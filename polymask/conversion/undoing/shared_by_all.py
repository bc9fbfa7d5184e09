"""The files that all images of a folder have in common, made anew from its manifest and its label map."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

import msgspec
from msgspec.structs import replace

from polymask.conversion.dest.check import LABELS, Dest
from polymask.conversion.dest.deleted import Entry
from polymask.errors import PolymaskError
from polymask.labels.label_map import LabelMap
from polymask.layouts import LAYOUTS, Drawn, LayoutOptions, layout_named
from polymask.layouts.common.shared_files import stored_options, with_earlier_images, with_rows
from polymask.layouts.common.splits import LISTS, SPLITS
from polymask.painting.painting import Rules
from polymask.painting.tiles import tiling_of
from polymask.storage.roots.local import Root


def written_by(root: Root, entries: Mapping[str, Entry]) -> tuple[Dest | None, dict[str, bytes]]:
    """DEST as the run saw it that wrote most of these files, and what it wrote for all images."""
    try:
        tiling = tiling_of(next(iter(entries.values()), {}))
        options = LayoutOptions(label_map=LabelMap.load(root.path / LABELS), tiling=tiling)
    except PolymaskError:  # it is gone or damaged: nothing can be made of it
        return None, {}
    stored = {name: stored_options(layout_named(name), options, root.read) for name in LAYOUTS}
    dests = [
        Dest(root.path, layout, options=replace(layout_options, split_names=splits), rules=Rules())
        for layout, layout_options in stored.items()
        for splits in ((), SPLITS)
    ]
    fitting = [dest for dest in dests if all(map(dest.is_of_layout, entries.values()))]
    written = [(dest, dict(shared_files(dest, entries))) for dest in fitting]
    return max(written, key=lambda pair: _there(root, pair[1]), default=(None, {}))


def shared_files(
    dest: Dest, entries: Mapping[str, Entry], names: Iterable[str] = ()
) -> Iterator[tuple[str, bytes]]:
    """The files that all images of a folder have in common; none that cannot be made of what is there.

    `names` are images of this run, which are in these files too if they need no rows.
    """
    yield from dest.tables.items()
    has_lists = any(dest.root.holds(LISTS.format(split=split)) for split in SPLITS)
    options = with_earlier_images(dest.options, entries, names, layout=dest.layout, listed=has_lists)
    with suppress(PolymaskError, msgspec.MsgspecError):
        rows = dest.stored_rows(entries)
        drawn = (_drawn(dest, name, entries) for name in sorted({*entries, *names}))
        yield from dest.layout.finish(with_rows(drawn, rows, {}), options)


def _drawn(dest: Dest, name: str, entries: Mapping[str, Entry]) -> Drawn:
    return Drawn.of(entries[name]) if name in entries else Drawn(name=name, mask=dest.paths(name)[0])


def _there(root: Root, rebuilt: Mapping[str, bytes]) -> int:
    return sum(root.read(path) == data for path, data in rebuilt.items() if data)
