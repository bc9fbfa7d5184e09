"""The client: what is asked again and what never is, how long it waits, what each answer means."""

import gc
import logging
from types import ModuleType
from typing import Any

import pytest

from polymask.dataloop.emulator import Fault, fake_token
from polymask.dataloop.service import client as client_module
from polymask.dataloop.service.client import ALL_WAITS, ATTEMPTS, LONGEST_WAIT, Client, connect
from polymask.dataloop.service.colors import parse_color
from polymask.dataloop.service.lookup import dataset_named, project_named
from polymask.dataloop.service.recipe import Recipe
from polymask.errors import BackendError, Denied, InputError, NotFound, Unavailable
from tests.dataloop.conftest import Harbor, polygon

READ = ("GET", "/items/*")


class Fixed:
    """A client of the real SDK whose waits are only written down."""

    def __init__(self, client: Client) -> None:
        self.waits: list[float] = []
        client.sleep = self.waits.append
        self.client = client


@pytest.fixture
def fixed(sdk: ModuleType, no_noise: None) -> Any:
    one = Fixed(connect())
    yield one
    one.client._api.session.close()


def asked(harbor: Harbor, method: str, end: str) -> int:
    return sum(one.method == method and one.path.endswith(end) for one in harbor.emulator.audit)


@pytest.mark.parametrize("kind", ["status", "drop-before", "drop-after", "truncate", "invalid-json"])
def test_a_read_is_repeated(fixed: Fixed, harbor: Harbor, kind: str) -> None:
    """What changes nothing is asked again until it is answered."""
    harbor.emulator.faults.add(Fault(*READ, kind, status=503, times=3))
    assert fixed.client.call("GET", f"/items/{harbor.item_id}", safe=True)["id"] == harbor.item_id
    assert asked(harbor, "GET", harbor.item_id) == 4


@pytest.mark.parametrize(
    "kind", ["status", "status-after", "drop-before", "drop-after", "truncate", "invalid-json"]
)
def test_a_write_is_never_repeated(fixed: Fixed, harbor: Harbor, kind: str) -> None:
    """What may have had an effect is sent once, whatever becomes of its answer."""
    harbor.emulator.faults.add(Fault("POST", "/items/*/annotations", kind, status=503))
    with pytest.raises(Unavailable) as caught:
        fixed.client.call("POST", f"/items/{harbor.item_id}/annotations", [polygon()], safe=False)
    assert fixed.client.may_pass(caught.value)
    assert (asked(harbor, "POST", "/annotations"), fixed.waits) == (1, [])


@pytest.mark.parametrize(
    ("status", "error", "attempts"),
    [
        (400, Unavailable, 1),
        (401, Denied, 1),
        (403, Denied, 1),
        (404, NotFound, 1),
        (408, Unavailable, ATTEMPTS),
        (413, Unavailable, 1),
        (422, Unavailable, 1),
        (429, Unavailable, ATTEMPTS),
        (500, Unavailable, ATTEMPTS),
        (501, Unavailable, 1),
        (505, Unavailable, 1),
        (502, Unavailable, ATTEMPTS),
        (503, Unavailable, ATTEMPTS),
    ],
)
def test_each_status_has_its_error(
    fixed: Fixed, harbor: Harbor, status: int, error: type[Exception], attempts: int
) -> None:
    """401 and 403 are Denied, 404 NotFound, the rest Unavailable; only what may pass is tried again."""
    harbor.emulator.faults.add(Fault(*READ, "status", status=status, times=None))
    with pytest.raises(error, match=f"{status} injected fault") as caught:
        fixed.client.call("GET", f"/items/{harbor.item_id}", safe=True)
    assert type(caught.value) is error or isinstance(caught.value, Unavailable)
    assert asked(harbor, "GET", harbor.item_id) == attempts
    assert ("DATALOOP_TOKEN" in str(caught.value)) == (status == 401)
    assert ("ask the project's owner" in str(caught.value)) == (status == 403)


def test_the_sdk_says_nothing_of_our_calls(
    fixed: Fixed, harbor: Harbor, caplog: pytest.LogCaptureFixture
) -> None:
    """It would print each request that was dropped, with its headers and body; its other log goes on."""
    harbor.emulator.faults.add(Fault("POST", "/items/*/annotations", "drop-before"))
    with caplog.at_level("DEBUG", "dtlpy"), pytest.raises(Unavailable):
        fixed.client.call("POST", f"/items/{harbor.item_id}/annotations", [polygon()], safe=False)
    assert [record for record in caplog.records if record.name == "dtlpy"] == []
    logging.getLogger("dtlpy").error("somebody else's")
    assert [record.message for record in caplog.records if record.name == "dtlpy"] == ["somebody else's"]


