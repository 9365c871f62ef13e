"""Multi-task extraction (paper 4.1): one structured call a script gives profile, strategy and the clean session.

Every turn names the lines it comes from, so what was dropped, changed or added can be told, line by line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from telerole import loop, prompts
from telerole.backends.base import Backend, Message, Sampling
from telerole.backends.structured import generate_as
from telerole.catalog import Catalog
from telerole.endings import said_goodbye
from telerole.errors import Unfit
from telerole.profile import Profile, ProfileTemplate, Value
from telerole.prompts import render
from telerole.reading import words
from telerole.records import Language
from telerole.runs import TripletFolder
from telerole.script import Script
from telerole.session import Deviation, End, Session, Triplet, Turn, Usage
from telerole.speaker import derive_seed
from telerole.strategy import Strategy
from telerole.synthesis.adapting import profile_of, strategy_of
from telerole.synthesis.answers import CleanTurn, Extraction, extraction_of, value_of
from telerole.synthesis.grounding import deviations
from telerole.synthesis.making import Piece, Report, Tools, Triplets, make_all, on_top_of, summary

WINDOW_WORDS = 1200  # characters in Chinese; what one call reads of a script, which is the whole of most
WINDOW_LINES = 90
MOST_TOKENS = 10_240  # of an answer: a line of a window takes up to 100 with its note
OVERLAP = 4  # turns of the part before that a window is shown


@dataclass(frozen=True)
class Candidates:
    """What may be chosen for scripts of one language: profile templates and strategies."""

    language: Language
    templates: tuple[ProfileTemplate, ...]
    strategies: tuple[Strategy, ...]

    @classmethod
    def of(cls, catalog: Catalog, language: Language, template: ProfileTemplate | None = None) -> Candidates:
        """Everything that the library has in this language; of templates only the one given, if any."""
        templates = tuple(one for one in catalog.templates.values() if one.language == language)
        strategies = tuple(one for one in catalog.strategies.values() if one.language == language)
        return cls(language, (template,) if template else templates, strategies)

    @cached_property
    def shape(self) -> type[Extraction]:
        """The shape of an answer."""
        return extraction_of(self.templates, self.strategies)

    @cached_property
    def system(self) -> str:
        """The same for every script of the language, so that a server's prefix cache hits."""
        return render("synthesis/extract", self.language, templates=self.templates, strategies=self.strategies)

    def template(self, id: str) -> ProfileTemplate:
        """The template of that id."""
        return next(one for one in self.templates if one.id == id)

    def strategy(self, id: str) -> Strategy:
        """The strategy of that id."""
        return next(one for one in self.strategies if one.id == id)


@dataclass(slots=True)
class Draft:
    """What the windows of one script have brought so far."""

    template: str = ""
    strategy: str = ""
    values: dict[str, Value] = field(default_factory=dict)
    offers: list[str] = field(default_factory=list)
    turns: list[CleanTurn] = field(default_factory=list)
    notes: list[Deviation] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True)
