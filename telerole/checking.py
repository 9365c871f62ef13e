"""Checking a user's files: which record each holds, and every fault in it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from telerole.catalog import Catalog, Seed
from telerole.errors import FileError, InputError
from telerole.lines import Line
from telerole.persona import Persona
from telerole.profile import Profile, ProfileTemplate, unknown_tags
from telerole.qa import QAPair
from telerole.records import Record, load, raw_records
from telerole.scenario import Scenario
from telerole.script import Script
from telerole.strategy import Strategy
from telerole.truth import Truth

KINDS: tuple[type[Record], ...] = (
    Persona,
    Strategy,
    ProfileTemplate,
    Profile,
    Script,
    QAPair,
    Scenario,
    Line,
    Seed,
    Truth,
)
ENDINGS = (".yaml", ".yml", ".json", ".jsonl")


def check(path: Path | str) -> dict[Path, str]:
    """What each file at `path` holds, such as ``12 Script``; a folder is searched at any depth.

    A file's kind is that whose fields fit its first record best. Raises one `InputError` with the faults of all files.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    paths = [path] if path.is_file() else sorted(p for p in path.rglob("*") if _is_data(p))
    if not paths:
        raise InputError(f"{path}: holds no file to check ({', '.join(ENDINGS)})")
    held: dict[Path, list[Record]] = {}
    faults: list[str] = []
    for file in paths:
        try:
            held[file] = _records(file)
        except FileError as error:
            faults.extend(str(error).splitlines())
        except InputError as error:
            faults.append(f"{file}: {error}")
    if faults := faults or _misfits(held):
        raise InputError("\n".join(faults))
    return {file: f"{len(records)} {type(records[0]).__name__}" for file, records in held.items()}


def _records(path: Path) -> list[Record]:
    read = list(raw_records(path))
    first = next((raw for _, raw in read if not isinstance(raw, InputError)), None)
    if first is None and read:
        raise FileError(path, [f"{place}{raw}" for place, raw in read])
    if not isinstance(first, dict):
        found = "nothing" if first is None else type(first).__name__
        raise FileError(path, [f"expected records (mappings of fields), found {found}"])
    kind = kind_of(first)
    if kind is None:
        raise FileError(path, [f"its first record is none of {', '.join(known.__name__ for known in KINDS)}"])
    catalog = Catalog.bundled()
    prepare = {Profile: catalog.with_template, Scenario: catalog.with_parts}.get(kind)
    records = load(path, kind, prepare)
    if faults := [fault for record in records if isinstance(record, Strategy) for fault in _unfillable(record)]:
        raise FileError(path, faults)
    twice = [name for name, n in Counter(getattr(record, "id", None) for record in records).items() if name and n > 1]
    if twice:
        raise FileError(path, [f"id: {name!r} stands more than once" for name in twice])
    return records


def _unfillable(strategy: Strategy) -> list[str]:
    """What is wrong with its slots, for which a scenario would refuse it."""
    try:
        strategy.slots()
    except ValueError as error:
        return [f"{strategy.id}: {error}"]
    return []


def _misfits(held: dict[Path, list[Record]]) -> list[str]:
    """The tags that personas fit and no profile template has, of the library or of these files."""
    own = [one for records in held.values() for one in records if isinstance(one, ProfileTemplate)]
    templates = [*Catalog.bundled().templates.values(), *own]
    people = [(file, one) for file, records in held.items() for one in records if isinstance(one, Persona)]
    return [
        f"{file}: {one.id}: fits.{field}: {fault}"
        for file, one in people
        for field, fault in unknown_tags(one.fits, templates, one.language)
    ]


def kind_of(raw: dict[str, Any]) -> type[Record] | None:
    """The record whose fields fit `raw` best; None where less than half of `raw`'s fields are known to it."""

    def fit(kind: type[Record]) -> float:
        fields = kind.model_fields.keys()
        return len(raw.keys() & fields) - 0.5 * len(raw.keys() - fields) - 0.1 * len(fields - raw.keys())

    best = max(KINDS, key=fit)
    return best if 2 * len(raw.keys() & best.model_fields.keys()) > len(raw) else None


def _is_data(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS and not path.name.endswith(".schema.json") and path.is_file()
