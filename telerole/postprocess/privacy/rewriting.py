"""`Privacy`: the filter that takes out of an example what identifies a real person (paper 4.1 and 4.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar

from telerole.claims import introduced
from telerole.persona import Role
from telerole.postprocess.filtering import Evidence, Example, Rewrite, Rewriter
from telerole.postprocess.privacy.calls import find_in_call
from telerole.postprocess.privacy.finding import find
from telerole.postprocess.privacy.items import Item, Kind
from telerole.postprocess.privacy.redacting import Placeholders, replaced
from telerole.profile import Profile
from telerole.records import Language
from telerole.session import Turn
from telerole.strategy import Step, Strategy

OF_THE_PROFILE: frozenset[Kind] = frozenset({"name", "address"})  # what it states of a merchant by its template stays


class Privacy(Rewriter):
    """Redacts the turns (also as heard, with their notes), the end's detail, the strategy's texts and the profile.

    A turn in which something was redacted counts as heard whole.
    Names and addresses that the profile states stay, there and in the turns; its telephone numbers, cards and the like
    go. Forms of address (王总, Mrs. Akhtar) and short names (小林, Nina) stay; a full name goes. Where salespeople say
    who they are, their full name becomes a short one: the line stays one that can be said.
    """

    name: ClassVar[str] = "privacy"

    def rewrite(self, example: Example) -> Rewrite | None:
        """The example with placeholders, or None where nothing is private in it."""
        placeholders = Placeholders(example.session.language, _texts(example))
        changes: list[Evidence] = []
        while step := _Step(example, placeholders).taken():  # without what hid it, another item may be seen
            example = step.example
            changes += step.changes
        return Rewrite(example, tuple(changes)) if changes else None


class _Step:
    """One pass over an example."""

    def __init__(self, example: Example, placeholders: Placeholders) -> None:
        self.example = example
        self.language = example.session.language
        self.placeholders = placeholders
        self.stated = _stated(example.profile) if example.profile else ""
        self.changes: dict[tuple[int | None, str], Evidence] = {}

    def taken(self) -> Rewrite | None:
        """What the pass changed, or None."""
        session = self.example.session
        found = find_in_call([turn.text for turn in session.turns], self.language)
        turns = tuple(map(self._turn, range(len(session.turns)), session.turns, found))
        end = session.end.model_copy(update={"detail": self._redacted(session.end.detail)})
        example = Example(
            session.model_copy(update={"turns": turns, "end": end}),
            self.example.profile and self._profile(self.example.profile),
            self.example.strategy and _each_text(self.example.strategy, self._redacted),
            tuple(self._redacted(text) for text in self.example.knowledge),
        )
        return Rewrite(example, tuple(self.changes.values())) if self.changes else None

    def _turn(self, number: int, turn: Turn, items: Sequence[Item]) -> Turn:
        text = self._put(turn.text, items, number, turn.role)
        # What the line lost of a number may hide that it is one, and leave most of its digits.
        heard = turn.heard and self._redacted(turn.heard, number) if text == turn.text else None
        return turn.model_copy(
            update={"text": text, "heard": heard, "note": turn.note and self._redacted(turn.note, number)}
        )

    def _profile(self, profile: Profile) -> Profile:
        texts = {name for name, field in profile.template.fields.items() if field.kind == "text"}
        values = {
            name: self._redacted(value) if name in texts and isinstance(value, str) else value
            for name, value in profile.values.items()
        }
        return profile.model_copy(update={"values": values})

    def _redacted(self, text: str, turn: int | None = None) -> str:
        return self._put(text, find(text, self.language), turn)

    def _put(self, text: str, items: Iterable[Item], turn: int | None, role: Role | None = None) -> str:
        private = [item for item in items if not self._is_stated(item, text)]
        own = _introductions(text, self.language) if role == "salesperson" and private else []
        shown = []
        for item in private:
            introduces = item.kind == "name" and any(start <= item.start < end for start, end in own)
            shown.append(_short(text[item.start : item.end]) if introduces else self.placeholders.of(item))
            self.changes[turn, shown[-1]] = Evidence(turn=turn, text=f"{item.kind}: {shown[-1]}")
        return replaced(text, private, shown)

    def _is_stated(self, item: Item, text: str) -> bool:
        return item.kind in OF_THE_PROFILE and text[item.start : item.end] in self.stated


def _introductions(text: str, language: Language) -> list[tuple[int, int]]:
    """Where the speaker says who it is."""
    said = introduced(text, language)
    return [(text.index(words), text.index(words) + len(words)) for words in said]


def _short(name: str) -> str:
    """How somebody of this full name is called on the phone: Gwen, 小韩."""
    return f"小{name[0]}" if name[0] > "\u2e80" else name.split()[0]


def _stated(profile: Profile) -> str:
    return "\n".join(profile.text(name) for name in profile.values)


def _texts(example: Example) -> Iterator[str]:
    """All texts of the example that may hold placeholders."""
    for turn in example.session.turns:
        yield from (turn.text, turn.heard or "", turn.note or "")
    yield example.session.end.detail
    if example.profile:
        yield _stated(example.profile)
    if example.strategy:
        yield example.strategy.model_dump_json()


TEXTS_OF_A_STEP = ("goal", "done_when", "say")
TEXTS_OF_A_STRATEGY = ("goal", "rapport", "flow", "tips", "avoid", "offer", "answers")


def _each_text(strategy: Strategy, change: Callable[[str], str]) -> Strategy:
    """The strategy with `change` made to every text in it, and not to its ids."""

    def changed(value: Any) -> Any:
        match value:
            case str():
                return change(value)
            case tuple():
                return tuple(map(changed, value))
            case dict():
                return {key: changed(one) for key, one in value.items()}
            case Step():
                return value.model_copy(update={name: changed(getattr(value, name)) for name in TEXTS_OF_A_STEP})

    return strategy.model_copy(update={name: changed(getattr(strategy, name)) for name in TEXTS_OF_A_STRATEGY})
