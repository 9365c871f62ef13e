"""One call: speakers are asked in turn, a failed call is data, and nothing outlives the conversation."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from telerole import Call, Said, Scenario, Simulator
from telerole.conversation import Conversation, converse
from telerole.errors import BadReply, BudgetSpent, InputError, ServerFault
from telerole.session import End, Session, Turn


@dataclass
class Lines:
    """Says its lines one after the other; an exception among them is raised."""

    lines: list[object]
    name: str = "lines"

    async def speak(self, call: Call) -> Said:
        line = self.lines[len(call.turns) // 2]
        if isinstance(line, Exception):
            raise line
        return line if isinstance(line, Said) else Said(str(line))


async def play(scenario: Scenario, salesperson: object, merchant: object, *rules: object) -> Session:
    return await converse(Conversation(scenario, salesperson, merchant, rules, seed=7))  # type: ignore[arg-type]


async def test_a_failed_model_call_ends_the_session_as_data_and_is_never_an_utterance(scenario: Scenario) -> None:
    session = await play(scenario, Lines(["Hello?", "So."]), Lines(["Yes?", ServerFault("500 oh no")]))
    assert [turn.text for turn in session.turns] == ["Hello?", "Yes?", "So."]
    assert (session.end.reason, session.end.by) == ("backend_error", "merchant")
    assert session.end.detail == "ServerFault: 500 oh no"
    assert not session.finished


async def test_a_spent_budget_ends_the_session_unfinished(scenario: Scenario) -> None:
    session = await play(scenario, Lines([BudgetSpent("10 calls")]), Lines([]))
    assert session.end.reason == "budget"
    assert not session.finished


async def test_a_speaker_can_put_the_phone_down_in_silence(scenario: Scenario) -> None:
    end = End(reason="merchant_hangup", by="merchant")
    session = await play(scenario, Lines(["Hello?"]), Lines([Said("", end)]))
    assert len(session.turns) == 1
    assert session.end == end


async def test_a_stop_rule_may_be_async(scenario: Scenario) -> None:
    async def enough(turns: list[Turn]) -> End | None:
        await asyncio.sleep(0)
        return End(reason="stopped", detail="enough") if len(turns) == 3 else None

    session = await play(scenario, Lines(["a", "b", "c"]), Lines(["d", "e"]), enough)
    assert len(session.turns) == 3
    assert session.end.detail == "enough"


@dataclass
class Stateful:
    """A guest that counts, seated anew for each conversation."""

    log: list[str] = field(default_factory=list)
    count: int = 0
    name: str = "stateful"

    def seat(self, scenario: Scenario, seed: int) -> Stateful:
        return Stateful(self.log)

    async def speak(self, call: Call) -> Said:
        self.count += 1
        return Said(f"line {self.count}", End(reason="stopped") if self.count == 2 else None)

    async def leave(self) -> None:
        self.log.append(f"left after {self.count}")


async def test_a_stateful_guest_is_seated_anew_and_leaves(scenario: Scenario) -> None:
    guest = Stateful()
    for _ in range(2):
        session = await play(scenario, guest, Lines(["Yes?"]))
        assert [turn.text for turn in session.turns] == ["line 1", "Yes?", "line 2"]
    assert guest.log == ["left after 2", "left after 2"]


async def test_a_guest_leaves_when_the_listener_goes_away(scenario: Scenario) -> None:
    guest = Stateful()
    heard = aiter(Conversation(scenario, guest, Lines(["Yes?"]), [], seed=1))
    await anext(heard)
    await heard.aclose()  # type: ignore[attr-defined]
    assert guest.log == ["left after 1"]


def test_what_a_users_function_raises_is_a_failed_call_too(scenario: Scenario) -> None:
    def broken(call: Call) -> str:
        raise KeyError("nope")

    session = Simulator(salesperson=broken).run(scenario)
    assert session.end.reason == "backend_error"
    assert "function:broken raised KeyError" in session.end.detail


def test_a_function_that_returns_nothing_is_a_failed_call_not_a_crash(scenario: Scenario) -> None:
    def forgetful(call: Call) -> None:
        return None

    session = Simulator(salesperson=forgetful).run(scenario)
    assert "function:forgetful returned NoneType" in session.end.detail


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (Said(""), "EmptyReply: function:guest said nothing"),
        (Said(" \n"), "EmptyReply: function:guest said nothing"),
        (Said("Bye.", True), "BadReply: function:guest returned Said("),  # type: ignore[arg-type]  # the mistake
        (Said(None), "BadReply: function:guest returned Said("),  # type: ignore[arg-type]  # the mistake
    ],
)
def test_a_function_that_returns_a_said_that_says_nothing_is_a_failed_call_not_a_crash(
    scenario: Scenario, said: Said, told: str
) -> None:
    def guest(call: Call) -> Said:
        return said

    session = Simulator(merchant=guest).run(scenario)
    assert (session.end.reason, session.end.by) == ("backend_error", "merchant")
    assert session.end.detail.startswith(told)


def test_a_function_may_put_the_phone_down_without_a_word(scenario: Scenario) -> None:
    end = End(reason="merchant_hangup", by="merchant")
    session = Simulator(merchant=lambda call: Said(" ", end)).run(scenario)
    assert (len(session.turns), session.end) == (1, end)


async def test_a_stop_rule_may_say_true_for_an_end_without_more_words(scenario: Scenario) -> None:
    simulator = Simulator(rules=[lambda turns: len(turns) == 3])
    session = await simulator.arun(scenario)
    assert (len(session.turns), session.end) == (3, End(reason="stopped"))


def test_a_stop_rule_that_returns_anything_else_is_an_error_that_names_it(scenario: Scenario) -> None:
    def enough(turns: list[Turn]) -> str:
        return "enough"

    with pytest.raises(InputError, match="the stop rule enough returned 'enough'; return an End or True"):
        Simulator(rules=[enough]).run_many([scenario])


def test_each_turn_has_its_own_random_stream_that_a_retry_repeats(scenario: Scenario) -> None:
    first = Call(scenario, (), 7)
    second = Call(scenario, (Turn(role="salesperson", text="a"), Turn(role="merchant", text="b")), 7)
    assert first.random().random() == Call(scenario, (), 7).random().random()
    assert first.random().random() != second.random().random()
    assert first.random("a").random() != first.random("b").random()
    assert first.turn_seed != second.turn_seed


async def test_a_speaker_that_says_nothing_and_does_not_end_the_call_is_told_so(scenario: Scenario) -> None:
    with pytest.raises(TypeError, match="said nothing and did not end the call"):
        await play(scenario, Lines([Said("")]), Lines([]))


def test_bad_reply_is_a_kind_that_records_can_store() -> None:
    assert BadReply("x").kind == "BadReply"
