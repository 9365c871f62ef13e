"""Who is compared, and one contestant's work in a process of its own: ``python benchmarks/contestants.py NAME JOB``."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import orjson

TURNS = 8
LINES = [
    "I took a look at your store this morning, and the photos of the new season are the first thing anybody notices.",
    "We are rather busy with the stock count at the moment, so tell me in two sentences what this is really about.",
    "Shops of your size usually begin with one product line, watch the numbers for two weeks, and decide after that.",
    "My partner handles the advertising, and as far as I know she was not impressed by what we tried last spring.",
    "That is fair, and it is the reason why the trial costs nothing; the only thing it takes is half an hour of setup.",
    "How would I see which orders came from it, and which ones would have reached us anyway through the old channel?",
    "There is a report for exactly that in the back office, one row an order, with the page where the visitor came in.",
    "All right, that sounds less painful than I expected, although I would still like to read the conditions myself.",
]

Play = Callable[[int], Awaitable[object]]
"""Plays so many calls."""


@dataclass(frozen=True)
class Job:
    """What one contestant has to do."""

    url: str
    calls: int
    at_once: int
    recorded: list[list[dict[str, str]]]
    """The messages of one of telerole's calls, turn by turn: what the others send, too."""
    warm_up: int = 0
    """Calls before the clock starts, with the same client."""

    def repeat(self, call: Callable[[], Awaitable[object]]) -> Play:
        """Play calls by awaiting `call`, so many at once as the job allows."""

        async def play(calls: int) -> None:
            left = iter(range(calls))

            async def worker() -> None:
                for _ in left:
                    await call()

            await asyncio.gather(*(worker() for _ in range(min(self.at_once, calls))))

        return play


@asynccontextmanager
async def raw_aiohttp(job: Job) -> AsyncIterator[Play]:
    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:

        async def call() -> None:
            for messages in job.recorded:
                body = orjson.dumps({"model": "m", "messages": messages})
                headers = {"Content-Type": "application/json"}
                async with client.post(f"{job.url}/chat/completions", data=body, headers=headers) as response:
                    assert orjson.loads(await response.read())["choices"][0]["message"]["content"]

        yield job.repeat(call)


@asynccontextmanager
async def openai_client(job: Job, **options: Any) -> AsyncIterator[Play]:
    from openai import AsyncOpenAI

    async with AsyncOpenAI(base_url=job.url, api_key="none", max_retries=0, **options) as client:

        async def call() -> None:
            for messages in job.recorded:
                answer = await client.chat.completions.create(model="m", messages=messages)
                assert answer.choices[0].message.content

        yield job.repeat(call)


def openai_client_on_aiohttp(job: Job) -> AbstractAsyncContextManager[Play]:
    from openai import DefaultAioHttpClient

    return openai_client(job, http_client=DefaultAioHttpClient())


@asynccontextmanager
async def autogen_team(job: Job) -> AsyncIterator[Play]:
    from autogen_agentchat.agents import AssistantAgent
    from autogen_agentchat.teams import RoundRobinGroupChat
    from autogen_core.models import ModelInfo
    from autogen_ext.models.openai import OpenAIChatCompletionClient

    plain = ModelInfo(
        vision=False, function_calling=False, json_output=False, family="unknown", structured_output=False
    )
    client = OpenAIChatCompletionClient(model="m", base_url=job.url, api_key="none", max_retries=0, model_info=plain)
    systems = {"salesperson": job.recorded[0][0]["content"], "merchant": job.recorded[1][0]["content"]}

    async def call() -> None:
        agents = [AssistantAgent(name, client, system_message=system) for name, system in systems.items()]
        await RoundRobinGroupChat(agents, max_turns=TURNS).run()

    yield job.repeat(call)
    await client.close()


@asynccontextmanager
async def telerole_simulator(job: Job) -> AsyncIterator[Play]:
    from telerole import OpenAIBackend

    # A backend given as an object, not as a SPEC, keeps its connections from one run to the next.
    backend = OpenAIBackend("m", job.url)
    yield simulated(job, backend, backend)
    await backend.aclose()


@asynccontextmanager
async def telerole_scripted(job: Job) -> AsyncIterator[Play]:
    from telerole import ScriptedBackend

    yield simulated(job, ScriptedBackend(LINES[::2]), ScriptedBackend(LINES[1::2]))


def simulated(job: Job, salesperson: Any, merchant: Any) -> Play:
    """Play calls of one scenario with telerole, each batch into a run folder."""
    from telerole import Catalog, Simulator

    # The wire and the engine are compared; what the mind and the director add, `benchmarks/mind.py` measures.
    simulator = Simulator(salesperson, merchant, max_turns=TURNS, mind=None, director=False)
    scenarios = Catalog.bundled().sample(1, seed=1, language="en")

    async def play(calls: int) -> None:
        with tempfile.TemporaryDirectory() as out:
            await simulator.arun_many(scenarios, trials=calls, concurrency=job.at_once, out=out)

    return play


CONTESTANTS: dict[str, Callable[[Job], AbstractAsyncContextManager[Play]]] = {
    "raw aiohttp": raw_aiohttp,
    "openai client": openai_client,
    "openai client, aiohttp": openai_client_on_aiohttp,
    "telerole": telerole_simulator,
    "AutoGen team": autogen_team,
    "telerole, scripted": telerole_scripted,
}
BASE = "raw aiohttp"
OVER_HTTP = [name for name in CONTESTANTS if name != "telerole, scripted"]


async def work(name: str, job: Job) -> dict[str, float]:
    """Set up, warm up, play: what the playing cost, and what all of it did."""
    async with CONTESTANTS[name](job) as play:
        if job.warm_up:
            await play(job.warm_up)
        asked, cpu, begun = _asked(job), _cpu(), time.perf_counter()
        await play(job.calls)
        seconds, used, turns = time.perf_counter() - begun, _cpu() - cpu, job.calls * TURNS
        if job.url and _asked(job) - asked != turns:
            raise SystemExit(f"{_asked(job) - asked} requests for {turns} turns: not the same work as the others'")
    return {
        "turns": turns,
        "cpu": used,
        "seconds": seconds,
        "cpu_per_turn_with_start": (cpu + used) / (turns + job.warm_up * TURNS),
        "rss_mb": _peak_mb(),
    }


def stats(url: str) -> dict[str, float]:
    """What the server has counted so far."""
    with urlopen(url.removesuffix("/v1") + "/stats") as answer:
        counted: dict[str, float] = json.load(answer)
    return counted


def _asked(job: Job) -> int:
    return int(stats(job.url)["count"]) if job.url else 0


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _peak_mb() -> float:
    # Linux counts the parent's peak into a child's ru_maxrss; VmHWM is the process's own.
    if (status := Path("/proc/self/status")).exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    print(json.dumps(asyncio.run(work(sys.argv[1], Job(**json.loads(Path(sys.argv[2]).read_text()))))))
