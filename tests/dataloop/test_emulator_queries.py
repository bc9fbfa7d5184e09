"""Queries: what is selected, how it is paged, and that totals are those of the query as sent."""

import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polymask.dataloop.emulator import Emulator
from polymask.dataloop.emulator.database.query import Query, page_of, select
from polymask.dataloop.emulator.database.store import Store
from polymask.dataloop.emulator.pictures import Pictures
from polymask.dataloop.emulator.platform import Platform
from tests.dataloop.conftest import Api, Harbor, polygon

JOIN = {
    "on": {"resource": "annotations", "local": "itemId", "forigen": "id"},
    "filter": {"$and": [{"type": "segment"}]},
}


def shape(page: dict[str, Any]) -> tuple[int, int, int, bool]:
    return len(page["items"]), page["totalItemsCount"], page["totalPagesCount"], page["hasNextPage"]


def fill(harbor: Harbor, count: int) -> list[str]:
    keys = [harbor.add_item(f"/{number:03d}.png")["id"] for number in range(count - 1)]
    return [harbor.item_id, *keys]


def test_offset_pages_count_all_rows(api: Api, harbor: Harbor) -> None:
    """With page numbers the totals stay those of the whole selection."""
    fill(harbor, 25)
    shapes = [shape(api.query(harbor.dataset_id, page=page, pageSize=10)) for page in range(4)]
    assert shapes == [(10, 25, 3, True), (10, 25, 3, True), (5, 25, 3, False), (0, 25, 3, False)]


def test_keyset_pages_count_what_is_left(api: Api, harbor: Harbor) -> None:
    """With an id cursor the totals shrink, since the cursor is a part of the filter."""
    keys = fill(harbor, 25)
    seen, shapes, cursor = [], [], []
    while not shapes or shapes[-1][3]:
        page = api.query(harbor.dataset_id, {"type": "file"}, *cursor, pageSize=10)
        seen += [record["id"] for record in page["items"]]
        shapes.append(shape(page))
        cursor = [{"id": {"$gt": seen[-1]}}]
    assert seen == keys
    assert shapes == [(10, 25, 3, True), (10, 15, 2, True), (5, 5, 1, False)]


def test_a_full_last_page_has_no_next(api: Api, harbor: Harbor) -> None:
    """A page that ends with the last row says that there is no other."""
    fill(harbor, 20)
    assert shape(api.query(harbor.dataset_id, page=1, pageSize=10)) == (10, 20, 2, False)
    assert shape(api.query(harbor.dataset_id, pageSize=20)) == (20, 20, 1, False)


def test_page_sizes_are_cut_to_a_thousand_and_zero_only_counts(api: Api, harbor: Harbor) -> None:
    """Nobody gets more than 1,000 rows; a page of none still tells the total."""
    harbor.add_polygons(1001)
    page = api.query(harbor.dataset_id, resource="annotations", pageSize=5000)
    assert shape(page) == (1000, 1001, 2, True)
    assert shape(api.query(harbor.dataset_id, pageSize=0)) == (0, 1, 0, False)


def test_deleting_while_paging_by_offset_skips_rows(api: Api, harbor: Harbor) -> None:
    """Offset pages shift under deletions: the trap that id cursors exist for."""
    fill(harbor, 6)
    first = api.query(harbor.dataset_id, page=0, pageSize=2)["items"]
    for item in first:
        assert api("DELETE", f"/items/{item['id']}").status_code == 200
    second = api.query(harbor.dataset_id, page=1, pageSize=2)["items"]
    assert [record["filename"] for record in second] == ["/003.png", "/004.png"]


def test_join_selects_items_by_any_annotation(api: Api, harbor: Harbor) -> None:
    """An item is selected when any of its annotations matches, and no longer when that annotation is gone."""
    other = harbor.add_item("/b.png")["id"]
    harbor.emulator.add_annotation(other, polygon() | {"type": "box"})
    (key,) = harbor.add_polygons(1)
    ask = {"join": JOIN, "pageSize": 10}
    assert [record["id"] for record in api.query(harbor.dataset_id, **ask)["items"]] == [harbor.item_id]
    harbor.emulator.edit_annotation(key, type="binary")
    assert api.query(harbor.dataset_id, **ask)["items"] == []
    harbor.add_polygons(1, other)
    assert [record["id"] for record in api.query(harbor.dataset_id, **ask)["items"]] == [other]


