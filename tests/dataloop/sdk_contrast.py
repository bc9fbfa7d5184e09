"""The SDK's own `item.annotations.upload` under the same faults, for contrast.

`python -m tests.dataloop.fault_campaign --sdk` prints the table of docs/dataloop-sdk-contrast.md:
three masks are uploaded by the unmodified SDK, once, with a fault at the upload. Only its waiting
between retries is taken out.
"""

import logging
from typing import Any
from unittest.mock import patch

import numpy as np

from polymask.dataloop.emulator import Emulator, Fault, fake_token, point_sdk_at
from tests.dataloop.fault_campaign import FAULTS
from tests.dataloop.world import HEIGHT, WIDTH, World

MASKS = 3
NOT_FOR_UPLOADS = ("slow", "short-page", "wrong-total", "repeat-page", "lose-page", "stale")


def table() -> str:
    """A Markdown table: what the call said, and how many masks were stored."""
    logging.getLogger("dtlpy").setLevel(logging.CRITICAL + 1)
    lines = ["| fault at the upload | what `upload` does | masks stored of 3 |", "|---|---|---|"]
    for name, steps in FAULTS.items():
        if len(steps) == 1 and not steps[0]["kind"].startswith(NOT_FOR_UPLOADS):
            said, stored = uploaded(Fault("POST", "/items/*/annotations", **steps[0]), MASKS)
            lines.append(f"| {name} | {said} | {_marked(stored, MASKS)} |")
    for name, options in (
        ("500, one batch of three", {"kind": "status"}),
        ("dropped after the work", {"kind": "drop-after"}),
    ):
        said, stored = uploaded(Fault("POST", "/items/*/annotations", skip=1, **options), 250)
        lines.append(f"| 250 masks: {name} | {said} | {_marked(stored, 250)} of 250 |")
    return "\n".join(lines)


def uploaded(fault: Fault, count: int) -> tuple[str, int]:
    """What an upload of so many masks came to, and how many the platform then has."""
    import dtlpy

    with Emulator() as emulator, patch("urllib3.util.retry.Retry.get_backoff_time", lambda _retry: 0):
        world = World(emulator)
        key = world.add_item("/0.png")
        point_sdk_at(emulator.url, token=fake_token("ann@example.org"))
        dtlpy.client_api.session = None
        item = (
            dtlpy.projects.get(project_name="boats")
            .datasets.get(dataset_name="harbor")
            .items.get(item_id=key)
        )
        builder = item.annotations.builder()
        for number in range(count):
            mask = np.zeros((HEIGHT, WIDTH), np.uint8)
            mask[1:5, number % 20 : number % 20 + 3] = 1
            builder.add(annotation_definition=dtlpy.Segmentation(geo=mask, label=f"label {number}"))
        emulator.faults.add(fault)
        said = _said(item, builder)
        emulator.faults.clear()
        dtlpy.client_api.session.close()
        return said, len(world.of_type("binary"))


def _said(item: Any, builder: Any) -> str:
    try:
        return f"returns {len(item.annotations.upload(builder))} annotations, no error"
    except Exception as error:  # noqa: BLE001 - whatever it raises is what is told
        return f"raises `{type(error).__name__}`"


def _marked(stored: int, wanted: int) -> str:
    return str(stored) if stored == wanted else f"**{stored}**"
