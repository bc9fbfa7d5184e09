"""What a call to the platform carries, and how dtlpy's client sends it."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from polymask.dataloop.service.responses import LOG_IN
from polymask.errors import Denied
from polymask.validation import Json

EXPIRED = f"Dataloop: the login has expired; {LOG_IN}"


class FileForm(NamedTuple):
    """A file on its way to a path of a dataset, as a form."""

    path: str
    data: bytes


Body = Json | list[Json] | FileForm | None


class _Calls(logging.Filter, threading.local):
    """Keeps the SDK's log from telling of our calls, each with its headers and body: failures are told by us.

    What others in this process do with the SDK is logged as ever.
    """

    are_ours = False

    def filter(self, record: logging.LogRecord) -> bool:
        return not self.are_ours


_CALLS = _Calls()


@contextmanager
def _unlogged() -> Iterator[None]:
    logging.getLogger("dtlpy").addFilter(_CALLS)  # once, however often it is added
    _CALLS.are_ours = True
    try:
        yield
    finally:
        _CALLS.are_ours = False


def sent(api: Any, method: str, path: str, body: Body) -> Any:
    """The response to a call, without the SDK's log and its wrapper, which walks the stack for each."""
    with _unlogged():
        return _sent(api, method, path, body)


def _sent(api: Any, method: str, path: str, body: Body) -> Any:
    options, bare = _form_or_json(body), getattr(type(api).gen_request, "__wrapped__", None)
    if bare is None:
        return api.gen_request(method, path, log_error=False, **options)[1]
    if api.token_expired() and api.renew_token_method() is False:  # all that the wrapper does beside
        raise Denied(EXPIRED)
    return bare(api, method, path, log_error=False, **options)[1]


def _form_or_json(body: Body) -> dict[str, Any]:
    if not isinstance(body, FileForm):
        return {"json_req": body}
    name = body.path.rpartition("/")[2]
    return {"data": {"type": "file", "path": body.path}, "files": {"file": (name, body.data)}}
