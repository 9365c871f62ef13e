"""What passes between the two: lines as AgentChat's messages, and what they cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from autogen_agentchat.messages import BaseAgentEvent, BaseChatMessage, HandoffMessage, TextMessage
from autogen_core.models import RequestUsage

from telerole.persona import Role
from telerole.session import Turn, Usage

SPOKEN = "spoken"  # the metadata of our handoffs: their text is a line, not a note


def lines(turns: Iterable[Turn], names: Mapping[Role, str]) -> list[BaseChatMessage]:
    """The turns as messages from `names`, or from their roles."""
    return [TextMessage(content=turn.text, source=names.get(turn.role, turn.role)) for turn in turns]


def words(message: BaseAgentEvent | BaseChatMessage) -> str:
    """What a message says aloud; a handoff's text is a note, unless it is one of ours."""
    is_note = isinstance(message, HandoffMessage) and SPOKEN not in message.metadata
    return "" if is_note or not isinstance(message, BaseChatMessage) else message.to_text().strip()


def one_call(usage: RequestUsage) -> Usage:
    """What one model call cost."""
    return Usage(calls=1, attempts=1, prompt_tokens=usage.prompt_tokens, completion_tokens=usage.completion_tokens)
