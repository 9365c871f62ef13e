"""Preference pairs: a line of a kept session, and another for the same place that was refused, each with its reason.

They come from what a run has on file (replies that were refused while a call was played, and rejected sessions that
part from a kept one of the same scenario at the faulty line), and from asking a model for other lines: `branch`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import TypeVar

from telerole import journal, loop, runs
from telerole.agents.speech import Speech, spoken
from telerole.backends.base import Backend, Message, Sampling
from telerole.backends.budget import Budget
from telerole.backends.cassette import Cassette
from telerole.batch import work_through
from telerole.chairs import Chairs
from telerole.errors import BackendError, BudgetSpent, InputError
from telerole.folder import Failure
from telerole.persona import Role
from telerole.postprocess.chain import Chain
from telerole.postprocess.filtering import Example, SessionFilter
from telerole.postprocess.privacy import Privacy
from telerole.postprocess.results import Rejection
from telerole.prompts import HANG_UP
from telerole.session import End, Session, Triplet, Turn
from telerole.speaker import derive_seed
from telerole.training.masks import turn_mark
from telerole.training.recited import Recited
from telerole.training.rows import Row, learned_turns, row_of

JUDGES = ("roles", "safety", "repetition", "conversationality", "groundedness")  # who can judge a call by its last line
REFUSED = ("OutOfRole", "Truncated")  # failures whose reply is a line that should not be said
CONCURRENCY = 16
TRIES = 4


@dataclass(frozen=True, slots=True)
class Worse:
    """Another line for a `turn` (from 0) of a kept session, why it is no good, and whether the phone goes down."""

    turn: int
    text: str
    reason: str
    hung_up: bool = False


Pairs = Mapping[str, Sequence[Worse]]
"""The worse lines for each kept session, by its id."""


@dataclass(slots=True)
class Branched:
    """What branching gave, by session; which sessions no model call brought a line for, and which were not asked."""

    pairs: dict[str, list[Worse]] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)


def fault(triplet: Triplet, turn: int, text: str) -> str | None:
    """Why a bundled rule filter rejects the call up to `turn` with `text` said there, but not with what was said.

    None where no filter does, and for a text with something private in it, which no pair may hold.
    """
    before, after = (_cut(triplet, turn, said) for said in (triplet.session.turns[turn].text, text))
    for judge in _judges():
        if (found := judge.judge(after)) is not None and judge.judge(before) is None:
            return None if _unfit(after, text) else f"{judge.name}: {found.reason}"
    return None


def recorded(folders: Iterable[Path], kept: Iterable[Triplet], side: Role, recited: Recited) -> dict[str, list[Worse]]:
    """The worse lines that records of cleaned run folders hold for the `kept` sessions; what is `recited` is none."""
    records = _Records(side, recited)
    for folder in folders:
        records.read(folder)
    found = {triplet.session.id: list(records.worse_than(triplet)) for triplet in kept}
    return {id: worse for id, worse in found.items() if worse}


def branch(guest: str | Backend, triplet: Triplet, side: Role, turn: int, tries: int = TRIES) -> Worse | None:
    """Ask a model (a SPEC or a `Backend`) for another line at that turn, and give the first that a filter rejects.

    It is asked as in deployment: with the row's own messages before the turn, drawn as in a chair, each try with
    another seed. Raises `InputError` where the turn is not the side's, or the SPEC no model; `BackendError` where no
    try brought a line.
    """
    places = dict(learned_turns(row_of(triplet, side)))
    if turn not in places:
        raise InputError(f"turn {turn} of session {triplet.session.id!r} is none of the {side}'s: {sorted(places)}")

    async def ask() -> Worse | None:
        chairs = Chairs()
        try:
            return await _branched(chairs.backend(guest), chairs.sampling_for(guest), triplet, side, turn, tries)
        finally:
            await chairs.close()

    return loop.wait(ask())


def branch_each(
    guest: str | Backend,
    kept: Sequence[Triplet],
    side: Role,
    seed: int,
    *,
    budget: Budget | None = None,
    cassette: Cassette | None = None,
) -> Branched:
    """Branch every session at one turn of the side's, drawn by the seed, up to four times until a line is rejected.

    All of them have words of the side. A failed call is noted, no more; a spent budget ends it. Raises `InputError`
    where the SPEC is no model, or nobody answers at its address.
    """

    async def ask_all() -> Branched:
        made = Branched(left={triplet.session.id for triplet in kept})
        chairs = Chairs(budget=budget, cassette=cassette)
        model, sampling = chairs.backend(guest), chairs.sampling_for(guest)

        async def ask(triplet: Triplet) -> bool:
            session = triplet.session
            turns = [turn for turn, _ in learned_turns(row_of(triplet, side))]
            try:
                turn = Random(derive_seed("branch", seed, session.id)).choice(turns)
                worse = await _branched(model, sampling, triplet, side, turn, TRIES)
            except BackendError:
                made.failed.add(session.id)
            except BudgetSpent:
                return False
            else:
                made.pairs.update({session.id: [worse]} if worse else {})
            made.left.discard(session.id)
            return True

        try:
            async with chairs.at_work():
                await chairs.reach()
                await work_through(kept, ask, CONCURRENCY)
        except BackendError as error:
            raise InputError(str(error)) from error
        finally:
            await chairs.close()
        return made

    return loop.wait(ask_all())


async def _branched(
    model: Backend, sampling: Sampling, triplet: Triplet, side: Role, turn: int, tries: int
) -> Worse | None:
    row = row_of(triplet, side)
    asked = row.messages[: dict(learned_turns(row))[turn]]
    failed: BackendError | None = None
    answered = False
    for number in range(tries):
        seed = derive_seed(triplet.session.seed, turn, "branch", number)
        try:
            reply = await model.generate(asked, sampling=sampling.seeded(seed))
        except BackendError as error:
            failed = error
            continue
        answered, speech = True, spoken(reply.text, side)
        if speech.text and (reason := fault(triplet, turn, speech.text)):
            return Worse(turn, speech.text, reason, speech.hung_up)
    if failed is not None and not answered:
        raise failed
    return None


class _Records:
    """Refused replies by session, and rejected sessions by scenario, of one side."""

    def __init__(self, side: Role, recited: Recited) -> None:
        self._side, self._recited = side, recited
        self._tries: dict[str, list[Failure]] = defaultdict(list)
        self._played: dict[str, Triplet] = {}  # the calls of those tries, before they were cleaned
        self._rejected: dict[str, list[tuple[Row, Session]]] = defaultdict(list)

    def read(self, path: Path) -> None:
        """Take the records of a run folder in."""
        folder = runs.read(path)
        for one in folder.tries():
            if one.by == self._side and one.raw and one.reason in REFUSED:
                self._tries[one.id].append(one)
        if self._tries:
            self._played |= {one.session.id: one for one in folder.triplets() if one.session.id in self._tries}
        for file in sorted((path / "rejected").glob("*.jsonl")):
            for number, line in journal.lines(file):
                triplet = journal.parse(file, number, line, Rejection).triplet
                self._rejected[triplet.session.scenario_id].append((row_of(triplet, self._side), triplet.session))

    def worse_than(self, triplet: Triplet) -> Iterator[Worse]:
        """The lines on file that stood where the kept session has a better one, each once."""
        found = [*self._refused(triplet), *self._parted(triplet)]
        yield from {(one.turn, one.text): one for one in reversed(found)}.values()

    def _refused(self, triplet: Triplet) -> Iterator[Worse]:
        """Replies that were refused when the same call was played, where a later try went on from the same words."""
        session, learned = triplet.session, dict(learned_turns(row_of(triplet, self._side)))
        for one in self._tries[session.id] if session.id in self._played else ():
            turn, speech = len(one.turns), spoken(one.raw or "", self._side)
            before = self._played[session.id].session.turns[:turn]
            same = [(said.text, said.act) for said in one.turns] == [(said.text, said.act) for said in before]
            if same and turn in learned and self._can_be_shown(speech, triplet, turn):
                yield Worse(turn, speech.text, f"refused in the call: {one.message}", speech.hung_up)

    def _can_be_shown(self, speech: Speech, triplet: Triplet, turn: int) -> bool:
        """Whether nothing in the reply is private or otherwise unfit, by what was really said before it."""
        session, text = triplet.session, speech.text
        if not text or text == session.turns[turn].text or turn_mark(text) is not None:
            return False
        if self._recited.in_line(text, self._side, session):
            return False
        example = _cut(self._played[session.id], turn, text)
        made = Privacy().rewrite(example)
        cleaned = (made.example if made else example).session.turns
        return [said.text for said in cleaned] == [*(said.text for said in session.turns[:turn]), text]

    def _parted(self, triplet: Triplet) -> Iterator[Worse]:
        """Lines at which a rejected session parts from this one, where it is that line that a filter rejects."""
        own = row_of(triplet, self._side)
        turns = {at: turn for turn, at in learned_turns(own)}
        for other, session in self._rejected[triplet.session.scenario_id]:
            at = _first_difference(own.messages, other.messages)
            turn = turns.get(at)
            if turn is None or at >= len(other.messages) or turn >= len(session.turns):
                continue
            text = session.turns[turn].text
            if (reason := fault(triplet, turn, text)) and not self._recited.in_line(text, self._side, session):
                hung_up = other.messages[at]["content"].endswith(HANG_UP[session.language])
                yield Worse(turn, text, reason, hung_up)


T = TypeVar("T")


def _first_difference(one: Sequence[Message], other: Sequence[Message]) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _unfit(example: Example, text: str) -> bool:
    return turn_mark(text) is not None or Privacy().rewrite(example) is not None


def _cut(triplet: Triplet, turn: int, text: str) -> Example:
    """The call up to a turn, with `text` said in it."""
    session = triplet.session
    said = (*session.turns[:turn], Turn(role=session.turns[turn].role, text=text))
    cut = session.model_copy(update={"turns": said, "end": End(reason="stopped")})
    return Example(cut, triplet.profile, triplet.strategy, Example.of(triplet).knowledge)


@cache
def _judges() -> tuple[SessionFilter, ...]:
    return tuple(one for one in Chain.read().sessions if one.name in JUDGES)
