"""AutoGen AgentChat in both directions, with the real package: its agents, teams, clients and conditions."""

from __future__ import annotations

import asyncio
import copy
import importlib
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent, BaseChatAgent, SocietyOfMindAgent
from autogen_agentchat.base import Handoff, Response, TerminationCondition
from autogen_agentchat.conditions import (
    ExternalTermination,
    FunctionalTermination,
    MaxMessageTermination,
    SourceMatchTermination,
    StopMessageTermination,
    TextMentionTermination,
    TimeoutTermination,
)
from autogen_agentchat.messages import BaseChatMessage, StopMessage, StructuredMessage, TextMessage
from autogen_agentchat.teams import RoundRobinGroupChat, SelectorGroupChat, Swarm
from autogen_core import CancellationToken, FunctionCall
from autogen_core.model_context import UnboundedChatCompletionContext
from autogen_core.models import CreateResult, ModelFamily, ModelInfo, RequestUsage, SystemMessage, UserMessage
from autogen_ext.models.openai import OpenAIChatCompletionClient
from autogen_ext.models.replay import ReplayChatCompletionClient
from pydantic import BaseModel

from telerole import Call, Said, Scenario, ScriptedBackend, Session
from telerole.agents.guest import Function
from telerole.agents.role import InRole
from telerole.autogen import (
    CallEnded,
    MerchantAgent,
    SalespersonAgent,
    as_backend,
    as_rule,
    as_speaker,
    chat_client,
    model,
    participant,
    running,
    stop,
)
from telerole.backends.base import Message, Sampling
from telerole.chairs import Chairs
from telerole.conversation import Conversation, StopRule, converse
from telerole.errors import (
    BackendError,
    BadReply,
    BudgetSpent,
    EmptyReply,
    Filtered,
    InputError,
    RateLimited,
    Rejected,
    ServerFault,
    TimedOut,
    Truncated,
    Unreachable,
)
from telerole.prompts import merchant_system, salesperson_system
from telerole.session import End, Turn
from telerole.speaker import Speaker
from telerole.testing import FakeServer

TOKEN = CancellationToken()
SELLER = ["Is this Oak and Son?", "We bring buyers from abroad.", "When may I call again?", "Goodbye then."]
SHOP = ["Speaking.", "What does it cost?", "Next week. [hang up]"]


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    """A small scenario; nothing here depends on the library or the language."""
    here = {"id": "s", "language": "en"}
    person = {"background": "b", "temperament": "t", "manner": ["m"], **here}
    said = [{"speaker": "salesperson", "text": "Hello?"}, {"speaker": "merchant", "text": "Yes?"}]
    steps = [{"id": name, "goal": "g", "done_when": "d", "say": ["Well."]} for name in ("open", "close")]
    template = {"title": "T", "fields": {"shop": {"label": "Shop"}}, **here}
    return Scenario.model_validate(
        {
            **here,
            "script": {"lines": said, **here},
            "profile": {"id": "p", "template": template, "values": {"shop": "Oak"}},
            "strategy": {"title": "S", "goal": "g", "closes_with": "meeting", "rapport": ["r"], "flow": steps, **here},
            "salesperson": {"role": "salesperson", "name": "Tom", "company": "C", **person},
            "merchant": {"role": "merchant", "name": "Ann", **person},
        }
    )


class Lines:
    """Says one line a turn; the last ends the call."""

    name = "lines"

    def __init__(self, *lines: str) -> None:
        self.lines = lines

    async def speak(self, call: Call) -> Said:
        number = len(call.turns) // 2
        over = number == len(self.lines) - 1
        return Said(self.lines[number], End(reason="merchant_hangup", by="merchant") if over else None)


def forever(call: Call) -> str:
    return f"Line {len(call.turns)}: {'abcdefghijklmnopqrstuvwxyz'[len(call.turns)] * 20}"


class Parrot(BaseChatAgent):
    """Records what it is told; answers what the function makes of it."""

    def __init__(self, name: str = "parrot", answer: Callable[[Parrot], BaseChatMessage | str] | None = None) -> None:
        super().__init__(name, "records what it is told")
        self.answer = answer or (lambda parrot: f"I heard {len(parrot.told)}.")
        self.told: list[tuple[str, str]] = []

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        return (TextMessage,)

    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        self.told += [(message.source, message.to_text()) for message in messages]
        answer = self.answer(self)
        if isinstance(answer, str):
            answer = TextMessage(content=answer, source=self.name, models_usage=RequestUsage(7, 2))
        return Response(chat_message=answer)

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        self.told.clear()


def assistant(name: str, answer: str | Sequence[str] | Callable[[Sequence[Message]], Any], **options: Any) -> Any:
    return AssistantAgent(name, chat_client(ScriptedBackend(answer)), **options)


