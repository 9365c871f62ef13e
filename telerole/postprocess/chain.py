"""Which filters a run of `clean` has, read from a small YAML file, and what each was seen to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import ValidationError

from telerole.errors import FileError, InputError, nearest
from telerole.postprocess.filtering import CorpusFilter, Filter, ModelFilter, Rewriter, SessionFilter
from telerole.records import explain, read_text

HOMES = {
    "privacy": "privacy:Privacy",
    "goodbyes": "goodbyes:Goodbyes",
    "coherence": "coherence:Coherence",
    "roles": "roles:Roles",
    "safety": "safety:Safety",
    "repetition": "repetition:Repetition",
    "conversationality": "conversationality:Conversationality",
    "groundedness": "groundedness:Groundedness",
    "duplicates": "duplicates:Duplicates",
    "openings": "openings:Openings",
    "safety_screen": "screens:SafetyScreen",
    "coherence_screen": "screens:CoherenceScreen",
    "quality_screen": "screens:QualityScreen",
}


@dataclass(frozen=True, slots=True)
class Chain:
    """The filters by kind, each kind in the order in which it was given."""

    rewriters: tuple[Rewriter, ...]
    sessions: tuple[SessionFilter, ...]
    corpus: tuple[CorpusFilter, ...]
    model: tuple[ModelFilter, ...]

    @classmethod
    def of(cls, filters: Sequence[Filter]) -> Self:
        """The filters sorted into their kinds; two of one name are an `InputError`."""
        names = [one.name for one in filters]
        if twice := {name for name in names if names.count(name) > 1}:
            raise InputError(f"the filter {min(twice)!r} stands twice")

        return cls(
            tuple(one for one in filters if isinstance(one, Rewriter)),
            tuple(one for one in filters if isinstance(one, SessionFilter)),
            tuple(one for one in filters if isinstance(one, CorpusFilter)),
            tuple(one for one in filters if isinstance(one, ModelFilter)),
        )

    @classmethod
    def read(cls, path: Path | str | None = None) -> Self:
        """The filters that a YAML file names; the bundled ones unless a file is given.

        The file holds a list of names, each alone or with its settings. Raises `FileError` with every fault.
        """
        file = Path(str(files("telerole"))) / "postprocess" / "default.yaml" if path is None else Path(path)
        try:
            listed = yaml.safe_load(read_text(file))
        except yaml.YAMLError as error:
            raise FileError(file, [f"not YAML: {error}"]) from None
        if not isinstance(listed, list) or not listed:
            raise FileError(file, [f"expected a list of filters; known: {', '.join(HOMES)}"])
        made: list[Filter] = []
        faults: list[str] = []
        for number, entry in enumerate(listed, start=1):
            found, wrong = _filter(entry)
            made += [found] if found else []
            faults += [f"filter {number}: {fault}" for fault in wrong]
        if faults:
            raise FileError(file, faults)
        return cls.of(made)

    @property
    def filters(self) -> tuple[Filter, ...]:
        """Every filter in the order in which it is asked."""
        return (*self.rewriters, *self.sessions, *self.corpus, *self.model)


def _filter(entry: Any) -> tuple[Filter | None, list[str]]:
    """The filter of an entry such as ``privacy`` or ``{duplicates: {threshold: 0.7}}``, or what is wrong with it."""
    name, settings = next(iter(entry.items())) if isinstance(entry, dict) and len(entry) == 1 else (entry, {})
    if not isinstance(name, str) or not isinstance(settings, dict):
        return None, [f"expected a name, or a name with its settings, not {entry!r}"]
    if name not in HOMES:
        return None, [f"no filter named {name!r}{nearest(name, HOMES)}; known: {', '.join(HOMES)}"]
    module, _, kind = HOMES[name].partition(":")
    Kind: type[Filter] = getattr(import_module(f"telerole.postprocess.{module}"), kind)
    try:
        return Kind(**settings), []
    except ValidationError as error:
        return None, [f"{name}.{fault}" for fault in explain(error, Kind)]
