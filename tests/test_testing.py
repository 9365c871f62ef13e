"""The fake server answers like the real ones, fails only as asked, and keeps no key."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import httpx2
import openai
import orjson
import pytest

from telerole.errors import InputError
from telerole.testing import FAULTS, FakeReply, FakeServer

HELLO: list[dict[str, Any]] = [{"role": "user", "content": "hello"}]


def ask(server: FakeServer, **options: Any) -> httpx2.Response:
    return post(server, json={"model": "m", "messages": HELLO, **options})


def post(server: FakeServer, **content: Any) -> httpx2.Response:
    headers = {"Authorization": "Bearer sk-secret"}
    # Loading certificates, which plain HTTP does not need, would take most of a test's time.
    return httpx2.post(f"{server.url}/chat/completions", headers=headers, verify=False, **content)


def said(server: FakeServer, **options: Any) -> Any:
    return ask(server, **options).json()["choices"][0]["message"]["content"]


async def until(happened: Callable[[], bool]) -> None:
    while not happened():  # noqa: ASYNC110 (it happens in the server's thread)
        await asyncio.sleep(0)


def official(server: FakeServer) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=server.url, api_key="sk-secret", max_retries=0)


async def test_the_official_client_takes_its_answers_for_a_real_servers() -> None:
    async with FakeServer("Hello there.") as server, official(server) as client:
        answer = await client.chat.completions.create(model="m", messages=HELLO)
        assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == ("Hello there.", "stop")
        assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0
        assert [model.id async for model in client.models.list()] == ["fake"]


async def test_a_stream_brings_the_same_words_and_the_usage_when_asked() -> None:
    async with FakeServer("Two  words,\nand a line. ") as server, official(server) as client:
        stream = await client.chat.completions.create(
            model="m", messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
    words = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(words) == "Two  words,\nand a line. "
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage.completion_tokens > 0


def test_texts_are_chosen_by_the_request_alone() -> None:
    asked = [[{"role": "user", "content": f"question {number}"}] for number in range(20)]
    with FakeServer(["yes", "no"]) as server:
        first = [said(server, messages=messages) for messages in asked]
        assert [said(server, messages=messages) for messages in reversed(asked)] == first[::-1]
    assert set(first) == {"yes", "no"}


def test_a_function_answers_from_the_request_with_a_text_or_a_whole_reply() -> None:
    def reply(body: dict[str, Any]) -> str | FakeReply:
        text = body["messages"][-1]["content"].upper()
        return FakeReply(text, headers={"x-kind": "whole"}, usage={}) if body["model"] == "whole" else text

    with FakeServer(reply) as server:
        assert said(server) == "HELLO"
        whole = ask(server, model="whole")
    assert whole.headers["x-kind"] == "whole"
    assert "usage" not in whole.json()


def test_a_reply_may_carry_further_fields_or_be_any_bytes() -> None:
    replies = {"thinks": FakeReply(None, message={"reasoning_content": "hm"}), "raw": FakeReply(body=b'{"object":"x"}')}
    with FakeServer(lambda body: replies[body["model"]]) as server:
        assert ask(server, model="thinks").json()["choices"][0]["message"]["reasoning_content"] == "hm"
        assert ask(server, model="raw").json() == {"object": "x"}


def test_a_bug_in_the_reply_function_is_answered_with_500_and_raised_at_the_end() -> None:
    def reply(body: dict[str, Any]) -> str:
        raise ZeroDivisionError("boom")

    answers = []
    with pytest.raises(ZeroDivisionError, match="boom"), FakeServer(reply) as server:
        answers.append(ask(server))
    assert answers[0].status_code == 500
    assert answers[0].json()["error"]["message"] == "ZeroDivisionError: boom"


def test_a_reply_function_that_returns_no_reply_is_a_bug() -> None:
    with pytest.raises(TypeError, match="returned None"), FakeServer(lambda body: None) as server:
        ask(server)


ANSWERED = {
    "rate_limit": (429, "rate_limit_exceeded"),
    "error": (500, None),
    "unauthorized": (401, "invalid_api_key"),
    "filter": (400, "content_filter"),
}


@pytest.mark.parametrize("fault", ANSWERED)
def test_a_refusal_has_the_status_and_code_of_a_real_servers(fault: str) -> None:
    with FakeServer(faults=[fault], retry_after=1.5) as server:
        answer = ask(server)
    assert (answer.status_code, answer.json()["error"]["code"]) == ANSWERED[fault]
    assert answer.headers.get("retry-after") == ("1.5" if fault == "rate_limit" else None)


CHOICES = {
    "empty": ("", "stop"),
    "null_content": (None, "stop"),
    "filtered_reply": ("", "content_filter"),
    "fenced": ('```json\n{"a": 1}\n```', "stop"),
    "length": ('{"a"', "length"),
}


@pytest.mark.parametrize("fault", CHOICES)
def test_a_spoilt_reply_is_a_whole_answer_with_the_wrong_content(fault: str) -> None:
    with FakeServer('{"a": 1}', faults=[fault]) as server:
        choice = ask(server).json()["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == CHOICES[fault]


def test_truncated_json_and_a_page_of_html_come_whole_with_status_200() -> None:
    with FakeServer(faults=["truncated_json", "not_json"]) as server:
        half, page = ask(server), ask(server)
    assert half.status_code == page.status_code == 200
    assert half.content.startswith(b'{"id"')
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(half.content)
    assert page.headers["content-type"] == "text/html"


@pytest.mark.parametrize("stream", [False, True])
def test_a_cut_closes_the_connection_before_the_promised_length(stream: bool) -> None:
    with FakeServer(faults=["cut"]) as server, pytest.raises(httpx2.RemoteProtocolError, match="body"):
        ask(server, stream=stream)


async def test_a_hang_ends_when_the_client_goes_away_or_the_server_stops() -> None:
    async with FakeServer(faults=["hang", "hang"]) as server, httpx2.AsyncClient(timeout=None) as client:
        body = {"model": "m", "messages": HELLO}
        gone, left = (asyncio.create_task(client.post(f"{server.url}/chat/completions", json=body)) for _ in range(2))
        await until(lambda: server.in_flight == 2)
        gone.cancel()
        await until(lambda: server.in_flight == 1)
    with pytest.raises(httpx2.TransportError):
        await left


def test_every_fault_of_the_list_is_described_and_can_be_had() -> None:
    assert all(f"``{fault}``" in (FakeServer.__doc__ or "") for fault in FAULTS)
    assert set(FAULTS) == {*ANSWERED, *CHOICES, "hang", "cut", "truncated_json", "not_json"}


def test_a_sequence_of_faults_is_consumed_in_order_and_then_none_fails() -> None:
    with FakeServer(faults=["error", None, "rate_limit"]) as server:
        assert [ask(server).status_code for _ in range(5)] == [500, 200, 429, 200, 200]


def test_shares_of_faults_are_drawn_from_the_seed_and_met() -> None:
    def statuses(seed: int) -> list[int]:
        with FakeServer(faults={"error": 0.3, "rate_limit": 0.2}, seed=seed) as server, httpx2.Client() as client:
            body = {"model": "m", "messages": HELLO}
            return [client.post(f"{server.url}/chat/completions", json=body).status_code for _ in range(200)]

    first = statuses(1)
    assert statuses(1) == first != statuses(2)
    assert 40 <= first.count(500) <= 80
    assert 20 <= first.count(429) <= 60


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"faults": ["rate_limt"]}, "did you mean 'rate_limit'"),
        ({"faults": {"hangs": 0.1}}, "did you mean 'hang'"),
        ({"faults": {"hang": 0.8, "cut": 0.3}}, "at most 1"),
        ({"faults": {"hang": -0.1}}, "at least 0"),
        ({"schemas": "rejct"}, "did you mean 'reject'"),
        ({"reply": []}, "at least one text"),
    ],
)
def test_a_wrong_option_is_an_input_error_that_says_what_would_be_right(options: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        FakeServer(**options)


@pytest.mark.parametrize(
    ("schemas", "statuses"), [("ignore", [200, 200]), ("reject", [400, 200]), ("reject_all", [400, 400])]
)
def test_response_formats_can_be_rejected_one_by_one(schemas: Any, statuses: list[int]) -> None:
    with FakeServer(schemas=schemas) as server:
        answers = [ask(server, response_format={"type": kind}) for kind in ("json_schema", "json_object")]
    assert [answer.status_code for answer in answers] == statuses
    assert all("response_format" in answer.text for answer in answers if answer.status_code == 400)


@pytest.mark.parametrize("body", [b"nonsense", b"[]", b"{}", b'{"model": "m"}', b'{"model": "m", "messages": ["hi"]}'])
def test_a_request_that_no_server_would_take_is_a_400(body: bytes) -> None:
    with FakeServer() as server:
        answer = post(server, content=body)
        assert httpx2.get(f"{server.url}/nothing").status_code == 404
    assert answer.status_code == 400
    assert "you must provide" in answer.json()["error"]["message"]


@pytest.mark.parametrize("fault", [*ANSWERED, *CHOICES])
def test_no_fault_hides_that_a_request_was_malformed(fault: str) -> None:
    with FakeServer(faults=[fault]) as server:
        assert post(server, content=b"{}").status_code == 400


def test_requests_are_kept_without_their_keys_and_only_as_many_as_asked() -> None:
    with FakeServer(keep=2) as server:
        for number in range(3):
            ask(server, seed=number)
        assert [request.body["seed"] for request in server.requests] == [1, 2]
        assert server.count == 3
    assert server.requests[0].headers["authorization"] == "***"
    assert "sk-secret" not in repr(server.requests)


async def test_peak_is_the_most_requests_in_flight_and_busy_seconds_is_their_sum() -> None:
    async with FakeServer(latency=0.3) as server, official(server) as client:
        asked = (client.chat.completions.create(model="m", messages=HELLO) for _ in range(64))
        await asyncio.gather(*asked)
        assert (server.count, server.peak, server.in_flight) == (64, 64, 0)
        assert server.busy_seconds >= 64 * 0.3


def test_a_taken_port_is_an_os_error_and_leaves_nothing_running() -> None:
    with FakeServer() as server, pytest.raises(OSError, match="address already in use"):
        FakeServer(port=int(server.url.split(":")[2].removesuffix("/v1"))).__enter__()


def test_it_runs_in_a_process_of_its_own_and_prints_its_address() -> None:
    command = [sys.executable, "-m", "telerole.testing", "--reply", "Hi.", "--faults", '{"error": 0}']
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            answer = httpx2.post(f"{url}/chat/completions", json={"model": "m", "messages": HELLO})
            stats = httpx2.get(url.removesuffix("/v1") + "/stats").json()
        finally:
            process.terminate()
    assert answer.json()["choices"][0]["message"]["content"] == "Hi."
    assert stats["count"] == stats["peak"] == 1
