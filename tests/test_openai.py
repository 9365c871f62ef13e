from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from aiohttp import web

from telerole import Cassette, Scenario, Simulator, errors
from telerole.backends import Message, Reply, Sampling
from telerole.backends.openai import OpenAIBackend
from telerole.backends.openai_answers import retry_after
from telerole.errors import BackendError, InputError
from telerole.testing import FakeReply, FakeServer

KEY = "sk-very-secret-0123456789"
HELLO: list[Message] = [{"role": "user", "content": "Hello?"}]
SCHEMA = {"title": "Verdict", "type": "object", "properties": {"ok": {"type": "string"}}, "required": ["ok"]}


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_CUSTOM_HEADERS"):
        monkeypatch.delenv(name, raising=False)


@asynccontextmanager
async def backend(server: FakeServer, **options: Any) -> AsyncIterator[OpenAIBackend]:
    made = OpenAIBackend("m", server.url, KEY, **options)
    try:
        yield made
    finally:
        await made.aclose()


async def answer(reply: FakeReply, **options: Any) -> Reply:
    with FakeServer(lambda body: reply) as server:
        async with backend(server, **options) as made:
            return await made.generate(HELLO)


async def failure(reply: FakeReply, **options: Any) -> BackendError:
    with pytest.raises(BackendError) as caught:
        await answer(reply, **options)
    return caught.value


async def test_a_reply_brings_text_model_finish_reason_and_cached_tokens() -> None:
    usage = {"prompt_tokens": 90, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 64}}
    reply = await answer(FakeReply("Good morning.", usage=usage))
    assert (reply.text, reply.model, reply.finish_reason) == ("Good morning.", "m", "stop")
    assert reply.usage.model_dump() == {
        "calls": 1,
        "attempts": 1,
        "prompt_tokens": 90,
        "completion_tokens": 7,
        "cached_tokens": 64,
    }


@pytest.mark.parametrize("usage", [{}, {"prompt_tokens": None, "prompt_tokens_details": None}])
async def test_usage_a_server_does_not_tell_counts_as_zero(usage: dict[str, Any]) -> None:
    assert (await answer(FakeReply("Hi", usage=usage))).usage.prompt_tokens == 0


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("rate_limit", errors.RateLimited),
        ("error", errors.ServerFault),
        ("cut", errors.Unreachable),
        ("hang", errors.TimedOut),
        ("truncated_json", errors.BadReply),
        ("not_json", errors.BadReply),
        ("empty", errors.EmptyReply),
        ("null_content", errors.EmptyReply),
        ("length", errors.Truncated),
        ("filter", errors.Filtered),
        ("filtered_reply", errors.Filtered),
        ("unauthorized", errors.Rejected),
    ],
)
async def test_each_fault_is_the_error_that_names_it_and_the_next_call_works(
    fault: str, kind: type[BackendError]
) -> None:
    with FakeServer("Fine, thanks.", faults=[fault]) as server:
        async with backend(server, timeout=0.3 if fault == "hang" else 30) as made:
            with pytest.raises(kind) as caught:
                await made.generate(HELLO)
            assert type(caught.value) is kind
            assert server.count == 1, "a backend does not retry"
            assert (await made.generate(HELLO)).text == "Fine, thanks."


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (FakeReply("no such model", status=404), errors.Rejected),
        (FakeReply("too slow", status=408), errors.TimedOut),
        (FakeReply("no money left", status=429, code="insufficient_quota"), errors.Rejected),
        (FakeReply(" \n "), errors.EmptyReply),
        (FakeReply(None, message={"reasoning_content": "Let me think."}), errors.EmptyReply),
        (FakeReply(None, message={"refusal": "I cannot."}), errors.Filtered),
        (FakeReply("", finish_reason="length"), errors.Truncated),
        (FakeReply(body=b'{"choices": []}'), errors.BadReply),
        (FakeReply(body=b'{"choices": [{"message": "hi"}]}'), errors.BadReply),
        (FakeReply(body=b'{"error": {"message": "overloaded"}}'), errors.BadReply),
        (FakeReply(body=b"[]"), errors.BadReply),
        (FakeReply(body=b""), errors.BadReply),
        (FakeReply(status=502, body=b"<html>Bad gateway</html>"), errors.ServerFault),
        (FakeReply(status=400, body=b'{"error": "bad words"}'), errors.Rejected),
        (FakeReply(status=422, body=b'{"detail": [{"loc": ["body"]}]}'), errors.Rejected),
    ],
)
async def test_odd_answers_are_errors_of_the_right_kind(reply: FakeReply, kind: type[BackendError]) -> None:
    assert type(await failure(reply)) is kind