def pair(scenario: Scenario) -> list[Any]:
    shop = InRole(ScriptedBackend(SHOP), "merchant")  # without a mind, so that the words decide how the call ends
    return [SalespersonAgent(scenario, ScriptedBackend(SELLER)), MerchantAgent(scenario, shop)]


def text(content: str, source: str) -> TextMessage:
    return TextMessage(content=content, source=source)


async def play(scenario: Scenario, salesperson: Speaker, merchant: Speaker, *rules: StopRule) -> Session:
    return await converse(Conversation(scenario, salesperson, merchant, rules, seed=7))


def said(session: Session) -> list[str]:
    return [turn.text for turn in session.turns]


def at_most(count: int) -> StopRule:
    return lambda turns: End(reason="max_turns") if len(turns) >= count else None


# Ours inside theirs


async def test_our_two_agents_play_a_call_in_a_round_robin_and_the_team_stops_when_it_is_over(
    scenario: Scenario,
) -> None:
    team = RoundRobinGroupChat(pair(scenario), termination_condition=CallEnded())
    result = await team.run(task="Play the call.")
    assert [message.to_text() for message in result.messages] == [
        *("Play the call.", "Is this Oak and Son?", "Speaking.", "We bring buyers from abroad.", "What does it cost?"),
        *("When may I call again?", "Next week."),
    ]
    assert result.stop_reason is not None
    assert result.stop_reason.endswith("by merchant")


async def test_a_team_with_autogens_own_stop_condition_stops_too(scenario: Scenario) -> None:
    agents: list[Any] = [SalespersonAgent(scenario, forever), MerchantAgent(scenario, Lines("Yes?", "No."))]
    result = await RoundRobinGroupChat(agents, termination_condition=StopMessageTermination()).run(task="Go.")
    assert isinstance(result.messages[-1], StopMessage)
    assert result.messages[-1].content == "No."


async def test_our_salesperson_calls_an_assistant_agent_in_a_selector_group_chat(scenario: Scenario) -> None:
    shop = assistant("shop", ["Speaking.", "No, thank you."])
    seller = SalespersonAgent(scenario, ScriptedBackend([*SELLER[:2], "Goodbye. [hang up]"]), partner="shop")
    order = iter(["salesperson", "shop"] * 4)
    team = SelectorGroupChat(
        [seller, shop],
        model_client=chat_client(ScriptedBackend("unused")),
        selector_func=lambda thread: next(order),
        termination_condition=CallEnded() | MaxMessageTermination(20),
    )
    result = await team.run(task="Go.")
    lines = [message.to_text() for message in result.messages[1:]]
    assert lines == ["Is this Oak and Son?", "Speaking.", "We bring buyers from abroad.", "No, thank you.", "Goodbye."]


async def test_goodbyes_said_and_returned_end_a_team_as_they_end_our_own_call(scenario: Scenario) -> None:
    agents: list[Any] = [
        SalespersonAgent(scenario, lambda call: "Thank you, goodbye."),
        MerchantAgent(scenario, lambda call: "Goodbye."),
    ]
    team = RoundRobinGroupChat(agents, termination_condition=CallEnded() | MaxMessageTermination(9))
    result = await team.run()
    assert (len(result.messages), result.stop_reason) == (2, "salesperson_goodbye by salesperson")


async def test_in_a_swarm_our_agents_hand_over_with_their_lines(scenario: Scenario) -> None:
    heard: list[tuple[str, ...]] = []

    def merchant(call: Call) -> str | Said:
        heard.append(tuple(turn.text for turn in call.turns))
        return Said("Enough.", End(reason="merchant_hangup", by="merchant")) if len(heard) == 2 else "Yes?"

    agents: list[Any] = [
        SalespersonAgent(scenario, ScriptedBackend(SELLER), handoff_to="merchant"),
        MerchantAgent(scenario, merchant, handoff_to="salesperson"),
    ]
    result = await Swarm(agents, termination_condition=CallEnded()).run(task="Go.")
    assert result.stop_reason == "merchant_hangup by merchant"
    assert heard[1] == ("Is this Oak and Son?", "Yes?", "We bring buyers from abroad.")


async def test_the_task_and_third_parties_are_no_part_of_the_call_and_two_messages_in_a_row_are_one_turn(
    scenario: Scenario,
) -> None:
    calls: list[Call] = []

    def merchant(call: Call) -> str:
        calls.append(call)
        return "Yes?"

    agent = MerchantAgent(scenario, merchant)
    told = [text("Play!", "user"), text("Hello?", "salesperson"), text("Good.", "critic"), text("Oak?", "salesperson")]
    await agent.on_messages(told, TOKEN)
    assert calls[0].turns == (Turn(role="salesperson", text="Hello? Oak?"),)
    assert calls[0].scenario == scenario


