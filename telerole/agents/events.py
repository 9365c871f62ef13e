"""What a merchant reads in one line of the salesperson: the events that the reaction table knows.

By rules, without a model: cues (`reading`) tell what each sentence does, the mind so far tells whether it is new, asked
before, an answer to what stands open, or pressure after a no. The mind never sees what the salesperson meant, only
what was said, so any salesperson is read alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rapidfuzz.fuzz import partial_ratio, ratio

from telerole.agents.state import Mind, named
from telerole.persona import Event
from telerole.reading import hear, notices, sentences, takes_up, words
from telerole.records import Language

LONG: dict[Language, int] = {"en": 55, "zh": 100}
A_POINT: dict[Language, int] = {"en": 9, "zh": 9}
A_WORD: dict[Language, int] = {"en": 4, "zh": 5}
ANSWERABLE = {"asked", "asked_again", "proposed", "offered_callback", "asked_permission", "introduced", "greeted"}
SAME, ALIKE = 86, 90
YIELDS_FLOOR = ("object", "elaborate", "digress", "aside", "answer", "volunteer", "interested", "unsure", "pardon")


def read_line(text: str, mind: Mind, language: Language) -> tuple[str, ...]:
    """The events in a line, ``asked`` with its topic after a colon."""
    acts = [hear("salesperson", sentence, language) for sentence in sentences(text)]
    whole = hear("salesperson", text, language)
    kinds = {act.act for act in acts} | {whole.act}
    if whole.act == "goodbye":
        return ("said_goodbye", *(e for e in ("backed_off", "offered_callback") if e in notices(text, language)))
    if _is_empty(text, kinds, language):
        return _on_nothing(mind, language)
    found = [*_manners(text, kinds, mind, language), *_questions(acts, mind), *_points(text, mind, language)]
    if text.rstrip().endswith(("?", "？")) and mind.acts and not ANSWERABLE & {named(event) for event in found}:
        found.append("asked:other")
    found += _answering(text, found, mind, language)
    found += _patience(text, found, mind, language)
    return tuple(dict.fromkeys(found))


def _is_empty(text: str, kinds: set[str], language: Language) -> bool:
    return words(text, language) <= A_WORD[language] and kinds <= {"pitch"}


def _on_nothing(mind: Mind, language: Language) -> tuple[str, ...]:
    """A word or two is good listening once, after the merchant said something; else it is no way to call somebody."""
    if not mind.lines:
        return ("greeted",)
    again = _is_empty(mind.lines[-1], {"pitch"}, language) and len(mind.lines) > 1
    return ("listened",) if mind.last in YIELDS_FLOOR and not again else ("said_nothing",)


def _manners(text: str, kinds: set[str], mind: Mind, language: Language) -> Iterator[str]:
    if "greet" in kinds and not mind.lines:
        yield "greeted"
    if ("introduce" in kinds or any(name in text for name in mind.caller)) and not mind.met("introduced"):
        yield "introduced"
    if "propose" in kinds:
        yield "proposed"
    if "offer_callback" in kinds:
        yield "offered_callback"
    seen = notices(text, language)
    yield from sorted(seen - {"chatted", "backed_off", "pressed"})
    if "chatted" in seen and mind.last in ("digress", "aside"):
        yield "chatted"
    asked_twice = "propose" in kinds and mind.met("proposed") > 1
    if asked_twice or ("pressed" in seen and mind.did("refuse") + mind.did("object") + mind.did("defer")):
        yield "pressed"


def _questions(acts: Sequence[tuple[str, str]], mind: Mind) -> Iterator[str]:
    for act, topic in acts:
        if act == "ask":
            yield "asked_again" if topic in mind.released else f"asked:{topic}"


def _points(text: str, mind: Mind, language: Language) -> Iterator[Event]:
    """New sentences with something in them, and sentences that were said before; a bad line excuses those."""
    before = [sentence for line in mind.lines for sentence in sentences(line)]
    long = [one for one in sentences(text) if words(one, language) >= A_POINT[language]]
    again = [one for one in long if any(_same(one, earlier) for earlier in before)]
    if again and mind.last != "pardon":
        yield "repeated"
    pitched = [one for one in long if one not in again and hear("salesperson", one, language).act == "pitch"]
    if pitched and mind.lines and hear("salesperson", text, language).act not in ("greet", "introduce"):
        yield "new_value"


def _same(one: str, earlier: str) -> bool:
    return ratio(one, earlier) > SAME or (len(earlier) > 0.6 * len(one) and partial_ratio(one, earlier) > ALIKE)


def _answering(text: str, found: Sequence[str], mind: Mind, language: Language) -> Iterator[Event]:
    if not mind.open:
        return
    told = {"who": {"introduced"}, "what": {"new_value", "proposed"}}.get(mind.open, set())
    if told & set(found) or takes_up(mind.open, _told(text, language), language):
        yield "answered"
    elif "offered_callback" not in found:
        yield "ignored"


def _told(text: str, language: Language) -> str:
    """The line without its questions for facts: who asks something back has not answered."""
    return " ".join(one for one in sentences(text) if hear("salesperson", one, language).act != "ask")


def _patience(text: str, found: Sequence[str], mind: Mind, language: Language) -> Iterator[Event]:
    noticed = notices(text, language)
    goes_on = {"new_value", "repeated", "proposed"} & set(found)
    if words(text, language) > LONG[language]:
        yield "monologue"
    if mind.last in ("refuse", "brush_off"):
        if goes_on and ("new_value" not in found or mind.did("refuse") > 1 or "pressed" in noticed):
            yield "pressed"
        elif "backed_off" in noticed or "offered_callback" in found:
            yield "backed_off"
    if mind.last == "busy" and goes_on and not {"asked_permission", "offered_callback"} & set(found):
        yield "pushed_on"