def test_join_selects_annotations_by_their_item(api: Api, harbor: Harbor) -> None:
    """Annotations can be asked for by fields of the item that they are on."""
    other = harbor.add_item("/sub/b.png")["id"]
    harbor.add_polygons(2)
    (wanted,) = harbor.add_polygons(1, other)
    join = {
        "on": {"resource": "items", "local": "id", "forigen": "itemId"},
        "filter": {"$and": [{"dir": "/sub"}]},
    }
    rows = api.query(harbor.dataset_id, resource="annotations", join=join)["items"]
    assert [record["id"] for record in rows] == [wanted]


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        ({"filename": "/a.png"}, ["/a.png"]),
        ({"filename": "/*.png"}, ["/a.png"]),
        ({"filename": "/**"}, ["/a.png", "/x/b.jpg", "/x/y/c.png"]),
        ({"filename": "/x/*"}, ["/x/b.jpg"]),
        ({"filename": "/x/**"}, ["/x/b.jpg", "/x/y/c.png"]),
        ({"filename": {"$in": ["/a.png", "/x/y/*"]}}, ["/a.png", "/x/y/c.png"]),
        ({"filename": {"$nin": ["/a.png"]}}, ["/x/b.jpg", "/x/y/c.png"]),
        ({"dir": "/x"}, ["/x/b.jpg"]),
        ({"dir": "/x/**"}, ["/x/y/c.png"]),
        ({"name": {"$ne": "a.png"}}, ["/x/b.jpg", "/x/y/c.png"]),
        ({"metadata.system.width": {"$gt": 40}}, ["/x/b.jpg"]),
        ({"metadata.system.width": {"$gte": 40, "$lt": 41}}, ["/a.png", "/x/y/c.png"]),
        ({"metadata.system.width": {"$lte": "40"}}, []),
        ({"metadata.system.mimetype": ["image/jpeg"]}, ["/x/b.jpg"]),
        ({"metadata.user.tag": {"$exists": True}}, ["/x/y/c.png"]),
        ({"metadata.user.tag": {"$exists": False}}, ["/a.png", "/x/b.jpg"]),
        ({"metadata.user.tag": "red"}, ["/x/y/c.png"]),
        ({"metadata.user.tag": {"$ne": "red"}}, ["/a.png", "/x/b.jpg"]),
        ({"metadata.user.tag": {"$match": "BLU"}}, []),
        ({"metadata.user.note": {"$match": "HELLO"}}, ["/x/y/c.png"]),
        ({"hidden": 0}, []),
        ({"$or": [{"name": "a.png"}, {"$and": [{"dir": "/x"}, {"type": "file"}]}]}, ["/a.png", "/x/b.jpg"]),
        ({"id": {"$eq": "nobody"}}, []),
    ],
)
def test_operators(api: Api, harbor: Harbor, clause: dict[str, Any], expected: list[str]) -> None:
    """Each operator of the query language selects what it says."""
    harbor.emulator.add_item(harbor.dataset_id, "/x/b.jpg", width=50, height=30)
    third = harbor.emulator.add_item(harbor.dataset_id, "/x/y/c.png", width=40, height=30)["id"]
    harbor.emulator.edit_item(third, metadata={"user": {"tag": ["red", "tall"], "note": "say hello"}})
    rows = api.query(harbor.dataset_id, {"hidden": False}, clause)["items"]
    assert [record["filename"] for record in rows] == expected


@pytest.mark.parametrize(
    "body",
    [
        {"filter": {"$nor": []}},
        {"filter": {"name": {"$near": 3}}},
        {"filter": {"name": {"$in": "a"}}},
        {"filter": {"$and": {"name": "a"}}},
        {"filter": []},
        {"page": "1"},
        [],
    ],
)
def test_malformed_queries_are_refused(api: Api, harbor: Harbor, body: Any) -> None:
    """What the language does not have is a 400 that says so, never an empty answer."""
    answer = api("POST", f"/datasets/{harbor.dataset_id}/query", body)
    assert answer.status_code == 400
    assert answer.json()["statusCode"] == 400
    assert answer.json()["message"]


def test_rows_are_sorted_as_asked(api: Api, harbor: Harbor) -> None:
    """Sorting goes by any field, either way, and ids break ties."""
    for path in ("/c.png", "/b.png"):
        harbor.add_item(path)

    def names(**sort: str) -> list[str]:
        return [record["filename"] for record in api.query(harbor.dataset_id, sort=sort)["items"]]

    assert names(filename="ascending") == ["/a.png", "/b.png", "/c.png"]
    assert names(id="descending") == ["/b.png", "/c.png", "/a.png"]
    assert names(dir="descending") == ["/a.png", "/c.png", "/b.png"]


