"""The platform through dtlpy's authenticated client: raw JSON, typed errors, bounded waiting.

This file and `sending` are all that touches dtlpy, and it is imported only when it is used. Three
things are done differently from the SDK's own calls (measured with dtlpy 1.126.5):

- a call that may have had an effect is never repeated blindly: the session's own retries are
  off, and only calls that are safe to repeat are repeated here;
- every answer is checked: status, JSON, and the number of rows against the total;
- the SDK's files go to a private folder, unless the user logged in with dtlpy before, and a
  token from the environment is kept in memory only.
"""

import os
import random
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from copy import copy
from typing import Any

from polymask.dataloop.service.responses import (
    LOG_IN,
    Passing,
    as_bytes,
    as_json,
    folders_of,
    is_page,
    listed,
    part,
    refusal,
)
from polymask.dataloop.service.sending import EXPIRED, Body, sent
from polymask.errors import BackendError, Denied, InputError, NotFound, Unavailable
from polymask.storage.local_disk.durable import make_private
from polymask.storage.local_disk.user_dirs import home_folder, state_folder
from polymask.validation import Json, whole

TOKEN = "DATALOOP_TOKEN"  # noqa: S105 - the name of a variable, not a token
HOME = "DATALOOP_PATH"
TIMEOUT = (10, 60)  # seconds to connect, and between two bytes of an answer
ATTEMPTS = 6
LONGEST_WAIT = 120.0  # seconds for one Retry-After
ALL_WAITS = 600.0  # seconds of waiting in one run
PAGE = 1000