async def test_an_agent_asked_out_of_turn_says_whom_it_listens_to(scenario: Scenario) -> None:
    agent = MerchantAgent(scenario, forever, partner="seller")
    with pytest.raises(InputError, match="named 'seller'"):
        await agent.on_messages([text("Hello?", "salesperson")], TOKEN)


async def test_a_saved_team_goes_on_where_it_was(scenario: Scenario) -> None:
    def team() -> RoundRobinGroupChat:
        return RoundRobinGroupChat(pair(scenario), termination_condition=CallEnded() | MaxMessageTermination(3))

    first = team()
    await first.run(task="Go.")
    state = json.loads(json.dumps(await first.save_state()))
    second = team()
    await second.load_state(state)
    result = await second.run()
    assert [message.to_text() for message in result.messages] == [
        *("We bring buyers from abroad.", "What does it cost?", "When may I call again?")
    ]


async def test_a_reset_agent_begins_a_new_call(scenario: Scenario) -> None:
    agent = SalespersonAgent(scenario, ScriptedBackend(SELLER))
    for _ in range(2):
        reply = await agent.on_messages([], TOKEN)
        assert reply.chat_message.to_text() == SELLER[0]
        await agent.on_reset(TOKEN)


async def test_an_agent_on_a_spec_can_be_dumped_and_loaded(scenario: Scenario) -> None:
    agent = SalespersonAgent(scenario, "openai:m@http://127.0.0.1:9/v1", "closer", partner="shop", seed=4)
    dumped = json.loads(agent.dump_component().model_dump_json())
    loaded = SalespersonAgent.load_component(dumped)
    assert (loaded.name, loaded.dump_component()) == ("closer", agent.dump_component())
    with pytest.raises(InputError, match="when its speaker is a SPEC"):
        SalespersonAgent(scenario, forever).dump_component()


async def test_a_team_of_ours_can_be_dumped_and_loaded_under_the_public_names(scenario: Scenario) -> None:
    agents: list[Any] = [SalespersonAgent(scenario), MerchantAgent(scenario)]
    team = RoundRobinGroupChat(agents, termination_condition=CallEnded())
    dumped = team.dump_component().model_dump_json()
    assert RoundRobinGroupChat.load_component(json.loads(dumped)).dump_component() == team.dump_component()
    for name in ("SalespersonAgent", "MerchantAgent", "CallEnded"):
        assert f'"telerole.autogen.{name}"' in dumped


async def test_usage_reaches_the_messages(scenario: Scenario) -> None:
    reply = await SalespersonAgent(scenario, ScriptedBackend(SELLER)).on_messages([], TOKEN)
    assert reply.chat_message.models_usage is not None
    assert reply.chat_message.models_usage.prompt_tokens > 0


async def test_a_failed_call_leaves_our_agents_transcript_as_it_was(scenario: Scenario) -> None:
    calls: list[Call] = []

    def shaky(call: Call) -> str:
        calls.append(call)
        if len(calls) == 1:
            raise ServerFault("500")
        return "Yes?"

    agent = MerchantAgent(scenario, shaky)
    for _ in range(2):
        try:
            await agent.on_messages([text("Hello?", "salesperson")], TOKEN)
        except ServerFault:
            continue
    assert [turn.text for call in calls for turn in call.turns] == ["Hello?", "Hello?"]


async def test_their_token_cancels_our_speaker(scenario: Scenario) -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    async def slow(call: Call) -> str:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return ""

    token = CancellationToken()
    task = asyncio.create_task(SalespersonAgent(scenario, slow).on_messages([], token))
    await started.wait()
    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cancelled.is_set()


# Theirs inside ours: agents and teams


async def test_each_line_is_told_once_and_the_briefing_of_the_chair_comes_first(scenario: Scenario) -> None:
    parrots: list[Parrot] = []

    def parrot() -> Parrot:
        parrots.append(Parrot(f"p{len(parrots)}"))
        return parrots[-1]

    await play(scenario, participant(parrot), participant(parrot), at_most(6))
    seller, shop = parrots
    assert seller.told[0][0] == "user"
    assert seller.told[0][1].startswith(salesperson_system(scenario))
    assert seller.told[1:] == [("merchant", "I heard 2."), ("merchant", "I heard 3.")]
    assert shop.told[0] == ("user", merchant_system(scenario))
    assert [source for source, _ in shop.told[1:]] == ["salesperson"] * 3


