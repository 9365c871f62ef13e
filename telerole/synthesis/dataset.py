"""The data set (paper 5.1): disjoint sets of scripts, the three methods, post-processing, and Table 1."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from telerole import folder, journal, prompts
from telerole.backends.base import Backend
from telerole.backends.budget import Budget
from telerole.backends.cassette import Cassette
from telerole.catalog import Catalog, Seed
from telerole.chairs import Chair
from telerole.errors import InputError
from telerole.postprocess.chain import Chain
from telerole.postprocess.cleaning import clean
from telerole.postprocess.results import Funnel
from telerole.qa import QAPair
from telerole.records import LANGUAGES, Language, Record
from telerole.scenario import Scenario
from telerole.session import Method, Triplet
from telerole.simulator import Simulator
from telerole.speaker import derive_seed
from telerole.synthesis.complete import complete
from telerole.synthesis.extract import extract
from telerole.synthesis.table import Row, row

NO_MODEL = "needs a model (--backend)"


class Shares(Record):
    """How the seed scripts are divided; the paper has 1,504 to 1,710, and 100 held out for evaluation."""

    extraction: float = 0.45
    simulation: float = 0.45
    held_out: float = 0.10


@dataclass(frozen=True, slots=True)
class Split:
    """The seed scripts in three sets; no script, and no two of the same words, stand in more than one."""

    extraction: tuple[Seed, ...]
    simulation: tuple[Seed, ...]
    held_out: tuple[Seed, ...]


@dataclass(frozen=True, slots=True)
class Dataset:
    """What was made: Table 1, and the funnel of each method that was not left out."""

    path: Path
    table: tuple[Row, ...]
    funnels: Mapping[Method, Funnel]


def split(catalog: Catalog, shares: Shares, seed: int, language: Language | None = None) -> Split:
    """Divide the seed scripts of each language at random; the same seed gives the same sets."""
    parts: dict[str, list[Seed]] = {name: [] for name in Shares.model_fields}
    for spoken in LANGUAGES if language is None else (language,):
        groups = _same_words(catalog, spoken)
        Random(derive_seed("split", seed, spoken)).shuffle(groups)
        total = sum(getattr(shares, name) for name in parts)
        ends = [sum(getattr(shares, name) for name in list(parts)[: n + 1]) / total for n in range(len(parts))]
        for number, group in enumerate(groups):
            part = next(name for name, end in zip(parts, ends, strict=True) if (number + 0.5) / len(groups) <= end)
            parts[part] += group
    return Split(**{name: tuple(seeds) for name, seeds in parts.items()})


def synthesize(
    out: Path | str,
    backend: str | Backend | None = None,
    *,
    salesperson: Chair | None = None,
    merchant: Chair | None = None,
    catalog: Catalog | None = None,
    language: Language | None = None,
    seed: int = 0,
    trials: int = 1,
    shares: Shares = Shares(),
    chain: Chain | None = None,
    budget: Budget | None = None,
    cassette: Cassette | None = None,
    progress: bool = False,
) -> Dataset:
    """Make a data set with the three methods, clean it, and count it, in the folder `out`.

    Scripts, profiles, strategies and QA pairs are those of the `catalog`, the bundled one unless said. The `backend`
    reads scripts, writes prefixes, judges, and plays both sides of a call unless `salesperson` or `merchant` say who
    else does. Without one, extraction, completion and the filters that ask a model are left out, and calls are played
    offline; Table 1 says so. Each method has its run folder in `out`; ``dataset.jsonl`` holds every triplet that was
    kept, ``split.json`` which scripts went where. The same call goes on where it was stopped.
    """
    library, path = catalog or Catalog.bundled(), Path(out)
    parts = split(library, shares, seed, language)
    pairs = [one for spoken in LANGUAGES if language in (None, spoken) for one in library.qa_pairs(spoken)]
    _begin(path, library, parts, pairs, _config(backend, salesperson, merchant, language, seed, trials, shares))
    tools: dict[str, Any] = {"budget": budget, "cassette": cassette, "progress": progress}
    made: dict[Method, Path] = {}
    if backend is not None:
        scripts = [library.script(one.script) for one in parts.extraction]
        extract(scripts, backend, catalog=library, seed=seed, out=path / "extraction", **tools)
        made["extraction"] = path / "extraction"
    scenarios = _scenarios(library, parts.simulation, seed)
    chairs = (salesperson or backend or "offline", merchant or backend or "offline")
    simulator = Simulator(*chairs, seed=seed, budget=budget, cassette=cassette)
    simulator.run_many(scenarios, trials=trials, out=path / "simulation", progress=progress)
    simulator.close()
    made["simulation"] = path / "simulation"
    if backend is not None:
        complete(pairs, backend, catalog=library, trials=trials, seed=seed, out=path / "completion", **tools)
        made["completion"] = path / "completion"
    cleaned = {
        method: clean(run, chain=chain, backend=backend, budget=budget, cassette=cassette)
        for method, run in made.items()
    }
    table = tuple(_table(library, parts, pairs, made, language))
    _finish(path, made, table)
    return Dataset(path, table, cleaned)


def _same_words(catalog: Catalog, language: Language) -> list[list[Seed]]:
    """The seeds of a language, those of scripts with the same words together, in the order of their scripts' ids."""
    groups: dict[str, list[Seed]] = {}
    for seed in sorted(catalog.seeds, key=lambda one: one.script):
        script = catalog.script(seed.script)
        if script.language == language:
            groups.setdefault("\n".join(line.text for line in script.lines), []).append(seed)
    return list(groups.values())


