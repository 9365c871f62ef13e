"""Theirs inside ours: an AgentChat agent or team in a chair."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

from autogen_agentchat.base import ChatAgent, TaskResult, Team
from autogen_agentchat.messages import BaseChatMessage, StopMessage, TextMessage

from telerole.agents.speech import spoken
from telerole.autogen.copies import copied
from telerole.autogen.messages import lines, one_call, words
from telerole.autogen.running import cancellable, failed_call
from telerole.endings import put_down
from telerole.errors import EmptyReply
from telerole.prompts import merchant_messages, salesperson_messages
from telerole.scenario import Scenario
from telerole.session import Usage
from telerole.speaker import Call, Said, Speaker

Guest: TypeAlias = ChatAgent | Team
Brief = Callable[[Call], str]

OVER = "TERMINATE"  # how AgentChat agents are told to say that they are done


def briefing(call: Call) -> str:
    """What our own speaker in that chair is told before the call: what a guest hears first, unless told otherwise."""
    messages = salesperson_messages if call.role == "salesperson" else merchant_messages
    return "\n\n".join(message["content"] for message in messages(call.scenario, ()))


def participant(guest: Guest | Callable[[], Guest], brief: Brief = briefing) -> Speaker:
    """An AgentChat agent or team in a chair. Each conversation has its own: contexts never mix.

    A function makes one for each conversation. An agent or team is copied as it stands, and itself never run: the
    copy shares its model clients, tools, workbenches and memories and has everything else for itself. What cannot be
    copied, a team that has run before among it, is an `InputError`; give a function that makes one.

    The guest is first told `brief`, as a message from ``"user"``, then each of the other side's lines once. Its line
    is the last message of its reply, without handoffs, so a team must end after each turn (``max_turns`` or a
    termination condition), and ends with its line. ``TERMINATE``, a stop message or a hang-up mark ends the call.
    Whatever the guest raises is a failed call; when our task is cancelled, so is the guest's run.
    """
    if isinstance(guest, ChatAgent | Team):
        copied(guest)  # so that what cannot be copied is refused here, and not in the middle of a run
        return _Participant(f"autogen:{guest.name}", lambda: copied(guest), brief, own=False)
    return _Participant(f"autogen:{getattr(guest, '__name__', type(guest).__name__)}", guest, brief, own=True)


@dataclass(frozen=True, slots=True)
class _Participant:
    name: str
    make: Callable[[], Guest]
    brief: Brief
    own: bool  # made for the conversation, sharing nothing

    def seat(self, scenario: Scenario, seed: int) -> _Seated:
        """The same for one conversation."""
        return _Seated(self)

    async def speak(self, call: Call) -> Said:
        """Let a newcomer, who hears the whole call at once, say the next line."""
        seated = _Seated(self)
        try:
            return await seated.speak(call)
        finally:
            await seated.leave()


class _Seated:
    """A guest in one conversation, made at its first turn."""

    def __init__(self, participant: _Participant) -> None:
        self.name = participant.name
        self._participant = participant
        self._guest: Guest | None = None
        self._heard = 0

    async def speak(self, call: Call) -> Said:
        """Tell the guest what it has not heard yet and take down what it says."""
        with failed_call(self.name):
            guest = self._guest = self._guest or self._participant.make()
            news = self._news(call, guest.name)
            result = await cancellable(
                lambda token: guest.run(task=news or None, cancellation_token=token, output_task_messages=False)
            )
        return _said(call, result, self.name)

    async def leave(self) -> None:
        """Close an agent that was made for this conversation."""
        if self._participant.own and isinstance(self._guest, ChatAgent):
            with suppress(Exception):  # the call is over, and what was said stands
                await self._guest.close()

    def _news(self, call: Call, name: str) -> list[BaseChatMessage]:
        """What was said since the guest's last line: once, though the call be repeated, for its context has it then."""
        news = lines(call.turns[self._heard :], {call.role: name})
        if not self._heard:
            news.insert(0, TextMessage(content=self._participant.brief(call), source="user"))
        self._heard = len(call.turns) + 1  # with the line it is about to say
        return news


def _said(call: Call, result: TaskResult, name: str) -> Said:
    text = next(filter(None, map(words, reversed(result.messages))), "")
    line, over, _ = text.partition(OVER)
    speech = spoken(line, call.role)
    calls = [one_call(message.models_usage) for message in result.messages if message.models_usage is not None]
    usage = sum(calls, Usage()) if calls else None
    stopped = bool(result.messages) and isinstance(result.messages[-1], StopMessage)
    if (over or stopped or speech.hung_up) and (speech.text or call.turns):
        end = put_down(call.turns, speech.text, call.scenario.language)
        return Said(speech.text, end, usage, repairs=speech.repairs)
    if not speech.text:
        raise EmptyReply(f"{name} said nothing", raw=text, usage=usage)
    return Said(speech.text, usage=usage, repairs=speech.repairs)
