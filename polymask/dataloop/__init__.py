"""Dataloop: datasets as sources and sinks, the app, and an emulator to try and to test against.

Nothing here imports dtlpy before a Dataloop URL is used.
"""

from polymask.dataloop.run import convert_item

__all__ = ["convert_item"]