async def test_twenty_calls_at_once_with_one_assistant_agent_do_not_mix_contexts(scenario: Scenario) -> None:
    async def repeat(messages: Sequence[Message]) -> str:
        await asyncio.sleep(0)
        return "I know: " + " ".join(message["content"] for message in messages[2:] if message["role"] == "user")

    shop = participant(assistant("shop", repeat))

    async def one(number: int) -> Session:
        def seller(call: Call) -> str:
            return f"call{number} line{len(call.turns)}"

        return await play(scenario, Function(seller), shop, at_most(6))

    sessions = await asyncio.gather(*(one(number) for number in range(20)))
    for number, session in enumerate(sessions):
        heard = [f"call{number} line{turn}" for turn in (0, 2, 4)]
        assert session.turns[-1].text == f"I know: {' '.join(heard)}"


async def test_the_agent_that_was_given_is_never_run_and_its_copies_start_as_it_stands(scenario: Scenario) -> None:
    context = UnboundedChatCompletionContext(initial_messages=[UserMessage(content="Be brief.", source="user")])
    agent = assistant("shop", lambda messages: f"I know {len(messages)}.", model_context=context)
    for _ in range(2):
        session = await play(scenario, Lines("a", "b"), participant(agent), at_most(2))
        assert session.turns[1].text == "I know 4."  # system, "Be brief.", the briefing, "a"
    assert len(await agent.model_context.get_messages()) == 1


async def test_copies_share_clients_and_tools(scenario: Scenario) -> None:
    class Crm:
        def __init__(self) -> None:
            self.notes: list[str] = []

        def note(self, text: str) -> str:
            """Take a note."""
            self.notes.append(text)
            return "Noted, thank you."

    info = ModelInfo(
        vision=False, function_calling=True, json_output=False, structured_output=False, family=ModelFamily.UNKNOWN
    )
    ask = CreateResult(
        finish_reason="function_calls",
        content=[FunctionCall(id="1", name="note", arguments='{"text": "busy"}')],
        usage=RequestUsage(3, 4),
        cached=False,
    )
    client = ReplayChatCompletionClient([ask, ask], model_info=info)
    crm = Crm()
    shop = participant(AssistantAgent("shop", client, tools=[crm.note]))
    for _ in range(2):
        session = await play(scenario, Lines("Hello?", "b"), shop, at_most(2))
        assert said(session) == ["Hello?", "Noted, thank you."]
    assert crm.notes == ["busy", "busy"]
    assert len(client.create_calls) == 2
    assert session.usage["merchant"].prompt_tokens == 3


async def test_a_team_in_a_chair_says_its_last_message(scenario: Scenario) -> None:
    team = RoundRobinGroupChat([assistant("draft", "Draft."), assistant("polish", ["One.", "Two."])], max_turns=2)
    guest = participant(team)
    for _ in range(2):
        session = await play(scenario, guest, Lines("x", "y", "z"), at_most(3))
        assert said(session) == ["One.", "x", "Two."]
    assert session.usage["salesperson"].calls == 4


async def test_a_society_of_mind_in_a_chair_says_its_own_answer(scenario: Scenario) -> None:
    inner = RoundRobinGroupChat([assistant("draft", "Draft."), assistant("critic", "APPROVE")], max_turns=2)
    mind = SocietyOfMindAgent("mind", inner, chat_client(ScriptedBackend("Good morning.")))
    assert said(await play(scenario, participant(mind), Lines("x"), at_most(1))) == ["Good morning."]


async def test_our_own_agents_can_be_guests(scenario: Scenario) -> None:
    guest = participant(SalespersonAgent(scenario, ScriptedBackend(SELLER)))
    assert said(await play(scenario, guest, Lines("x", "y", "z"), at_most(3))) == [SELLER[0], "x", SELLER[1]]


async def test_copies_of_our_agent_in_mid_call_do_not_share_its_guest(scenario: Scenario) -> None:
    parrots: list[Parrot] = []

    def parrot() -> Parrot:
        parrots.append(Parrot())
        return parrots[-1]

    agent = SalespersonAgent(scenario, participant(parrot))
    await agent.on_messages([], TOKEN)
    for twin in (copy.deepcopy(agent), copy.deepcopy(agent)):
        await twin.on_messages([text("Yes?", "merchant")], TOKEN)
    assert [len(parrot.told) for parrot in parrots] == [1, 3, 3]


async def test_a_guest_that_joins_late_hears_all_that_was_said(scenario: Scenario) -> None:
    turns = (Turn(role="salesperson", text="Hello?"), Turn(role="merchant", text="Yes?"))
    parrots: list[Parrot] = []

    def parrot() -> Parrot:
        parrots.append(Parrot())
        return parrots[-1]

    reply = await participant(parrot).speak(Call(scenario, turns, 1))
    assert reply.text == "I heard 3."
    assert parrots[0].told[1:] == [("parrot", "Hello?"), ("merchant", "Yes?")]


