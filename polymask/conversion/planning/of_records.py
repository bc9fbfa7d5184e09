"""Records that a program has made itself as a SOURCE: what makes no sense of them is refused."""

from typing import TYPE_CHECKING, Any

from polymask.conversion.options import ConvertOptions
from polymask.errors import InputError
from polymask.flag import spelled
from polymask.formats import Annotations
from polymask.formats.in_memory import annotations_of_records

if TYPE_CHECKING:
    from concurrent.futures import Executor

_REFUSED = {
    "delete_source": ("deletes from files and datasets", "delete what your program holds itself, or hand in"),
    "max_delete": ("limits what is deleted from files and datasets", "leave it out, or hand in"),
    "scheduler": ("lets other machines open the source", "use workers=…, or hand in"),
}


def opened_records(records: Any, options: ConvertOptions, executor: "Executor | None") -> Annotations:
    """Image records as annotations; raises `InputError` for options that need a file to be opened."""
    for name, (what, way) in _REFUSED.items():
        if getattr(options, name) not in (None, False):
            raise InputError(
                f"{spelled(name)} {what}, and records are in memory", advice=f"{way} the path of a file"
            )
    if executor is not None and not _shares_memory(executor):
        raise InputError(
            "an executor's processes open the source themselves, and records are in memory",
            advice="use workers=… or a ThreadPoolExecutor, or hand in the path of a file",
        )
    return annotations_of_records(records, options)


def _shares_memory(executor: "Executor") -> bool:
    from concurrent.futures import ThreadPoolExecutor  # quick to start without

    return isinstance(executor, ThreadPoolExecutor)
