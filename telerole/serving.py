"""An OpenAI-compatible HTTP server over what was trained: a thin front to llama.cpp's own server.

Each model is a llama.cpp that listens on this machine only (`LocalBackend.address`). The front knows them by name,
gives requests the defaults that `LocalBackend` has, and answers errors in OpenAI's form.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from telerole.backends.llama import failure
from telerole.backends.local import CONTEXT, LocalBackend, base_file, with_defaults
from telerole.errors import InputError, TeleroleError, nearest
from telerole.trained import read_trained

LARGEST = 2**24  # bytes of a request
OURS = ("model", "lora", "id_slot")  # what a request may say to this server and not to llama.cpp
PATIENCE = 1.0  # seconds that open requests get when the server ends


def open_models(
    folders: Sequence[Path | str], *, threads: int = 1, context: int = CONTEXT, slots: int = 1
) -> dict[str, LocalBackend]:
    """A model for each training's folder by its name, and the bases of those that are adapters; nothing is loaded yet.

    Each has `threads`, `context` and `slots` as `LocalBackend` takes them.
    Raises `InputError` where a folder cannot be served, or two would have one name.
    """
    opened = partial(LocalBackend, threads=threads, context=context, slots=slots)
    models: dict[str, LocalBackend] = {}
    for folder in map(Path, folders):
        model = opened(folder).beside(models.values())
        if (name := folder.resolve().name) in models:
            raise InputError(f"{folder}: another model is called {name!r}; rename one of the folders")
        models[name] = model
    for folder in map(Path, folders):
        if models[folder.resolve().name].adapted:
            name = Path(read_trained(folder).base).stem
            models.setdefault(name, opened(base_file(folder)).beside(models.values()))
    return models


@asynccontextmanager
async def serving(
    models: Mapping[str, LocalBackend], *, host: str = "127.0.0.1", port: int = 8000, slots: int = 1
) -> AsyncIterator[str]:
    """Serve the models while in the block, `slots` requests at once; gives the address, which ends in ``/v1``.

    On port 0 it is a free port. Raises `InputError` where the port cannot be had.
    """
    # llama.cpp closes a connection that was idle, at any moment; a new one on the same machine costs nothing.
    connector = aiohttp.TCPConnector(force_close=True, limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None)) as session:
        # A request whose client has gone is cancelled, which closes the connection to llama.cpp and ends its work.
        runner = web.AppRunner(
            _app(_Front(models, session, slots)), handler_cancellation=True, access_log=None, shutdown_timeout=PATIENCE
        )
        await runner.setup()
        try:
            await _listen(runner, host, port)
            yield f"http://{host}:{runner.addresses[0][1]}/v1"
        finally:
            await runner.cleanup()
            for model in models.values():
                await model.aclose()


async def _listen(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        raise InputError(f"{host}:{port}: cannot be listened on: {error.strerror}; choose another --port") from None


def _app(front: _Front) -> web.Application:
    app = web.Application(middlewares=[_in_openais_form], client_max_size=LARGEST)
    app.router.add_get("/health", front.health)
    app.router.add_get("/v1/models", front.list_models)
    app.router.add_post("/v1/chat/completions", front.chat)
    return app


class _Refused(Exception):
    """An answer in OpenAI's form of an error."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.code = status, code

    def response(self) -> web.Response:
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        error = {"message": str(self), "type": kind, "param": None, "code": self.code}
        return web.json_response({"error": error}, status=self.status)


@web.middleware
async def _in_openais_form(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        response: web.StreamResponse = await handler(request)
        return response
    except _Refused as refused:
        return refused.response()
    except web.HTTPException as error:
        return _Refused(error.status, f"{request.method} {request.path}: {error.reason}").response()
    except (TeleroleError, aiohttp.ClientError) as error:
        return _Refused(500, str(error)).response()


class _Front:
    def __init__(self, models: Mapping[str, LocalBackend], session: aiohttp.ClientSession, slots: int) -> None:
        self._models = models
        self._session = session
        self._turns = asyncio.Semaphore(slots)
        self._since = int(time.time())

    async def health(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def list_models(self, request: web.Request) -> web.Response:
        about = {"object": "model", "created": self._since, "owned_by": "telerole"}
        return web.json_response({"object": "list", "data": [{"id": name, **about} for name in self._models]})

    async def chat(self, request: web.Request) -> web.StreamResponse:
        asked = await _read(request)
        name = self._named(asked)
        body = with_defaults({key: value for key, value in asked.items() if key not in OURS})
        address = await self._models[name].address()
        async with self._turns, self._session.post(f"{address}/v1/chat/completions", json=body) as answer:
            if answer.status != 200:
                raise _refused(answer.status, (await answer.json())["error"])
            if answer.content_type == "application/json":
                return web.json_response(await answer.json() | {"model": name})
            return await _passed_on(request, answer, name)

    def _named(self, asked: Mapping[str, Any]) -> str:
        name = asked.get("model")
        if not isinstance(name, str):
            raise _Refused(400, f"model: must be one of: {', '.join(self._models)}", "missing_required_parameter")
        if name not in self._models:
            known = f"{nearest(name, self._models)}; there are: {', '.join(self._models)}"
            raise _Refused(404, f"model: {name!r} is not served{known}", "model_not_found")
        return name


async def _read(request: web.Request) -> dict[str, Any]:
    try:
        asked = orjson.loads(await request.read())
    except orjson.JSONDecodeError as error:
        raise _Refused(400, f"the body is not JSON: {error}") from None
    if not isinstance(asked, dict):
        raise _Refused(400, "the body must be a JSON object")
    return asked


async def _passed_on(request: web.Request, answer: aiohttp.ClientResponse, name: str) -> web.StreamResponse:
    """The answer's events, each as soon as it comes."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    await response.prepare(request)
    async for line in answer.content:
        if line.startswith(b"data: {"):
            line = b"data: " + orjson.dumps(orjson.loads(line[6:]) | {"model": name}) + b"\n"
        await response.write(line)
    await response.write_eof()
    return response


def _refused(status: int, error: dict[str, Any]) -> _Refused:
    too_long = error.get("type") == "exceed_context_size_error"
    return _Refused(status, str(failure(error)), "context_length_exceeded" if too_long else None)