@pytest.mark.parametrize(
    "line", ["So long. TERMINATE", "So long. [hang up]", StopMessage(content="So long.", source="p")]
)
async def test_a_guest_ends_the_call_in_autogens_way_or_in_ours(
    scenario: Scenario, line: str | BaseChatMessage
) -> None:
    session = await play(scenario, Lines("a", "b"), participant(lambda: Parrot("p", lambda _: line)), at_most(4))
    assert said(session) == ["a", "So long."]
    assert session.end.reason in ("merchant_hangup", "merchant_goodbye")
    assert session.end.by == "merchant"


class Offer(BaseModel):
    price: int


async def test_a_structured_message_is_said_as_its_text(scenario: Scenario) -> None:
    offer = StructuredMessage[Offer](content=Offer(price=9), source="p", format_string="It costs {price}.")
    session = await play(scenario, participant(lambda: Parrot("p", lambda _: offer)), Lines("x"), at_most(1))
    assert said(session) == ["It costs 9."]


async def test_a_handoff_note_is_not_said(scenario: Scenario) -> None:
    call = CreateResult(
        finish_reason="function_calls",
        content=[FunctionCall(id="1", name="transfer_to_human", arguments="{}")],
        usage=RequestUsage(3, 4),
        cached=False,
    )
    info = ModelInfo(
        vision=False, function_calling=True, json_output=False, structured_output=False, family=ModelFamily.UNKNOWN
    )
    client = ReplayChatCompletionClient([call], model_info=info)
    agent = AssistantAgent("shop", client, handoffs=[Handoff(target="human")])
    session = await play(scenario, Lines("a", "b"), participant(agent))
    assert session.end.detail == "EmptyReply: autogen:shop said nothing"


def raising(error: BaseException) -> Callable[[Parrot], str]:
    def answer(parrot: Parrot) -> str:
        raise error

    return answer


class RateLimitError(Exception):
    """Named as the openai package names it."""


class AuthenticationError(Exception):
    """Likewise."""


FAILED = [
    (AuthenticationError("wrong key"), Rejected),
    (RateLimitError("slow down"), RateLimited),
    (TimeoutError("late"), TimedOut),
    (ConnectionResetError("cut"), Unreachable),
    (InputError("no images"), BadReply),
    (ServerFault("500"), ServerFault),
    (KeyError("oops"), BadReply),
]


@pytest.mark.parametrize(("error", "kind"), FAILED)
@pytest.mark.parametrize("in_team", [False, True])
async def test_what_a_guest_raises_is_a_failed_call_of_the_right_kind(
    scenario: Scenario, error: Exception, kind: type[BackendError], in_team: bool
) -> None:
    def guest() -> Any:
        parrot = Parrot("p", raising(error))
        return RoundRobinGroupChat([parrot], max_turns=1) if in_team else parrot

    session = await play(scenario, participant(guest), Lines("x"))
    assert session.end.detail.startswith(f"{kind.__name__}: ")
    assert str(error) in session.end.detail
    assert "Traceback" not in session.end.detail


@pytest.mark.parametrize("in_team", [False, True])
async def test_a_budget_spent_inside_a_guest_ends_the_call_as_one(scenario: Scenario, in_team: bool) -> None:
    def spent() -> Any:
        agent = Parrot("p", raising(BudgetSpent("10 calls")))
        return RoundRobinGroupChat([agent], max_turns=1) if in_team else agent

    assert (await play(scenario, participant(spent), Lines("x"))).end.reason == "budget"


async def test_a_key_in_a_guests_error_is_not_recorded(scenario: Scenario) -> None:
    guest = participant(lambda: Parrot("p", raising(ValueError("Incorrect API key provided: sk-abcdef123456"))))
    session = await play(scenario, guest, Lines("x"))
    assert "Incorrect API key provided: ***" in session.end.detail
    assert "abcdef" not in session.model_dump_json()


@pytest.mark.parametrize("blank", ["", "  ", "<think>hm</think>"])
async def test_a_guest_that_says_nothing_is_an_empty_reply(scenario: Scenario, blank: str) -> None:
    session = await play(scenario, participant(lambda: Parrot("p", lambda _: blank)), Lines("x"))
    assert session.end.detail.startswith("EmptyReply: ")


async def test_a_factory_that_fails_takes_down_one_call_only(scenario: Scenario) -> None:
    def broken() -> Parrot:
        raise OSError("no such file")

    assert (await play(scenario, participant(broken), Lines("x"))).end.reason == "backend_error"


