from __future__ import annotations

import asyncio
import random
import selectors
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telerole.backends import Message, Reply, Sampling
from telerole.backends.budget import Budget, Price
from telerole.backends.gate import Gate
from telerole.backends.limits import Limited, Retry
from telerole.backends.openai import OpenAIBackend
from telerole.errors import (
    BackendError,
    BudgetSpent,
    InputError,
    RateLimited,
    Rejected,
    ServerFault,
    TimedOut,
    Truncated,
)
from telerole.session import Usage
from telerole.testing import FakeServer

HELLO: list[Message] = [{"role": "user", "content": "Hello?"}]
ONCE = Usage(calls=1, attempts=1, prompt_tokens=80, completion_tokens=20)


class Virtual(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer, so that hours of waiting take no time."""

    def __init__(self) -> None:
        super().__init__(_Jumping(self))
        self.now = 0.0

    def time(self) -> float:
        return self.now


class _Jumping(selectors.SelectSelector):
    def __init__(self, loop: Virtual) -> None:
        super().__init__()
        self.loop = loop

    def select(self, timeout: float | None = None) -> Any:
        self.loop.now += (timeout or 0.0) + 1e-6  # time never stands still: float dust in a timer would spin for ever
        return super().select(0)


def play(work: Coroutine[Any, Any, None]) -> float:
    """Run `work` in virtual time; the seconds it took there."""
    loop = Virtual()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(work)
    return loop.now


class Model:
    """Answers after `latency` seconds, or raises what `fault` returns for the call's number."""

    name = "model"

    def __init__(self, fault: Callable[[int], Exception | None] = lambda _: None, latency: float = 1.0) -> None:
        self.fault, self.latency = fault, latency
        self.calls = self.now = self.most = 0
        self.times: list[float] = []
        self.busy = 0.0

    async def generate(
        self, messages: Sequence[Message], *, sampling: Sampling = Sampling(), schema: Mapping[str, Any] | None = None
    ) -> Reply:
        number, self.calls = self.calls, self.calls + 1
        self.times.append(asyncio.get_running_loop().time())
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            if (error := self.fault(number)) is not None:
                raise error
            await asyncio.sleep(self.latency)
            self.busy += self.latency
            return Reply("Yes.", ONCE)
        finally:
            self.now -= 1


async def work(limited: Limited, callers: int, each: int) -> None:
    async def caller() -> None:
        for _ in range(each):
            await limited.generate(HELLO)

    await asyncio.gather(*(caller() for _ in range(callers)))


# ---------------------------------------------------------------------------------------------------- the gate


def test_a_gate_opens_until_everyone_is_in_and_keeps_256_slots_95_percent_busy() -> None:
    model = Model()
    took = play(work(Limited(model), callers=256, each=120))
    assert model.most == 256
    assert model.busy / (256 * took) > 0.95


@pytest.mark.parametrize("retry_after", [None, 0, 5])
def test_no_call_is_lost_to_an_endpoint_that_takes_ten_at_once(retry_after: float | None) -> None:
    def full(_: int) -> Exception | None:
        return RateLimited("slow down", retry_after=retry_after) if model.now > 10 else None

    model = Model(full)
    took = play(work(Limited(model), callers=200, each=5))
    assert model.busy == 1000
    assert model.busy / (10 * took) > 0.6


def test_a_named_limit_is_kept_whatever_happens() -> None:
    model = Model(lambda number: RateLimited("slow down") if number % 7 == 0 else None)
    gate = Gate(limit=8)
    play(work(Limited(model, gate), callers=50, each=10))
    assert model.most == 8
    assert gate.limit == 8


def test_a_gate_that_is_hardly_used_does_not_grow() -> None:
    gate = Gate()
    play(work(Limited(Model(), gate), callers=15, each=50))
    assert gate.limit == 20


def test_many_429s_of_one_episode_close_the_gate_once() -> None:
    gate = Gate(start=100)

    async def storm() -> None:
        for _ in range(30):
            gate.failed(RateLimited("slow down"))
        assert gate.limit == 80
        await asyncio.sleep(16)
        gate.failed(RateLimited("slow down", retry_after=40))
        await asyncio.sleep(30)
        gate.failed(RateLimited("slow down"))
        assert gate.limit == 64

    play(storm())


def test_after_a_429_the_gate_grows_in_small_steps_and_only_when_calm() -> None:
    gate = Gate(start=100)

    async def recover() -> None:
        await fill(gate, 100)
        gate.failed(RateLimited("slow down", retry_after=5))
        rounds(gate, 1)
        assert gate.limit == 80
        await asyncio.sleep(6)
        rounds(gate, 1)
        assert gate.limit == 84

    play(recover())


async def fill(gate: Gate, slots: int) -> None:
    await asyncio.gather(*(gate.enter() for _ in range(slots)))


def rounds(gate: Gate, count: int) -> None:
    for _ in range(count):
        for _ in range(gate.limit):
            gate.answered()


@pytest.mark.parametrize("error", [ServerFault("500"), TimedOut("late")])
def test_faults_and_timeouts_pause_growth_without_closing_the_gate(error: BackendError) -> None:
    gate = Gate(start=10)

    async def pause() -> None:
        await fill(gate, 10)
        for _ in range(5):
            for _ in range(9):
                gate.answered()
            gate.failed(error)
        assert gate.limit == 10

    play(pause())


def test_answers_that_needed_a_second_try_do_not_open_the_gate() -> None:
    gate = Gate(start=1)
    model = Model(lambda number: ServerFault("500") if number % 2 == 0 else None)
    play(work(Limited(model, gate, Retry(first=0)), callers=1, each=40))
    assert gate.limit == 1


def test_the_history_tells_each_move_with_its_time_and_reason() -> None:
    gate = Gate(start=4, most=8)
    model = Model(lambda number: RateLimited("slow down") if number == 30 else None)
    play(work(Limited(model, gate), callers=8, each=10))
    assert [(change.limit, change.why) for change in gate.history][:3] == [
        (4, "start"),
        (8, "clean round"),
        (6, "rate limited"),
    ]
    assert [change.at for change in gate.history] == sorted(change.at for change in gate.history)


def test_a_gate_starts_at_the_concurrency_that_was_asked_for() -> None:
    model, gate = Model(), Gate()

    async def run() -> None:
        await asyncio.sleep(1000)
        gate.widen(200)
        await work(Limited(model, gate), callers=200, each=1)

    assert play(run()) < 1002, "all 200 calls at once"
    assert model.most == 200
    assert gate.history[0] == (0, 200, "asked for")


def test_callers_already_waiting_enter_as_the_gate_is_widened() -> None:
    gate = Gate(start=2)

    async def run() -> None:
        waiting = asyncio.create_task(fill(gate, 5))
        await asyncio.sleep(1)
        assert gate.in_flight == 2
        gate.widen(5)
        await asyncio.wait_for(waiting, 1)

    play(run())


def test_widening_neither_narrows_a_gate_nor_passes_its_most() -> None:
    gate, named = Gate(start=50, most=100), Gate(limit=8)

    async def run() -> None:
        for asked, limit in ((10, 50), (60, 60), (500, 100)):
            gate.widen(asked)
            assert gate.limit == limit
        named.widen(64)
        assert named.limit == 8

    play(run())


def test_widening_does_not_undo_a_429() -> None:
    gate = Gate()

    async def run() -> None:
        gate.widen(100)
        gate.failed(RateLimited("slow down"))
        assert gate.limit == 80
        gate.widen(100)
        await asyncio.sleep(60)
        gate.widen(100)
        assert gate.limit == 80

    play(run())


def test_waiting_callers_enter_in_the_order_they_came() -> None:
    gate, order = Gate(limit=1), []

    async def queue() -> None:
        await gate.enter()
        waiting = [asyncio.create_task(enter(number)) for number in range(5)]
        await asyncio.sleep(1)
        gate.leave()
        await asyncio.gather(*waiting)

    async def enter(number: int) -> None:
        await gate.enter()
        order.append(number)
        gate.leave()

    play(queue())
    assert order == [0, 1, 2, 3, 4]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    start=st.integers(1, 12),
    more=st.integers(0, 20),
    callers=st.integers(1, 40),
    trouble=st.floats(0, 0.6),
    cancels=st.floats(0, 0.5),
)
def test_whatever_happens_the_limit_holds_and_no_slot_is_lost(
    seed: int, start: int, more: int, callers: int, trouble: float, cancels: float
) -> None:
    dice = random.Random(seed)
    gate = Gate(least=1, start=start, most=start + more)

    class Checked(Model):
        async def generate(self, *args: Any, **kwargs: Any) -> Reply:
            assert gate.in_flight <= max(change.limit for change in gate.history)
            assert 1 <= gate.limit <= start + more
            self.latency = dice.random()
            return await super().generate(*args, **kwargs)

    def fault(_: int) -> Exception | None:
        errors = (RateLimited("429"), ServerFault("500"), Rejected("400"), ZeroDivisionError("a bug"))
        return dice.choice(errors) if dice.random() < trouble else None

    model = Checked(fault)
    limited = Limited(model, gate, Retry(attempts=3))

    async def chaos() -> None:
        tasks = [asyncio.create_task(limited.generate(HELLO)) for _ in range(callers)]
        for task in tasks:
            if dice.random() < cancels:
                asyncio.get_running_loop().call_later(dice.random() * 2, task.cancel)
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert not [outcome for outcome in outcomes if isinstance(outcome, AssertionError)]
        assert (gate.in_flight, model.now) == (0, 0)
        await fill(gate, gate.limit)  # all slots can be had again

    play(chaos())


