"""The server around the platform: access, audit, hooks, and staying up."""

import io
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

from polymask.dataloop.emulator import Emulator, cookie, instructions, serve
from polymask.errors import NotFound, Unavailable
from tests.dataloop.conftest import TRIANGLE, Api, Harbor, png, polygon


def test_any_bearer_will_do_and_none_will_not(dataloop_emulator: Emulator) -> None:
    """Without a token the answer is 401 in the platform's words; any token is let in."""
    url = f"{dataloop_emulator.url}/projects"
    refused = requests.get(url, timeout=5)
    assert (refused.status_code, refused.json()["statusCode"]) == (401, 401)
    assert requests.get(url, headers={"Authorization": "Bearer anything"}, timeout=5).json() == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/items/nobody", None, 404),
        ("GET", "/nowhere", None, 501),
        ("PATCH", "/annotations/nobody", {}, 501),
        ("GET", "/projects/nobody/name", None, 404),
        ("POST", "/items/nobody/annotations", [], 404),
        ("DELETE", "/annotations/nobody", {}, 404),
        ("POST", "/datasets", {"name": "x"}, 400),
        ("POST", "/projects", {"name": "boats"}, 409),
        ("POST", "/app-registry", {}, 400),
    ],
)
def test_refusals_are_json(api: Api, harbor: Harbor, method: str, path: str, body: Any, status: int) -> None:
    """Every refusal has the status and a message."""
    answer = api(method, path, body)
    assert (answer.status_code, answer.json()["statusCode"]) == (status, status)
    assert answer.json()["message"]


def test_a_call_that_is_lacking_is_named(api: Api, harbor: Harbor) -> None:
    """What the platform may have and the emulator has not is 501, with method and path, and audited."""
    answer = api("POST", "/models/query", {})
    assert (answer.status_code, harbor.emulator.audit[-1].status) == (501, 501)
    assert "POST /models/query" in answer.json()["message"]


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "10.0.0.1", "[", ""]
)
@pytest.mark.parametrize("path", ["/api/v1/projects", "/token", "/nowhere"])
def test_only_the_names_of_loopback_are_answered(dataloop_emulator: Emulator, host: str, path: str) -> None:
    """A page whose name was rebound to loopback reads and changes nothing: its Host gives it away."""
    headers = {"Authorization": "Bearer x", "Host": host}
    url = dataloop_emulator.gate_url + path
    answer = requests.post(url, json={"name": "boats"}, headers=headers, timeout=5)
    assert (answer.status_code, answer.json()["statusCode"]) == (421, 421)
    assert dataloop_emulator.projects() == []
    assert dataloop_emulator.calls == 0


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:8888", "[::1]:8888"])
def test_loopback_may_be_called_by_any_of_its_names(dataloop_emulator: Emulator, host: str) -> None:
    """Names and ports of loopback are answered, as through a forwarded port."""
    headers = {"Authorization": "Bearer x", "Host": host}
    assert requests.get(f"{dataloop_emulator.url}/projects", headers=headers, timeout=5).json() == []


@pytest.mark.parametrize("body", [b"{", b'{"a": NaN}', b"\xff"])
def test_a_body_that_is_no_json_is_refused(api: Api, harbor: Harbor, body: bytes) -> None:
    """Malformed JSON, NaN included, is a 400 and stores nothing."""
    url = f"{api.base}/items/{harbor.item_id}/annotations"
    assert api.session.post(url, data=body, timeout=5).status_code == 400
    assert harbor.emulator.annotations() == []


def test_a_batch_is_stored_whole_or_not_at_all(api: Api, harbor: Harbor) -> None:
    """One malformed annotation refuses all of its batch."""
    answer = api("POST", f"/items/{harbor.item_id}/annotations", [polygon(), {"label": "no type"}])
    assert answer.status_code == 400
    assert harbor.emulator.annotations() == []
    assert harbor.emulator.audit[-1].changes == ()


