"""`Scenario`: everything one call needs, in one self-contained record."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Self

from pydantic import PrivateAttr, model_validator

from telerole.persona import Persona
from telerole.profile import Profile
from telerole.records import Language, Record
from telerole.script import Script
from telerole.strategy import Strategy


class Scenario(Record):
    """Script, profile, strategy and both personas, all of one language.

    `id` is the content's digest unless one is given, so the same scenario has the same id everywhere.
    """

    id: str = ""
    language: Language
    script: Script
    profile: Profile
    strategy: Strategy
    salesperson: Persona
    merchant: Persona
    _digest: str | None = PrivateAttr(None)

    @model_validator(mode="before")
    @classmethod
    def _language_of_script(cls, data: object) -> object:
        if isinstance(data, dict) and "language" not in data:
            script = data.get("script")
            language = script.get("language") if isinstance(script, dict) else getattr(script, "language", None)
            return {**data, "language": language} if language else data
        return data

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        parts = {
            "script": self.script.language,
            "profile": self.profile.template.language,
            "strategy": self.strategy.language,
            "salesperson": self.salesperson.language,
            "merchant": self.merchant.language,
        }
        for name, language in parts.items():
            if language != self.language:
                raise ValueError(f"{name}: is in {language!r}, the scenario in {self.language!r}")
        for name, persona in (("salesperson", self.salesperson), ("merchant", self.merchant)):
            if persona.role != name:
                raise ValueError(f"{name}: persona {persona.id!r} is a {persona.role}")
        try:
            needed = self.strategy.slots()
        except ValueError as error:
            raise ValueError(f"strategy {self.strategy.id!r}: {error}") from None
        if missing := needed - set(self.profile.values):
            raise ValueError(
                f"strategy {self.strategy.id!r} speaks of {', '.join(sorted(missing))}, which profile "
                f"{self.profile.id!r} does not state"
            )
        if not self.id:
            object.__setattr__(self, "id", f"{self.language}-{self.digest}")
        return self

    @property
    def digest(self) -> str:
        """Ten hex digits of the content (the id left out)."""
        if self._digest is None:
            content = self.model_dump_json(exclude={"id"})
            self._digest = hashlib.sha256(content.encode()).hexdigest()[:10]
        return self._digest

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with some parts changed; what was derived from the old parts is forgotten."""
        copied = super().model_copy(update=update, deep=deep)
        copied._digest = None
        return copied

    @property
    def filled_strategy(self) -> Strategy:
        """The strategy with this profile's facts in its lines."""
        return _filled(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scenario) and (self.id, self.digest) == (other.id, other.digest)

    def __hash__(self) -> int:
        return hash(self.id)


@lru_cache(maxsize=512)
def _filled(scenario: Scenario) -> Strategy:
    return scenario.strategy.filled(scenario.profile.slots())
