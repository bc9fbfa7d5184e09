"""An S3 server on loopback, and sources large enough to be shared out."""

import json
import logging
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import fsspec
import pytest

from polymask.storage.remote import connections as stores
from polymask.storage.remote.urls import Url, located
from tests.conftest import coco, square

SECRET = "s3cret-of-nobody"
_numbers = count()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of a server that speaks S3, and variables that lead to it."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables(address).items():
            patch.setenv(name, value)
        yield address
    server.stop()


def variables(address: str) -> dict[str, str]:
    """The environment of somebody whose S3 is at an address."""
    return {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
    }


def reconnect() -> None:
    """Forget all connections, so that the next one sees the environment as it is now."""
    stores._stores.clear()
    fsspec.get_filesystem_class("s3").clear_instance_cache()


@pytest.fixture
def bucket(s3_server: str) -> Url:
    """A bucket of its own."""
    url = Url("s3", f"bucket-{next(_numbers)}")
    url.store.mkdir(url.key)
    return url


@pytest.fixture
def memory() -> Iterator[Url]:
    """A prefix in this process's memory, empty again afterwards."""
    store = fsspec.filesystem("memory")
    yield Url("memory", f"m{next(_numbers)}")
    store.store.clear()
    store.pseudo_dirs[:] = [""]


@pytest.fixture(params=["memory", "s3"])
def remote(request: pytest.FixtureRequest) -> Url:
    """A prefix in each kind of store that is at hand."""
    found: Url = request.getfixturevalue({"s3": "bucket"}.get(request.param, request.param))
    return found / "data"


def put(place: Url, data: bytes | Path) -> Url:
    """Store an object, or all files of a folder, past polymask."""
    if isinstance(data, bytes):
        place.store.pipe_file(place._path, data)
    elif data.is_file():
        put(place, data.read_bytes())
    else:
        for path in data.rglob("*"):
            if path.is_file():
                put(located(f"{place}/{path.relative_to(data)}"), path.read_bytes())  # type: ignore[arg-type]
    return place


def stored(place: Url) -> dict[str, bytes]:
    """Every object below a place, by name."""
    now = Url(place.protocol, place.key).snapshot()
    return {name: (now / name).read_bytes() for name in sorted(now.listed.files)}


def many(images: int) -> dict[str, Any]:
    """A COCO document of small images, each with a cat somewhere else below a dog."""
    sides = {"height": 24, "width": 24}
    return coco(
        images=[{"id": n, "file_name": f"{n:04}.jpg", **sides} for n in range(images)],
        annotations=[
            {
                "id": 2 * n + k,
                "image_id": n,
                "category_id": (3, 7)[k],
                "segmentation": [square(n % 9 + k, k, 7)],
            }
            for n in range(images)
            for k in (0, 1)
        ],
    )


@pytest.fixture
def many_images(tmp_path: Path) -> Callable[[int], Path]:
    """A COCO file of so many images."""

    def write(images: int) -> Path:
        path = tmp_path / "many.json"
        path.write_text(json.dumps(many(images)))
        return path

    return write
