"""Dataloop: datasets as sources and sinks, the app, and an emulator to try and to test against.

Nothing here imports dtlpy before a Dataloop URL is used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from polymask.dataloop.jobs.item import convert_item

__all__ = ["convert_item"]


def __getattr__(name: str) -> Any:
    """`convert_item`, when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module 'polymask.dataloop' has no attribute '{name}'")
    from polymask.dataloop.jobs import item

    return item.convert_item
