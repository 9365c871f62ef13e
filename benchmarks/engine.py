"""What a turn costs: telerole beside AutoGen, the official client, and nothing but HTTP.

Every contestant plays the same calls in a process of its own against the same server, which waits before it
answers: see README.md. ``python benchmarks/engine.py --slots --memory --json FILE``
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from statistics import median
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


@dataclass(frozen=True)
class Job:
    """What one contestant has to do."""

    url: str
    calls: int
    at_once: int
    recorded: list[list[dict[str, str]]]
    """The messages of one of telerole's calls, turn by turn: what the others send, too."""
    warm_up: bool = True

    def play(self, call: Callable[[], Awaitable[object]]) -> Awaitable[object]:
        """All the calls, so many at once."""
        left = iter(range(self.calls))

        async def work() -> None:
            for _ in left:
                await call()

        return asyncio.gather(*(work() for _ in range(min(self.at_once, self.calls))))


async def raw_aiohttp(job: Job) -> None:
    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:

        async def call() -> None:
            for messages in job.recorded:
                body = orjson.dumps({"model": "m", "messages": messages})
                headers = {"Content-Type": "application/json"}
                async with client.post(f"{job.url}/chat/completions", data=body, headers=headers) as response:
                    assert orjson.loads(await response.read())["choices"][0]["message"]["content"]

        await job.play(call)


async def openai_client(job: Job, **options: Any) -> None:
    from openai import AsyncOpenAI

    async with AsyncOpenAI(base_url=job.url, api_key="none", max_retries=0, **options) as client:

        async def call() -> None:
            for messages in job.recorded:
                answer = await client.chat.completions.create(model="m", messages=messages)
                assert answer.choices[0].message.content

        await job.play(call)


async def openai_client_on_aiohttp(job: Job) -> None:
    from openai import DefaultAioHttpClient

    await openai_client(job, http_client=DefaultAioHttpClient())


async def autogen_team(job: Job) -> None:
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

    await job.play(call)
    await client.close()


def telerole_simulator(job: Job) -> None:
    from telerole import Simulator

    spec = f"openai:m@{job.url}"
    simulator = Simulator(salesperson=spec, merchant=spec, max_turns=TURNS)
    with tempfile.TemporaryDirectory() as out:
        simulator.run_many([scenario()], trials=job.calls, concurrency=job.at_once, out=out)
    simulator.close()


def telerole_scripted(job: Job) -> None:
    from telerole import ScriptedBackend, Simulator

    simulator = Simulator(ScriptedBackend(LINES[::2]), ScriptedBackend(LINES[1::2]), max_turns=TURNS)
    with tempfile.TemporaryDirectory() as out:
        simulator.run_many([scenario()], trials=job.calls, concurrency=job.at_once, out=out)


CONTESTANTS: dict[str, Callable[[Job], Any]] = {
    "raw aiohttp": raw_aiohttp,
    "openai client": openai_client,
    "openai client, aiohttp": openai_client_on_aiohttp,
    "telerole": telerole_simulator,
    "AutoGen team": autogen_team,
    "telerole, scripted": telerole_scripted,
}
BASE = "raw aiohttp"
OVER_HTTP = [name for name in CONTESTANTS if name != "telerole, scripted"]


def scenario() -> Any:
    from telerole import Catalog

    return Catalog.bundled().sample(1, seed=1, language="en")[0]


# In a contestant's own process.


def work(name: str, path: Path) -> dict[str, float]:
    """Play one call to warm up (imports, first connection) and then all; what these cost, and what the start did."""
    job = Job(**json.loads(path.read_text()))
    if job.warm_up:
        _play(name, replace(job, calls=1))
    asked, cpu, begun = _asked(job), _cpu(), time.perf_counter()
    _play(name, job)
    seconds, used, turns = time.perf_counter() - begun, _cpu() - cpu, job.calls * TURNS
    if job.url and _asked(job) - asked != turns:
        raise SystemExit(f"{_asked(job) - asked} requests for {turns} turns: not the same work as the others'")
    return {"turns": turns, "cpu": used, "start_cpu": cpu, "seconds": seconds, "rss_mb": _peak_mb()}


def _play(name: str, job: Job) -> None:
    if asyncio.iscoroutine(todo := CONTESTANTS[name](job)):
        asyncio.run(todo)


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


def line(body: dict[str, Any]) -> str:
    """Another one in every turn of a call, so that no contestant finds it going in circles."""
    return LINES[len(body["messages"]) % len(LINES)]


def serve(latency: float) -> None:
    """The server, in a process of its own."""
    from telerole.testing import FakeServer

    with FakeServer(line, latency=latency, keep=0) as server:
        print(server.url, flush=True)
        threading.Event().wait()


# In the process that compares them.


@dataclass(frozen=True)
class Size:
    """How much is played."""

    calls: int = 400
    at_once: int = 200
    rounds: int = 3
    latency: float = 0.05
    slots: int = 256
    slots_latency: float = 1.0
    memory: tuple[int, int] = (1_000, 20_000)


QUICK = Size(calls=40, at_once=40, rounds=1, slots=64, slots_latency=0.3, memory=(100, 1_000))


