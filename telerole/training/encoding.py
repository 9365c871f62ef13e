"""Rows of chat messages, read from files and turned into tokens, with only the assistant's words to be learned."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from telerole.backends.base import Message
from telerole.errors import FileError, InputError
from telerole.persona import Role
from telerole.records import load, raw_records
from telerole.training.card import CARD, Card, digest
from telerole.training.masks import with_generation_marks

if TYPE_CHECKING:
    import numpy

IGNORED = -100  # the label of a token that is read, not learned
TOLD = 10  # rows that an error names
OTHER_FORMS = {"conversations": "sharegpt", "completion": "turns", "chosen": "preference"}  # by a field of theirs


@dataclass(frozen=True, slots=True)
class Chat:
    """The messages on one `line` of a file."""

    file: Path
    line: str
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Chats:
    """What is learned from, what it is validated on, whose words are learned, and the SHA-256 digest of each file."""

    train: list[Chat]
    validation: list[Chat]
    side: Role
    files: dict[str, str]

    @property
    def digest(self) -> str:
        """Sixteen hex digits over all messages: the same rows have it anywhere."""
        rows = [[chat.messages for chat in chats] for chats in (self.train, self.validation)]
        return hashlib.sha256(json.dumps([self.side, *rows], ensure_ascii=False).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """A chat in tokens: ids (int32, length n) and, of the same length, the labels: ids, or `IGNORED`."""

    chat: Chat
    ids: numpy.ndarray
    labels: numpy.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def learned(self) -> int:
        """How many tokens are learned."""
        return int((self.labels != IGNORED).sum())


def read_chats(data: Path | str, side: Role | None = None) -> Chats:
    """The rows of an export (``train.jsonl``, ``validation.jsonl``), or of one .jsonl file of ``{"messages": […]}``.

    `side` says whose words the assistant's are, where neither the rows nor the data card beside them do. Raises
    `FileError` with the line of every row that has no assistant turn, or whose roles are out of order, and for rows of
    another form.
    """
    data = Path(data)
    if not data.exists():
        raise InputError(f"{data}: no such file or folder")
    train = data / "train.jsonl" if data.is_dir() else data
    if data.is_dir() and not train.is_file():
        raise InputError(f"{data}: holds no train.jsonl; make one with `telerole export --format trl`")
    if train.suffix != ".jsonl":
        raise InputError(f"{train}: rows are read from a .jsonl file, or a folder of `telerole export`")
    validation = data / "validation.jsonl"
    sides: set[Role] = set()
    found = _chats(train, sides)
    held_out = _chats(validation, sides) if data.is_dir() and validation.is_file() else []
    if (card := train.parent / CARD).is_file():
        sides |= {one.request.side for one in load(card, Card)}
    if not found:
        raise FileError(train, ["holds no row to learn from"])
    if len(sides) > 1 or (side and sides - {side}):
        asked = f", and {side} is asked for" if side else ""
        raise InputError(f"{data}: holds rows of {' and '.join(sorted(sides))}{asked}; export the side to be learned")
    learned = side or (sides.pop() if sides else "salesperson")
    files = {file.name: digest(file) for file in (train, validation) if file == train or held_out}
    return Chats(found, held_out, learned, files)


def encode(chats: Sequence[Chat], tokenizer: Any) -> list[Encoded]:
    """Each chat by the tokenizer's chat template; learned is what the assistant says, with the mark of its end.

    Raises `FileError` for a chat that the template does not take, or that says one of the model's own special marks,
    which would end a turn or forge one.
    """
    from jinja2 import TemplateError

    template = with_generation_marks(tokenizer.chat_template)
    special = [token.content for token in tokenizer.added_tokens_decoder.values() if token.special]
    encoded, faults = [], []
    for chat in chats:
        said = " ".join(message["content"] for message in chat.messages)
        if marks := [mark for mark in special if mark in said]:
            faults.append((chat, f"says {marks[0]!r}, a mark by which the model tells turns apart; take it out"))
            continue
        try:
            encoded.append(_encoded(chat, tokenizer, template))
        except TemplateError as error:
            faults.append((chat, f"the base's chat template does not take it: {error}"))
    _raise(faults)
    return encoded


def within(rows: Sequence[Encoded], limit: int, *, skip: bool = False) -> list[Encoded]:
    """The rows of at most `limit` tokens; a longer one is a `FileError`, or is left out where they may be skipped."""
    over = [row for row in rows if len(row) > limit]
    if over and not skip:
        longest = max(len(row) for row in over)
        faults = [(row.chat, f"{len(row)} tokens, more than the limit of {limit}") for row in over]
        _raise(faults, f"raise the limit (--max-length {longest}), or leave such rows out (--skip-long)")
    return [row for row in rows if len(row) <= limit]


def pieces(row: Encoded, tokenizer: Any) -> list[tuple[str, bool]]:
    """The row's text in pieces, each with whether it is learned: what a fine-tuning sees, put back into words."""
    marked = zip(row.ids.tolist(), (row.labels != IGNORED).tolist(), strict=True)
    return [
        (tokenizer.decode([id for id, _ in run], clean_up_tokenization_spaces=False), learned)
        for learned, run in groupby(marked, key=lambda one: one[1])
    ]