def _scenarios(catalog: Catalog, seeds: Iterable[Seed], seed: int) -> list[Scenario]:
    """A scenario a script, with people drawn for it."""
    return [
        catalog.cast(one, number, Random(derive_seed("cast", seed, one.script))) for number, one in enumerate(seeds)
    ]


def _config(
    backend: object,
    salesperson: object,
    merchant: object,
    language: Language | None,
    seed: int,
    trials: int,
    shares: Shares,
) -> dict[str, Any]:
    def name(guest: object) -> object:
        return guest if guest is None or isinstance(guest, str) else getattr(guest, "name", type(guest).__name__)

    return {
        "stage": "synthesize",
        "backend": name(backend),
        "salesperson": name(salesperson),
        "merchant": name(merchant),
        "language": language,
        "seed": seed,
        "trials": trials,
        "shares": shares.model_dump(),
        "prompts": prompts.digest("synthesis"),
    }


def _begin(path: Path, library: Catalog, parts: Split, pairs: Sequence[QAPair], config: dict[str, Any]) -> None:
    """Begin the folder, or go on with it, and write down which scripts went where."""
    corpus = hashlib.sha256()
    for seed in (*parts.extraction, *parts.simulation, *parts.held_out):
        corpus.update(f"{seed.model_dump_json()}{library.script(seed.script).model_dump_json()}\n".encode())
    for pair in pairs:
        corpus.update(f"{pair.model_dump_json()}\n".encode())
    sets = {name: [seed.script for seed in getattr(parts, name)] for name in Shares.model_fields}
    if not any(sets.values()):
        raise InputError("the library holds no seed scripts in that language")
    with journal.writing(path):
        folder.make(path)
        folder.begin(path, {**config, "corpus": corpus.hexdigest()[:10]})
        journal.replace(path / "split.json", [json.dumps(sets, indent=2).encode() + b"\n"])


def _table(
    library: Catalog,
    parts: Split,
    pairs: Sequence[QAPair],
    made: Mapping[Method, Path],
    language: Language | None,
) -> Iterator[Row]:
    seeds: dict[Method, list[Language]] = {
        "extraction": [library.script(one.script).language for one in parts.extraction],
        "simulation": [library.script(one.script).language for one in parts.simulation],
        "completion": [one.language for one in pairs],
    }
    for method, spoken in seeds.items():
        for one in LANGUAGES if language is None else (language,):
            kept = _kept(made[method]) if method in made else iter(())
            yield row(method, one, spoken.count(one), kept, "" if method in made else NO_MODEL)


def _kept(run: Path) -> Iterator[Triplet]:
    path = run / "kept.jsonl"
    return (journal.parse(path, number, line, Triplet) for number, line in journal.lines(path))


def _finish(path: Path, made: Mapping[Method, Path], table: Sequence[Row]) -> None:
    """Write the data set and its table."""
    journal.replace(path / "dataset.jsonl", (journal.line(one) for run in made.values() for one in _kept(run)))
    journal.replace(path / "table1.jsonl", map(journal.line, table))
