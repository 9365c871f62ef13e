"""From a clean call to a noisy script, with where each of its lines came from."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from telerole.errors import InputError
from telerole.outcome import outcome
from telerole.persona import Role
from telerole.reading import words as count
from telerole.records import Language, Record, explain
from telerole.script import Script, ScriptLine
from telerole.session import Session, Turn, speaker_at
from telerole.synthesis.noise.clean import Word, joined, parted
from telerole.synthesis.noise.dice import Dice
from telerole.synthesis.noise.settings import Kind, Noise, sounds
from telerole.synthesis.noise.speech import misheard
from telerole.synthesis.noise.transcript import Line, Transcriber
from telerole.transcripts import language_of
from telerole.truth import Truth

SPARED: tuple[tuple[Kind, ...], ...] = ((), ("speakers",), ("speakers", "merged"))


class Origin(Record):
    """Where a line comes from: the turns of the clean call whose words it holds, counted from 0, and whose line it is.

    A line is whose longest turn stands in it; None where nobody in the call said any of it.
    """

    turns: tuple[int, ...]
    speaker: Role | None


class Noisy(Record):
    """A noisy script with its ground truth: what was said, and for each line of the script where it comes from."""

    script: Script
    truth: Truth
    origins: tuple[Origin, ...]


def noisy(call: Truth | Session, noise: Noise, seed: int) -> Noisy:
    """The call as a recogniser might have written it down; the same seed makes the same script.

    The script has the id of the truth's script, or of the session. A call so short that noise would leave one side
    without a line keeps the right speakers, and if need be its lines. Raises `InputError` where a session cannot be
    a `Truth`.
    """
    truth = call if isinstance(call, Truth) else truth_of(call)
    language = language_of(" ".join(turn.text for turn in truth.turns))
    dice = Dice(seed, truth.script)
    lines, origins = _transcribed(truth.turns, noise, language, dice)
    script = Script(
        id=truth.script,
        language=language,
        lines=tuple(ScriptLine(speaker=line.label, text=joined(line.words)) for line in lines),
        source=f"noise of level {noise.level:g}, seed {seed}",
    )
    return Noisy(script=script, truth=truth, origins=tuple(origins))


def truth_of(session: Session) -> Truth:
    """A finished session as ground truth: its turns with their acts, and the outcome as `outcome.outcome` reads it."""
    turns = tuple(Turn(role=turn.role, text=turn.text, act=turn.act) for turn in session.turns)
    try:
        return Truth(script=session.id, outcome=outcome(session), turns=turns)
    except ValidationError as error:
        faults = "\n".join(f"session {session.id}: {fault}" for fault in explain(error, Truth))
        raise InputError(faults) from None


def _transcribed(
    turns: Sequence[Turn], noise: Noise, language: Language, dice: Dice
) -> tuple[list[Line], list[Origin]]:
    """The transcript's lines, with as much of the noise as leaves both sides one."""
    words, rates = parted(turns, language), sounds(language).rates.at(noise.level)
    sizes = [count(turn.text, language) for turn in turns]
    heard: list[list[Word]] = [[] for _ in turns]
    for word, left in zip(words, misheard(words, noise, rates, language, dice), strict=True):
        assert word.turn is not None
        heard[word.turn] += left
    for spared in SPARED:
        kept = noise.model_copy(update={"kinds": noise.kinds.difference(spared)})
        transcriber = Transcriber(kept, rates, language, dice, sizes)
        lines = transcriber.lines(heard)
        if {"salesperson", "merchant"} <= {line.label for line in lines}:
            break
    return lines, [_origin(line, transcriber.main_turn(line)) for line in lines]


def _origin(line: Line, main: int | None) -> Origin:
    turns = dict.fromkeys(word.turn for word in line.words if word.turn is not None)
    return Origin(turns=tuple(turns), speaker=None if main is None else speaker_at(main))
