"""An existing Dask cluster, as an executor."""

import logging
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from contextlib import suppress
from importlib.util import find_spec
from socket import create_connection
from sys import modules
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from polymask._version import __version__
from polymask.errors import InputError, Unavailable

CONNECT = 5.0  # seconds to reach the scheduler
WITHOUT_WORKERS = 60.0  # seconds that a scheduler may have no worker
CLOSE = 2.0  # seconds to close the connection


def worker_losses() -> tuple[type[Exception], ...]:
    """The errors that executors raise for lost workers; Dask's only if Dask is loaded."""
    dask = modules.get("distributed.scheduler")
    return (BrokenExecutor, CancelledError, *([dask.KilledWorker] if dask else []))


class Cluster(Executor):
    """The cluster of the scheduler at an address such as `tcp://10.0.0.5:8786`.

    If a worker is lost, Dask runs its tasks again on another worker.

    Raises:
        InputError: Dask is not installed here, or polymask is not installed on the workers.
        Unavailable: No scheduler answers, or it has no worker.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._without_workers_since: float | None = None

    def __enter__(self) -> "Cluster":
        try:
            import distributed
        except ImportError:
            raise InputError(
                "--scheduler needs polymask[dask]", advice="pip install 'polymask[dask]'"
            ) from None
        self._require_listener()
        connect: Any = distributed.Client
        try:
            self._client: Any = connect(self.address, timeout=CONNECT, set_as_default=False)
        except (OSError, TimeoutError) as error:
            raise Unavailable(
                f"{self.address}: no scheduler answers ({type(error).__name__}); is it running?"
            ) from None
        except (ValueError, TypeError) as error:
            raise self._bad_address(error) from None
        try:
            self._executor = self._client.get_executor()
            self._require_polymask()
        except BaseException:
            self._client.close(timeout=CLOSE)
            raise
        return self

    def _bad_address(self, error: Exception) -> InputError:
        return InputError(f"--scheduler {self.address}: {error}", advice="an address is tcp://HOST:PORT")

    def _require_listener(self) -> None:
        """Raise `Unavailable` at once if nothing listens there: Dask's client would try for a long time."""
        parts = urlsplit(self.address)
        try:
            if not (parts.scheme and parts.hostname and parts.port):
                raise ValueError("it names no port")
            create_connection((parts.hostname, parts.port), CONNECT).close()
        except ValueError as error:
            raise self._bad_address(error) from None
        except OSError as error:
            raise Unavailable(f"{self.address}: no scheduler answers: {error.strerror or error}") from None

    def _require_polymask(self) -> None:
        """Raise `InputError` if a worker lacks polymask, before it gets any work."""
        with suppress(TimeoutError):
            self._client.wait_for_workers(1, timeout=CONNECT)
        self._require_workers()
        specs = self._client.run(find_spec, "polymask")
        lacking = [worker for worker, spec in specs.items() if spec is None]
        if lacking:
            raise InputError(
                f"{len(lacking)} workers have no polymask, e.g. {lacking[0]}",
                advice=f"install it there: pip install polymask=={__version__}",
            )

    def _require_workers(self) -> None:
        if not self._client.nthreads():
            raise Unavailable(
                f"{self.address}: no worker", advice=f"start one with `dask worker {self.address}`"
            )

    def __exit__(self, *raised: object) -> None:
        logger = logging.getLogger("distributed")
        level = logger.level
        logger.setLevel(logging.CRITICAL)  # its tracebacks would bury an error that is reported already
        try:
            self._client.close(timeout=CLOSE)
        finally:
            logger.setLevel(level)

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Have a worker call a function."""
        future: Future[Any] = self._executor.submit(fn, *args, **kwargs)
        return future

    def look(self) -> None:
        """Raise `Unavailable` if the scheduler has not answered, or has had no worker, for a while."""
        try:
            self._require_workers()
            self._without_workers_since = None
        except (Unavailable, OSError) as error:
            if self._without_workers_since is None:
                self._without_workers_since = monotonic()
            if monotonic() - self._without_workers_since > WITHOUT_WORKERS:
                raise Unavailable(f"{error}") from None