async def test_a_truncated_answer_keeps_its_text_and_its_cost() -> None:
    error = await failure(FakeReply("I was about to", finish_reason="length"))
    assert error.raw == "I was about to"
    assert error.usage is not None
    assert error.usage.completion_tokens > 0


async def test_a_rejection_names_the_status_and_the_servers_words() -> None:
    error = await failure(FakeReply("The model `x` does not exist", status=404))
    assert "404" in str(error)
    assert "The model `x` does not exist" in str(error)


async def test_a_wrong_key_says_which_variable_to_set() -> None:
    assert "OPENAI_API_KEY" in str(await failure(FakeReply("Incorrect API key", status=401)))


async def test_a_key_the_server_echoes_reaches_no_error_record_or_repr() -> None:
    for status in (200, 401, 500):
        error = await failure(FakeReply(f"Incorrect API key: {KEY}", status=status, finish_reason="length"))
        assert KEY not in f"{error} {error!r} {error.raw} {error.__dict__}"
    made = OpenAIBackend("m", f"http://user:{KEY}@host/v1?token={KEY}", KEY)
    assert KEY not in f"{made!r} {made.name} {made.endpoint}"
    assert made.name == "openai:m@http://host/v1"


async def test_nobody_listening_is_unreachable_and_names_the_address() -> None:
    with FakeServer() as server:
        url = server.url
    made = OpenAIBackend("m", url)
    with pytest.raises(errors.Unreachable, match=url):
        await made.generate(HELLO)
    with pytest.raises(errors.Unreachable):
        await made.reach()
    await made.aclose()


async def test_reach_is_content_with_any_sign_of_life() -> None:
    with FakeServer() as server:
        async with backend(server) as made:
            await made.reach()
        assert server.count == 0


@pytest.mark.parametrize(("status", "right"), [(403, True), (404, True), (401, False)])
async def test_a_key_that_may_not_list_the_models_may_still_be_one_to_chat_with(
    scenario: Scenario, status: int, right: bool
) -> None:
    async def answer(request: web.BaseRequest) -> web.Response:
        if request.method == "GET":
            return web.json_response({"error": {"message": "Missing scopes: api.model.read"}}, status=status)
        return web.json_response({"choices": [{"message": {"content": "Good day, it's me."}}]})

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    simulator = Simulator("openai:m@http://{}:{}/v1".format(*runner.addresses[0]), max_turns=2)
    with nullcontext() if right else pytest.raises(InputError, match="answered 401: Missing scopes"):
        assert len(await simulator.arun_many([scenario])) == 1
    await simulator.aclose()
    await runner.cleanup()


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "2.5"}, 2.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": format_datetime(datetime(2030, 1, 1, tzinfo=UTC) + timedelta(seconds=40), usegmt=True)}, 40),
        ({"retry-after": format_datetime(datetime(2029, 1, 1, tzinfo=UTC), usegmt=True)}, 0),
        ({"retry-after-ms": "soon", "retry-after": "9"}, None),
        ({"retry-after": "-3"}, 0),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_as_seconds_milliseconds_or_a_date(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, datetime(2030, 1, 1, tzinfo=UTC)) == seconds


@pytest.mark.parametrize("status", [429, 503])
async def test_the_wait_a_server_asks_for_is_in_the_error(status: int) -> None:
    assert (await failure(FakeReply("slow down", status=status, headers={"Retry-After": "7"}))).retry_after == 7