@pytest.mark.parametrize(
    ("header", "waited"),
    [("7", 7.0), ("0.5", 0.5), ("100000", LONGEST_WAIT), ("Fri, 31 Dec 1999", None), ("-3", None)],
)
def test_retry_after_is_honored_and_capped(
    fixed: Fixed, harbor: Harbor, header: str, waited: float | None
) -> None:
    """The client waits as long as it is asked to, but not longer than two minutes."""
    harbor.emulator.faults.add(Fault(*READ, "status", status=429, headers={"Retry-After": header}))
    fixed.client.call("GET", f"/items/{harbor.item_id}", safe=True)
    (wait,) = fixed.waits
    assert wait == waited if waited else 0 < wait <= 0.5


def test_all_waiting_together_is_bounded(fixed: Fixed, harbor: Harbor) -> None:
    """A service that keeps asking for patience gets ten minutes of it in a run."""
    harbor.emulator.faults.add(Fault(*READ, "status", status=503, headers={"Retry-After": "90"}, times=None))
    for _ in range(4):
        with pytest.raises(Unavailable):
            fixed.client.call("GET", f"/items/{harbor.item_id}", safe=True)
    assert sum(fixed.waits) <= ALL_WAITS < sum(fixed.waits) + 90


def test_pauses_grow(fixed: Fixed, harbor: Harbor) -> None:
    """Without a word from the service, each pause may be twice the last, and is never none."""
    harbor.emulator.faults.add(Fault(*READ, "status", status=503, times=None))
    with pytest.raises(Unavailable):
        fixed.client.call("GET", f"/items/{harbor.item_id}", safe=True)
    bounds = [0.5 * 2**n for n in range(ATTEMPTS - 1)]
    assert all(bound / 2 <= wait <= bound for wait, bound in zip(fixed.waits, bounds, strict=True))


def listing(fixed: Fixed, harbor: Harbor) -> list[str]:
    query = {"filter": {"$and": [{"itemId": harbor.item_id}]}}
    return [row["id"] for row in fixed.client.pages(harbor.dataset_id, "annotations", query)]


@pytest.mark.parametrize("kind", ["", "short-page", "wrong-total", "repeat-page", "lose-page", "truncate"])
@pytest.mark.parametrize("page", [0, 1, 2])
def test_a_listing_is_complete_and_without_doubles(
    fixed: Fixed, harbor: Harbor, monkeypatch: pytest.MonkeyPatch, kind: str, page: int
) -> None:
    """Pages that are lost, repeated, short or miscounted are noticed, and the listing is made again."""
    monkeypatch.setattr(client_module, "PAGE", 3)
    ids = harbor.add_polygons(8)
    if kind:
        harbor.emulator.faults.add(Fault("POST", "**/query", kind, skip=page))
    assert listing(fixed, harbor) == ids


def test_a_listing_that_never_adds_up_is_an_error(fixed: Fixed, harbor: Harbor) -> None:
    """Three listings that do not fit their totals are not taken for the truth."""
    harbor.add_polygons(2)
    harbor.emulator.faults.add(Fault("POST", "**/query", "short-page", keep=1, times=None))
    with pytest.raises(Unavailable, match="1 rows of 2"):
        listing(fixed, harbor)