class Extract(Piece):
    """A script to be read."""

    script: Script
    candidates: Candidates
    seed: int
    known: Profile | None = None
    stage = "extract"

    @property
    def id(self) -> str:
        """The session's id."""
        return f"{self.script.id}.0"

    @property
    def source(self) -> str:
        """The script's id."""
        return self.script.id

    async def make(self, model: Backend, heard: Report) -> Triplet:
        """Read the script window by window and put the triplet together."""
        draft = Draft()
        for start, end in windows(self.script):
            with on_top_of(draft.usage):
                await self._read(draft, start, end, model, heard)
        return self._triplet(draft, model.name)

    async def _read(self, draft: Draft, start: int, end: int, model: Backend, heard: Report) -> None:
        answer = await generate_as(
            model,
            self._messages(draft, start, end),
            self.candidates.shape,
            sampling=Sampling(max_tokens=MOST_TOKENS, seed=derive_seed(self.seed, start)),
            language=self.script.language,
            refused=heard.refused,
        )
        heard.repaired(answer)
        if answer.repaired:
            draft.notes.append(Deviation(kind="repaired", detail="the answer's JSON was mended"))
        draft.usage += answer.reply.usage
        self._take(draft, answer.value, start, end)

    def _messages(self, draft: Draft, start: int, end: int) -> list[Message]:
        lines = [
            {"number": number, "speaker": line.speaker, "text": line.text}
            for number, line in enumerate(self.script.lines[start:end], start=start + 1)
        ]
        asked = render(
            "synthesis/extract_script",
            self.script.language,
            lines=lines,
            turns=[{"role": turn.speaker, "text": turn.text} for turn in draft.turns[-OVERLAP:]],
            template=draft.template,
            strategy=draft.strategy,
            known=draft.values,
        )
        return [{"role": "system", "content": self.candidates.system}, {"role": "user", "content": asked}]

    def _take(self, draft: Draft, found: Extraction, start: int, end: int) -> None:
        """Add a window: what the first chose stands, and what it told is not overwritten.

        A later window may choose another template; of what it tells, only what fits the first one's fields is taken.
        """
        draft.template = draft.template or found.template
        draft.strategy = draft.strategy or found.strategy
        fields = self.candidates.template(draft.template).fields
        for told in found.fields:
            if told.field not in fields:
                continue
            value = value_of(told.values, fields[told.field])
            if fault := fields[told.field].fault(value):
                draft.notes.append(Deviation(kind="profile", detail=f"{told.field}: {fault}"))
                continue
            before = draft.values.setdefault(told.field, value)
            if before != value:
                draft.notes.append(
                    Deviation(kind="profile", detail=f"{told.field}: told twice, {before!r} and {value!r}")
                )
        draft.offers += [offer for offer in found.offers if offer and offer not in draft.offers]
        draft.turns += found.turns
        draft.notes += _unaccounted(found, start, end)

    def _triplet(self, draft: Draft, model: str) -> Triplet:
        language = self.script.language
        turns, merged = alternating(draft.turns)
        if len(turns) < 2:
            raise Unfit(f"script {self.script.id!r}: less than two turns are left of it", usage=draft.usage)
        steps = {step.id for step in self.candidates.strategy(draft.strategy).flow}
        turns = tuple(_with_known(turn, steps) for turn in turns)
        template = self.candidates.template(draft.template)
        profile, untold = profile_of(self.script.id, template, draft.values, self.known)
        strategy, fitted = strategy_of(
            f"{draft.strategy}@{self.script.id}",
            self.candidates.strategy(draft.strategy),
            profile,
            turns,
            draft.offers,
        )
        session = Session(
            id=self.id,
            scenario_id=self.script.id,
            language=language,
            seed=self.seed,
            turns=turns,
            end=said_goodbye(turns, language) or End(reason="stopped", detail="the script ends here"),
            usage={"writer": draft.usage},
            provenance={"writer": model, "prompts": prompts.digest("synthesis")},
        )
        changed = deviations(draft.turns, turns, self.script)
        return Triplet(
            profile=profile,
            strategy=strategy,
            session=session,
            method="extraction",
            source=self.script.id,
            deviations=(*draft.notes, *merged, *untold, *fitted, *changed),
        )


def extract(
    scripts: Sequence[Script],
    backend: str | Backend,
    *,
    catalog: Catalog | None = None,
    profiles: Mapping[str, Profile] = {},
    seed: int = 0,
    out: Path | str | None = None,
    **tools: Any,
) -> Triplets | TripletFolder:
    """Read the scripts with a model: a triplet each, into the run folder `out` where one is named.

    Profile templates and strategies are chosen from the `catalog`, the bundled one unless said. `profiles` is what the
    platform knows of the merchants, by script id: their values stand, and the script fills in what they lack. `tools`
    are `budget`, `cassette`, `concurrency` and `progress`. What could not be read is among the run's `failures`, with
    the raw reply; the same command goes on where it was stopped. Raises `InputError` for a backend that is no model.
    """
    return loop.wait(aextract(scripts, backend, catalog=catalog, profiles=profiles, seed=seed, out=out, **tools))


