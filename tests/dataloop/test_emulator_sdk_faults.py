"""What the unmodified SDK makes of faults: the reasons why polymask asks again and believes nothing."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import requests

from polymask.dataloop.emulator import Fault, fake_token
from tests.dataloop.conftest import Harbor, polygon

CREATE = ("POST", "/items/*/annotations")
QUERY = ("POST", "/datasets/*/query")


@pytest.fixture
def item(sdk: ModuleType, harbor: Harbor, no_backoff: None) -> Any:
    return sdk.items.get(item_id=harbor.item_id)


def upload(item: Any, count: int) -> int:
    return len(item.annotations.upload([polygon() for _ in range(count)]))


@pytest.mark.parametrize(
    ("fault", "stored"),
    [
        (Fault(*CREATE, "status", status=500), 0),
        (Fault(*CREATE, "status", status=401), 0),
        (Fault(*CREATE, "status", status=413), 0),
        (Fault(*CREATE, "status", status=429), 0),
        (Fault(*CREATE, "status", status=503, times=None), 0),
        (Fault(*CREATE, "truncate"), 3),
    ],
    ids=lambda value: f"{value.kind}-{value.status}" if isinstance(value, Fault) else None,
)
def test_a_failed_upload_is_an_accidental_type_error(
    item: Any, harbor: Harbor, fault: Fault, stored: int
) -> None:
    """The SDK fails with a TypeError that names no status, whether or not all was stored."""
    harbor.emulator.faults.add(fault)
    with pytest.raises(TypeError):
        upload(item, 3)
    assert len(harbor.emulator.annotations()) == stored


@pytest.mark.parametrize(
    ("fault", "returned", "stored"),
    [
        (Fault(*CREATE, "drop-before"), 1, 1),
        (Fault(*CREATE, "drop-after"), 1, 2),
        (Fault(*CREATE, "status-after", status=502), 1, 2),
        (Fault(*CREATE, "drop-after", times=5), 1, 6),
        (Fault(*CREATE, "status", status=429, headers={"Retry-After": "0"}), 1, 1),
        (Fault(*CREATE, "status", status=503, times=2), 1, 1),
    ],
    ids=lambda value: f"{value.kind}-{value.times}" if isinstance(value, Fault) else None,
)
def test_a_retried_upload_tells_nothing_of_its_copies(
    item: Any, harbor: Harbor, fault: Fault, returned: int, stored: int
) -> None:
    """A lost answer makes the SDK post again: it returns one annotation, the platform holds up to six."""
    harbor.emulator.faults.add(fault)
    assert upload(item, 1) == returned
    assert len(harbor.emulator.annotations()) == stored


@pytest.mark.parametrize(
    ("fault", "returned", "stored"),
    [
        (Fault(*CREATE, "partial", keep=0), 0, 0),
        (Fault(*CREATE, "partial", keep=1), 1, 1),
        (Fault(*CREATE, "partial-error", keep=2), 2, 2),
    ],
    ids=lambda value: f"{value.kind}-{value.keep}" if isinstance(value, Fault) else None,
)
def test_a_partial_store_raises_nothing(
    item: Any, harbor: Harbor, fault: Fault, returned: int, stored: int
) -> None:
    """Elements that were not stored are only missing from what is returned."""
    harbor.emulator.faults.add(fault)
    assert upload(item, 3) == returned
    assert len(harbor.emulator.annotations()) == stored


@pytest.mark.parametrize(
    ("fault", "returned", "stored"),
    [
        (Fault(*CREATE, "status", skip=1), {150, 200}, {150, 200}),
        (Fault(*CREATE, "status", times=None), {0}, {0}),
        (Fault(*CREATE, "drop-after"), {250}, {300, 350}),
    ],
    ids=["one batch fails", "all batches fail", "one answer is lost"],
)
def test_batches_fail_in_silence(
    item: Any, harbor: Harbor, fault: Fault, returned: set[int], stored: set[int]
) -> None:
    """Of 250 annotations in three batches some or all are lost or doubled without an error.

    Which batch meets the fault is the SDK's threads' affair: it has 50 or 100 elements.
    """
    harbor.emulator.faults.add(fault)
    assert upload(item, 250) in returned
    assert len(harbor.emulator.annotations()) in stored


def test_a_token_about_to_expire_sends_nothing(item: Any, sdk: ModuleType, harbor: Harbor) -> None:
    """Within a minute of its end a token is not used, and the upload fails as any other does."""
    sdk.client_api.token = fake_token("ann@example.org", expires_in=30)
    before = harbor.emulator.calls
    with pytest.raises(TypeError):
        upload(item, 1)
    assert harbor.emulator.calls == before


def test_a_refused_listing_is_an_empty_one(item: Any, harbor: Harbor) -> None:
    """A 400 on a listing looks as if there were no annotations."""
    harbor.add_polygons(2)
    harbor.emulator.faults.add(Fault(*QUERY, "status", status=400))
    assert len(item.annotations.list()) == 0
    assert len(item.annotations.list()) == 2


@pytest.mark.parametrize(
    ("status", "error"), [(401, "Unauthorized"), (403, "Forbidden"), (500, "InternalServerError")]
)
def test_other_refused_listings_raise(
    item: Any, sdk: ModuleType, harbor: Harbor, status: int, error: str
) -> None:
    """Every other status of a listing has a separate exception."""
    harbor.emulator.faults.add(Fault(*QUERY, "status", status=status))
    with pytest.raises(getattr(sdk.exceptions, error)):
        item.annotations.list()


def test_a_refused_page_ends_the_iteration(item: Any, sdk: ModuleType, harbor: Harbor) -> None:
    """A 400 on a later page ends the loop early, while the count still tells all."""
    for number in range(24):
        harbor.add_item(f"/{number}.png")
    filters = sdk.Filters()
    filters.page_size = 10
    harbor.emulator.faults.add(Fault(*QUERY, "status", status=400, skip=2))
    pages = sdk.datasets.get(dataset_id=harbor.dataset_id).items.list(filters=filters)
    assert (sum(len(page) for page in pages), pages.items_count) == (10, 25)


@pytest.mark.parametrize(("sort", "visited"), [(False, 25), (True, 15)])
def test_deleting_while_iterating_skips_items_under_offsets(
    item: Any, sdk: ModuleType, harbor: Harbor, *, sort: bool, visited: int
) -> None:
    """By id cursor all 25 items are visited; sorted by name, ten of them never are."""
    for number in range(24):
        harbor.add_item(f"/{number:02}.png")
    for row in harbor.emulator.items():
        harbor.add_polygons(1, row["id"])
    filters = sdk.Filters()
    filters.add_join(field="type", values="segment")
    filters.page_size = 10
    if sort:
        filters.sort_by(field="filename")
    seen = 0
    for page in sdk.datasets.get(dataset_id=harbor.dataset_id).items.list(filters=filters):
        for row in page:
            seen += 1
            for annotation in harbor.emulator.annotations(row.id):
                harbor.emulator.remove_annotation(annotation["id"])
    assert seen == visited


def delete(sdk: ModuleType, harbor: Harbor) -> Callable[[], Any]:
    (key,) = harbor.add_polygons(1)
    return sdk.annotations.get(annotation_id=key).delete


def test_a_deletion_whose_answer_is_lost_raises_not_found(item: Any, sdk: ModuleType, harbor: Harbor) -> None:
    """The SDK deletes again and finds nothing: the error means success."""
    run = delete(sdk, harbor)
    harbor.emulator.faults.add(Fault("DELETE", "/annotations/*", "drop-after"))
    with pytest.raises(sdk.exceptions.NotFound):
        run()
    assert harbor.emulator.annotations() == []


def test_a_failed_deletion_raises(item: Any, sdk: ModuleType, harbor: Harbor) -> None:
    """A 500 on a deletion is reported as a failure."""
    run = delete(sdk, harbor)
    harbor.emulator.faults.add(Fault("DELETE", "/annotations/*", "status"))
    with pytest.raises(sdk.exceptions.InternalServerError):
        run()
    assert len(harbor.emulator.annotations()) == 1


def test_a_failed_update_is_an_index_error_or_nothing(item: Any, sdk: ModuleType, harbor: Harbor) -> None:
    """A 500 on an update shows as IndexError from the annotation, as an empty list from the repository."""
    (key,) = harbor.add_polygons(1)
    annotation = sdk.annotations.get(annotation_id=key)
    annotation.label = "dog"
    harbor.emulator.faults.add(Fault("PUT", "/annotations/*", "status", times=2))
    with pytest.raises(IndexError):
        annotation.update()
    assert item.annotations.update([annotation]) == []
    assert harbor.emulator.annotations()[0]["label"] == "cat"


@pytest.mark.parametrize(
    ("kind", "times", "arrives"), [("status", 1, True), ("status", 3, False), ("truncate", None, False)]
)
def test_a_download_that_fails_is_none(
    item: Any, harbor: Harbor, kind: str, times: int | None, *, arrives: bool
) -> None:
    """One failure is retried; three, or a broken body, give None instead of an error."""
    harbor.emulator.faults.add(Fault("GET", "/items/*/stream", kind, times=times))
    assert (item.download(save_locally=False) is not None) == arrives


def test_a_session_that_does_not_retry_posts_makes_no_copies(
    item: Any, sdk: ModuleType, harbor: Harbor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a session of ours, which the SDK accepts, a lost answer is an error and no copy."""
    with requests.Session() as session:
        monkeypatch.setattr(sdk.client_api, "session", session)
        harbor.emulator.faults.add(Fault(*CREATE, "drop-after"))
        with pytest.raises(TypeError):
            upload(item, 1)
    assert len(harbor.emulator.annotations()) == 1