def test_one_annotation_is_answered_as_one(api: Api, harbor: Harbor) -> None:
    """A single object is stored too, and answered as an object."""
    stored = api("POST", f"/items/{harbor.item_id}/annotations", polygon()).json()
    assert stored == harbor.emulator.annotations()[0]


def test_what_is_posted_is_kept_and_completed(api: Api, harbor: Harbor) -> None:
    """Unknown fields and user metadata survive; identity and authorship are the platform's."""
    posted = polygon() | {
        "id": "mine",
        "creator": None,
        "hash": None,
        "url": None,
        "extra": [1, {"a": None}],
        "metadata": {"user": {"polymask": {"v": 1}}, "system": {"objectId": "5"}},
    }
    (stored,) = api("POST", f"/items/{harbor.item_id}/annotations", [posted]).json()
    assert stored["id"] != "mine"
    assert (stored["creator"], stored["updatedBy"]) == ("ann@example.org", "ann@example.org")
    assert (stored["itemId"], stored["datasetId"]) == (harbor.item_id, harbor.dataset_id)
    assert (stored["extra"], stored["metadata"]) == (posted["extra"], posted["metadata"])
    assert stored["coordinates"] == [TRIANGLE]
    assert None not in (stored["hash"], stored["url"], stored["createdAt"], stored["updatedAt"])


def test_a_change_merges_and_null_removes_metadata(api: Api, harbor: Harbor) -> None:
    """A PUT changes what it names: objects merge, lists are replaced, null within metadata removes."""
    stored = harbor.emulator.add_annotation(
        harbor.item_id, polygon() | {"metadata": {"user": {"a": 1, "b": [1, 2]}}}
    )
    diff = {"label": "dog", "id": "other", "metadata": {"user": {"a": None, "b": [3], "c": {"d": 4}}}}
    changed = api("PUT", f"/annotations/{stored['id']}?system=true", diff).json()
    assert (changed["id"], changed["label"]) == (stored["id"], "dog")
    assert changed["metadata"]["user"] == {"b": [3], "c": {"d": 4}}
    assert (changed["creator"], changed["updatedBy"]) == (stored["creator"], "ann@example.org")


@pytest.mark.parametrize(
    ("asked", "status", "slice_"),
    [("bytes=0-", 206, slice(0, None)), ("bytes=5-9", 206, slice(5, 10)), (None, 200, slice(None))],
)
def test_streams_serve_ranges(
    api: Api, harbor: Harbor, asked: str | None, status: int, slice_: slice
) -> None:
    """A Range header gets the part it names, and its place within the whole."""
    answer = api("GET", f"/items/{harbor.item_id}/stream", headers={"Range": asked} if asked else {})
    assert (answer.status_code, answer.content) == (status, png()[slice_])
    if asked:
        assert answer.headers["Content-Range"].endswith(f"/{len(png())}")


def test_a_range_beyond_the_end_is_refused(api: Api, harbor: Harbor) -> None:
    """There is no part after the last byte."""
    assert (
        api("GET", f"/items/{harbor.item_id}/stream", headers={"Range": "bytes=999999-"}).status_code == 416
    )


@pytest.mark.parametrize(("path", "maker"), [("/b.png", "PNG"), ("/b.jpg", "JPEG")])
def test_blank_items_are_real_pictures(api: Api, harbor: Harbor, path: str, maker: str) -> None:
    """An item made without bytes streams a picture of its recorded size, type and orientation."""
    stored = harbor.emulator.add_item(harbor.dataset_id, path, width=31, height=17, exif_orientation=6)
    data = api("GET", f"/items/{stored['id']}/stream").content
    picture = Image.open(io.BytesIO(data))
    assert (picture.size, picture.format, picture.getexif()[0x0112]) == ((31, 17), maker, 6)
    system = stored["metadata"]["system"]
    assert (system["size"], system["width"], system["exif"]) == (len(data), 31, {"Orientation": 6})


