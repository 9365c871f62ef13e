"""telerole: role-play simulation of merchant telemarketing calls.

Nothing is imported until it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from telerole.agents.role import Candidate as Candidate
    from telerole.backends.base import Backend as Backend
    from telerole.backends.base import Reply as Reply
    from telerole.backends.base import Sampling as Sampling
    from telerole.backends.budget import Budget as Budget
    from telerole.backends.cassette import Cassette as Cassette
    from telerole.backends.local import LocalBackend as LocalBackend
    from telerole.backends.openai import OpenAIBackend as OpenAIBackend
    from telerole.backends.scripted import ScriptedBackend as ScriptedBackend
    from telerole.catalog import Catalog as Catalog
    from telerole.channel import Channel as Channel
    from telerole.errors import BackendError as BackendError
    from telerole.errors import InputError as InputError
    from telerole.errors import TeleroleError as TeleroleError
    from telerole.persona import Persona as Persona
    from telerole.profile import Profile as Profile
    from telerole.profile import ProfileTemplate as ProfileTemplate
    from telerole.qa import QAPair as QAPair
    from telerole.runs import RunFolder as RunFolder
    from telerole.scenario import Scenario as Scenario
    from telerole.script import Script as Script
    from telerole.session import Session as Session
    from telerole.session import Triplet as Triplet
    from telerole.session import Turn as Turn
    from telerole.simulator import Simulator as Simulator
    from telerole.speaker import Call as Call
    from telerole.speaker import Said as Said
    from telerole.strategy import Strategy as Strategy

_HOME = {
    "Backend": "backends.base",
    "BackendError": "errors",
    "Budget": "backends.budget",
    "Call": "speaker",
    "Candidate": "agents.role",
    "Cassette": "backends.cassette",
    "Catalog": "catalog",
    "Channel": "channel",
    "InputError": "errors",
    "LocalBackend": "backends.local",
    "OpenAIBackend": "backends.openai",
    "Persona": "persona",
    "Profile": "profile",
    "ProfileTemplate": "profile",
    "QAPair": "qa",
    "Reply": "backends.base",
    "RunFolder": "runs",
    "Said": "speaker",
    "Sampling": "backends.base",
    "Scenario": "scenario",
    "Script": "script",
    "ScriptedBackend": "backends.scripted",
    "Session": "session",
    "Simulator": "simulator",
    "Strategy": "strategy",
    "TeleroleError": "errors",
    "Triplet": "session",
    "Turn": "session",
}

__all__ = sorted(_HOME)
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'telerole' has no attribute {name!r}")
    return getattr(import_module(f"telerole.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