class Hanging(Parrot):
    """Answers never; notes how it was stopped. `deaf` to its token."""

    def __init__(self, started: asyncio.Event, log: list[str], deaf: bool) -> None:
        super().__init__("hanging")
        self.started, self.log, self.deaf = started, log, deaf

    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        waiting = asyncio.ensure_future(asyncio.Event().wait())
        if not self.deaf:
            cancellation_token.link_future(waiting)
        self.started.set()
        try:
            await waiting
        except asyncio.CancelledError:
            self.log.append("token" if cancellation_token.is_cancelled() else "task")
            raise
        raise AssertionError

    async def close(self) -> None:
        self.log.append("closed")


@pytest.mark.parametrize("deaf", [False, True])
@pytest.mark.parametrize("in_team", [False, True])
async def test_cancelling_our_task_cancels_the_guests_run(
    scenario: Scenario, in_team: bool, deaf: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "GRACE", 0.05)
    started, log = asyncio.Event(), list[str]()

    def guest() -> Any:
        agent = Hanging(started, log, deaf)
        return RoundRobinGroupChat([agent], max_turns=1) if in_team else agent

    task = asyncio.create_task(play(scenario, participant(guest), Lines("x")))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    if in_team and deaf:
        return  # the team is left behind: nothing but its member can end it
    assert log == (["token"] if in_team else ["token", "closed"])
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_guest_that_is_cancelled_by_somebody_else_is_a_failed_call(scenario: Scenario) -> None:
    session = await play(scenario, participant(lambda: Parrot("p", raising(asyncio.CancelledError()))), Lines("x"))
    assert session.end.detail.startswith("BadReply: ")


async def test_what_cannot_be_copied_is_refused_with_the_way_out(scenario: Scenario) -> None:
    import threading

    agent = Parrot()
    agent.lock = threading.Lock()  # type: ignore[attr-defined]  # a user's agent may hold anything
    with pytest.raises(InputError, match=r"'parrot' cannot be copied .* give a function that makes one"):
        participant(agent)
    used = RoundRobinGroupChat([Parrot()], max_turns=1)
    await used.run(task="x")
    with pytest.raises(InputError, match="has run before"):
        participant(used)


# Theirs inside ours: model clients


async def test_a_model_client_is_a_backend() -> None:
    client = ReplayChatCompletionClient(["Good morning."])
    messages: list[Message] = [{"role": "system", "content": "a b"}, {"role": "user", "content": "c"}]
    reply = await model(client).generate(messages, sampling=Sampling(0.5, max_tokens=9, stop=("x",), seed=3))
    assert (reply.text, reply.usage.prompt_tokens, reply.usage.completion_tokens) == ("Good morning.", 3, 2)
    (call,) = client.create_calls
    assert call["extra_create_args"] == {"temperature": 0.5, "max_tokens": 9, "stop": ["x"], "seed": 3}
    assert [type(message) for message in call["messages"]] == [SystemMessage, UserMessage]


@pytest.mark.parametrize(
    ("content", "finish", "kind"),
    [
        ("So I", "length", Truncated),
        ("", "content_filter", Filtered),
        (" ", "stop", EmptyReply),
        ([FunctionCall(id="1", name="f", arguments="{}")], "function_calls", BadReply),
    ],
)
async def test_an_answer_that_cannot_be_said_is_a_failed_call(content: Any, finish: Any, kind: type[Exception]) -> None:
    result = CreateResult(finish_reason=finish, content=content, usage=RequestUsage(1, 1), cached=False)
    with pytest.raises(kind):
        await model(ReplayChatCompletionClient([result])).generate([{"role": "user", "content": "x"}])


async def test_an_answer_that_cannot_be_said_has_cost_what_it_cost() -> None:
    result = CreateResult(finish_reason="length", content="So I", usage=RequestUsage(7, 3), cached=False)
    with pytest.raises(Truncated) as caught:
        await model(ReplayChatCompletionClient([result])).generate([{"role": "user", "content": "x"}])
    assert caught.value.usage is not None
    assert caught.value.usage.completion_tokens == 3


class Picky(ReplayChatCompletionClient):
    async def create(self, *args: Any, extra_create_args: Any = None, **options: Any) -> CreateResult:
        if "seed" in (extra_create_args or {}):
            raise TypeError("create() got an unexpected keyword argument 'seed'")
        return await super().create(*args, extra_create_args=extra_create_args, **options)


async def test_a_sampling_argument_that_a_client_does_not_know_is_left_out() -> None:
    client = Picky(["Yes."])
    await model(client).generate([{"role": "user", "content": "x"}], sampling=Sampling(max_tokens=5, seed=1))
    assert client.create_calls[0]["extra_create_args"] == {"max_tokens": 5}