def test_a_missing_item_never_moves_onto_another(api: Api, harbor: Harbor) -> None:
    """Two items cannot share a path."""
    other = harbor.add_item("/b.png")
    assert api("PATCH", f"/items/{other['id']}", {"filename": "/a.png"}).status_code == 409
    moved = api("PATCH", f"/items/{other['id']}", {"filename": "/sub/c.png"}).json()
    assert (moved["dir"], moved["name"]) == ("/sub", "c.png")


def test_directories_are_listed_as_a_tree(api: Api, harbor: Harbor) -> None:
    """Folders nest, also those that hold only folders."""
    harbor.add_item("/x/y/b.png")
    tree = api("GET", f"/datasets/{harbor.dataset_id}/directoryTree").json()
    assert tree["value"]["filename"] == "/"
    (child,) = tree["children"]
    assert (child["value"]["filename"], child["children"][0]["value"]["filename"]) == ("/x", "/x/y")


def test_every_call_is_audited_before_it_is_answered(api: Api, harbor: Harbor) -> None:
    """The audit tells number, method, path, body, status and changes, refusals included."""
    (stored,) = api("POST", f"/items/{harbor.item_id}/annotations", [polygon()]).json()
    api("PUT", f"/annotations/{stored['id']}?system=true", {"label": "dog"})
    api("DELETE", f"/annotations/{stored['id']}", {"username": "ann"})
    api("DELETE", f"/annotations/{stored['id']}", {"username": "ann"})
    posted, changed, deleted, refused = harbor.emulator.audit
    assert (posted.number, posted.method, posted.status, posted.body) == (1, "POST", 200, [polygon()])
    assert (changed.path, changed.query) == (f"/annotations/{stored['id']}", "system=true")
    steps = [entry.changes for entry in (posted, changed, deleted, refused)]
    assert steps == [((verb, "annotation", stored["id"]),) for verb in ("create", "update", "delete")] + [()]
    assert (refused.status, harbor.emulator.calls) == (404, 4)


def test_deleting_an_item_audits_all_that_went(api: Api, harbor: Harbor) -> None:
    """The annotations that go with an item are in the audit, before it."""
    keys = harbor.add_polygons(2)
    api("DELETE", f"/items/{harbor.item_id}")
    expected = [("delete", "annotation", key) for key in keys] + [("delete", "item", harbor.item_id)]
    assert list(harbor.emulator.audit[-1].changes) == expected


def test_hooks_run_just_before_their_call(api: Api, harbor: Harbor) -> None:
    """What a hook edits is seen by the call that it was set for, and by none before."""
    harbor.emulator.at_call(2, lambda: harbor.add_polygons(1))
    counts = [len(api("GET", f"/items/{harbor.item_id}/annotations").json()) for _ in range(3)]
    assert counts == [0, 1, 1]


def test_hooks_may_call_the_server_themselves(api: Api, harbor: Harbor) -> None:
    """A hook can play another client."""
    harbor.emulator.at_call(1, lambda: Api(harbor.emulator)("DELETE", f"/items/{harbor.item_id}"))
    assert api("GET", f"/items/{harbor.item_id}").status_code == 404
    assert [entry.method for entry in harbor.emulator.audit] == ["DELETE", "GET"]


def test_every_request_can_be_watched(api: Api, harbor: Harbor) -> None:
    """`on_request` receives number, method and path of each call."""
    seen: list[tuple[int, str, str]] = []
    harbor.emulator.on_request = lambda *facts: seen.append(facts)
    api("GET", "/projects")
    api("GET", f"/items/{harbor.item_id}")
    assert seen == [(1, "GET", "/projects"), (2, "GET", f"/items/{harbor.item_id}")]


def test_what_a_hook_raises_comes_out_of_the_block() -> None:
    """A failing hook does not pass in silence."""
    emulator = Emulator()
    emulator.at_call(1, lambda: emulator.remove_item("nobody"))
    with pytest.raises(NotFound), emulator:
        Api(emulator)("GET", "/projects")


