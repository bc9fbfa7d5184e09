"""Faults: each kind does what its line in the table says, to the calls it names and to no other."""

import time
from typing import Any

import pytest
import requests

from polymask.dataloop.emulator import KINDS, Emulator, Fault
from polymask.errors import InputError
from tests.dataloop.conftest import Api, Harbor, polygon

CREATE = ("POST", "/items/*/annotations")
QUERY = ("POST", "/datasets/*/query")


def create(api: Api, harbor: Harbor, count: int = 1) -> requests.Response:
    return api("POST", f"/items/{harbor.item_id}/annotations", [polygon()] * count)


def stored(harbor: Harbor) -> int:
    return len(harbor.emulator.annotations())


@pytest.mark.parametrize(("kind", "status", "left"), [("status", 429, 0), ("status-after", 429, 1)])
def test_a_status_comes_with_its_headers(api: Api, harbor: Harbor, kind: str, status: int, left: int) -> None:
    """The status and headers asked for are answered, before or after the work."""
    harbor.emulator.faults.add(Fault(*CREATE, kind, status=status, headers={"Retry-After": "1"}))
    answer = create(api, harbor)
    assert (answer.status_code, answer.headers["Retry-After"]) == (status, "1")
    assert answer.json() == {"message": "injected fault", "statusCode": status}
    assert stored(harbor) == left
    assert create(api, harbor).status_code == 200


@pytest.mark.parametrize(("kind", "left"), [("drop-before", 0), ("drop-after", 2)])
def test_a_dropped_connection_gives_no_answer(api: Api, harbor: Harbor, kind: str, left: int) -> None:
    """The connection closes without a byte, before or after the work."""
    harbor.emulator.faults.add(Fault(*CREATE, kind))
    with pytest.raises(requests.ConnectionError):
        create(api, harbor, 2)
    assert stored(harbor) == left
    assert (harbor.emulator.audit[-1].status, harbor.emulator.audit[-1].fault) == (0, kind)


def test_a_truncated_answer_breaks_off(api: Api, harbor: Harbor) -> None:
    """Half of an answer arrives under the length of the whole; the work is done."""
    harbor.emulator.faults.add(Fault(*CREATE, "truncate"))
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        create(api, harbor)
    assert stored(harbor) == 1


def test_invalid_json_is_a_success_that_cannot_be_read(api: Api, harbor: Harbor) -> None:
    """Status 200, work done, and a body that is no JSON."""
    harbor.emulator.faults.add(Fault(*CREATE, "invalid-json"))
    answer = create(api, harbor)
    assert answer.status_code == 200
    with pytest.raises(requests.exceptions.JSONDecodeError):
        answer.json()
    assert stored(harbor) == 1


@pytest.mark.parametrize("kind", ["slow", "slow-after"])
def test_a_slow_answer_outlasts_the_clients_patience(api: Api, harbor: Harbor, kind: str) -> None:
    """The client gives up, and the work is done all the same."""
    harbor.emulator.faults.add(Fault(*CREATE, kind, seconds=0.3))
    with pytest.raises(requests.ReadTimeout):
        api.session.post(f"{api.base}/items/{harbor.item_id}/annotations", json=[polygon()], timeout=0.1)
    assert stored(harbor) == (kind == "slow-after")
    time.sleep(0.4)
    assert stored(harbor) == 1


@pytest.mark.parametrize(("keep", "kept"), [(None, 2), (0, 0), (1, 1)])
def test_a_partial_store_looks_like_success(api: Api, harbor: Harbor, keep: int | None, kept: int) -> None:
    """Only the first elements are stored and answered, half of them by default."""
    harbor.emulator.faults.add(Fault(*CREATE, "partial", keep=keep))
    answer = create(api, harbor, 4)
    assert (answer.status_code, len(answer.json()), stored(harbor)) == (200, kept, kept)


def test_partial_errors_are_told_within_the_answer(api: Api, harbor: Harbor) -> None:
    """What was not stored is answered as error objects in its place."""
    harbor.emulator.faults.add(Fault(*CREATE, "partial-error", keep=2, status=422))
    answer = create(api, harbor, 3)
    assert [record.get("statusCode") for record in answer.json()] == [None, None, 422]
    assert stored(harbor) == 2


def pages(api: Api, harbor: Harbor, *, keyset: bool) -> list[list[str]]:
    """Read all pages as a trusting client does; cut off after ten."""
    seen: list[list[str]] = []
    more = True
    while more and len(seen) < 10:
        if keyset:
            cursor = [{"id": {"$gt": seen[-1][-1]}}] if seen else []
            page = api.query(harbor.dataset_id, *cursor, pageSize=2)
        else:
            page = api.query(harbor.dataset_id, page=len(seen), pageSize=2)
        seen.append([record["id"] for record in page["items"]])
        more = page["hasNextPage"]
    return seen