@pytest.mark.parametrize("able", [True, False])
async def test_a_schema_is_asked_for_where_the_client_can(able: bool) -> None:
    info = ModelInfo(
        vision=False, function_calling=False, json_output=able, structured_output=False, family=ModelFamily.UNKNOWN
    )
    client = ReplayChatCompletionClient(["{}"], model_info=info)
    await model(client).generate([{"role": "user", "content": "x"}], schema={"type": "object"})
    assert client.create_calls[0]["json_output"] is (True if able else None)


def test_the_chairs_that_one_client_fills_share_its_gate() -> None:
    client = ReplayChatCompletionClient([])
    chairs = Chairs()
    for guest in (client, client, model(client)):
        chairs.seat(guest, "merchant")
    assert len(chairs.gates) == 1
    chairs.seat(ReplayChatCompletionClient([]), "merchant")
    assert len(chairs.gates) == 2


def openai_client(server: FakeServer) -> OpenAIChatCompletionClient:
    return OpenAIChatCompletionClient(model="gpt-4o", api_key="sk-secret12345", base_url=server.url, max_retries=0)


async def test_the_openai_client_works_over_http_as_a_backend_and_inside_an_agent(scenario: Scenario) -> None:
    with FakeServer(reply="Good morning.") as server:
        client = openai_client(server)
        backend = model(client)
        reply = await backend.generate([{"role": "user", "content": "x"}])
        session = await play(scenario, participant(AssistantAgent("closer", client)), Lines("x"), at_most(1))
        await client.close()
    assert (backend.name, reply.text) == ("autogen:gpt-4o", "Good morning.")
    assert session.turns[0].text == "Good morning."
    assert session.usage["salesperson"].prompt_tokens > 0


@pytest.mark.parametrize("seat", ["backend", "agent", "team"])
@pytest.mark.parametrize(("fault", "kind"), [("rate_limit", "RateLimited"), ("error", "ServerFault")])
async def test_what_the_openai_client_raises_is_a_failed_call_without_a_key(
    scenario: Scenario, seat: str, fault: str, kind: str
) -> None:
    with FakeServer(reply="x", faults={fault: 1.0}) as server:
        client = openai_client(server)
        agent = AssistantAgent("closer", client)
        team = RoundRobinGroupChat([agent], max_turns=1)
        speakers = {
            "backend": InRole(model(client), "salesperson"),
            "agent": participant(agent),
            "team": participant(team),
        }
        session = await play(scenario, speakers[seat], Lines("x"))
        await client.close()
    assert session.end.detail.startswith(f"{kind}: ")
    assert "secret" not in session.model_dump_json()


# Ours inside theirs: backends


async def test_an_assistant_agent_runs_on_a_backend(scenario: Scenario) -> None:
    for stream in (False, True):
        agent = assistant(
            "seller", lambda messages: f"{messages[0]['role']} {len(messages)}", model_client_stream=stream
        )
        result = await agent.run(task="Go.")
        assert result.messages[-1].to_text() == "system 2"
        assert result.messages[-1].models_usage.prompt_tokens > 0


async def test_a_backend_as_a_client_tells_what_it_cannot_do() -> None:
    client = chat_client(ScriptedBackend("x"))
    assert client.model_info["function_calling"] is False
    with pytest.raises(InputError, match="cannot call tools"):
        await client.create([], tools=[{"name": "f"}])
    with pytest.raises(InputError, match="logprobs"):
        await client.create([], extra_create_args={"logprobs": True})
    with pytest.raises(InputError, match="more than text"):
        await client.create([UserMessage(content=["a"], source="u")])


async def test_a_backend_as_a_client_hands_on_sampling_and_schema_and_counts_tokens() -> None:
    asked: list[tuple[Sampling, Any]] = []

    class Spy(ScriptedBackend):
        async def generate(self, messages: Any, *, sampling: Sampling = Sampling(), schema: Any = None) -> Any:
            asked.append((sampling, schema))
            return await super().generate(messages)

    client = chat_client(Spy("Yes."), Sampling(temperature=0.3))
    messages = [UserMessage(content="12345678", source="u")]
    for _ in range(2):
        await client.create(messages, extra_create_args={"seed": 5, "stop": "x"}, json_output=Offer)
    assert asked[0] == (Sampling(0.3, stop=("x",), seed=5), Offer.model_json_schema())
    assert client.total_usage() == RequestUsage(2 * client.actual_usage().prompt_tokens, 2)
    assert 0 < client.count_tokens(messages) < client.remaining_tokens(messages)


