"""What an answer of the platform means."""

import math
from typing import Any

from polymask.errors import BackendError, Denied, NotFound, Unavailable

LOG_IN = "log in with dtlpy, or set DATALOOP_TOKEN"


class Passing(Unavailable):
    """A failure that may pass; `retry_after` is how many seconds the service asked for."""

    retry_after: float | None = None


def as_json(response: Any) -> Any:
    """The JSON of an answer."""
    try:
        return response.json()
    except (ValueError, RecursionError):
        raise Passing("Dataloop: an answer that is no JSON") from None


def as_bytes(response: Any) -> bytes:
    """The bytes of an answer."""
    data: bytes = response.content
    return data


def refusal(method: str, path: str, response: Any) -> BackendError:
    """The error for a status; passing ones say when to come back."""
    status = response.status_code
    message = f"Dataloop: {method} {path}: {status} {_message(response)}".rstrip()
    if status == 404:
        return NotFound(message)
    if status in (401, 403):
        return Denied(f"{message}; {LOG_IN}")
    if status < 500 and status not in (408, 429):
        return Unavailable(message)
    error = Passing(message)
    error.retry_after = _seconds(response.headers.get("Retry-After"))
    return error


def _message(response: Any) -> str:
    try:
        return str(response.json().get("message", ""))[:200]
    except (ValueError, AttributeError, RecursionError):
        return ""


def _seconds(value: str | None) -> float | None:
    try:
        seconds = float(value) if value else -1.0
    except ValueError:
        return None
    return seconds if 0 <= seconds < math.inf else None


def is_page(answer: Any) -> bool:
    """Whether an answer is a page of rows with ids."""
    rows = answer.get("items") if isinstance(answer, dict) else None
    return isinstance(rows, list) and all(isinstance(part(row).get("id"), str) for row in rows)


def part(row: Any, *names: str) -> dict[str, Any]:
    """An object within objects; empty where it is missing, null or something else.

    >>> part({"metadata": {"system": {"width": 8}}}, "metadata", "system"), part({"metadata": 5}, "metadata")
    ({'width': 8}, {})
    """
    for name in names:
        row = row.get(name) if isinstance(row, dict) else None
    return row if isinstance(row, dict) else {}


def listed(value: Any) -> list[Any]:
    """A list; empty where it is something else.

    >>> listed([1]), listed(None)
    ([1], [])
    """
    return value if isinstance(value, list) else []