def test_what_is_handed_out_is_a_copy(harbor: Harbor) -> None:
    """Nobody can change the platform by changing what it showed."""
    harbor.add_polygons(1)
    harbor.emulator.annotations()[0]["coordinates"].clear()
    harbor.emulator.items()[0]["metadata"].clear()
    assert harbor.emulator.annotations()[0]["coordinates"] == [TRIANGLE]
    assert harbor.emulator.items()[0]["metadata"]["system"]["width"] == 40


def test_calls_at_once_are_all_counted(harbor: Harbor) -> None:
    """Eight clients that create at once lose nothing and share no id."""

    def work() -> None:
        client = Api(harbor.emulator)
        for _ in range(20):
            client("POST", f"/items/{harbor.item_id}/annotations", [polygon()])
        client.session.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({record["id"] for record in harbor.emulator.annotations()}) == 160
    assert harbor.emulator.items()[0]["annotationsCount"] == 160
    assert sorted(entry.number for entry in harbor.emulator.audit) == list(range(1, 161))


def test_a_taken_port_is_said_to_be_taken(dataloop_emulator: Emulator) -> None:
    """Two emulators cannot share a port: another is to be chosen."""
    port = int(dataloop_emulator.gate_url.rpartition(":")[2])
    with pytest.raises(Unavailable, match=f"port {port} .*choose another with --port"):
        Emulator(port=port)


TUTORIAL = """
import dtlpy as dl
dataset = dl.projects.get(project_name="boats").datasets.get(dataset_name="harbor")
print([item.filename for item in dataset.items.list().all()])
"""


def test_a_cookie_points_an_unchanged_program_at_it(harbor: Harbor, tmp_path: Path) -> None:
    """A program that only imports dtlpy finds the emulator through the cookie file."""
    (tmp_path / "cookie.json").write_text(cookie(harbor.emulator.url))
    env = {"DATALOOP_PATH": str(tmp_path), "HOME": str(tmp_path), "NO_PROXY": "127.0.0.1"}
    run = [sys.executable, "-W", "ignore", "-c", TUTORIAL]
    done = subprocess.run(run, env=env, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "['/a.png']" in done.stdout


def test_serving_tells_how_to_use_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """`serve` hands over its instructions once it listens, and ends when interrupted."""
    texts: list[str] = []

    def ready(text: str) -> None:
        texts.append(text)
        url = text.split()[3]
        assert requests.get(f"{url}/projects", headers={"Authorization": "Bearer x"}, timeout=5).json() == []
        assert text.startswith(instructions(url))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        serve(ready=ready)
    assert len(texts) == 1


def test_credentials_are_in_no_record(tmp_path: Path) -> None:
    """Neither the audit nor a file of the store has seen the password or the token."""
    with Emulator(store=tmp_path) as emulator:
        login = {"username": "bot@example.org", "password": "hunter2", "type": "user_credentials"}
        token = requests.post(f"{emulator.gate_url}/token?default", json=login, timeout=5).json()["id_token"]
        bearer = {"Authorization": f"Bearer {token}"}
        assert (
            requests.get(f"{emulator.url}/users/me", headers=bearer, timeout=5).json()["email"]
            == login["username"]
        )
        assert len(emulator.audit) == 2
        records = repr(emulator.audit).encode()
    records += b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"hunter2" not in records
    assert token.encode() not in records


def test_bodies_can_be_left_out_of_the_audit() -> None:
    """`audit_bodies=False` keeps memory flat in long runs; the rest of an entry stays."""
    with Emulator(audit_bodies=False) as emulator:
        harbor = Harbor(emulator)
        Api(emulator)("POST", f"/items/{harbor.item_id}/annotations", [polygon()])
        assert (emulator.audit[0].body, len(emulator.audit[0].changes)) == (None, 1)