def test_bulk_writes_reach_beyond_a_page(api: Api, harbor: Harbor) -> None:
    """Update and delete by filter take all that matches, whatever page they name."""
    keys = harbor.add_polygons(5)
    path = f"/datasets/{harbor.dataset_id}/query"
    some = {
        "filter": {"annotationId": {"$in": keys[:4]}},
        "page": 0,
        "pageSize": 1,
        "resource": "annotations",
    }
    assert api("POST", path, some | {"update": {"metadata": {"user": {"seen": 1}}}}).status_code == 200
    assert [record["metadata"]["user"] for record in harbor.emulator.annotations()] == [{"seen": 1}] * 4 + [
        {}
    ]
    assert api("POST", path, some | {"delete": True}).status_code == 200
    assert [record["id"] for record in harbor.emulator.annotations()] == keys[4:]
    assert [change[0] for change in harbor.emulator.audit[-1].changes] == ["delete"] * 4


def test_datasets_do_not_see_each_other(api: Api, harbor: Harbor) -> None:
    """A query selects from a single dataset, also by the ids of another's documents."""
    other = harbor.emulator.add_dataset(harbor.project["id"], "other")["id"]
    (key,) = harbor.add_polygons(1)
    for clause in ({"itemId": harbor.item_id}, {"id": {"$in": [key]}}, {"type": "segment"}):
        assert api.query(other, clause, resource="annotations")["items"] == []
        assert len(api.query(harbor.dataset_id, clause, resource="annotations")["items"]) == 1


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["item", "annotate", "hide", "forget", "remove", "ask"]), st.integers(0, 2**16)
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(actions=ACTIONS)
def test_listings_follow_every_write(actions: list[tuple[str, int]]) -> None:
    """Pages from a listing that is kept up to date equal those worked out from scratch."""
    platform = Platform(Store(), Pictures())
    store = platform.store
    with platform.write():
        dataset = platform.add_dataset(platform.add_project("p").id, {"name": "d"}).id
    queries = [
        Query(filter={"hidden": False}, page_size=3),
        Query(filter={"hidden": False}, join=JOIN, page_size=3),
        Query(resource="annotations", filter={"type": "segment"}, page_size=3),
    ]
    for name, number in [*actions, ("ask", 0)]:
        with platform.write():
            _act(platform, dataset, name, number)
        if name == "ask":
            for query in queries:
                page = page_of(select(store, dataset, query), query)
                expected = _expected(platform, dataset, query)
                assert (list(page.ids), page.total) == (expected[:3], len(expected))


def _act(platform: Platform, dataset: str, name: str, number: int) -> None:
    store, chance = platform.store, random.Random(number)
    items = [record.id for record in store.all("item")]
    annotations = [record.id for record in store.all("annotation")]
    if name == "item":
        platform.add_item(dataset, f"/{len(items)}-{number}-{store.new_id()}", {})
    elif name == "annotate" and items:
        kind = chance.choice(["segment", "binary"])
        platform.add_annotations(
            chance.choice(items), [{"type": kind, "label": "x", "coordinates": msgspec.Raw(b"[]")}]
        )
    elif name == "hide" and items:
        platform.merge("item", chance.choice(items), {"hidden": bool(number % 2)})
    elif name == "forget" and annotations:
        platform.remove("annotation", chance.choice(annotations))
    elif name == "remove" and items:
        platform.remove("item", chance.choice(items))


def _expected(platform: Platform, dataset: str, query: Query) -> list[str]:
    store = platform.store
    segments = [record.json() for record in store.all("annotation") if record.json()["type"] == "segment"]
    if query.resource == "annotations":
        return [record["id"] for record in segments]
    marked = {record["itemId"] for record in segments}
    return [
        record.id
        for record in store.all("item")
        if not record.json()["hidden"] and (not query.join or record.id in marked)
    ]


def test_ids_ascend_as_texts(dataloop_emulator: Emulator) -> None:
    """Later documents have greater ids, of 24 hexadecimal digits, which id cursors rely on."""
    keys = [dataloop_emulator.add_project(f"p{number}")["id"] for number in range(20)]
    assert keys == sorted(set(keys))
    assert all(len(key) == 24 and int(key, 16) for key in keys)
