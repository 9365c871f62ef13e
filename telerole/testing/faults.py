"""The faults a fake server can be asked for, and which request meets one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from random import Random

from telerole.errors import InputError, nearest
from telerole.testing.replies import FakeReply

# Faults that take the place of the reply ...
INSTEAD: dict[str, FakeReply] = {
    "rate_limit": FakeReply("Rate limit reached for requests", status=429, code="rate_limit_exceeded"),
    "error": FakeReply("The server had an error while processing your request", status=500),
    "unauthorized": FakeReply("Incorrect API key provided", status=401, code="invalid_api_key"),
    "filter": FakeReply("The prompt was filtered by the content policy", status=400, code="content_filter"),
    "not_json": FakeReply(headers={"Content-Type": "text/html"}, body=b"<html><h1>Bad gateway</h1></html>"),
    "empty": FakeReply(""),
    "null_content": FakeReply(None),
    "filtered_reply": FakeReply("", finish_reason="content_filter"),
}


def _fenced(reply: FakeReply) -> FakeReply:
    return replace(reply, text=f"```json\n{reply.text or ''}\n```")


def _halved(reply: FakeReply) -> FakeReply:
    text = reply.text or ""
    return replace(reply, text=text[: len(text) // 2], finish_reason="length")


# ... that change it ...
CHANGED: dict[str, Callable[[FakeReply], FakeReply]] = {"fenced": _fenced, "length": _halved}
# ... and that break its way back.
ON_THE_WIRE = ("hang", "cut", "truncated_json")

FAULTS = (*INSTEAD, *CHANGED, *ON_THE_WIRE)
"""The names that `FakeServer` takes as faults."""

Plan = Mapping[str, float] | Sequence[str | None]
"""The share of requests that meets each fault, or one name or None a request, after which none fails."""


def checked(plan: Plan) -> Plan:
    """A copy of the plan, or an `InputError` that says what is wrong with it."""
    for name in plan:
        if name is not None and name not in FAULTS:
            raise InputError(f"unknown fault {name!r}{nearest(name, FAULTS)}; known are {', '.join(FAULTS)}")
    if not isinstance(plan, Mapping):
        return tuple(plan)
    if min(plan.values(), default=0) < 0 or sum(plan.values()) > 1 + 1e-9:
        raise InputError(f"the faults' shares must be at least 0 and together at most 1, not {dict(plan)}")
    return dict(plan)


def met(plan: Plan, number: int, seed: int) -> str | None:
    """The fault that request `number`, counted from 0, meets."""
    if not isinstance(plan, Mapping):
        return plan[number] if number < len(plan) else None
    drawn = Random(f"{seed}:{number}").random() if plan else 1.0
    for name, share in plan.items():
        drawn -= share
        if drawn < 0:
            return name
    return None
