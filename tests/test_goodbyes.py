"""A tail of goodbyes is cut, and nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telerole import Catalog, Session, Simulator
from telerole.postprocess.filtering import Example
from telerole.postprocess.goodbyes import Goodbyes
from telerole.records import LANGUAGES, Language
from telerole.session import End, EndReason, Turn, speaker_at

TALK: dict[Language, list[str]] = {
    "en": [
        "Hello, is that the shop?",
        "Yes?",
        "There's a fair in May, would you come by?",
        "Yeah, alright, I'll come.",
    ],
    "zh": ["喂，是店里吧？", "嗯，你说。", "五月份有个对接会，您来看看行吗？", "行，我去看看。"],
}
BYES: dict[Language, list[str]] = {
    "en": [
        "Lovely, see you there, bye.",
        "Thanks, bye.",
        "Take care.",
        "You too, bye-bye.",
        "Have a good day.",
        "Bye.",
    ],
    "zh": [
        "好嘞，到时候见，再见。",
        "嗯，再见。",
        "您忙，拜拜。",
        "好的好的，拜拜。",
        "祝您生意兴隆，再见。",
        "谢谢啊，再见。",
    ],
}
ORDINARY: dict[Language, list[str]] = {
    "en": ["Say goodbye to high prices, that's what they tell us.", "Bye and large, I mean by and large, it works."],
    "zh": ["再见面的时候您就晓得了，跟说的一样。", "我跟那家早就说拜拜了，换了你们。"],
}


def call(lines: list[str], language: Language, reason: EndReason = "goal_reached") -> Session:
    turns = tuple(Turn(role=speaker_at(n), text=text) for n, text in enumerate(lines))
    end = End(reason=reason, by="salesperson")
    return Session(id="s.0", scenario_id="s", language=language, seed=1, turns=turns, end=end)


def cut(session: Session) -> Session:
    """The session as the rewriter leaves it."""
    rewrite = Goodbyes().rewrite(Example(session))
    return rewrite.example.session if rewrite else session


@given(language=st.sampled_from(LANGUAGES), tail=st.integers(1, 4))
def test_only_the_goodbyes_that_wind_the_call_up_are_kept(language: Language, tail: int) -> None:
    whole = call(TALK[language] + BYES[language][:2], language)
    longer = call(TALK[language] + BYES[language][: 2 + tail], language)
    assert cut(longer) == whole
    assert cut(whole) == whole


@pytest.mark.parametrize("language", LANGUAGES)
def test_cutting_twice_changes_nothing_more(language: Language) -> None:
    once = cut(call(TALK[language] + BYES[language], language))
    assert Goodbyes().rewrite(Example(once)) is None


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("reason", ["loop", "max_turns"])
def test_a_call_that_only_its_tail_kept_from_ending_ends_as_it_was_wound_up(
    language: Language, reason: EndReason
) -> None:
    assert cut(call(TALK[language] + BYES[language], language, reason)).end == End(
        reason="goal_reached", by="salesperson"
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_talk_after_the_goodbyes_is_left_alone(language: Language) -> None:
    session = call(TALK[language] + BYES[language][:2] + TALK[language][2:], language)
    assert Goodbyes().rewrite(Example(session)) is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_goodbye_inside_a_sentence_is_no_goodbye(language: Language) -> None:
    session = call([*TALK[language][:2], *ORDINARY[language], *BYES[language][:2]], language)
    assert Goodbyes().rewrite(Example(session)) is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_change_names_the_turn_and_how_many_were_cut(language: Language) -> None:
    rewrite = Goodbyes().rewrite(Example(call(TALK[language] + BYES[language], language)))
    assert rewrite is not None
    assert [change.turn for change in rewrite.changes] == [6]
    assert "4" in rewrite.changes[0].text


def test_offline_calls_have_no_tails(catalog: Catalog) -> None:
    run = Simulator(seed=5).run_many(catalog.sample(60, seed=5))
    assert [session.id for session in run if cut(session) != session] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_tail_on_any_offline_call_that_ended_in_goodbyes_is_cut(catalog: Catalog, language: Language) -> None:
    run = Simulator(seed=5).run_many(catalog.sample(60, seed=5, language=language))
    ended = [session for session in run if "goodbye" in (session.turns[-2].act or "") and _said_back(session)]
    assert len(ended) >= 10
    for session in ended:
        tail = [Turn(role=speaker_at(len(session.turns) + n), text=text) for n, text in enumerate(BYES[language][1:5])]
        assert cut(session.model_copy(update={"turns": (*session.turns, *tail)})) == session


def _said_back(session: Session) -> bool:
    return "goodbye" in (session.turns[-1].act or "")
