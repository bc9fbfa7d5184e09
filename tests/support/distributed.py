"""A campaign: a COCO file from and to S3-protocol storage on a Dask cluster, against one process.

`python -m tests.support.distributed --source FILE [--images N]` starts an S3 server, a scheduler and two
workers as processes of their own, converts through the command line, and compares every object and
the report with a run of one process on disk: undisturbed, with a worker killed midway, and to a
folder. Exits 1 where anything differs.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from polymask.storage.remote.urls import Url
from tests.conftest import ROOT, tree
from tests.storage.conftest import put, stored, variables

_SERVER = """
import logging, sys, time
from moto.server import ThreadedMotoServer
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer("127.0.0.1", int(sys.argv[1]), verbose=False)
server.start()
time.sleep(1e6)
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--source", type=Path, required=True, help="a COCO file")
    parser.add_argument("--images", type=int, help="the first N of it only")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return 0 if Campaign(arguments.source, Path(folder), arguments.images).run() else 1


class Campaign:
    """The same conversion in several places."""

    def __init__(self, source: Path, folder: Path, images: int | None) -> None:
        self.folder, self.source = folder, folder / "instances.json"
        self.source.write_bytes(_first(source, images))
        self.ports = [_free_port(), _free_port()]
        self.scheduler = f"tcp://127.0.0.1:{self.ports[1]}"
        os.environ |= variables(f"http://127.0.0.1:{self.ports[0]}") | {"PYTHONPATH": str(ROOT)}
        del os.environ["AWS_MAX_ATTEMPTS"]

    def run(self) -> bool:
        alone, seconds = self.convert(self.source, self.folder / "alone", "--workers", "1")
        self.expected, self.report = tree(self.folder / "alone"), alone
        print(f"{alone['images']:,} images, {len(self.expected):,} files; one process, disk: {seconds:.1f} s")
        with (
            _process("-c", _SERVER, str(self.ports[0])),
            _process("-m", "distributed.cli.dask_scheduler", "--port", str(self.ports[1]), "--no-dashboard"),
        ):
            _await_port(*self.ports)
            bucket = Url("s3", "campaign")
            bucket.store.mkdir(bucket.key)
            self.remote = put(bucket / "instances.json", self.source)
            with self.worker(), self.worker():
                on_disk = self.same("2 workers, disk → disk", self.source, self.folder / "shared")
                on_s3 = self.same("2 workers, S3 → S3", self.remote, bucket / "shared")
                repeated = self.same(
                    "the same again: nothing to do", self.remote, bucket / "shared", changed=0
                )
            with self.worker() as killed, self.worker():
                after = len(self.expected) // 5
                command = self.start(self.remote, bucket / "killed", "--scheduler", self.scheduler)
                _await(lambda: len(stored_names(bucket / "killed")) > after)
                os.kill(killed.pid, signal.SIGKILL)
                at = len(stored_names(bucket / "killed"))
                survived = self.finished(
                    f"a worker killed at {at:,} objects, S3 → S3", command, bucket / "killed"
                )
        return on_disk and on_s3 and repeated and survived

    @contextmanager
    def worker(self) -> Iterator["subprocess.Popen[str]"]:
        """A worker process that nobody restarts."""
        command = ["-m", "distributed.cli.dask_worker", self.scheduler, "--nthreads", "1"]
        with _process(*command, "--no-nanny", "--no-dashboard") as process:
            yield process

    def start(self, source: Path | Url, dest: Path | Url, *flags: str) -> "subprocess.Popen[str]":
        self.began = time.monotonic()
        command = [sys.executable, "-m", "polymask", "convert", f"{source}", f"{dest}", "--json", "--quiet"]
        return subprocess.Popen([*command, *flags], stdout=subprocess.PIPE, text=True)

    def convert(self, source: Path | Url, dest: Path | Url, *flags: str) -> tuple[dict[str, Any], float]:
        process = self.start(source, dest, *flags)
        output, _ = process.communicate()
        assert process.returncode == 0, process.returncode
        return json.loads(output), time.monotonic() - self.began

    def same(self, title: str, source: Path | Url, dest: Path | Url, *, changed: int | None = None) -> bool:
        return self.finished(
            title, self.start(source, dest, "--scheduler", self.scheduler), dest, changed=changed
        )

    def finished(
        self, title: str, process: "subprocess.Popen[str]", dest: Path | Url, *, changed: int | None = None
    ) -> bool:
        """Print whether a run gave the files and the report of one process."""
        output, _ = process.communicate()
        seconds = time.monotonic() - self.began
        report = json.loads(output) if process.returncode == 0 else {}
        expected = dict(self.report)
        if changed is not None:
            expected |= {"written": changed, "unchanged": expected["images"] - changed}
        reports = _timeless(report) == _timeless(expected)
        files = (stored(dest) if isinstance(dest, Url) else tree(dest)) == self.expected
        equal = f"files equal: {files}, report equal: {reports}"
        print(f"{title}: {seconds:.1f} s, exit {process.returncode}, {equal}")
        return files and reports


def stored_names(place: Url) -> list[str]:
    """The objects below a place."""
    return list(Url(place.protocol, place.key).snapshot().listed.files)


def _timeless(report: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in report.items() if name != "seconds"}


def _first(source: Path, images: int | None) -> bytes:
    if images is None:
        return source.read_bytes()
    document = json.loads(source.read_bytes())
    document["images"] = document["images"][:images]
    image_ids = {image["id"] for image in document["images"]}
    document["annotations"] = [
        annotation for annotation in document["annotations"] if annotation["image_id"] in image_ids
    ]
    return json.dumps(document).encode()


@contextmanager
def _process(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, *arguments], text=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _await_port(*ports: int) -> None:
    for port in ports:
        _await(lambda port=port: socket.socket().connect_ex(("127.0.0.1", port)) == 0)


def _await(true: Any) -> None:
    end = time.monotonic() + 600
    while not true():
        assert time.monotonic() < end, "waited for too long"
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