def test_a_slot_that_comes_as_its_waiter_is_cancelled_goes_to_the_next() -> None:
    gate = Gate(limit=1)

    async def race() -> None:
        await gate.enter()
        first, second = asyncio.create_task(gate.enter()), asyncio.create_task(gate.enter())
        await asyncio.sleep(1)
        gate.leave()
        first.cancel()
        await asyncio.wait_for(second, 10)
        assert gate.in_flight == 1

    play(race())


async def test_one_gate_serves_two_event_loops() -> None:
    gate = Gate(limit=3)

    async def share() -> None:
        await work(Limited(Model(latency=0), gate), callers=20, each=20)

    await asyncio.gather(asyncio.to_thread(asyncio.run, share()), share())
    assert gate.in_flight == 0


def test_requests_a_minute_are_kept_in_every_minute() -> None:
    model = Model(latency=0.01)
    play(work(Limited(model, Gate(rpm=120)), callers=50, each=10))
    for start in model.times:
        assert sum(start <= at < start + 60 for at in model.times) <= 122


def test_tokens_a_minute_are_kept_by_estimate() -> None:
    model = Model(latency=0.01)
    took = play(work(Limited(model, Gate(tpm=512 * 30)), callers=10, each=9))
    assert took >= 115, "90 calls of 512 tokens are 30 at once and 60 more in two minutes"


