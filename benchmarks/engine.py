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
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

from contestants import BASE, LINES, OVER_HTTP, TURNS, Job, stats, telerole_simulator

WARM_UP = 16  # calls before each timed part


def line(body: dict[str, Any]) -> str:
    """Another one in every turn of a call, so that no contestant finds it going in circles."""
    return LINES[len(body["messages"]) % len(LINES)]


def serve(latency: float) -> None:
    """The server, in a process of its own."""
    from telerole.testing import FakeServer

    with FakeServer(line, latency=latency, keep=0) as server:
        print(server.url, flush=True)
        threading.Event().wait()


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
                runs[name].append(measured(name, Job(url, size.calls, size.at_once, recorded(), WARM_UP)))
    least = {name: min(run["cpu"] / run["turns"] for run in done) for name, done in runs.items()}
    return [
        {
            "contestant": name,
            "CPU ms/turn": 1e3 * least[name],
            "median": 1e3 * median(run["cpu"] / run["turns"] for run in done),
            "ratio": least[name] / least[BASE],
            "with start": 1e3 * min(run["cpu_per_turn_with_start"] for run in done),
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
            run = measured(name, Job(url, 3 * size.slots, size.slots, recorded()), watch)
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
        command = [sys.executable, str(Path(__file__).with_name("contestants.py")), name, str(path)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
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
    command = [sys.executable, __file__, "--serve", str(latency)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


@cache
def recorded() -> list[list[dict[str, str]]]:
    """One of telerole's calls, as the server heard it."""
    from telerole.testing import FakeServer

    async def play(url: str) -> None:
        async with telerole_simulator(Job(url, 1, 1, [])) as play:
            await play(1)

    with FakeServer(line) as heard:
        asyncio.run(play(heard.url))
        return [request.body["messages"] for request in heard.requests]


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
    asked = parser.parse_args()
    if asked.serve is not None:
        serve(asked.serve)
    else:
        compare(asked)


if __name__ == "__main__":
    main()
