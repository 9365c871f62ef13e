"""What a run may use, and what it has used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from telerole.errors import BudgetSpent, InputError, nearest
from telerole.session import Usage


@dataclass(frozen=True, slots=True)
class Price:
    """What a million tokens cost, in the budget's currency; `cached` prompt tokens as the others unless said."""

    prompt: float
    completion: float
    cached: float | None = None

    def of(self, usage: Usage) -> float:
        """The money that `usage` costs."""
        new, cached = usage.prompt_tokens - usage.cached_tokens, usage.cached_tokens
        prompt = new * self.prompt + cached * (self.prompt if self.cached is None else self.cached)
        return (prompt + usage.completion_tokens * self.completion) / 1e6


@dataclass(slots=True)
class Spent:
    """What a run has used so far. `calls` counts every request, failed ones too."""

    calls: int = 0
    tokens: int = 0
    money: float = 0.0

    def __str__(self) -> str:
        paid = f", {self.money:.2f} in money" if self.money else ""
        return f"{self.calls:,} calls, {self.tokens:,} tokens{paid}"


class Budget:
    """What one run may use: requests, tokens (prompt and completion), money; None is no limit.

    No request is begun beyond `calls`; only those a backend sends again by itself, as it learns what its endpoint
    refuses, come on top. Tokens and money are known only afterwards, so these two can be overshot by what is in flight
    as the limit is reached, never by more. Money needs `prices`: a backend's name to its `Price`.
    `spent` can be read at any time.
    """

    def __init__(
        self,
        calls: int | None = None,
        tokens: int | None = None,
        money: float | None = None,
        prices: Mapping[str, Price] | None = None,
    ) -> None:
        if any(limit is not None and limit < 0 for limit in (calls, tokens, money)):
            raise InputError("a budget cannot be below 0")
        self.limits = {"calls": calls, "tokens": tokens, "money": money}
        self.prices = dict(prices or {})
        self.spent = Spent()

    def check(self, backend: str) -> None:
        """Raise `InputError` where a limit in money cannot be kept, as no price is given for this backend."""
        if self.limits["money"] is not None and backend not in self.prices:
            hint = nearest(backend, self.prices)
            raise InputError(f"a budget in money needs a price for {backend!r}{hint}; give it in prices=")

    def admit(self) -> None:
        """Count a request about to be sent; raises `BudgetSpent`, naming the limit, where there is nothing left."""
        for what, limit in self.limits.items():
            if limit is not None and getattr(self.spent, what) >= limit:
                raise BudgetSpent(f"the budget of {limit:,} {what} is used up ({self.spent})")
        self.spent.calls += 1

    def charge(self, backend: str, usage: Usage) -> None:
        """Count what an admitted request cost, and the further requests it took."""
        self.spent.calls += max(usage.attempts - 1, 0)
        self.spent.tokens += usage.prompt_tokens + usage.completion_tokens
        if (price := self.prices.get(backend)) is not None:
            self.spent.money += price.of(usage)
