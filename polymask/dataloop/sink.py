"""A Dataloop dataset as a sink: one `binary` annotation a label, which says what it holds.

What a mask says of itself lies in `metadata.user.polymask`. Whatever lacks it is somebody
else's, and is never touched.
"""

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from polymask.codecs.png import decode_rgba
from polymask.dataloop.reading.claims import claim_of
from polymask.dataloop.service.client import Client
from polymask.dataloop.source import DataloopSource
from polymask.errors import BackendError, FormatError, LimitError
from polymask.in_place.protocols import Item, Stored
from polymask.layouts.dataloop import PREFIX, WHITE, binary_annotation
from polymask.limits import Limits
from polymask.provenance.claims import Mask, recomputed
from polymask.validation import Color, Json

MOST_MASKS = 50  # in one upload
MOST_BYTES = 8 << 20
TRIES = 4


class DataloopSink:
    """Masks of the items of one dataset; the source tells what is stored."""

    def __init__(
        self,
        client: Client,
        source: DataloopSource,
        colors: Mapping[str, Color],
        *,
        limits: Limits | None = None,
    ) -> None:
        self.client, self.source, self.colors = client, source, colors
        self.limits = limits or Limits()

    def write(self, item: Item, masks: Sequence[Mask]) -> None:
        """Upload masks in bounded batches; whether they arrived is for `proofs` to tell.

        A batch whose answer was lost is not sent again before it has been looked for.
        """
        for batch in batches(
            [(mask.key, binary_annotation(mask, self.colors.get(mask.label, WHITE))) for mask in masks]
        ):
            self._upload(item, batch)

    def _upload(self, item: Item, batch: Sequence[tuple[str, Json]]) -> None:
        missing = list(batch)
        for attempt in range(1, TRIES + 1):
            try:
                rows = [row for _, row in missing]
                self.client.call("POST", f"/items/{item.id}/annotations", rows, safe=False)
                return
            except BackendError as error:
                if attempt == TRIES or not self.client.may_pass(error):
                    raise
                self.client.pause(error, attempt)
            stored_keys = {proof.key for proof in self.proofs(item)}
            missing = [(key, row) for key, row in missing if key not in stored_keys]
            if not missing:
                return

    def proofs(self, item: Item) -> tuple[Stored, ...]:
        """Every mask of ours that the item has, decoded, in order of id."""
        return self.proofs_in(self.source.annotations(item))

    def proofs_in(self, rows: Sequence[Json]) -> tuple[Stored, ...]:
        """The masks of ours among annotations, decoded."""
        return tuple(self._stored(row, claim) for row in rows if (claim := claim_of(row)) is not None)

    def _stored(self, row: Json, claim: Json) -> Stored:
        try:
            mask = decode_rgba(png_of(row), limits=self.limits)
            digest = recomputed(claim, mask)
        except (FormatError, LimitError):
            mask, digest = None, ""
        return Stored(str(claim["key"]), digest, str(row["id"]), str(row.get("label")), claim, mask)

    def retract(self, item: Item, proof: Stored) -> None:
        """Delete one mask of ours by its id."""
        self.client.delete(proof.location)


def batches(rows: Sequence[tuple[str, Json]]) -> Iterator[list[tuple[str, Json]]]:
    """Rows to be uploaded together: bounded in number and in bytes."""
    batch: list[tuple[str, Json]] = []
    size = 0
    for key, row in rows:
        length = len(row["coordinates"]) + len(str(row.get("metadata", "")))
        if batch and (len(batch) == MOST_MASKS or size + length > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((key, row))
        size += length
    if batch:
        yield batch


def png_of(row: Json) -> bytes:
    """A binary annotation's PNG; raises `FormatError` where there is none."""
    coordinates: Any = row.get("coordinates")
    text = coordinates.get("data") if isinstance(coordinates, dict) else coordinates
    if not isinstance(text, str) or not text.startswith(PREFIX):
        raise FormatError("a mask that is no PNG in a data URI")
    try:
        return base64.b64decode(text[len(PREFIX) :], validate=True)
    except ValueError:
        raise FormatError("a mask that is no base64") from None