@pytest.mark.parametrize("options", [{"limit": 0}, {"start": 2, "least": 3}, {"rpm": 0}, {"tpm": -1}])
def test_a_gate_that_could_not_work_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Gate(**options)


# ------------------------------------------------------------------------------------------------------ retries


def test_a_failed_call_is_repeated_and_every_attempt_is_counted() -> None:
    async def run() -> None:
        model = Model(lambda number: [ServerFault("500"), Truncated("cut", usage=ONCE), None][number])
        reply = await Limited(model).generate(HELLO)
        assert reply.usage == Usage(calls=1, attempts=3, prompt_tokens=160, completion_tokens=40)

    play(run())


def test_an_error_that_repeating_cannot_help_is_raised_at_once() -> None:
    model = Model(lambda _: Rejected("no such model"))

    async def run() -> None:
        with pytest.raises(Rejected, match=r"^no such model$"):
            await Limited(model).generate(HELLO)

    assert play(run()) < 0.1
    assert model.calls == 1


def test_the_last_error_tells_the_attempts_and_their_cost() -> None:
    model = Model(lambda _: Truncated("cut off", raw="I was", usage=ONCE))

    async def run() -> None:
        with pytest.raises(Truncated, match=r"^cut off \(after 4 attempts\)$") as caught:
            await Limited(model, retry=Retry(attempts=4)).generate(HELLO)
        assert caught.value.raw == "I was"
        assert caught.value.usage == Usage(attempts=4, prompt_tokens=320, completion_tokens=80)

    play(run())


def test_no_wait_is_shorter_than_the_server_asked_for() -> None:
    model = Model(lambda number: RateLimited("slow down", retry_after=20) if number < 3 else None)

    async def run() -> None:
        await Limited(model).generate(HELLO)

    play(run())
    waits = [later - earlier for earlier, later in zip(model.times, model.times[1:], strict=False)]
    assert all(20 <= wait <= 22 for wait in waits)


def test_waits_double_up_to_the_longest_and_differ_between_calls() -> None:
    retry = Retry(first=1, longest=8)
    waits = [retry.wait(ServerFault("500"), attempt, 0) or 0 for attempt in range(1, 6)]
    for wait, full in zip(waits, [1, 2, 4, 8, 8], strict=True):
        assert full / 2 <= wait <= full
    assert retry.wait(ServerFault("500"), 1, 0) != retry.wait(ServerFault("500"), 1, 0)