async def test_only_what_was_asked_for_is_sent() -> None:
    with FakeServer() as server:
        async with backend(server, extra_body={"min_p": 0.05}) as made:
            await made.generate(HELLO, sampling=Sampling(max_tokens=None))
            await made.generate(
                HELLO, sampling=Sampling(temperature=0.0, top_p=0.9, max_tokens=5, stop=("END",), seed=0)
            )
        plain, full = (request.body for request in server.requests)
    assert plain == {"model": "m", "messages": HELLO, "min_p": 0.05}
    assert full == plain | {"temperature": 0.0, "top_p": 0.9, "max_tokens": 5, "stop": ["END"], "seed": 0}


async def test_the_official_clients_headers_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-2")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Team: sales")
    with FakeServer() as server:
        async with backend(server) as made:
            await made.generate(HELLO)
        headers = server.requests[0].headers
    assert headers["user-agent"].startswith("AsyncOpenAI/Python")
    assert headers["content-type"] == "application/json"
    assert int(headers["content-length"]) > 0
    assert headers["host"] in server.url
    own = [headers[name] for name in ("openai-organization", "openai-project", "x-team")]
    assert own == ["org-1", "proj-2", "sales"]
    assert headers["authorization"] == "***"


async def test_a_proxy_in_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeServer("Through the proxy.") as server:
        monkeypatch.setenv("HTTP_PROXY", server.url.removesuffix("/v1"))
        monkeypatch.setenv("NO_PROXY", "")
        made = OpenAIBackend("m", "http://model.invalid/v1")
        assert (await made.generate(HELLO)).text == "Through the proxy."
        await made.aclose()


def test_without_a_key_the_error_names_the_variable() -> None:
    with pytest.raises(InputError, match="set OPENAI_API_KEY"):
        OpenAIBackend("m")


async def test_a_query_in_the_address_is_kept() -> None:
    with FakeServer("Found.") as server:
        made = OpenAIBackend("m", f"{server.url}?token=abc", KEY)
        assert (await made.generate(HELLO)).text == "Found."
        await made.aclose()


async def test_a_local_server_needs_no_key() -> None:
    with FakeServer() as server:
        made = OpenAIBackend("m", server.url)
        await made.generate(HELLO)
        await made.aclose()


async def test_address_and_key_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        made = OpenAIBackend("m")
        await made.generate(HELLO)
        await made.aclose()
    assert made.name == f"openai:m@{server.url}"


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8000/v1",
        "ftp://host/v1",
        "http://",
        "http://:8000/v1",
        "http://host:80a/v1",
        "http://host:99999/v1",
        "http://[::1/v1",
        "http://::1:8000/v1",
        "http://host/v1\n",
        f"http://user:{KEY}@host:80a/v1",
        f"http://user:{KEY}/x@host/v1",
        f"http://[host/v1?token={KEY}",
    ],
)
def test_an_address_that_cannot_be_one_is_refused_and_shows_no_password(url: str) -> None:
    with pytest.raises(InputError, match="base_url") as caught:
        OpenAIBackend("m", url)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://ü..de/v1", f"http://{'a' * 300}.de/v1", f"http://user:{KEY}@127.0.0.1:9/v1", "http://ho st/v1"]
)
async def test_an_address_that_nobody_can_have_is_a_failed_call(url: str) -> None:
    made = OpenAIBackend("m", url, "k")
    with pytest.raises(BackendError) as caught:
        await made.generate(HELLO)
    await made.aclose()
    assert made.endpoint in str(caught.value)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("key", [f"{KEY}\n", f"{KEY[:8]}\r\n{KEY}", f"“{KEY}”", f"{KEY}\x7f"])
