"""AutoGen AgentChat, in both directions; nothing outside this package imports it.

Ours inside theirs: `SalespersonAgent` and `MerchantAgent` are AgentChat agents, `CallEnded` ends a team when the call
is over, `chat_client` lets an `AssistantAgent` run on a `Backend`. Theirs inside ours: `participant` seats an agent
or a team in a chair, `model` makes a model client a `Backend`, `stop` a termination condition a stop rule; the
simulator calls these three by itself, through `as_speaker`, `as_backend` and `as_rule`.
"""

from __future__ import annotations

from telerole.backends.base import Backend
from telerole.conversation import StopRule
from telerole.errors import InputError
from telerole.speaker import Speaker

try:
    from autogen_agentchat.base import ChatAgent, Team, TerminationCondition
    from autogen_core.models import ChatCompletionClient
except ImportError as missing:
    raise InputError("telerole.autogen needs AutoGen: pip install autogen-agentchat") from missing

from telerole.autogen.agents import CallEnded, MerchantAgent, SalespersonAgent
from telerole.autogen.clients import chat_client, model
from telerole.autogen.conditions import stop
from telerole.autogen.guests import Brief, Guest, briefing, participant

__all__ = [
    "Brief",
    "CallEnded",
    "Guest",
    "MerchantAgent",
    "SalespersonAgent",
    "as_backend",
    "as_rule",
    "as_speaker",
    "briefing",
    "chat_client",
    "model",
    "participant",
    "stop",
]


def as_speaker(thing: object) -> Speaker | None:
    """`participant` for an agent or a team, None for anything else."""
    return participant(thing) if isinstance(thing, ChatAgent | Team) else None


def as_backend(thing: object) -> Backend | None:
    """`model` for a model client, None for anything else."""
    return model(thing) if isinstance(thing, ChatCompletionClient) else None


def as_rule(thing: object) -> StopRule | None:
    """`stop` for a termination condition, None for anything else."""
    return stop(thing) if isinstance(thing, TerminationCondition) else None
