"""The plain names wait for asyncio's work wherever they are called, and say so where they cannot."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from telerole import Call, Scenario, Simulator


def test_a_function_in_a_chair_that_plays_a_call_of_its_own_is_told_how_to_do_it_and_hangs_nothing(
    scenario: Scenario,
) -> None:
    def rehearsed(call: Call) -> str:
        return Simulator().run(scenario).turns[0].text

    session = Simulator(salesperson=rehearsed).run(scenario)
    assert session.end.detail.startswith("BadReply: function:rehearsed raised InputError: what plays a call")
    assert "await asyncio.to_thread(...)" in session.end.detail


def test_nor_can_such_a_function_listen_to_the_turns_of_a_call(scenario: Scenario) -> None:
    def rehearsed(call: Call) -> str:
        return next(turn.text for turn in Simulator().stream(scenario))  # type: ignore[union-attr]  # a turn comes first

    assert "cannot wait for another call here" in Simulator(salesperson=rehearsed).run(scenario).end.detail


def test_a_function_in_a_chair_may_play_a_call_of_its_own_in_either_of_the_ways_it_is_told(scenario: Scenario) -> None:
    async def in_a_thread(call: Call) -> str:
        return (await asyncio.to_thread(Simulator().run, scenario)).turns[0].text

    async def awaited(call: Call) -> str:
        return (await Simulator().arun(scenario)).turns[0].text

    first = Simulator().run(scenario).turns[0].text
    for guest in (in_a_thread, awaited):
        assert Simulator(salesperson=guest, max_turns=2).run(scenario).turns[0].text == first


FORKED = """
import multiprocessing
from telerole import Catalog, Simulator

simulator, scenario = Simulator(seed=3), Catalog.bundled().sample(1)[0]

def play(_):
    return simulator.run(scenario)

if __name__ == "__main__":
    here = simulator.run(scenario)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.map_async(play, range(2)).get(60) == [here, here]
    assert simulator.run(scenario) == here
"""


@pytest.mark.skipif(sys.platform == "win32", reason="knows no fork")
def test_a_forked_process_plays_calls_too_though_its_parent_has_played_before() -> None:
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
