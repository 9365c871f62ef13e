"""The server over trained models, with the real default model: called over HTTP as any client calls it."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import openai
import pytest
from test_local import trained

from telerole.backends import Message, Sampling, local
from telerole.backends.local import LocalBackend
from telerole.backends.openai import OpenAIBackend
from telerole.errors import InputError, Rejected, Truncated
from telerole.serving import open_models, serving

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("xllamacpp") is None or local.default_model() is None,
    reason="needs llama.cpp and the default model: run `telerole install-model`",
)

GREETING: list[Message] = [{"role": "user", "content": "Tell me about your shop."}]
NAMES = ("seller", "buyer")
SIZE = 12  # tokens of an answer


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    place = tmp_path_factory.mktemp("trained")
    return [trained(place / name, seed) for seed, name in enumerate(NAMES)]


@pytest.fixture(scope="module")
def models(folders: list[Path]) -> dict[str, LocalBackend]:
    return open_models(folders)


@pytest.fixture
async def url(models: dict[str, LocalBackend]) -> AsyncIterator[str]:
    async with serving(models, port=0) as url:
        yield url


async def test_it_lists_the_folders_and_their_base(url: str) -> None:
    async with openai.AsyncOpenAI(base_url=url, api_key="none") as client:
        assert [model.id async for model in client.models.list()] == ["seller", "buyer", "smollm2"]
    async with aiohttp.ClientSession() as session, session.get(url.removesuffix("/v1") + "/health") as answer:
        assert (answer.status, await answer.json()) == (200, {"status": "ok"})


async def asked(backend: LocalBackend | OpenAIBackend, seed: int = 5) -> str:
    """What the model says, in `SIZE` tokens."""
    try:
        reply = await backend.generate(GREETING, sampling=Sampling(temperature=1.0, seed=seed, max_tokens=SIZE))
    except Truncated as cut:
        return cut.raw or ""
    return reply.text


async def test_each_model_answers_as_in_process_and_in_its_own_way(
    url: str, folders: list[Path], models: dict[str, LocalBackend]
) -> None:
    served = [await asked(OpenAIBackend(name, url)) for name in models]
    in_process = [await asked(LocalBackend(model)) for model in (*folders, None)]
    assert served == in_process
    assert len(set(served)) == 3


async def test_requests_that_come_at_once_are_answered_as_alone(url: str) -> None:
    alone = [await asked(OpenAIBackend(name, url), seed) for name in NAMES for seed in range(3)]
    both = [OpenAIBackend(name, url) for name in NAMES]
    assert await asyncio.gather(*(asked(backend, seed) for backend in both for seed in range(3))) == alone


async def test_the_pieces_of_a_stream_are_the_whole_answer(url: str) -> None:
    async with openai.AsyncOpenAI(base_url=url, api_key="none") as client:
        given: dict[str, Any] = {"model": "buyer", "messages": GREETING, "seed": 3, "max_tokens": SIZE}
        whole = await client.chat.completions.create(**given)
        usage = {"include_usage": True}
        stream = await client.chat.completions.create(**given, stream=True, stream_options=usage)
        pieces = [piece async for piece in stream]
    words = [piece.choices[0].delta.content or "" for piece in pieces if piece.choices]
    assert "".join(words) == whole.choices[0].message.content
    assert len([word for word in words if word]) > 5
    assert {piece.model for piece in pieces} == {whole.model} == {"buyer"}
    assert pieces[-1].usage.completion_tokens == whole.usage.completion_tokens == SIZE


async def test_stop_words_and_a_schema_bind_the_answer(url: str) -> None:
    async with openai.AsyncOpenAI(base_url=url, api_key="none") as client:
        ended = await client.chat.completions.create(
            model="smollm2", messages=GREETING, temperature=0, max_tokens=40, stop=[" "]
        )
        assert ended.choices[0].finish_reason == "stop"
        assert " " not in ended.choices[0].message.content
    schema = {"type": "object", "properties": {"mood": {"enum": ["blue", "green"]}}, "required": ["mood"]}
    schema["additionalProperties"] = False
    reply = await OpenAIBackend("seller", url).generate(
        GREETING, sampling=Sampling(seed=3, max_tokens=40), schema=schema
    )
    assert reply.text.split('"')[1::2] in (["mood", "blue"], ["mood", "green"])


async def post(url: str, body: bytes | dict[str, Any], path: str = "/chat/completions") -> tuple[int, dict[str, Any]]:
    """The status, and the error in the answer."""
    given = {"data": body} if isinstance(body, bytes) else {"json": body}
    async with aiohttp.ClientSession() as session, session.post(url + path, **given) as answer:
        return answer.status, (await answer.json())["error"]


LONG = [{"role": "user", "content": "word " * 9000}]


@pytest.mark.parametrize(
    ("body", "status", "code", "message"),
    [
        (
            {"model": "sellers", "messages": GREETING},
            404,
            "model_not_found",
            "model: 'sellers' is not served (did you mean 'seller'?); there are: seller, buyer, smollm2",
        ),
        ({"messages": GREETING}, 400, "missing_required_parameter", "model: must be one of: seller, buyer, smollm2"),
        (b'{"model": ', 400, None, "the body is not JSON: "),
        (b"[1]", 400, None, "the body must be a JSON object"),
        ({"model": "buyer", "messages": "Hello"}, 400, None, "Expected 'messages' to be an array"),
        ({"model": "buyer", "messages": GREETING, "temperature": "hot"}, 400, None, "type must be number"),
        ({"model": "buyer", "messages": LONG}, 400, "context_length_exceeded", "the context holds 8192"),
        ({"model": "buyer", "messages": LONG, "stream": True}, 400, "context_length_exceeded", "the context holds"),
    ],
)
async def test_what_is_wrong_is_told_in_openais_form(
    url: str, body: Any, status: int, code: str | None, message: str
) -> None:
    answered, error = await post(url, body)
    assert message in error.pop("message")
    assert (answered, error) == (status, {"type": "invalid_request_error", "param": None, "code": code})


async def test_another_path_and_a_request_too_large_are_told_in_openais_form_too(url: str) -> None:
    assert (await post(url, {}, "/completions"))[0] == 404
    assert (await post(url, b" " * (2**24 + 1)))[0] == 413


async def test_a_client_that_goes_away_frees_its_slot(url: str) -> None:
    endless = {"model": "seller", "messages": GREETING, "temperature": 0, "ignore_eos": True}
    async with aiohttp.ClientSession() as session:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1), session.post(f"{url}/chat/completions", json=endless):
                pass
        async with session.post(f"{url}/chat/completions", json=endless | {"stream": True}) as answer:
            await answer.content.readline()
    assert await asyncio.wait_for(asked(OpenAIBackend("seller", url)), 20)  # eight thousand tokens take minutes


async def test_its_errors_are_the_backends_errors(url: str) -> None:
    with pytest.raises(Rejected, match="'nobody' is not served"):
        await OpenAIBackend("nobody", url).generate(GREETING)


async def test_a_port_that_is_taken_is_named(models: dict[str, LocalBackend]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=rf"127.0.0.1:{port}: cannot be listened on: .*; choose another --port"):
            async with serving(models, port=port):
                pass


def test_two_folders_of_one_name_are_refused(folders: list[Path], tmp_path: Path) -> None:
    other = trained(tmp_path / "seller", 3)
    with pytest.raises(InputError, match="another model is called 'seller'; rename one of the folders"):
        open_models([*folders, other])


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_the_command_serves_until_ctrl_c_and_ends_cleanly(folders: list[Path]) -> None:
    command = [sys.executable, "-c", "from telerole.cli import main; main()", "serve", str(folders[0]), "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    ) as process:
        assert process.stdout
        first = process.stdout.readline()
        assert "serves seller, smollm2; Ctrl-C ends it" in first
        assert first.startswith("http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30) == ("", "")
        assert process.returncode == 0
