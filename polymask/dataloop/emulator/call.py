"""One call and its answer, free of HTTP, as the handlers see them."""

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import msgspec

from polymask.dataloop.emulator.platform import USER, Platform
from polymask.errors import InputError

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Upload:
    """The file and the fields of a multipart form."""

    fields: Mapping[str, str]
    data: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """What was asked. `path` starts after /api/v1; `shift` moves the page that a query answers."""

    number: int
    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes = b""
    upload: Upload | None = None
    shift: int = 0

    @property
    def body(self) -> Any:
        """The JSON sent, decoded; None where nothing was sent.

        Raises
        ------
        InputError
            What was sent is no JSON.
        """
        try:
            return msgspec.json.decode(self.raw) if self.raw else None
        except msgspec.DecodeError as error:
            raise InputError(f"the body is no JSON: {error}") from error

    @property
    def fields(self) -> dict[str, Any]:
        """The body, which must be an object, or the fields of a form.

        Raises
        ------
        InputError
            It is something else.
        """
        body = dict(self.upload.fields) if self.upload else self.body
        if not isinstance(body, dict):
            raise InputError("the body must be a JSON object")
        return body

    @property
    def user(self) -> str:
        """The email that the token claims, for authorship; nothing is verified."""
        # Deletions and authorship go by this name.
        return email_in(self.headers.get("Authorization", ""))

    @property
    def resource(self) -> str | None:
        """What a query asks for, read from the body without judging it."""
        return _peek(self.raw).resource

    @property
    def clauses(self) -> frozenset[str]:
        """The fields that a query's filter has clauses on, read from the body without judging it."""
        return frozenset(_fields(_peek(self.raw).filter))

    def without_clause(self, field: str) -> "Call":
        """Return the same call as if its filter had no clause on a field."""
        return self.with_body(self.body | {"filter": _without(self.body["filter"], field)})

    @property
    def reads(self) -> bool:
        """Whether the call changes nothing."""
        # The platform queries, changes and deletes through one path.
        peeked = _peek(self.raw)
        asks = self.path.endswith("/query") and not peeked.delete and peeked.update is None
        return self.method == "GET" or asks

    def with_body(self, body: Any) -> "Call":
        """Return the same call with another body."""
        return replace(self, raw=msgspec.json.encode(body))


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered."""

    body: bytes = b""
    status: int = 200
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Platform, Call], Answer]


class Route(NamedTuple):
    """A row of a route table: which calls a handler answers."""

    method: str
    path: str
    handler: Handler


def answer(value: Any, status: int = 200) -> Answer:
    """Return a value as JSON.

    Examples:
        >>> answer({"id": "1"}).body
        b'{"id":"1"}'
    """
    return Answer(msgspec.json.encode(value), status)


def failure(status: int, message: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Return an error as the platform words it.

    Examples:
        >>> failure(404, "gone").body
        b'{"message":"gone","statusCode":404}'
    """
    body = msgspec.json.encode({"message": message, "statusCode": status})
    return Answer(body, status, JSON, dict(headers or {}))


def email_in(authorization: str) -> str:
    """Return the email claim of a bearer token, or the emulator's user."""
    claims = authorization.removeprefix("Bearer ").split(".")
    try:
        # Tokens leave base64 padding out; Python wants it.
        padded = claims[1] + "=" * (-len(claims[1]) % 4)
        return _CLAIMS.decode(base64.urlsafe_b64decode(padded)).email
    except (IndexError, binascii.Error, ValueError, msgspec.MsgspecError):
        return USER


class _Claims(msgspec.Struct):
    email: str


class _Peek(msgspec.Struct):
    resource: str | None = None
    delete: bool | None = None
    update: Any = None
    filter: Any = None


def _fields(query: Any) -> Iterator[str]:
    for name, condition in query.items() if isinstance(query, dict) else ():
        if name in ("$and", "$or"):
            yield from (below for part in condition for below in _fields(part))
        else:
            yield name


def _without(query: Any, field: str) -> Any:
    if isinstance(query, list):
        return [part for part in (_without(part, field) for part in query) if part]
    if not isinstance(query, dict):
        return query
    return {
        name: _without(condition, field) if name in ("$and", "$or") else condition
        for name, condition in query.items()
        if name != field
    }


def _peek(raw: bytes) -> _Peek:
    try:
        return _PEEK.decode(raw)
    except msgspec.MsgspecError:
        return _Peek()


_CLAIMS = msgspec.json.Decoder(_Claims)
_PEEK = msgspec.json.Decoder(_Peek)
