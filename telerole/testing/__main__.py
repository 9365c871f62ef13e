"""``python -m telerole.testing``: the fake server in a process of its own."""

from __future__ import annotations

import argparse
import threading

import orjson

from telerole.testing.server import FakeServer


def main() -> None:
    """Serve until stopped, and print the address first."""
    parser = argparse.ArgumentParser(prog="python -m telerole.testing", description=main.__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--reply", default="All right.")
    parser.add_argument("--faults", type=orjson.loads, default="{}", metavar="JSON", help='such as {"rate_limit": 0.1}')
    asked = parser.parse_args()
    with FakeServer(asked.reply, latency=asked.latency, faults=asked.faults, port=asked.port, keep=0) as server:
        print(server.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