def cost(size: Size) -> list[dict[str, Any]]:
    """CPU a turn, the rounds of all contestants interleaved, so that a noisy minute meets them all."""
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in OVER_HTTP}
    for _ in range(size.rounds):
        for name in OVER_HTTP:
            with server(size.latency) as url:
                runs[name].append(measured(name, Job(url, size.calls, size.at_once, recorded())))
    least = {name: min(run["cpu"] / run["turns"] for run in done) for name, done in runs.items()}
    return [
        {
            "contestant": name,
            "CPU ms/turn": 1e3 * least[name],
            "median": 1e3 * median(run["cpu"] / run["turns"] for run in done),
            "ratio": least[name] / least[BASE],
            "with start": 1e3 * min((run["cpu"] + run["start_cpu"]) / run["turns"] for run in done),
            "turns/s": max(run["turns"] / run["seconds"] for run in done),
            "peak MB": max(run["rss_mb"] for run in done),
        }
        for name, done in runs.items()
    ]


def slots(size: Size) -> list[dict[str, Any]]:
    """How many of the allowed requests are in flight, by the server's count, while a slow model answers."""
    rows = []
    for name in (BASE, "telerole", "AutoGen team"):
        with server(size.slots_latency) as url:
            watch = Watch(url)
            run = measured(name, Job(url, 3 * size.slots, size.slots, recorded(), warm_up=False), watch)
            rows.append(
                {
                    "contestant": name,
                    "peak in flight": stats(url)["peak"],
                    "slots busy": watch.busy(0, 1) / size.slots,
                    "middle half": watch.busy(0.25, 0.75) / size.slots,
                    "turns/s": run["turns"] / run["seconds"],
                }
            )
    return rows


class Watch:
    """Samples the server's gauge while a contestant plays."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.samples: list[tuple[float, float]] = []

    def look(self) -> None:
        self.samples.append((time.perf_counter(), stats(self.url)["busy_seconds"]))

    def busy(self, begin: float, end: float) -> float:
        """The mean number in flight between two points of the run, 0 its first request and 1 its last."""
        moved = [now for now, after in zip(self.samples, self.samples[1:], strict=False) if after[1] > now[1]]
        (t0, busy0), (t1, busy1) = (moved[int(share * (len(moved) - 1))] for share in (begin, end))
        return (busy1 - busy0) / (t1 - t0)


def memory(size: Size) -> list[dict[str, Any]]:
    """What a longer run holds on to: the peak of the whole process, with nothing but telerole in it."""
    runs = [measured("telerole, scripted", Job("", calls, 64, [])) for calls in size.memory]
    return [
        {
            "calls": calls,
            "peak MB": run["rss_mb"],
            "ratio": run["rss_mb"] / runs[0]["rss_mb"],
            "CPU ms/turn": 1e3 * run["cpu"] / run["turns"],
            "calls/s": calls / run["seconds"],
        }
        for calls, run in zip(size.memory, runs, strict=True)
    ]


def measured(name: str, job: Job, watch: Watch | None = None) -> dict[str, float]:
    """Let a contestant play in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "job.json")
        path.write_text(json.dumps(vars(job)))
        process = subprocess.Popen(_self("--work", name, "--job", str(path)), stdout=subprocess.PIPE, text=True)
        while watch is not None and process.poll() is None:
            watch.look()
            time.sleep(0.1)
        out, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"{name} failed, see above")
    result: dict[str, float] = json.loads(out.splitlines()[-1])
    return result


@contextmanager
def server(latency: float) -> Iterator[str]:
    """The address of a fresh server."""
    with subprocess.Popen(_self("--serve", str(latency)), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def stats(url: str) -> dict[str, float]:
    with urlopen(url.removesuffix("/v1") + "/stats") as answer:
        counted: dict[str, float] = json.load(answer)
    return counted


@cache
def recorded() -> list[list[dict[str, str]]]:
    """One of telerole's calls, as the server heard it."""
    from telerole.testing import FakeServer

    with FakeServer(line) as heard:
        telerole_simulator(Job(heard.url, 1, 1, []))
        return [request.body["messages"] for request in heard.requests]


def _self(*options: str) -> list[str]:
    return [sys.executable, __file__, *options]


def show(title: str, rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(*rows[0], title=title, title_justify="left")
    for row in rows:
        table.add_row(*(f"{value:,.2f}" if isinstance(value, float) else str(value) for value in row.values()))
    Console(width=120).print(table)


def compare(asked: argparse.Namespace) -> None:
    size = QUICK if asked.quick else Size()
    tables = {"cost": cost(size)}
    show(
        f"{size.calls} calls of {TURNS} turns, {size.at_once} at once, {1e3 * size.latency:g} ms latency, "
        f"best of {size.rounds}; Python {platform.python_version()}, {os.cpu_count()} cores",
        tables["cost"],
    )
    if asked.slots:
        tables["slots"] = slots(size)
        show(f"{size.slots} slots, {size.slots_latency:g} s latency", tables["slots"])
    if asked.memory:
        tables["memory"] = memory(size)
        show("telerole alone, scripted", tables["memory"])
    if asked.json:
        asked.json.write_text(json.dumps(tables, indent=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--slots", action="store_true", help="also: are all slots kept busy?")
    parser.add_argument("--memory", action="store_true", help="also: does memory grow with the run?")
    parser.add_argument("--quick", action="store_true", help="a small run, to see that it works")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers here, too")
    parser.add_argument("--serve", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--work", choices=CONTESTANTS, help=argparse.SUPPRESS)
    parser.add_argument("--job", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve is not None:
        serve(asked.serve)
    elif asked.work:
        print(json.dumps(work(asked.work, asked.job)))
    else:
        compare(asked)


if __name__ == "__main__":
    main()
