"""What an answer of the platform means."""

import math
from collections.abc import Iterator
from typing import Any

from polymask.errors import BackendError, Denied, NotFound, Unavailable
from polymask.validation import listed, part

__all__ = ["LOG_IN", "Passing", "as_bytes", "as_json", "folders_of", "is_page", "listed", "part", "refusal"]

_NEVER = (501, 505)  # what a server cannot do at all, it cannot do a moment later
LOG_IN = "log in with dtlpy, or set DATALOOP_TOKEN"
NOT_ALLOWED = (
    "this account may not do that: log in with another, or ask the project's owner for the right role"
)


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
    """The error for a status; a passing error says when to come back."""
    status = response.status_code
    message = f"Dataloop: {method} {path}: {status} {_message(response)}".rstrip()
    error = _of_status(status, message)
    error.status = status
    if isinstance(error, Passing):
        error.retry_after = _seconds(response.headers.get("Retry-After"))
    return error


def _of_status(status: int, message: str) -> BackendError:
    if status == 404:
        return NotFound(message)
    if status in (401, 403):
        return Denied(message, advice=LOG_IN if status == 401 else NOT_ALLOWED)
    passes = status in (408, 429) or (status >= 500 and status not in _NEVER)
    return Passing(message) if passes else Unavailable(message)


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


def folders_of(tree: Any) -> Iterator[str]:
    """The folders of a directory tree, outer ones first, without a leading `/`.

    Examples:
        >>> list(folders_of({"value": {"filename": "/"}, "children": [{"value": {"filename": "/val"}}]}))
        ['val']
    """
    name = str(part(tree, "value").get("filename") or "").strip("/")
    if name:
        yield name
    for child in listed(part(tree).get("children")):
        yield from folders_of(child)