def test_a_key_that_fits_into_no_header_is_told_by_the_place_and_never_shown(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(InputError, match=r"the API key has .* at position \d+ of \d+: set OPENAI_API_KEY") as caught:
        OpenAIBackend("m")
    assert KEY[:8] not in str(caught.value)


async def test_an_ipv6_address_stands_in_brackets() -> None:
    async def answer(request: web.BaseRequest) -> web.Response:
        return web.json_response({"choices": [{"message": {"content": "Good day."}}]})

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    try:
        await web.TCPSite(runner, "::1", 0).start()
    except OSError:
        pytest.skip("this machine has no IPv6")
    made = OpenAIBackend("m", f"http://[::1]:{runner.addresses[0][1]}/v1")
    assert (await made.generate(HELLO)).text == "Good day."
    await made.aclose()
    await runner.cleanup()


def test_importing_the_backend_imports_no_client() -> None:
    code = "import sys, telerole.backends.openai; print({'openai', 'httpx2', 'aiohttp'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


async def test_three_hundred_calls_are_in_flight_at_once() -> None:
    together, arrived = asyncio.Event(), 0
    async with asyncio.timeout(60):

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal arrived
            await reader.readuntil(b"\r\n\r\n")
            arrived += 1
            if arrived == 300:
                together.set()
            await together.wait()
            body = b'{"choices": [{"message": {"content": "Hi"}}]}'
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(body), body))
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0, backlog=512) as server:
            port = server.sockets[0].getsockname()[1]
            made = OpenAIBackend("m", f"http://127.0.0.1:{port}/v1")
            replies = await asyncio.gather(*(made.generate(HELLO) for _ in range(300)))
            await made.aclose()
    assert len(replies) == 300


def test_one_backend_serves_several_event_loops_and_leaves_nothing_open(caplog: pytest.LogCaptureFixture) -> None:
    with FakeServer() as server:
        made = OpenAIBackend("m", server.url)
        for _ in range(4):
            asyncio.run(made.generate(HELLO))
        gc.collect()
        assert _connections_to(server) <= 1, "a loop that is over keeps no connection"
        asyncio.run(_use_and_close(made))
        gc.collect()
        assert _connections_to(server) == 0
    assert "Unclosed" not in caplog.text


def _connections_to(server: FakeServer) -> int:
    port = urlsplit(server.url).port
    found = psutil.Process().net_connections("tcp")
    return sum(1 for one in found if one.raddr and one.raddr.port == port and one.status == psutil.CONN_ESTABLISHED)


async def _use_and_close(made: OpenAIBackend) -> None:
    await made.generate(HELLO)
    await made.aclose()


async def test_an_idle_backend_holds_no_connection_and_answers_again() -> None:
    with FakeServer() as server:
        async with backend(server) as made:
            await made.idle()
            for _ in range(2):
                assert (await made.generate(HELLO)).text == "All right."
                assert _connections_to(server) == 1
                await made.idle()
                await asyncio.sleep(0)  # a socket is closed in the loop's next round
                assert _connections_to(server) == 0


@pytest.mark.parametrize("own", [True, False])
async def test_a_call_leaves_no_connection_behind_on_a_tape_either(
    tmp_path: Path, scenario: Scenario, own: bool
) -> None:
    with FakeServer() as server:
        async with backend(server) as made:
            tape = Cassette(tmp_path / "tape.jsonl", made)
            await Simulator(tape if own else tape.of(made), max_turns=2).arun(scenario)
            await asyncio.sleep(0)
            assert (server.count, _connections_to(server)) == (1, 0)


async def test_aclose_closes_the_connections_of_another_running_loop() -> None:
    with FakeServer() as server:
        made = OpenAIBackend("m", server.url)
        await asyncio.to_thread(asyncio.run, _use_and_close_from_elsewhere(made))
        assert (await made.generate(HELLO)).text == "All right."
        await made.aclose()


async def _use_and_close_from_elsewhere(made: OpenAIBackend) -> None:
    await made.generate(HELLO)
    await asyncio.to_thread(asyncio.run, made.aclose())


async def test_a_cancelled_call_leaves_the_backend_usable() -> None:
    with FakeServer(faults=["hang"]) as server:
        async with backend(server) as made:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await made.generate(HELLO)
            assert (await made.generate(HELLO)).text == "All right."