class Client:
    """Calls to one platform; threads may share it."""

    def __init__(self, api: Any, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._api, self.sleep = api, sleep
        self._waited = 0.0

    def call(self, method: str, path: str, body: Body = None, *, safe: bool) -> Any:
        """The decoded JSON that a call is answered with.

        `safe` calls may be repeated and are, with growing pauses; others are sent once. Raises
        `NotFound` (404), `Denied` (401, 403) or `Unavailable` (anything else).
        """
        return self._attempts(method, path, body, safe=safe, read=as_json)

    def stream(self, item_id: str) -> bytes:
        """An item's own bytes."""
        data: bytes = self._attempts("GET", f"/items/{item_id}/stream", None, safe=True, read=as_bytes)
        return data

    def _attempts(self, method: str, path: str, body: Any, *, safe: bool, read: Callable[[Any], Any]) -> Any:
        pause = 0.5
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return read(self._once(method, path, body))
            except Passing as error:
                if not safe or attempt == ATTEMPTS:
                    raise
                self._wait(error.retry_after or pause * random.uniform(0.5, 1), error)  # noqa: S311
                pause *= 2
        raise AssertionError("unreachable")

    def _once(self, method: str, path: str, body: Any) -> Any:
        from dtlpy.exceptions import ExceptionMain, TokenExpired
        from requests.exceptions import RequestException

        try:
            response = sent(self._api, method, path, body)
        except TokenExpired:  # it is no PlatformException, and is raised before anything is sent
            raise Denied(EXPIRED) from None
        except ExceptionMain as error:
            raise Unavailable(f"Dataloop: {method} {path}: {type(error).__name__}") from None
        except RequestException as error:
            raise Passing(f"Dataloop: {method} {path}: {type(error).__name__}") from None
        if response.status_code >= 400:
            raise refusal(method, path, response)
        return response

    @staticmethod
    def may_pass(error: BackendError) -> bool:
        """Whether a call that failed so may succeed later."""
        return isinstance(error, Passing)

    def pause(self, error: BackendError, attempt: int) -> None:
        """Wait before the next attempt, as long as the service asks; raises the error past all bounds."""
        seconds = error.retry_after if isinstance(error, Passing) else None
        self._wait(seconds or 0.25 * 2**attempt, error)

    def _wait(self, seconds: float, error: BackendError) -> None:
        seconds = min(seconds, LONGEST_WAIT)
        if self._waited + seconds > ALL_WAITS:
            raise error
        self._waited += seconds
        self.sleep(seconds)

    def pages(
        self, dataset_id: str, resource: str, query: Json, *, keep: Callable[[Json], Json] = dict
    ) -> list[Json]:
        """All rows of a query, in ascending order of id, counted against the total.

        Paged by a cursor on the id, so that neither deleting nor adding rows shifts a page. `keep`
        makes of a row what is kept of it, with its id.
        Raises `Unavailable` where the rows do not add up in three tries.
        """
        for _ in range(3):
            rows, total = self._paged(dataset_id, resource, query, keep)
            if len(rows) == total:
                return rows
        raise Unavailable(
            f"Dataloop: a listing of {resource} gave {len(rows)} rows of {total}", advice="try again"
        )

    def _paged(
        self, dataset_id: str, resource: str, query: Json, keep: Callable[[Json], Json]
    ) -> tuple[list[Json], int]:
        rows: list[Json] = []
        clauses = _clauses(query.get("filter", {}))
        total = None
        while True:
            cursor = [{"id": {"$gt": rows[-1]["id"]}}] if rows else []
            body = query | {
                "filter": {"$and": [*clauses, *cursor]},
                "sort": {"id": "ascending"},
                "page": 0,
                "pageSize": PAGE,
                "resource": resource,
            }
            page = self.call("POST", f"/datasets/{dataset_id}/query", body, safe=True)
            if not is_page(page):
                raise Unavailable(f"Dataloop: a listing of {resource} was answered with no page of rows")
            fresh = [row for row in page["items"] if not rows or row["id"] > rows[-1]["id"]]
            total = whole(page.get("totalItemsCount")) if total is None else total
            rows.extend(map(keep, fresh))
            if not page.get("hasNextPage") or not fresh:
                return rows, len(rows) if total is None else total

    def ontologies(self, dataset: Json) -> list[Json]:
        """The ontologies of a dataset's recipes, which hold the labels."""
        recipes = [
            part(self.call("GET", f"/recipes/{recipe_id}", safe=True))
            for recipe_id in listed(part(dataset, "metadata", "system").get("recipes"))
        ]
        ids = dict.fromkeys(str(key) for recipe in recipes for key in listed(recipe.get("ontologyIds")))
        return [part(self.call("GET", f"/ontologies/{key}", safe=True)) | {"id": key} for key in ids]

    def folders(self, dataset_id: str) -> list[str]:
        """The folders of a dataset in which items lie, as paths without a leading `/`."""
        return list(folders_of(self.call("GET", f"/datasets/{dataset_id}/directoryTree", safe=True)))

    def delete(self, annotation_id: str) -> None:
        """Delete one annotation by its id; one that is gone is gone."""
        with suppress(NotFound):
            self._delete(annotation_id, safe=True)

    def delete_once(self, annotation_id: str) -> None:
        """Delete one annotation without waiting for anything; raises `NotFound` where it is gone."""
        self._delete(annotation_id, safe=False)

    def _delete(self, annotation_id: str, *, safe: bool) -> None:
        body = {"username": _email(self._api)}
        self._attempts("DELETE", f"/annotations/{annotation_id}", body, safe=safe, read=lambda _: None)


def _clauses(condition: Json) -> list[Json]:
    """A filter as a list of clauses that another can be added to."""
    if set(condition) == {"$and"}:
        return list(condition["$and"])
    return [condition] if condition else []


def _email(api: Any) -> str:
    """The user that deletions are made for, as the token says."""
    import jwt

    claims: Mapping[str, Any] = jwt.decode(api.token, options={"verify_signature": False})
    return str(claims.get("email", ""))


def connect(*, workers: int = 1) -> Client:
    """A client with the user's own login, or the token in DATALOOP_TOKEN.

    Raises `InputError` where dtlpy is not installed, `Denied` where there is no login.
    """
    dtlpy = import_dtlpy()
    # A copy, so that whoever else uses dtlpy in this process keeps their session and their login.
    api = copy(dtlpy.client_api)
    api._thread_pools = {}  # its end shuts them down, and they are the other's
    if token := os.environ.get(TOKEN):
        api._token = token  # the public setter would write it to a file
    if not api.token:
        raise Denied("Dataloop: not logged in", advice=LOG_IN)
    if not _is_token(api.token):
        where = TOKEN if token else "the login that dtlpy keeps"
        raise Denied(f"Dataloop: {where} holds no token", advice=LOG_IN)
    api._check_fork()  # it forgets the session on the first call after a fork, and ours with it
    api.session = _session(workers)
    return Client(api)


def _is_token(token: str) -> bool:
    """Whether a text is a token as the platform gives it (JSON Web Token); whether it is valid, it tells."""
    import jwt

    try:
        return isinstance(jwt.decode(token, options={"verify_signature": False, "verify_exp": False}), dict)
    except jwt.PyJWTError:
        return False


def import_dtlpy() -> Any:
    """dtlpy, its files in a private folder unless the user has one of their own."""
    home = home_folder()
    if HOME not in os.environ and not (home and (home / ".dataloop" / "cookie.json").exists()):
        private = state_folder() / "dtlpy"
        make_private(private)
        os.environ[HOME] = str(private)
    before = os.umask(0o077)
    try:
        import dtlpy
    except ImportError:
        raise InputError("dataloop:// needs dtlpy", advice="pip install 'polymask[dataloop]'") from None
    finally:
        os.umask(before)
    return dtlpy


def _session(workers: int) -> Any:
    """A session with our timeouts, no retries of its own, and certificates that are always looked at."""
    import requests
    from requests.adapters import HTTPAdapter

    class Adapter(HTTPAdapter):
        def send(self, *args: Any, **options: Any) -> requests.Response:
            settings = {"timeout": TIMEOUT, "verify": os.environ.get("REQUESTS_CA_BUNDLE") or True}
            return super().send(*args, **options | settings)  # an environment of dtlpy's may say otherwise

    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, Adapter(max_retries=0, pool_maxsize=max(workers, 1)))
    return session