async def aextract(
    scripts: Sequence[Script],
    backend: str | Backend,
    *,
    catalog: Catalog | None = None,
    profiles: Mapping[str, Profile] = {},
    seed: int = 0,
    out: Path | str | None = None,
    **tools: Any,
) -> Triplets | TripletFolder:
    """`extract` for callers with a loop."""
    library = catalog or Catalog.bundled()
    made: dict[tuple[Language, str], Candidates] = {}

    def piece(script: Script) -> Extract:
        known = profiles.get(script.id)
        key = script.language, known.template.id if known else ""
        if key not in made:
            made[key] = Candidates.of(library, script.language, known.template if known else None)
        return Extract(script, made[key], derive_seed(seed, script.id), known)

    config = {
        "stage": "extract",
        "seed": seed,
        "scripts": summary(scripts),
        "profiles": summary([profiles[one.id] for one in scripts if one.id in profiles]),
        "prompts": prompts.digest("synthesis"),
    }
    return await make_all([piece(one) for one in scripts], Tools(backend, **tools), out, config)


def windows(script: Script) -> list[tuple[int, int]]:
    """Where a script is cut for reading: ranges of lines that hold every line once.

    Each has at most `WINDOW_LINES` lines and `WINDOW_WORDS` words; a single line may be longer than that.
    """
    cuts, size = [0], 0
    for number, line in enumerate(script.lines):
        more = words(line.text, script.language)
        if number - cuts[-1] == WINDOW_LINES or (size and size + more > WINDOW_WORDS):
            cuts.append(number)
            size = 0
        size += more
    return list(zip(cuts, [*cuts[1:], len(script.lines)], strict=True))


def alternating(said: Sequence[CleanTurn]) -> tuple[tuple[Turn, ...], list[Deviation]]:
    """The turns as a session has them, from the salesperson's first on; neighbours of one speaker become one turn."""
    turns: list[Turn] = []
    notes: list[Deviation] = []
    for one in said:
        if not turns and one.speaker == "merchant":
            notes.append(Deviation(kind="removed", detail=f"before the salesperson spoke: {one.text}"))
        elif turns and turns[-1].role == one.speaker:
            notes.append(Deviation(kind="merged", detail=one.text, turn=len(turns) - 1))
            turns[-1] = _joined(turns[-1], one)
        else:
            turns.append(Turn(role=one.speaker, text=one.text, act=_act(one), note=one.note or None))
    return tuple(turns), notes


def _joined(turn: Turn, more: CleanTurn) -> Turn:
    gap = "" if turn.text[-1] > "\u2e80" else " "
    acts = dict.fromkeys(act for one in (turn.act, _act(more)) if one for act in one.split("+"))
    return turn.model_copy(update={"text": f"{turn.text}{gap}{more.text}", "act": "+".join(acts) or None})


def _act(turn: CleanTurn) -> str | None:
    """The steps that a salesperson's turn takes, as truths write them: ``step:reason+step:the_day``."""
    steps = dict.fromkeys(turn.steps) if turn.speaker == "salesperson" else ()
    return "+".join(f"step:{step}" for step in steps) or None


def _with_known(turn: Turn, steps: set[str]) -> Turn:
    """The turn, without steps that the strategy chosen in the first window does not have."""
    acts = [act for act in (turn.act or "").split("+") if act.removeprefix("step:") in steps]
    return turn.model_copy(update={"act": "+".join(acts) or None})


def _unaccounted(found: Extraction, start: int, end: int) -> list[Deviation]:
    """The window's lines that stand in no turn: those removed, with the reason, and those that were just dropped."""
    wanted = set(range(start + 1, end + 1))
    used = {number for turn in found.turns for number in turn.lines}
    notes = []
    for removal in found.removed:
        lines = sorted(wanted & set(removal.lines) - used)
        if lines:
            notes.append(Deviation(kind="removed", detail=f"{_lines(lines)}: {removal.why}"))
            used |= set(lines)
    if lost := sorted(wanted - used):
        notes.append(Deviation(kind="dropped", detail=_lines(lost)))
    return notes


def _lines(numbers: Sequence[int]) -> str:
    return f"line{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}"
