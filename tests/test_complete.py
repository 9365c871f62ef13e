"""Prefix completion: the expert's exchange ends the call word for word, and what leads there is checked."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from telerole import Budget, Catalog, InputError, QAPair, ScriptedBackend
from telerole.backends.base import Message
from telerole.errors import Filtered
from telerole.runs import TripletFolder
from telerole.synthesis.answers import Check
from telerole.synthesis.complete import ATTEMPTS, complete

EN = QAPair(
    id="q-en",
    language="en",
    topic="fees",
    question="And who pays for it to come back?",
    answer="The buyer does, unless it was wrong or broken. Then it's on you, a label from us is four pounds twenty.",
)
ZH = QAPair(
    id="q-zh",
    language="zh",
    topic="fees",
    question="那退货的运费谁掏啊？",
    answer="买家自己不想要的，买家掏；货不对板或者坏了，就是您这边出，一单四块二，平台给您开退货单。",
)
GOOD = {
    "en": [
        ("salesperson", "Hello, it's Nina from Seabridge. Have I got you at a good time?"),
        ("merchant", "Well, I'm up to my ears in parcels. Go on."),
        ("salesperson", "That many? What's the worst of it just now?"),
        ("merchant", "Returns. Two came back this week, all the way from up north."),
        ("salesperson", "Oh dear. Both in one week?"),
    ],
    "zh": [
        ("salesperson", "喂，您好，我海桥国际站的小林，这会儿说话方便吧？"),
        ("merchant", "你说，我这儿正打包呢。"),
        ("salesperson", "那我长话短说，您最近店里最头疼的是哪块？"),
        ("merchant", "别提了，上礼拜又退回来两箱。"),
        ("salesperson", "哎呀，又退啊？"),
    ],
}
FINE = {
    "reason": "fine",
    "leads_naturally": True,
    "gives_answer_away": False,
    "contradicts_profile": False,
    "quote": "",
}


def prefix(turns: Sequence[tuple[str, str]]) -> str:
    told = [{"note": "n", "speaker": speaker, "text": text} for speaker, text in turns]
    return json.dumps({"turns": told}, ensure_ascii=False)


def writer(*prefixes: str, check: dict[str, object] | None = None) -> Callable[[Sequence[Message]], str]:
    """Writes these prefixes one after the other, and finds of each what `check` says."""

    def reply(messages: Sequence[Message]) -> str:
        if '"leads_naturally"' in messages[0]["content"]:
            return json.dumps(check or FINE)
        said = sum(message["role"] == "assistant" for message in messages)
        return prefixes[min(said, len(prefixes) - 1)]

    return reply


@pytest.mark.parametrize("qa", [EN, ZH], ids=["en", "zh"])
def test_question_and_answer_end_the_call_word_for_word(qa: QAPair) -> None:
    run = complete([qa], ScriptedBackend(writer(prefix(GOOD[qa.language]))))
    (triplet,) = run.triplets()
    turns = triplet.session.turns
    assert [(turn.role, turn.text) for turn in turns[-2:]] == [("merchant", qa.question), ("salesperson", qa.answer)]
    assert [(turn.role, turn.text) for turn in turns[:-2]] == GOOD[qa.language]
    assert (triplet.method, triplet.source, triplet.session.end.reason) == ("completion", qa.id, "stopped")
    assert not triplet.strategy.slots()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_answer_that_says_goodbye_ends_the_call_by_the_salesperson(language: str, catalog: Catalog) -> None:
    pairs = [one for one in catalog.qa_pairs(language) if one.topic == "ending_a_call"]  # type: ignore[arg-type]
    run = complete(pairs, ScriptedBackend(writer(prefix(GOOD[language]))))
    ends = [triplet.session.end for triplet in run.triplets()]
    assert len(ends) == len(pairs)
    goodbyes = [end for end in ends if end.reason == "salesperson_goodbye"]
    assert len(goodbyes) >= 0.7 * len(pairs)
    assert all(end.by == "salesperson" for end in goodbyes)


def broken(language: str, change: str) -> list[tuple[str, str]]:
    """The good prefix with one fault."""
    turns, qa = list(GOOD[language]), EN if language == "en" else ZH
    match change:
        case "even":
            return turns[:-1]
        case "order":
            return [turns[1], turns[0], *turns[2:]]
        case "asked":
            turns[3] = ("merchant", qa.question)
        case "answered":
            turns[4] = ("salesperson", qa.answer)
        case "fact":
            turns[4] = ("salesperson", "It's four pounds twenty a label." if language == "en" else "一单才四块二。")
        case "invented":
            offer = "We meet in Manchester on the third of June." if language == "en" else "六月三号咱们在哈尔滨见。"
            turns[4] = ("salesperson", offer)
        case "stage":
            turns[2] = ("salesperson", f"[laughs] {turns[2][1]}")
    return turns


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("even", "must be the salesperson's"),
        ("order", "turns alternate"),
        ("asked", "asks the question already"),
        ("answered", "gives the answer away"),
        ("fact", "gives the answer away"),
        ("invented", "neither profile nor strategy holds"),
        ("stage", "more than what is said"),
    ],
)
def test_a_prefix_with_a_fault_is_asked_for_again_with_the_fault_named(language: str, change: str, told: str) -> None:
    qa = EN if language == "en" else ZH
    asked: list[str] = []
    reply = writer(prefix(broken(language, change)), prefix(GOOD[language]))

    def listen(messages: Sequence[Message]) -> str:
        asked.append(messages[-1]["content"])
        return reply(messages)

    run = complete([qa], ScriptedBackend(listen))
    (triplet,) = run.triplets()
    assert [turn.text for turn in triplet.session.turns[:-2]] == [text for _, text in GOOD[language]]
    assert told in asked[1]
    (refused,) = run.tries()
    assert (refused.stage, refused.reason) == ("complete", "Unfit")
    assert refused.raw == prefix(broken(language, change))
    assert not list(run.failures())


@pytest.mark.parametrize(
    ("verdict", "told"),
    [
        ({"leads_naturally": False}, "the question comes from nowhere: why"),
        ({"gives_answer_away": True}, "the answer is given away before: why"),
        ({"contradicts_profile": True, "quote": "two shops"}, "it goes against the profile: why (two shops)"),
    ],
)
def test_what_the_reader_objects_to_at_every_attempt_is_a_failure_with_the_reason(
    verdict: dict[str, object], told: str, tmp_path: Path
) -> None:
    asked: list[int] = []
    reply = writer(prefix(GOOD["en"]), check=FINE | {"reason": "why"} | verdict)

    def count(messages: Sequence[Message]) -> str:
        asked.append('"leads_naturally"' in messages[0]["content"])
        return reply(messages)

    run = complete([EN], ScriptedBackend(count), out=tmp_path / "run")
    assert len(run) == 0
    (failure,) = run.failures()
    assert (failure.reason, failure.message) == ("Unfit", told)
    assert failure.raw == prefix(GOOD["en"])
    assert asked == [0, 1] * ATTEMPTS
    assert failure.usage["writer"].calls == len(asked)
    assert TripletFolder.read(tmp_path / "run").totals().failures == {"Unfit": 1}


def test_a_failure_costs_what_came_before_it_too() -> None:
    def reply(messages: Sequence[Message]) -> str:
        if '"leads_naturally"' in messages[0]["content"]:
            raise Filtered("stopped")
        return prefix(GOOD["en"])

    run = complete([EN], ScriptedBackend(reply))
    (failure,) = run.failures()
    assert failure.reason == "Filtered"
    assert failure.usage["writer"].calls == 1  # the prefix was written before its check was stopped


def test_what_was_paid_for_before_the_budget_was_spent_is_on_record() -> None:
    check = FINE | {"contradicts_profile": True}
    for calls in (1, 2, 3):
        run = complete([EN], ScriptedBackend(writer(prefix(GOOD["en"]), check=check)), budget=Budget(calls=calls))
        (failure,) = run.failures()
        assert (failure.reason, failure.attempts, failure.usage["writer"].calls) == ("BudgetSpent", calls, calls)


def test_profile_and_strategy_belong_together_and_are_drawn_by_the_seed(catalog: Catalog) -> None:
    pairs = catalog.qa_pairs("zh")[:12]

    def drawn(seed: int, trials: int = 1) -> list[tuple[str, str]]:
        run = complete(pairs, ScriptedBackend(writer(prefix(GOOD["zh"]))), seed=seed, trials=trials)
        return [(one.profile.id, one.strategy.id) for one in sorted(run.triplets(), key=lambda one: one.session.id)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert set(drawn(1)) <= {(seed.profile, seed.strategy) for seed in catalog.seeds}
    assert len(drawn(1, trials=3)) == 36
    assert len(set(drawn(1, trials=3))) > len(set(drawn(1)))


def test_the_reader_gives_its_reason_before_its_verdicts() -> None:
    assert next(iter(Check.model_json_schema()["properties"])) == "reason"


def test_what_cannot_write_is_named_before_anything_is_asked() -> None:
    with pytest.raises(InputError, match="cannot write dialogues"):
        complete([EN], "offline")
