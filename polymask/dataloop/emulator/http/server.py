"""HTTP on loopback: from requests to calls, through faults, back to responses."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from urllib.parse import urlsplit

import msgspec
from aiohttp import web

from polymask.dataloop.emulator.audit import DROPPED, Audit, AuditEntry
from polymask.dataloop.emulator.call import Answer, Call, Handler, Upload, failure
from polymask.dataloop.emulator.database.store import Change
from polymask.dataloop.emulator.faults import damage
from polymask.dataloop.emulator.faults.fault import Fault
from polymask.dataloop.emulator.faults.plan import Faults
from polymask.dataloop.emulator.http import access, apps, clones, items, projects, queries, recipes
from polymask.dataloop.emulator.platform import Platform
from polymask.errors import ConflictError, Denied, InputError, NotFound, PolymaskError, Unavailable

PREFIX = "/api/v1"
_ROOMS = (access, projects, recipes, items, queries, clones, apps)
ROUTES = tuple(route for room in _ROOMS for route in room.ROUTES)

_LARGEST_BODY = 2**31
_HOSTS = ("127.0.0.1", "localhost", "::1")
_LOGINS = {route.path for route in access.GATE_ROUTES}
_STATUS: dict[type[PolymaskError], int] = {InputError: 400, Denied: 401, NotFound: 404, ConflictError: 409}

Hook = Callable[[int, str, str], None]


@dataclass(slots=True)
class Hooks:
    """What runs just before calls: `at` by call number, `on_request` before every call."""

    at: dict[int, list[Callable[[], None]]] = field(default_factory=dict)
    on_request: Hook | None = None
    errors: list[BaseException] = field(default_factory=list)

    def due(self, call: Call) -> list[Callable[[], None]]:
        """Return what must run before this call."""
        every = [partial(self.on_request, call.number, call.method, call.path)] if self.on_request else []
        return every + self.at.pop(call.number, [])


class Server:
    """Serves a platform from a separate thread, one call at a time."""

    def __init__(self, platform: Platform, audit: Audit, *, port: int, latency: float) -> None:
        self.faults = Faults()
        self.hooks = Hooks()
        self.calls = 0
        self._platform = platform
        self._audit = audit
        self._latency = latency
        self._socket = _bind(port)
        self._hook_threads = ThreadPoolExecutor(32, thread_name_prefix="emulator-hook")
        # A daemon, so that a test that forgets to close it still ends.
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._main()), daemon=True, name="emulator"
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._ready = threading.Event()

    @property
    def address(self) -> str:
        """The URL of the gate: scheme, host and port."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        """Answer no more and close all connections."""
        if self._loop and self._stop:
            # Events of a loop may only be set from within it.
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()
        self._hook_threads.shutdown()
        self._socket.close()

    async def _main(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        # Clients keep connections open; waiting for them to leave would take a minute.
        runner = web.AppRunner(self._app(), access_log=None, handle_signals=False, shutdown_timeout=0.1)
        await runner.setup()
        await web.SockSite(runner, self._socket).start()
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=_LARGEST_BODY, middlewares=[_only_loopback])
        for route in ROUTES:
            app.router.add_route(route.method, PREFIX + route.path, self._endpoint(route.handler))
        for route in access.GATE_ROUTES:
            app.router.add_route(route.method, route.path, self._endpoint(route.handler, login=True))
        # Unknown paths go the same way: counted, audited, and struck by faults.
        app.router.add_route("*", "/{rest:.*}", self._endpoint(_unknown))
        return app

    def _endpoint(
        self, handler: Handler, *, login: bool = False
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        checked = handler if login else _for_bearers(handler)

        async def endpoint(request: web.Request) -> web.StreamResponse:
            # All calls meet in one thread here, so counting needs no lock.
            self.calls += 1
            call = await _received(request, self.calls)
            await self._run_hooks(call)
            return await self._respond(request, call, checked)

        return endpoint

    async def _run_hooks(self, call: Call) -> None:
        loop = asyncio.get_running_loop()
        if self._latency:
            await asyncio.sleep(self._latency)
        for hook in self.hooks.due(call):
            # In a thread, so that a hook may itself talk to the server or wait for another call.
            done = loop.run_in_executor(self._hook_threads, hook)
            # Waited for without raising: the call goes on, the error is kept for the end.
            await asyncio.wait([done])
            if (error := done.exception()) is not None:
                self.hooks.errors.append(error)

    async def _respond(self, request: web.Request, call: Call, handler: Handler) -> web.StreamResponse:
        fault = self.faults.strike(call)
        if fault and fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        reply, changes = self._work(call, handler, fault)
        dropped = fault is not None and fault.kind in damage.UNANSWERED
        # Before a byte is sent: who has an answer must find it in the audit.
        self._record(call, DROPPED if dropped else reply.status, changes, fault)
        if fault and fault.kind == "slow-after":
            await asyncio.sleep(fault.seconds)
        if dropped:
            return _hang_up(request)
        if fault and fault.kind == "truncate":
            return await _send_half(request, reply)
        return _response(reply)

    def _work(self, call: Call, handler: Handler, fault: Fault | None) -> tuple[Answer, list[Change]]:
        if fault is None:
            return self._handle(call, handler)
        if fault.kind in damage.IDLE:
            return damage.refusal(fault), []
        view = self._platform.store.before_last_write() if fault.kind == "stale" else contextlib.nullcontext()
        # Held around both, or another call could see the past.
        with self._platform.store.lock, view:
            reply, changes = self._handle(damage.before(fault, call), handler)
        return damage.after(fault, call, reply), changes

    def _handle(self, call: Call, handler: Handler) -> tuple[Answer, list[Change]]:
        try:
            with self._platform.store.lock, self._platform.write() as changes:
                reply = handler(self._platform, call)
        except PolymaskError as error:
            # The write was undone as a whole, so it changed nothing.
            return failure(_status_of(error), str(error)), []
        except msgspec.ValidationError as error:
            return failure(400, str(error)), []
        return reply, changes

    def _record(self, call: Call, status: int, changes: list[Change], fault: Fault | None) -> None:
        query = "&".join(f"{name}={value}" for name, value in call.query.items())
        raw = _recordable(call)
        kind = fault.kind if fault else ""
        self._audit.add(
            AuditEntry(call.number, call.method, call.path, raw, status, tuple(changes), query, kind)
        )


def _bind(port: int) -> socket.socket:
    try:
        # Bound here, so that a taken port is an error where the emulator is made.
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        raise Unavailable(
            f"port {port} of 127.0.0.1: {error.strerror or error}",
            advice="choose another with --port, or leave it out for a free one",
        ) from error


@web.middleware
async def _only_loopback(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    # A web page whose name was made to resolve to loopback still sends that name.
    if _hostname(request.host) in _HOSTS:
        return await handler(request)
    return _response(
        failure(
            421, f"this emulator answers to {' and '.join(_HOSTS)}, not to {request.host!r} (header Host)"
        )
    )


def _hostname(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


async def _received(request: web.Request, number: int) -> Call:
    call = Call(
        number,
        request.method,
        request.path.removeprefix(PREFIX),
        request.match_info,
        dict(request.query),
        request.headers,
    )
    if request.content_type in ("multipart/form-data", "application/x-www-form-urlencoded"):
        return replace(call, upload=await _uploaded(request))
    return replace(call, raw=await request.read())


async def _uploaded(request: web.Request) -> Upload:
    # Item uploads come in chunks, of unknown length.
    form = await request.post()
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    file = form.get("file")
    return Upload(fields, file.file.read() if isinstance(file, web.FileField) else b"")


def _for_bearers(handler: Handler) -> Handler:
    def checked(platform: Platform, call: Call) -> Answer:
        if not call.headers.get("Authorization", "").startswith("Bearer "):
            raise Denied("no bearer token")
        return handler(platform, call)

    return checked


def _unknown(_platform: Platform, call: Call) -> Answer:
    return failure(501, f"the emulator does not have the call {call.method} {call.path}")


def _recordable(call: Call) -> bytes:
    if call.path in _LOGINS:
        # Credentials belong in no file, not even those of a stand-in.
        return b""
    if call.upload:
        return msgspec.json.encode({**call.upload.fields, "size": len(call.upload.data)})
    return call.raw


def _status_of(error: PolymaskError) -> int:
    return next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 500)


def _response(reply: Answer) -> web.Response:
    return web.Response(
        body=reply.body, status=reply.status, headers={"Content-Type": reply.content_type, **reply.headers}
    )


def _hang_up(request: web.Request) -> web.Response:
    if request.transport:
        # Nothing more is sent, not even what is buffered.
        request.transport.abort()
    return web.Response()


async def _send_half(request: web.Request, reply: Answer) -> web.StreamResponse:
    headers = {"Content-Type": reply.content_type, **reply.headers}
    response = web.StreamResponse(status=reply.status, headers=headers)
    # The length of all of it, so that the client knows that it was cut off.
    response.content_length = len(reply.body)
    await response.prepare(request)
    await response.write(reply.body[: len(reply.body) // 2])
    if request.transport:
        request.transport.close()
    return response