def _encoded(chat: Chat, tokenizer: Any, template: str) -> Encoded:
    import numpy

    done = tokenizer.apply_chat_template(
        list(chat.messages),
        chat_template=template,
        tokenize=True,
        return_dict=True,
        return_assistant_tokens_mask=True,
    )
    ids = numpy.array(done["input_ids"], dtype=numpy.int32)
    return Encoded(chat, ids, numpy.where(numpy.array(done["assistant_masks"], dtype=bool), ids, IGNORED))


def _chats(file: Path, sides: set[Role]) -> list[Chat]:
    chats, faults = [], []
    for place, raw in raw_records(file):
        messages, whose = (raw.get("messages"), raw.get("side")) if isinstance(raw, dict) else (None, None)
        if isinstance(raw, dict) and messages is None and (form := _other_form(raw)):
            advice = "trained on are trl and openai: `telerole export --format trl`"
            raise FileError(file, [f"{place}holds rows of the form {form!r}; {advice}"])
        fault = str(raw) if isinstance(raw, InputError) else _fault(messages)
        if not fault and whose not in (None, *get_args(Role)):
            fault = f"side: must be one of {', '.join(get_args(Role))}, not {whose!r}"
        if fault:
            faults.append(f"{place}{fault}")
            continue
        if whose:
            sides.add(whose)
        kept: Iterable[Message] = ({"role": one["role"], "content": one["content"]} for one in messages or ())
        chats.append(Chat(file, place, tuple(kept)))
    _raise_for(file, faults)
    return chats


def _other_form(row: dict[str, Any]) -> str | None:
    return next((form for field, form in OTHER_FORMS.items() if field in row), None)


def _fault(messages: Any) -> str | None:
    """What keeps these messages from being learned from."""
    if not isinstance(messages, list) or not messages:
        return 'messages: is missing; a row is {"messages": [{"role": …, "content": …}, …]}'
    for number, one in enumerate(messages):
        if not isinstance(one, dict) or not isinstance(one.get("content"), str) or not one["content"].strip():
            return f"messages[{number}]: needs a role and a content in words"
    roles = [one.get("role") for one in messages]
    turns = roles[1:] if roles[0] == "system" else roles
    for number, role in enumerate(turns):
        if role != ("user", "assistant")[number % 2]:
            return (
                f"messages[{number + len(roles) - len(turns)}]: {role!r} is out of order; after one system message, "
                "if any, user and assistant take turns, the user first"
            )
    return None if "assistant" in turns else "has no assistant turn, so there is nothing to learn"


def _raise(faults: Sequence[tuple[Chat, str]], advice: str = "") -> None:
    """A `FileError` with the first of the faults, where there are any."""
    if not faults:
        return
    file = faults[0][0].file
    _raise_for(file, [f"{chat.line}{fault}" for chat, fault in faults if chat.file == file], advice)


def _raise_for(file: Path, faults: Sequence[str], advice: str = "") -> None:
    if faults:
        more = [f"and {len(faults) - TOLD} rows more"] if len(faults) > TOLD else []
        raise FileError(file, [*faults[:TOLD], *more, *([advice] if advice else [])])
