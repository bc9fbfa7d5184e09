"""Wall time and calls against a service with 20 ms latency: `python -m tests.benchmarks.dataloop`.

A thousand items are converted in place by eight workers, and a part of as many by the tutorial's own
loop with the unmodified SDK. The bound is 1.4 × calls × latency / workers.
"""

import argparse
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

from PIL import Image

from polymask.dataloop.emulator import Emulator, fake_token, point_sdk_at
from polymask.dataloop.jobs.run import convert_in_place
from polymask.in_place.job import ProvenOptions
from tests.dataloop.fault_campaign import folder
from tests.dataloop.home import private_home
from tests.dataloop.world import ACROSS, RING_WITH_HOLE, URL, World

LATENCY = 0.020
BOUND = 1.4


def service(pipe: Connection, items: int) -> None:
    """An emulator in a process of its own, as a platform is; tells its URL, and its calls when asked."""
    with Emulator(latency=LATENCY, audit_bodies=False) as emulator:
        world = World(emulator)
        for number in range(items):
            world.add_item(f"/{number}.png", RING_WITH_HOLE, ACROSS)
        pipe.send(emulator.url)
        pipe.recv()
        pipe.send((emulator.calls, len(world.of_type("segment")), len(world.masks())))
        pipe.recv()


@contextmanager
def platform(items: int) -> Iterator[tuple[str, Connection]]:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=service, args=(there, items), daemon=True)
    process.start()
    yield here.recv(), here
    here.send("end")
    process.join()


def told(pipe: Connection) -> tuple[int, int, int]:
    """Calls, polygons left, masks."""
    pipe.send("how many")
    calls, polygons, masks = pipe.recv()
    return calls, polygons, masks


def ours(items: int, workers: int) -> None:
    with platform(items) as (url, pipe), folder() as journal:
        point_sdk_at(url, token=fake_token("ann@example.org"))
        began, cpu = time.perf_counter(), time.process_time()
        options = ProvenOptions(delete_source=True, workers=workers)
        report = convert_in_place(URL, options, journal=journal)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        calls, polygons, masks = told(pipe)
        assert (report.failures, polygons, masks) == ([], 0, 2 * items)
        tell("polymask", items, calls, seconds)
        ratio = seconds / (calls * LATENCY / workers)
        print(f"    {ratio:.2f} × (calls × {LATENCY * 1000:.0f} ms / {workers}), at most {BOUND} wanted")
        print(f"    {cpu / calls * 1000:.1f} ms of computing a call")


def tutorial(items: int) -> None:
    """The loop of the platform's tutorial, word for word: delete a polygon, then upload its mask."""
    import dtlpy as dl

    with platform(items) as (url, pipe):
        point_sdk_at(url, token=fake_token("ann@example.org"))
        dl.client_api.session = None  # the SDK's own, with its own retries
        began = time.perf_counter()
        dataset = dl.projects.get(project_name="boats").datasets.get(dataset_name="harbor")
        filters = dl.Filters()
        filters.add(field="type", values="file")
        filters.add_join(field="type", values="segment")
        for page in dataset.items.list(filters=filters):
            for item in page:
                convert_as_the_tutorial(dl, item)
        tell("the tutorial's loop", items, told(pipe)[0], time.perf_counter() - began)


def convert_as_the_tutorial(dl: Any, item: Any) -> None:
    shape = Image.open(item.download(save_locally=False)).size[::-1]
    for annotation in item.annotations.list():
        if annotation.type != "segment":
            continue
        mask = dl.Segmentation.from_polygon(geo=annotation.geo, label=annotation.label, shape=shape)
        annotation.delete()
        builder = item.annotations.builder()
        builder.add(annotation_definition=mask)
        item.annotations.upload(annotations=builder)


def tell(who: str, items: int, calls: int, seconds: float) -> None:
    print(f"{who}: {items} items, {calls} calls, {calls / items:.1f} an item, {seconds:.1f} s", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--tutorial-items", type=int, default=100)
    parser.add_argument("--workers", type=int, default=8)
    asked = parser.parse_args()
    with private_home():
        ours(asked.items, asked.workers)
        tutorial(asked.tutorial_items)
