"""What a fault does to a call before the work, and to the answer after it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec

from polymask.dataloop.emulator.call import Answer, Call, answer, failure
from polymask.dataloop.emulator.faults.fault import Fault

UNANSWERED = ("drop-before", "drop-after")
"""Kinds that close the connection instead of answering."""

IDLE = ("status", "drop-before")
"""Kinds that do no work."""


def before(fault: Fault, call: Call) -> Call:
    """Return the call as the work will see it."""
    return _BEFORE[fault.kind](fault, call) if fault.kind in _BEFORE else call


def after(fault: Fault, call: Call, reply: Answer) -> Answer:
    """Return the answer as the client will see it; `call` is the call as it was sent."""
    return _AFTER[fault.kind](fault, call, reply) if fault.kind in _AFTER else reply


def refusal(fault: Fault) -> Answer:
    """Return the error that a fault answers with."""
    return failure(fault.status, "injected fault", fault.headers)


def _kept(fault: Fault, rows: list[Any]) -> int:
    return len(rows) // 2 if fault.keep is None else fault.keep


def _batch(call: Call) -> list[Any] | None:
    body = call.body
    return body if isinstance(body, list) else None


def _trim(fault: Fault, call: Call) -> Call:
    body = call.body
    if isinstance(body, list):
        return call.with_body(body[: _kept(fault, body)])
    # A single object cannot be stored in part, but many can be deleted in part.
    if isinstance(body, dict) and body.get("delete"):
        return call.with_body(body | {"filter": _of_fewer(fault, body.get("filter"))})
    return call


def _of_fewer(fault: Fault, query: Any) -> Any:
    """A filter whose lists of values are shortened."""
    if isinstance(query, list):
        return [_of_fewer(fault, part) for part in query]
    if not isinstance(query, dict):
        return query
    return {
        name: part[: _kept(fault, part)] if name == "$in" else _of_fewer(fault, part)
        for name, part in query.items()
    }


def _shift(pages: int) -> Callable[[Fault, Call], Call]:
    return lambda _fault, call: replace(call, shift=pages)


def _append_errors(fault: Fault, call: Call, reply: Answer) -> Answer:
    batch = _batch(call)
    # A refused batch has no elements to report on.
    if batch is None or reply.status >= 300:
        return reply
    errors = [{"message": "injected fault", "statusCode": fault.status} for _ in batch[_kept(fault, batch) :]]
    return replace(reply, body=msgspec.json.encode(msgspec.json.decode(reply.body) + errors))


def _shorten(fault: Fault, _call: Call, reply: Answer) -> Answer:
    page = _page(reply)
    if page is None:
        return reply
    # Everything else stays true: only who counts can notice.
    return answer(page | {"items": page["items"][: _kept(fault, page["items"])]})


def _miscount(fault: Fault, _call: Call, reply: Answer) -> Answer:
    page = _page(reply)
    if page is None:
        return reply
    total = page["totalItemsCount"] + 1 if fault.keep is None else fault.keep
    return answer(page | {"totalItemsCount": total})


def _page(reply: Answer) -> dict[str, Any] | None:
    page = msgspec.json.decode(reply.body) if reply.status == 200 else None
    return page if isinstance(page, dict) and "totalItemsCount" in page else None


_BEFORE: dict[str, Callable[[Fault, Call], Call]] = {
    "partial": _trim,
    "partial-error": _trim,
    "repeat-page": _shift(-1),
    "lose-page": _shift(1),
    "ignore-clause": lambda fault, call: call.without_clause(fault.clause or ""),
}
_AFTER: dict[str, Callable[[Fault, Call, Answer], Answer]] = {
    "status-after": lambda fault, _call, _reply: refusal(fault),
    "invalid-json": lambda _fault, _call, reply: replace(reply, body=b'{"items": [', status=200),
    "partial-error": _append_errors,
    "short-page": _shorten,
    "wrong-total": _miscount,
}