async def test_a_failed_backend_call_inside_an_assistant_agent_keeps_its_kind(scenario: Scenario) -> None:
    def fail(messages: Sequence[Message]) -> str:
        raise RateLimited("429")

    session = await play(scenario, participant(assistant("seller", fail)), Lines("x"))
    assert session.end.detail == "RateLimited: 429"


# Theirs inside ours: termination conditions


CONDITIONS: list[Callable[[], TerminationCondition]] = [
    lambda: MaxMessageTermination(5),
    lambda: TextMentionTermination("Line 3"),
    lambda: SourceMatchTermination(["merchant"]),
    lambda: MaxMessageTermination(4) | TextMentionTermination("Line 2"),
    lambda: MaxMessageTermination(4) & TextMentionTermination("Line 2"),
    lambda: (MaxMessageTermination(4) & TextMentionTermination("Line 2")) | TimeoutTermination(60),
    lambda: FunctionalTermination(lambda messages: "Line 4" in messages[-1].to_text()),
]


@pytest.mark.parametrize("condition", CONDITIONS)
async def test_a_condition_stops_our_call_where_it_stops_their_team(
    scenario: Scenario, condition: Callable[[], TerminationCondition]
) -> None:
    session = await play(scenario, Function(forever), Function(forever), stop(condition()))
    agents: list[Any] = [SalespersonAgent(scenario, forever), MerchantAgent(scenario, forever)]
    result = await RoundRobinGroupChat(agents, termination_condition=condition()).run()
    assert said(session) == [message.to_text() for message in result.messages]
    assert session.end == End(reason="stopped", detail=result.stop_reason or "")


async def test_one_condition_for_many_calls_at_once_counts_each_call_by_itself(scenario: Scenario) -> None:
    rule = stop(MaxMessageTermination(5))
    calls = (play(scenario, Function(forever), Function(forever), rule) for _ in range(6))
    assert [len(session.turns) for session in await asyncio.gather(*calls)] == [5] * 6


async def test_a_timeouts_clock_starts_with_the_call(scenario: Scenario) -> None:
    condition = TimeoutTermination(60)
    condition._start_time -= 120  # built two minutes ago
    session = await play(scenario, Function(forever), Function(forever), stop(condition), at_most(3))
    assert session.end.reason == "max_turns"


class Unresettable(MaxMessageTermination):
    async def reset(self) -> None:
        """Forget nothing."""


async def test_a_condition_that_was_met_before_stops_the_call_and_not_the_run(scenario: Scenario) -> None:
    condition = Unresettable(1)
    await condition([text("x", "user")])
    session = await play(scenario, Function(forever), Function(forever), stop(condition))
    assert session.end == End(reason="stopped", detail="Termination condition has already been reached")


@pytest.mark.parametrize("combined", [False, True])
async def test_an_external_termination_stops_every_call_and_stays_set(scenario: Scenario, combined: bool) -> None:
    switch = ExternalTermination()
    rule = stop(MaxMessageTermination(100) | switch if combined else switch)
    assert (await play(scenario, Function(forever), Function(forever), rule, at_most(3))).end.reason == "max_turns"
    switch.set()
    for _ in range(2):
        session = await play(scenario, Function(forever), Function(forever), rule)
        assert session.end == End(reason="stopped", detail="External termination requested")


# The simulator's door


def test_what_belongs_to_autogen_is_recognised_and_nothing_else() -> None:
    client, agent, condition = chat_client(ScriptedBackend("x")), Parrot(), MaxMessageTermination(1)
    assert [found is not None for found in map(as_speaker, (client, agent, condition, forever))] == [0, 1, 0, 0]
    assert [found is not None for found in map(as_backend, (client, agent, condition, forever))] == [1, 0, 0, 0]
    assert [found is not None for found in map(as_rule, (client, agent, condition, forever))] == [0, 0, 1, 0]


def test_the_simulator_takes_agents_clients_and_conditions_as_they_are(scenario: Scenario) -> None:
    from telerole import Simulator

    simulator = Simulator(
        Parrot(answer=lambda parrot: forever(Call(scenario, (), 0)) + str(len(parrot.told))),
        ReplayChatCompletionClient([f"Well, {word}." for word in ("no", "yes", "maybe", "never")]),
        rules=[MaxMessageTermination(4)],
    )
    run = simulator.run_many([scenario], trials=2)
    assert [session.end.reason for session in run] == ["stopped", "stopped"]
    assert {session.provenance["salesperson"] for session in run} == {"autogen:parrot"}


def test_without_autogen_the_import_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "telerole.autogen")
    monkeypatch.setitem(sys.modules, "autogen_agentchat.base", None)
    with pytest.raises(InputError, match="pip install autogen-agentchat"):
        importlib.import_module("telerole.autogen")