def picky(body: dict[str, Any]) -> FakeReply:
    """Refuses what OpenAI's reasoning models refuse, in their words."""
    if "max_tokens" in body:
        return FakeReply(
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens'.",
            status=400,
            code="unsupported_parameter",
        )
    if "temperature" in body:
        return FakeReply(
            "Unsupported value: 'temperature' does not support 0.7 with this model. Only the default (1) is supported.",
            status=400,
            code="unsupported_value",
        )
    return FakeReply("Hello.")


async def test_parameters_a_model_refuses_are_renamed_or_dropped_once_and_remembered() -> None:
    sampling = Sampling(temperature=0.7, max_tokens=99, seed=4)
    with FakeServer(picky) as server:
        async with backend(server) as made:
            first = await made.generate(HELLO, sampling=sampling)
            second = await made.generate(HELLO, sampling=sampling)
        last = server.requests[-1].body
    assert (first.usage.attempts, second.usage.attempts) == (3, 1)
    assert made.adapted == {"max_tokens": "max_completion_tokens", "temperature": None}
    assert last == {"model": "m", "messages": HELLO, "max_completion_tokens": 99, "seed": 4}


async def test_a_value_out_of_range_is_rejected_not_dropped() -> None:
    too_large = FakeReply("max_tokens is too large: 512. This model takes at most 256.", status=400, code="bad_value")
    with FakeServer(lambda body: too_large) as server:
        async with backend(server) as made:
            with pytest.raises(errors.Rejected, match="too large"):
                await made.generate(HELLO)
            assert made.adapted == {}


async def test_a_parameter_the_user_insists_on_is_not_dropped() -> None:
    with FakeServer(picky) as server:
        async with backend(server, extra_body={"temperature": 0.7}) as made:
            with pytest.raises(errors.Rejected, match="temperature"):
                await made.generate(HELLO)


def formats(server: FakeServer) -> list[str | None]:
    return [(request.body.get("response_format") or {}).get("type") for request in server.requests]


async def test_the_schema_goes_to_a_server_that_enforces_it() -> None:
    with FakeServer('{"ok": "yes"}') as server:
        async with backend(server) as made:
            assert made.schema_rung is None
            await made.generate(HELLO, schema=SCHEMA)
            assert made.schema_rung == "json_schema"
        sent = server.requests[0].body["response_format"]["json_schema"]
    assert sent["name"] == "Verdict"
    assert sent["strict"] is True
    assert sent["schema"] == SCHEMA | {"additionalProperties": False}


@pytest.mark.parametrize(("schemas", "rung"), [("reject", "json_object"), ("reject_all", "prompt")])
async def test_a_server_that_refuses_a_schema_is_asked_the_next_way_at_once(schemas: Any, rung: str) -> None:
    with FakeServer('{"ok": "yes"}', schemas=schemas) as server:
        async with backend(server) as made:
            await asyncio.gather(*(made.generate(HELLO, schema=SCHEMA) for _ in range(5)))
            asked = server.count
            await made.generate(HELLO, schema=SCHEMA)
            assert made.schema_rung == rung
            assert server.count == asked + 1, "what was learned is remembered"


async def test_a_server_that_accepts_a_schema_and_ignores_it_is_found_out() -> None:
    with FakeServer("Sure! The verdict is yes.") as server:
        async with backend(server) as made:
            for _ in range(4):
                await made.generate(HELLO, schema=SCHEMA)
            assert made.schema_rung == "prompt"
        assert formats(server) == ["json_schema", "json_object", None, None]


async def test_one_bad_schema_does_not_take_the_rung_from_the_others() -> None:
    def serve(body: dict[str, Any]) -> FakeReply:
        if "Odd" in json.dumps(body.get("response_format", {})):
            return FakeReply("Invalid schema for response_format 'Odd'", status=400)
        return FakeReply('{"ok": "yes"}')

    with FakeServer(serve) as server:
        async with backend(server) as made:
            await made.generate(HELLO, schema=SCHEMA)
            await made.generate(HELLO, schema=SCHEMA | {"title": "Odd"})
            await made.generate(HELLO, schema=SCHEMA)
        assert formats(server) == ["json_schema", "json_schema", "json_object", "json_schema"]
