"""A local Dataloop: the platform's API on loopback, good enough for dtlpy as it is.

Try polymask without an account, or test against it. It keeps what it receives, writes
down every call, and lets calls go wrong on purpose.

>>> with Emulator() as emulator:
...     emulator.faults.add(Fault("POST", "/items/*/annotations", "drop-after"))
...     emulator.url.endswith("/api/v1")
True

For pytest, import the fixture `dataloop_emulator` in a `conftest.py`.
"""

from typing import Any

from polymask.dataloop.emulator.audit import AuditEntry
from polymask.dataloop.emulator.emulator import Emulator, serve
from polymask.dataloop.emulator.faults.fault import KINDS, Fault
from polymask.dataloop.emulator.faults.plan import Faults
from polymask.dataloop.emulator.sdk import cookie, fake_token, instructions, point_sdk_at
from polymask.dataloop.emulator.seeding.dataset import Seeded

__all__ = [
    "KINDS",
    "AuditEntry",
    "Emulator",
    "Fault",
    "Faults",
    "Seeded",
    "cookie",
    "dataloop_emulator",
    "fake_token",
    "instructions",
    "point_sdk_at",
    "serve",
]


def __getattr__(name: str) -> Any:
    # Lazily, because pytest is not there where polymask is only used.
    if name == "dataloop_emulator":
        from polymask.dataloop.emulator.fixture import dataloop_emulator

        return dataloop_emulator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
