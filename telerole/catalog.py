"""The library of personas, strategies, profile templates and the seed corpus: list, load by name, sample scenarios."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import copy
from functools import cache
from importlib.resources import files
from pathlib import Path
from random import Random
from typing import Any, Literal, Self, TypeVar

from pydantic import ValidationError

from telerole.errors import InputError, nearest
from telerole.lines import Line
from telerole.persona import Persona, Role, Trade
from telerole.profile import Profile, ProfileTemplate
from telerole.qa import QAPair
from telerole.records import LANGUAGES, Language, Prepare, Record, explain, load, yaml_files
from telerole.scenario import Scenario
from telerole.script import Script
from telerole.speaker import derive_seed
from telerole.strategy import Strategy
from telerole.truth import Truth

R = TypeVar("R", bound=Record)
N = TypeVar("N", Persona, ProfileTemplate, Strategy, Script, Profile, Scenario)


class Seed(Record):
    """A script with the profile and strategy drawn from it, by name: where a role-play starts (paper 4.2).

    `trade` is what the merchant sells, in one word.
    """

    script: str
    profile: str
    strategy: str
    trade: Trade


def bundled_folder(name: Literal["personas", "strategies", "data"]) -> Path:
    """Where a folder of the bundled library lies on this machine."""
    package = Path(str(files("telerole")))
    library, checkout = package / "library", package.parent
    if library.is_dir():
        return library / name
    # An editable install: the folders stand beside the package.
    return checkout / "examples" / "data" if name == "data" else checkout / name


class Catalog:
    """Everything in one library, loaded from its folders.

    `personas` and `strategies` hold YAML files at any depth (profile templates under ``profile_templates``);
    `data` holds ``scripts.*.jsonl``, ``profiles.*.jsonl``, ``seeds.*.jsonl``, and by language ``lines``,
    ``truths`` and ``qa``, which are read when they are asked for. Raises `FileError`, or `InputError` where a folder is
    missing or two records share a name.
    """

    def __init__(self, personas: Path | str, strategies: Path | str, data: Path | str) -> None:
        personas, strategies, data = _there(personas), _there(strategies), _there(data)
        templates = yaml_files(strategies / "profile_templates")
        plans = sorted(set(yaml_files(strategies)) - set(templates))
        self.personas = _named(_all(yaml_files(personas), Persona))
        self.templates = _named(_all(templates, ProfileTemplate))
        self.strategies = _named(_all(plans, Strategy))
        self.scripts = _named(_all(sorted(data.glob("scripts.*.jsonl")), Script))
        self.profiles = _named(_all(sorted(data.glob("profiles.*.jsonl")), Profile, self.with_template))
        self.seeds = list(_all(sorted(data.glob("seeds.*.jsonl")), Seed))
        self._data = data

    @classmethod
    @cache
    def bundled(cls) -> Self:
        """The library that comes with telerole."""
        return cls(bundled_folder("personas"), bundled_folder("strategies"), bundled_folder("data"))

    def plus(self, *personas: Persona) -> Self:
        """This library with these personas added; one of a name that is there takes its place."""
        library = copy(self)
        library.personas = self.personas | {persona.id: persona for persona in personas}
        return library

    def persona(self, name: str, role: Role | None = None) -> Persona:
        """The persona of that name (and role); an unknown name is an `InputError` with the nearest one."""
        known = {n: p for n, p in self.personas.items() if role in (None, p.role)}
        return _get(known, name, role or "persona")

    def strategy(self, name: str) -> Strategy:
        """The strategy of that name."""
        return _get(self.strategies, name, "strategy")

    def script(self, name: str) -> Script:
        """The seed script of that name."""
        return _get(self.scripts, name, "script")

    def profile(self, name: str) -> Profile:
        """The profile of that name."""
        return _get(self.profiles, name, "profile")

    def template(self, name: str) -> ProfileTemplate:
        """The profile template of that name."""
        return _get(self.templates, name, "profile template")

    def lines(self, language: Language) -> list[Line]:
        """The seed corpus' lines, cleaned and labelled by act: what offline calls are worded with."""
        return load(self._data / f"lines.{language}.jsonl", Line)

    def truths(self, language: Language) -> list[Truth]:
        """What was really said in the seed scripts, for those whose clean call is kept."""
        return load(self._data / f"truths.{language}.jsonl", Truth)

    def qa_pairs(self, language: Language) -> list[QAPair]:
        """The expert's questions and answers."""
        return load(self._data / f"qa.{language}.jsonl", QAPair)

    def company(self, language: Language) -> str:
        """For whom the library's salespeople call; empty where it has none in that language."""
        people = self.personas.values()
        return next((one.company for one in people if one.company and one.language == language), "")

    def with_template(self, raw: dict[str, Any]) -> dict[str, Any]:
        """A raw profile whose template is a name, with the template itself in its place."""
        name = raw.get("template")
        return {**raw, "template": self.template(name)} if isinstance(name, str) else raw

    def with_parts(self, raw: dict[str, Any]) -> dict[str, Any]:
        """A raw scenario whose parts may be names, with the records themselves in their places."""
        found = dict(raw)
        for part, get in (("script", self.script), ("profile", self.profile), ("strategy", self.strategy)):
            if isinstance(raw.get(part), str):
                found[part] = get(raw[part])
            elif part == "profile" and isinstance(raw.get(part), dict):
                found[part] = self.with_template(raw[part])
        for role in ("salesperson", "merchant"):
            if isinstance(raw.get(role), str):
                found[role] = self.persona(raw[role], "salesperson" if role == "salesperson" else "merchant")
        return found

    def scenarios(self, path: Path | str) -> list[Scenario]:
        """The scenarios of a file; a part may be a name of this catalog. Two with one id are an `InputError`."""
        return list(_named(load(path, Scenario, self.with_parts)).values())

    def sample(
        self, count: int, seed: int = 0, language: Language | None = None, *, persona: Persona | None = None
    ) -> list[Scenario]:
        """`count` scenarios: a seed script with its profile and strategy, and personas drawn for it.

        Without a language they alternate. A `persona` given sits in its chair in all of them, and a merchant with
        trades is called for those only; the ids then hold its name and not its content, so that an edited one meets the
        same days. The same seed gives the same scenarios, and a longer sample starts with the shorter one.
        """
        if count < 1:
            raise InputError(f"a sample holds at least 1 scenario, not {count}")
        if persona is not None and language not in (None, persona.language):
            raise InputError(f"persona {persona.id!r} speaks {persona.language!r}, not {language!r}")
        languages = (persona.language,) if persona else (language,) if language else LANGUAGES
        return [self._draw(n, languages[n % len(languages)], seed, persona) for n in range(count)]

    def suits(self, persona: Persona, seed: Seed) -> bool:
        """Whether the persona can be the merchant of that seed script: its trade, and the tags of its profile."""
        return persona.suits(seed.trade, self.profile(seed.profile).values)

    def _draw(self, number: int, language: Language, seed: int, persona: Persona | None) -> Scenario:
        random = Random(derive_seed("sample", seed, number))
        seeds = [
            one
            for one in self.seeds
            if self.script(one.script).language == language and (persona is None or self.suits(persona, one))
        ]
        if not seeds:
            sold = f" that suit {persona.id!r} (its trades, and what it fits)" if persona else ""
            raise InputError(f"the library holds no seed scripts in {language!r}{sold}")
        return self.cast(random.choice(seeds), number, random, persona)

    def cast(self, seed: Seed, number: int, random: Random, persona: Persona | None = None) -> Scenario:
        """A scenario of that seed script with two people drawn for it; a `persona` given sits in its chair."""
        salesperson = random.choice(self._fitting("salesperson", seed, persona))
        merchant = random.choice(self._fitting("merchant", seed, persona))
        return self.scenario(seed, salesperson, merchant, number, persona.id if persona else None)

    def scenario(
        self, seed: Seed, salesperson: Persona, merchant: Persona, number: int, name: str | None = None
    ) -> Scenario:
        """The seed script with its profile and strategy, and two people; its id is ``<language>-<number>-<name>``.

        Unless said, the name is the beginning of the content's digest. Raises `InputError` where the seed's parts do
        not fit together, such as a strategy that speaks of what the profile does not state.
        """
        try:
            whole = Scenario(
                language=merchant.language,
                script=self.script(seed.script),
                profile=self.profile(seed.profile),
                strategy=self.strategy(seed.strategy),
                salesperson=salesperson,
                merchant=merchant,
            )
        except ValidationError as error:
            faults = explain(error, Scenario)
            raise InputError("\n".join(f"seed of script {seed.script!r}: {fault}" for fault in faults)) from None
        return whole.model_copy(update={"id": f"{whole.language}-{number:04d}-{name or whole.digest[:6]}"})

    def _fitting(self, role: Role, seed: Seed, given: Persona | None) -> list[Persona]:
        if given is not None and given.role == role:
            return [given]
        language = self.script(seed.script).language
        people = [one for one in self.personas.values() if (one.role, one.language) == (role, language)]
        if found := [one for one in people if self.suits(one, seed)]:
            return found
        raise InputError(f"seed of script {seed.script!r}: the library holds no {role} in {language!r} who suits it")


def _there(folder: Path | str) -> Path:
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; a library has folders of personas, strategies and data")
    return folder


def _all(paths: Iterable[Path], kind: type[R], prepare: Prepare | None = None) -> Iterator[R]:
    for path in paths:
        yield from load(path, kind, prepare)


def _named(records: Iterable[N]) -> dict[str, N]:
    found: dict[str, N] = {}
    for record in records:
        if record.id in found:
            raise InputError(f"two {type(record).__name__} records have the id {record.id!r}; rename one")
        found[record.id] = record
    return found


def _get(known: dict[str, R], name: str, kind: str) -> R:
    if name not in known:
        raise InputError(f"no {kind} named {name!r}{nearest(name, known)}; `telerole list` shows them all")
    return known[name]
