"""What an answer of the platform means."""

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
    except ValueError:
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
    except (ValueError, AttributeError):
        return ""


def _seconds(value: str | None) -> float | None:
    try:
        return max(0.0, float(value)) if value else None
    except ValueError:
        return None


def is_page(answer: Any) -> bool:
    """Whether an answer is a page of rows with ids."""
    rows = answer.get("items") if isinstance(answer, dict) else None
    return isinstance(rows, list) and all(isinstance(row, dict) and "id" in row for row in rows)