@pytest.mark.parametrize("keyset", [False, True])
def test_pages_repeat_or_get_lost(api: Api, harbor: Harbor, *, keyset: bool) -> None:
    """A repeated page is the page before, a lost page is passed over, by offset and by cursor alike."""
    ids = [harbor.item_id] + [harbor.add_item(f"/{number}.png")["id"] for number in range(5)]
    first, second, third = ids[:2], ids[2:4], ids[4:]
    assert pages(api, harbor, keyset=keyset) == [first, second, third]
    harbor.emulator.faults.add(Fault(*QUERY, "repeat-page", skip=1))
    expected = [first, first, second, third] if keyset else [first, first, third]
    assert pages(api, harbor, keyset=keyset) == expected
    harbor.emulator.faults.add(Fault(*QUERY, "lose-page", skip=1))
    assert pages(api, harbor, keyset=keyset) == [first, third]


def test_a_short_page_keeps_true_totals(api: Api, harbor: Harbor) -> None:
    """Rows are missing, and only the totals betray it."""
    for number in range(3):
        harbor.add_item(f"/{number}.png")
    harbor.emulator.faults.add(Fault(*QUERY, "short-page", keep=1))
    page = api.query(harbor.dataset_id)
    assert (len(page["items"]), page["totalItemsCount"], page["hasNextPage"]) == (1, 4, False)


@pytest.mark.parametrize(("keep", "claimed"), [(None, 2), (0, 0)])
def test_a_wrong_total_is_only_wrong_in_the_total(
    api: Api, harbor: Harbor, keep: int | None, claimed: int
) -> None:
    """All rows are there, and the count does not fit them."""
    harbor.emulator.faults.add(Fault(*QUERY, "wrong-total", keep=keep))
    page = api.query(harbor.dataset_id)
    assert (len(page["items"]), page["totalItemsCount"]) == (1, claimed)


def test_stale_reads_show_the_state_before_the_last_write(api: Api, harbor: Harbor) -> None:
    """So many reads miss the last write, whatever else is asked in between; then all is there."""
    harbor.add_polygons(1)
    harbor.emulator.faults.add(Fault("*", "**", "stale", times=3))
    created = create(api, harbor, 2).json()
    ask = {"resource": "annotations"}
    assert len(api.query(harbor.dataset_id, {"itemId": harbor.item_id}, **ask)["items"]) == 1
    assert len(api.query(harbor.dataset_id, {"type": "segment"}, **ask)["items"]) == 1
    assert api("GET", f"/annotations/{created[0]['id']}").status_code == 404
    assert len(api.query(harbor.dataset_id, {"type": "segment"}, **ask)["items"]) == 3
    assert api("GET", f"/annotations/{created[0]['id']}").status_code == 200
    assert stored(harbor) == 3


def test_stale_reads_show_what_was_deleted(api: Api, harbor: Harbor) -> None:
    """A deleted item and its annotations are still listed by a stale read."""
    harbor.add_polygons(2)
    api("DELETE", f"/items/{harbor.item_id}")
    harbor.emulator.faults.add(Fault(*QUERY, "stale", times=2))
    assert len(api.query(harbor.dataset_id)["items"]) == 1
    assert len(api.query(harbor.dataset_id, resource="annotations")["items"]) == 2
    assert api.query(harbor.dataset_id)["items"] == harbor.emulator.items() == []


def test_stale_never_strikes_a_write(api: Api, harbor: Harbor) -> None:
    """A write that matches a stale fault goes through and does not use it up."""
    harbor.emulator.faults.add(Fault("*", "**", "stale"))
    (key,) = [record["id"] for record in create(api, harbor).json()]
    body = {"resource": "annotations", "filter": {"id": key}, "delete": True}
    api("POST", f"/datasets/{harbor.dataset_id}/query", body)
    assert stored(harbor) == 0
    assert api("GET", f"/annotations/{key}").status_code == 200
    assert api("GET", f"/annotations/{key}").status_code == 404


def test_skip_and_times_count_matching_calls(api: Api, harbor: Harbor) -> None:
    """The first `skip` matching calls pass, the next `times` fail, the rest pass; others do not count."""
    harbor.emulator.faults.add(Fault("GET", "/items/*", "status", skip=1, times=2, status=503))
    codes = []
    for _ in range(4):
        api("GET", "/projects")
        codes.append(api("GET", f"/items/{harbor.item_id}").status_code)
    assert codes == [200, 503, 503, 200]


def test_a_fault_can_name_a_call_by_its_number(api: Api, harbor: Harbor) -> None:
    """`call=3` strikes the third call of all, whatever it is."""
    harbor.emulator.faults.add(Fault("*", "**", "status", call=3))
    codes = [api("GET", path).status_code for path in ("/projects", "/recipes", "/projects", "/recipes")]
    assert codes == [200, 200, 500, 200]
    assert [entry.number for entry in harbor.emulator.audit] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("pattern", "struck"),
    [
        ("/items/*", False),
        ("/items/*/stream", True),
        ("/items/**", True),
        ("^/items/[0-9a-f]{24}/stream$", True),
    ],
)
def test_paths_are_matched_by_glob_or_regular_expression(
    api: Api, harbor: Harbor, pattern: str, *, struck: bool
) -> None:
    """`*` is a segment, `**` any, and what starts with ^ is a regular expression."""
    harbor.emulator.faults.add(Fault("GET", pattern, "status"))
    assert (api("GET", f"/items/{harbor.item_id}/stream").status_code == 500) == struck


