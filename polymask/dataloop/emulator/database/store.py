"""All documents, looked up by id, by parent and by path; every write can be undone."""

import threading
from bisect import bisect_left, insort
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from polymask.dataloop.emulator.database.changelog import ChangeLog
from polymask.dataloop.emulator.database.document import DOCUMENT_KINDS, Document, document
from polymask.dataloop.emulator.database.listing import MatchingIds
from polymask.errors import NotFound

Change = tuple[str, str, str]
"""("create" | "update" | "delete", kind, id)"""

_LISTINGS_KEPT = 64


class Store:
    """Documents and their indexes. Hold `lock` while using it from several threads.

    Examples:
        >>> store = Store()
        >>> with store.write() as changes:
        ...     recipe = store.put("recipe", b'{"id":"1"}')
        >>> changes
        [('create', 'recipe', '1')]
    """

    def __init__(self, log: ChangeLog | None = None) -> None:
        self.lock = threading.RLock()
        self._log = log
        self._documents: dict[str, dict[str, Document]] = {kind: {} for kind in DOCUMENT_KINDS}
        self._children: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._annotations_in: dict[str, int] = defaultdict(int)
        self._paths: dict[tuple[str, str], str] = {}
        self._listings: OrderedDict[tuple[str, str, bytes], MatchingIds] = OrderedDict()
        # What every step replaced, oldest first: enough to go back, whatever the steps were.
        self._undo: list[tuple[str, str, Document | None]] = []
        self._last_write: list[tuple[str, str, Document | None]] = []
        # Counted, not random: ids must ascend with time, and tests be repeatable.
        self._newest = 0
        if log:
            self._replay(log)

    def get(self, kind: str, key: str) -> Document:
        """Return a document.

        Raises
        ------
        NotFound
            There is none of this kind and id.
        """
        present = self._documents[kind].get(key)
        if present is None:
            raise NotFound(f"{kind} not found: {key}")
        return present

    def find(self, kind: str, key: str) -> Document | None:
        """Return a document, or None."""
        return self._documents[kind].get(key)

    def all(self, kind: str) -> list[Document]:
        """Return every document of a kind, oldest first."""
        return sorted(self._documents[kind].values(), key=lambda record: record.id)

    def children(self, kind: str, parent: str) -> list[str]:
        """Return the ascending ids of a dataset's items or an item's annotations; do not change the list."""
        # Not through the defaultdict: looking must not make an entry.
        return self._children.get((kind, parent), [])

    def annotations_in(self, dataset_id: str) -> int:
        """Return how many annotations the items of a dataset have."""
        return self._annotations_in.get(dataset_id, 0)

    def at_path(self, dataset_id: str, path: str) -> str | None:
        """Return the id of the item at this path of the dataset."""
        return self._paths.get((dataset_id, path))

    def new_id(self) -> str:
        """Return an id above all ids so far: 24 hexadecimal digits, as the platform's are."""
        self._newest += 1
        return f"{0x65000000:08x}{self._newest:016x}"

    def put(self, kind: str, body: bytes) -> Document:
        """Create a document or put another in its place."""
        new = document(kind, body)
        self._remember(kind, new.id)
        self._place(new)
        return new

    def drop(self, kind: str, key: str) -> Document:
        """Take a document away."""
        old = self.get(kind, key)
        self._remember(kind, key)
        self._take(old)
        return old

    @contextmanager
    def write(self) -> Iterator[list[Change]]:
        """Group changes: logged as a whole at the end, undone as a whole if an error comes between."""
        changes: list[Change] = []
        self._undo = []
        try:
            yield changes
            # Worked out before the log is written, so that both say the same.
            changes += [self._change(*step) for step in self._undo]
            self._record()
        except BaseException:
            self._swap(self._undo)
            raise
        # A read is a write of nothing; it must not hide the last real write.
        if self._undo:
            self._last_write = self._undo
        self._undo = []

    @contextmanager
    def before_last_write(self) -> Iterator[None]:
        """Show everything as it was before the last write, for as long as the block runs."""
        # Nothing was copied: going back costs as much as the write did.
        way_back = self._swap(self._last_write)
        try:
            yield
        finally:
            self._swap(way_back)

    def listing(self, kind: str, dataset_id: str, *, key: bytes, matches: Callable[[str], bool]) -> list[str]:
        """Return the ascending ids of a dataset's documents that match; `key` names the question."""
        name = (kind, dataset_id, key)
        if name not in self._listings:
            self._listings[name] = MatchingIds(matches, self.within(kind, dataset_id))
            # A client may ask a new question each time, and listings are as long as datasets.
            if len(self._listings) > _LISTINGS_KEPT:
                self._listings.popitem(last=False)
        self._listings.move_to_end(name)
        return self._listings[name].current()

    def within(self, kind: str, dataset_id: str) -> Iterable[str]:
        """Return the ascending ids of a dataset's items or annotations."""
        # Items are indexed; annotations only below their item, since few ask for all.
        items = self.children("item", dataset_id)
        if kind == "item":
            return items
        return sorted(key for item in items for key in self.children("annotation", item))

    def settle(self) -> None:
        """Let nobody see the state before the last write any more."""
        self._last_write = []

    def close(self) -> None:
        """Close the log, if there is any."""
        if self._log:
            self._log.close()

    def _change(self, kind: str, key: str, old: Document | None) -> Change:
        # It follows from what was there before and what is there now.
        if old is None:
            return ("create", kind, key)
        return ("update" if key in self._documents[kind] else "delete", kind, key)

    def _record(self) -> None:
        if self._log and self._undo:
            documents = self._documents
            # Only the outcome is logged, so replaying needs no other order within a write.
            touched = dict.fromkeys((kind, key) for kind, key, _ in self._undo)
            self._log.append([(k, i, d.body if (d := documents[k].get(i)) else None) for k, i in touched])

    def _remember(self, kind: str, key: str) -> None:
        self._undo.append((kind, key, self._documents[kind].get(key)))

    def _swap(self, steps: list[tuple[str, str, Document | None]]) -> list[tuple[str, str, Document | None]]:
        """Go back through `steps`; return the steps that lead here again."""
        forward = []
        # Backwards, or an annotation would come back before its item.
        for kind, key, old in reversed(steps):
            new = self._documents[kind].get(key)
            forward.append((kind, key, new))
            if old is not None:
                self._place(old)
            elif new is not None:
                self._take(new)
        return forward

    def _place(self, new: Document) -> None:
        old = self._documents[new.kind].get(new.id)
        if old is not None:
            self._take(old)
        self._documents[new.kind][new.id] = new
        self._index(new)

    def _take(self, old: Document) -> None:
        del self._documents[old.kind][old.id]
        if old.kind in ("item", "annotation"):
            ids = self._children[old.kind, old.parent]
            del ids[bisect_left(ids, old.id)]
            # An empty list for each item that ever had annotations would add up.
            if not ids:
                del self._children[old.kind, old.parent]
            self._forget(old)

    def _index(self, new: Document) -> None:
        if new.kind in ("item", "annotation"):
            insort(self._children[new.kind, new.parent], new.id)
        if new.kind == "item":
            self._paths[new.parent, new.name] = new.id
            self._touch("item", new.parent, new.id)
            # A join may select annotations by their item.
            for key in self.children("annotation", new.id):
                self._touch("annotation", new.parent, key)
        elif new.kind == "annotation":
            self._count(new, 1)

    def _forget(self, old: Document) -> None:
        if old.kind == "annotation":
            self._count(old, -1)
            return
        # Somebody else may have moved to this path since.
        if self._paths.get((old.parent, old.name)) == old.id:
            del self._paths[old.parent, old.name]
        self._touch("item", old.parent, old.id)

    def _count(self, annotation: Document, step: int) -> None:
        dataset_id = self._documents["item"][annotation.parent].parent
        self._annotations_in[dataset_id] += step
        self._touch("annotation", dataset_id, annotation.id)
        # A join, or `annotated`, may select the item by it.
        self._touch("item", dataset_id, annotation.parent)

    def _touch(self, kind: str, dataset_id: str, key: str) -> None:
        for name, listing in self._listings.items():
            if name[0] == kind and name[1] == dataset_id:
                listing.touch(key)

    def _replay(self, log: ChangeLog) -> None:
        for kind, key, body in log.replay():
            # Deleted ids count too: an id that comes back would fool whoever remembers it.
            self._newest = max(self._newest, int(key[8:], 16))
            if body is not None:
                self._place(document(kind, body))
            elif key in self._documents[kind]:
                self._take(self._documents[kind][key])