def test_a_seeded_stream_makes_the_waits_repeatable() -> None:
    first, second = (Retry(random=random.Random(4)).wait(ServerFault("500"), 1, 0) for _ in range(2))
    assert first == second


def test_no_wait_is_begun_that_would_end_after_the_total() -> None:
    model = Model(lambda _: RateLimited("slow down", retry_after=50))

    async def run() -> None:
        with pytest.raises(RateLimited):
            await Limited(model, retry=Retry(total=120)).generate(HELLO)

    assert play(run()) < 120
    assert model.calls == 3


def test_a_waiting_retry_holds_no_slot() -> None:
    model = Model(lambda number: RateLimited("slow down", retry_after=100) if number == 0 else None)
    limited = Limited(model, Gate(limit=1))

    async def run() -> None:
        slow = asyncio.create_task(limited.generate(HELLO))
        await asyncio.sleep(0.1)
        await limited.generate(HELLO)
        assert not slow.done()
        await slow

    play(run())
    assert model.times[1] < 1


# ------------------------------------------------------------------------------------------------------ budgets


def test_the_limit_in_calls_is_never_exceeded_and_failed_calls_count() -> None:
    model = Model(lambda number: ServerFault("500") if number % 2 else None)
    budget = Budget(calls=25)

    async def run() -> None:
        with pytest.raises(BudgetSpent, match="25 calls"):
            await work(Limited(model, Gate(limit=10), budget=budget), callers=10, each=10)

    play(run())
    assert model.calls == 25
    assert budget.spent.calls == 25


def test_tokens_are_overshot_by_no_more_than_was_in_flight() -> None:
    budget = Budget(tokens=1000)

    async def run() -> None:
        with pytest.raises(BudgetSpent, match="1,000 tokens"):
            await work(Limited(Model(), Gate(limit=5), budget=budget), callers=5, each=10)

    play(run())
    assert 1000 <= budget.spent.tokens <= 1000 + 5 * 100


def test_failed_attempts_that_cost_tokens_are_charged() -> None:
    budget = Budget()

    async def run() -> None:
        with pytest.raises(Truncated):
            await Limited(Model(lambda _: Truncated("cut", usage=ONCE)), budget=budget).generate(HELLO)

    play(run())
    assert (budget.spent.calls, budget.spent.tokens) == (6, 600)


def test_a_budget_that_ends_between_two_attempts_tells_what_the_first_one_cost() -> None:
    async def run() -> None:
        model = Limited(Model(lambda _: Truncated("cut", usage=ONCE)), budget=Budget(calls=1))
        for usage in (Usage(attempts=1, prompt_tokens=80, completion_tokens=20), None):
            with pytest.raises(BudgetSpent) as caught:
                await model.generate(HELLO)
            assert caught.value.usage == usage

    play(run())


def test_money_is_counted_from_the_prices_and_cached_tokens_are_cheaper() -> None:
    budget = Budget(money=1.0, prices={"model": Price(prompt=2, completion=8, cached=0.5)})
    budget.charge("model", Usage(prompt_tokens=100_000, completion_tokens=50_000, cached_tokens=40_000))
    assert budget.spent.money == pytest.approx(0.12 + 0.02 + 0.4)
    budget.charge("model", Usage(completion_tokens=100_000))
    with pytest.raises(BudgetSpent, match="money"):
        budget.admit()


def test_without_a_price_of_their_own_cached_tokens_cost_what_the_others_do() -> None:
    usage = Usage(prompt_tokens=100_000, cached_tokens=40_000)
    assert Price(prompt=2, completion=8).of(usage) == pytest.approx(0.2)


def test_a_limit_in_money_without_a_price_is_refused_before_the_first_call() -> None:
    budget = Budget(money=1, prices={"modell": Price(1, 1)})
    with pytest.raises(InputError, match=r"'model'.*did you mean 'modell'"):
        Limited(Model(), budget=budget)


# ------------------------------------------------------------------------------------------------- all together


async def test_a_run_against_a_failing_server_answers_every_call() -> None:
    faults = {"rate_limit": 0.1, "error": 0.1, "cut": 0.1, "empty": 0.05, "truncated_json": 0.05}
    with FakeServer("Fine.", faults=faults, seed=3) as server:
        backend = Limited(OpenAIBackend("m", server.url), retry=Retry(attempts=20, first=0))
        replies = await asyncio.gather(*(backend.generate(HELLO) for _ in range(200)))
        await backend.aclose()
    assert {reply.text for reply in replies} == {"Fine."}
    assert sum(reply.usage.attempts for reply in replies) == server.count