def test_a_fault_can_name_the_resource_of_a_query(api: Api, harbor: Harbor) -> None:
    """Queries all go to the same path; `resource` separates annotations from items."""
    harbor.emulator.faults.add(Fault(*QUERY, "short-page", keep=0, resource="annotations"))
    harbor.add_polygons(1)
    assert len(api.query(harbor.dataset_id)["items"]) == 1
    assert api.query(harbor.dataset_id, resource="annotations")["items"] == []


def test_times_none_strikes_until_cleared(api: Api, harbor: Harbor) -> None:
    """Without a count a fault stays until faults are cleared."""
    harbor.emulator.faults.add(Fault("GET", "/projects", "status", times=None))
    assert [api("GET", "/projects").status_code for _ in range(3)] == [500] * 3
    harbor.emulator.faults.clear()
    assert api("GET", "/projects").status_code == 200


def test_an_unknown_kind_names_those_there_are() -> None:
    """A misspelled kind is an error that lists the table."""
    with pytest.raises(InputError, match="drop-after"):
        Fault("GET", "**", "explode")


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"partial", "partial-error"}))
def test_every_kind_strikes_a_page(api: Api, harbor: Harbor, kind: str) -> None:
    """Of the kinds that are not about batches, none goes unnoticed by who asks for a page."""
    harbor.add_item("/b.png")

    def outcome() -> Any:
        start = time.monotonic()
        try:
            answer = api("POST", f"/datasets/{harbor.dataset_id}/query", {"pageSize": 1, "page": 1})
            return answer.status_code, answer.text, time.monotonic() - start > 0.1
        except requests.RequestException as error:
            return type(error)

    usual = outcome()
    harbor.emulator.faults.add(Fault(*QUERY, kind, seconds=0.1))
    assert outcome() != usual


def test_faults_strike_before_anybody_is_asked_for_a_token(dataloop_emulator: Emulator) -> None:
    """A gate that is down answers 503 also to a call without a token."""
    dataloop_emulator.faults.add(Fault("GET", "/projects", "status", status=503))
    assert requests.get(f"{dataloop_emulator.url}/projects", timeout=5).status_code == 503
    assert requests.get(f"{dataloop_emulator.url}/projects", timeout=5).status_code == 401


def deletion(ids: list[str], **clauses: Any) -> dict[str, Any]:
    """The SDK's deletion of several annotations, and further clauses."""
    every = [{"annotationId": {"$in": ids}}, *({name: clause} for name, clause in clauses.items())]
    return {"resource": "annotations", "filter": {"$and": every}, "delete": True}


def test_many_are_deleted_by_id_where_nobody_edited_them(harbor: Harbor, api: Api) -> None:
    """The condition is compared with the last edit of each; the audit names what went."""
    ids = harbor.add_polygons(3)
    latest = harbor.emulator.annotations()[-1]["updatedAt"]
    edited = harbor.emulator.edit_annotation(ids[0], label="dog")
    assert edited["updatedAt"] > latest
    body = deletion(ids, updatedAt={"$lte": latest}, itemId=harbor.item_id)
    assert api("POST", f"/datasets/{harbor.dataset_id}/query", body).status_code == 200
    assert [record["id"] for record in harbor.emulator.annotations()] == [ids[0]]
    assert [key for _, _, key in harbor.emulator.audit[-1].changes] == ids[1:]


def test_a_filter_may_be_refused_or_not_heeded(harbor: Harbor, api: Api) -> None:
    """By the field of any of its clauses; queries without it go through."""
    ids = harbor.add_polygons(2)
    path, body = f"/datasets/{harbor.dataset_id}/query", deletion(ids, updatedAt={"$lt": "1970"})
    harbor.emulator.faults.add(Fault("POST", "**/query", "status", status=400, clause="updatedAt"))
    assert api("POST", path, deletion(ids[:1])).status_code == 200
    assert api("POST", path, body).status_code == 400
    harbor.emulator.faults.add(Fault("POST", "**/query", "ignore-clause", clause="updatedAt"))
    assert api("POST", path, body).status_code == 200
    assert harbor.emulator.annotations() == []


def test_a_deletion_of_many_may_be_carried_out_in_part(harbor: Harbor, api: Api) -> None:
    """It is answered as if it had been."""
    ids = harbor.add_polygons(4)
    harbor.emulator.faults.add(Fault("POST", "**/query", "partial"))
    assert api("POST", f"/datasets/{harbor.dataset_id}/query", deletion(ids)).status_code == 200
    assert [record["id"] for record in harbor.emulator.annotations()] == ids[2:]