def test_deleting_does_not_shift_pages(fixed: Fixed, harbor: Harbor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that go between two pages hide none of the others: the next page begins after the last id."""
    monkeypatch.setattr(client_module, "PAGE", 3)
    ids = harbor.add_polygons(7)
    harbor.emulator.at_call(2, lambda: harbor.emulator.remove_annotation(ids[0]))
    assert set(ids[1:]) <= set(listing(fixed, harbor))


@pytest.mark.parametrize("answer", [[], {}, {"items": None}, {"items": [{}]}, "x"])
def test_an_answer_of_another_shape_is_told(
    fixed: Fixed, harbor: Harbor, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    """JSON that is no page is an error of the service, not a crash."""
    monkeypatch.setattr(fixed.client, "call", lambda *_args, **_options: answer)
    with pytest.raises(Unavailable, match="no page"):
        listing(fixed, harbor)


def test_what_is_gone_is_deleted(fixed: Fixed, harbor: Harbor) -> None:
    """Deleting twice, or after a lost reply, is no error."""
    one, two = harbor.add_polygons(2)
    fixed.client.delete(one)
    fixed.client.delete(one)
    harbor.emulator.faults.add(Fault("DELETE", "**", "drop-after"))
    fixed.client.delete(two)
    assert harbor.emulator.annotations() == []


def test_projects_and_datasets_are_found_by_name_and_id(fixed: Fixed, harbor: Harbor) -> None:
    """Either will do; what does not exist is NotFound, and named."""
    project = project_named(fixed.client, "boats")
    assert project_named(fixed.client, project["id"])["id"] == project["id"]
    assert dataset_named(fixed.client, project, "harbor")["id"] == harbor.dataset_id
    assert dataset_named(fixed.client, project, harbor.dataset_id)["id"] == harbor.dataset_id
    with pytest.raises(NotFound, match="'ships'"):
        project_named(fixed.client, "ships")
    with pytest.raises(NotFound, match="'bay'"):
        dataset_named(fixed.client, project, "bay")


@pytest.mark.parametrize(
    ("status", "error"), [(403, Denied), (401, Denied), (400, NotFound), (404, NotFound)]
)
def test_a_name_with_a_number_in_it_is_no_status(
    fixed: Fixed, harbor: Harbor, status: int, error: type[BackendError]
) -> None:
    """What an answer means is told by its status, whatever digits the name of the project has."""
    harbor.emulator.faults.add(Fault("GET", "/projects/boats-400", "status", status=status))
    with pytest.raises(error) as caught:
        project_named(fixed.client, "boats-400")
    assert ("no project has the name" in str(caught.value)) == (error is NotFound)
    if error is Denied:
        assert caught.value.status == status


def test_two_of_a_name_need_an_id(fixed: Fixed, harbor: Harbor) -> None:
    """A name that several have is refused."""
    harbor.emulator.add_project("boats")
    with pytest.raises(InputError, match="use the id"):
        project_named(fixed.client, "boats")


def test_colors_come_from_the_recipes(fixed: Fixed, harbor: Harbor, api: Any) -> None:
    """Every label of every ontology, nested ones by their path; odd colors are none."""
    recipe = api("GET", f"/recipes/{harbor.dataset['metadata']['system']['recipes'][0]}").json()
    roots = [
        {
            "value": {"tag": "cat", "color": "#102030"},
            "children": [{"value": {"tag": "paw", "color": [1, 2, 3]}}],
        },
        {"value": {"tag": "dog", "color": "fuchsia"}, "children": []},
    ]
    api("PUT", f"/ontologies/{recipe['ontologyIds'][0]}", {"roots": roots})
    found = Recipe(fixed.client, harbor.dataset)
    assert dict(found) == {"cat": (16, 32, 48), "cat.paw": (1, 2, 3)}
    assert list(found.labels) == ["cat", "cat.paw", "dog"]


@pytest.mark.parametrize(
    ("given", "color"),
    [
        ("#ff8000", (255, 128, 0)),
        ("#FF8000ff", (255, 128, 0)),
        ("rgb(1,2,3)", (1, 2, 3)),
        ([1, 2, 3, 255], (1, 2, 3)),
        ((1, 2, 3), (1, 2, 3)),
        ("rgb(1,2)", None),
        ("rgb(1,2,300)", None),
        ("#ff80", None),
        ("#gggggg", None),
        ("__import__('os')", None),
        ("", None),
        (None, None),
        (7, None),
        ({}, None),
    ],
)
def test_colors_are_read_in_every_form_and_never_evaluated(given: Any, color: Any) -> None:
    """Hexadecimal, rgb() and lists are colors; anything else is none."""
    assert parse_color(given) == color


def test_without_a_login_nothing_is_tried(sdk: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """No token is Denied before any call, and says what to do."""
    monkeypatch.setattr(type(sdk.client_api), "token", property(lambda _api: None))
    with pytest.raises(Denied, match="DATALOOP_TOKEN"):
        connect()


def test_the_end_of_a_client_leaves_the_sdks_pools_alone(sdk: ModuleType) -> None:
    """Whoever uses dtlpy in this process goes on uploading with it."""
    pool = sdk.client_api.thread_pools("item.download")
    client = connect()
    client._api.session.close()
    del client
    gc.collect()
    assert pool.submit(len, "abc").result() == 3


@pytest.mark.parametrize("token", ["garbage", "a.b.c", "ä"])
def test_what_is_no_token_is_told_so_in_one_line(
    sdk: ModuleType, harbor: Harbor, monkeypatch: pytest.MonkeyPatch, capfd: Any, token: str
) -> None:
    """It names the variable, without its text, before any call."""
    monkeypatch.setenv("DATALOOP_TOKEN", token)
    monkeypatch.setattr(sdk.client_api, "_token", None)
    capfd.readouterr()
    with pytest.raises(Denied, match="DATALOOP_TOKEN holds no token"):
        connect()
    assert "Traceback" not in capfd.readouterr().err


def test_an_expired_token_is_denied(sdk: ModuleType, harbor: Harbor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token that ended is told as such, without its text."""
    token = fake_token(expires_in=-10)
    monkeypatch.setenv("DATALOOP_TOKEN", token)
    monkeypatch.setattr(sdk.client_api, "_token", None)
    with pytest.raises(Denied, match="expired") as caught:
        project_named(connect(), "boats")
    assert token not in str(caught.value)
