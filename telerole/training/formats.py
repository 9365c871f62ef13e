"""What a training row looks like in a file: the forms that fine-tuning services and libraries read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

from telerole.backends.base import Message
from telerole.prompts import HANG_UP
from telerole.training.pairs import Worse
from telerole.training.rows import Row, learned_turns

Format = Literal["trl", "openai", "sharegpt", "turns", "preference"]
Line = dict[str, Any]
_SHAREGPT = {"system": "system", "user": "human", "assistant": "gpt"}


def lines(row: Row, format: Format, worse: Sequence[Worse] = ()) -> list[Line]:
    """The row's lines in that form; every line of a form has the same columns, each of one type.

    - ``trl``: a session, ``messages`` (TRL's conversational form) with ``id``, ``source``, ``language``, ``method`` and
      ``side``;
    - ``openai``: a session, ``messages`` and nothing else, as the fine-tuning service takes it;
    - ``sharegpt``: a session, ``conversations`` of ``from`` (``system``, ``human``, ``gpt``) and ``value``;
    - ``turns``: a turn of the side, ``prompt`` and ``completion`` (TRL's prompt-completion form) and its ``turn``;
    - ``preference``: a turn and a `worse` line for it, ``prompt``, ``chosen`` and ``rejected`` (TRL's DPO form), with
      ``turn`` and the ``reason``.

    ``turn`` counts the session's turns from 0. A row without what a form needs gives no line.
    """
    if format == "preference":
        return list(_preferences(row, worse))
    return _FORMS[format](row)


def _about(row: Row) -> Line:
    return {"id": row.id, "source": row.source, "language": row.language, "method": row.method, "side": row.side}


def _trl(row: Row) -> list[Line]:
    return [{"messages": list(row.messages), **_about(row)}]


def _openai(row: Row) -> list[Line]:
    return [{"messages": list(row.messages)}]


def _sharegpt(row: Row) -> list[Line]:
    said = [{"from": _SHAREGPT[message["role"]], "value": message["content"]} for message in row.messages]
    return [{"conversations": said, **_about(row)}]


def _turns(row: Row) -> list[Line]:
    return [
        {"prompt": list(row.messages[:at]), "completion": [row.messages[at]], **_about(row), "turn": turn}
        for turn, at in learned_turns(row)
    ]


def _preferences(row: Row, worse: Sequence[Worse]) -> Iterator[Line]:
    places = dict(learned_turns(row))
    for one in worse:
        at, mark = places[one.turn], f" {HANG_UP[row.language]}" if one.hung_up else ""
        rejected: Message = {"role": "assistant", "content": one.text + mark}
        texts = {"prompt": list(row.messages[:at]), "chosen": [row.messages[at]], "rejected": [rejected]}
        yield {**texts, **_about(row), "turn": one.turn, "reason": one.reason}


_FORMS: Mapping[str, Callable[[Row], list[Line]]] = {
    "trl": _trl,
    "openai": _openai,
    "sharegpt": _sharegpt,
    "turns": _turns,
}
