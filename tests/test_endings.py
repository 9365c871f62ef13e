"""Calls end for a reason that has a name, and not before."""

from __future__ import annotations

import pytest

from telerole.endings import put_down, repetition, said_goodbye, standard_rules
from telerole.records import Language
from telerole.session import Turn, speaker_at


def turns(*lines: str) -> list[Turn]:
    return [Turn(role=speaker_at(n), text=line) for n, line in enumerate(lines)]


PROPOSAL = {
    "en": "Could we meet at the booth on the twelfth, would that work for you?",
    "zh": "那您看咱们到时候展会现场见个面，您方便吗？",
}
YES = {"en": "Yeah, alright, let's do that.", "zh": "行，可以，那到时候见。"}
NO = {"en": "No thanks, I'm not interested.", "zh": "不用了，我不需要。"}
BYE = {"en": "Okay, thanks, bye.", "zh": "好的，再见。"}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_goodbye_ends_the_call_once_it_is_returned(language: Language) -> None:
    assert said_goodbye(turns("Hello?", "Hm.", BYE[language]), language) is None
    end = said_goodbye(turns("Hello?", "Hm.", BYE[language], BYE[language]), language)
    assert end is not None
    assert (end.reason, end.by) == ("salesperson_goodbye", "salesperson")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_call_that_was_agreed_on_ends_as_goal_reached(language: Language) -> None:
    end = said_goodbye(turns(PROPOSAL[language], YES[language], BYE[language], BYE[language]), language)
    assert end is not None
    assert end.reason == "goal_reached"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_refusal_after_the_agreement_is_no_goal(language: Language) -> None:
    said = turns(PROPOSAL[language], YES[language], PROPOSAL[language], NO[language], BYE[language], BYE[language])
    end = said_goodbye(said, language)
    assert end is not None
    assert end.reason == "salesperson_goodbye"


@pytest.mark.parametrize(
    ("line", "language"),
    [
        ("You could say goodbye to high fees with us, and keep your prices.", "en"),
        ("My buyer said bye to his old supplier last year, so there is room.", "en"),
        ("上次那个客户说了再见就没下文了，您说是不是挺可惜的？", "zh"),
    ],
)
def test_the_word_goodbye_in_a_sentence_ends_nothing(line: str, language: Language) -> None:
    assert said_goodbye(turns("Hello?", line, line), language) is None


def test_goodbyes_without_end_are_a_loop() -> None:
    said = turns("Thanks, bye.", "Wait, what is this about?", "Okay, bye.", "But who are you?", "Right, bye then.")
    end = said_goodbye(said, "en")
    assert end is not None
    assert end.reason == "loop"


def test_the_same_line_three_times_is_a_loop_and_twice_is_not() -> None:
    line = "We have a trade fair in May, would you like to come?"
    assert repetition(turns(line, "Hm.", line)) is None
    end = repetition(turns(line, "Hm.", line, "What?", line + "!"))
    assert end is not None
    assert (end.reason, end.by) == ("loop", "salesperson")


def test_short_answers_may_repeat() -> None:
    assert repetition(turns("So?", "Mm.", "And?", "Mm.", "Well?", "Mm.")) is None


def test_the_cap_ends_a_call_by_nobody() -> None:
    rules = standard_rules("en", 2)
    end = next(end for rule in rules if (end := rule(turns("Hello?", "Hm."))))
    assert (end.reason, end.by) == ("max_turns", None)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_putting_the_phone_down_with_a_goodbye_is_a_goodbye_and_without_one_a_hangup(language: Language) -> None:
    before = turns("Hello?")
    assert put_down(before, BYE[language], language).reason == "merchant_goodbye"
    assert put_down(before, "", language).reason == "merchant_hangup"
    assert put_down(turns(PROPOSAL[language], YES[language]), "", language).reason == "goal_reached"


@pytest.mark.parametrize(
    ("asked", "said", "language", "reason"),
    [
        ("Shall we say Thursday, ten minutes at our stand by the main door?", "Oh, go on then.", "en", "goal_reached"),
        (
            "Shall we say Thursday at our stand by the main door?",
            "Fine, but I can't promise.",
            "en",
            "salesperson_goodbye",
        ),
        ("Can I call you again on Monday, then?", "Yeah, okay.", "en", "callback_agreed"),
        ("It's two hundred buyers in one hall.", "Yeah, okay.", "en", "salesperson_goodbye"),
        ("我现在就给您登记上，十七号上午，行吧？", "可以。一天排几家，查了发我。", "zh", "goal_reached"),
        ("我今晚七点多再打给您，您看行吗？", "行，七点半吧。", "zh", "callback_agreed"),
        ("我查清楚再给您回电话，您看哪天方便？", "明天吧，讲不清楚就别打了。", "zh", "callback_agreed"),
        ("我现在就给您登记上，行吧？", "好，不过我不一定去得了。", "zh", "salesperson_goodbye"),
        ("现场有两百来家买家。", "行，你说。", "zh", "salesperson_goodbye"),
    ],
)
def test_a_yes_counts_only_right_after_something_was_proposed(
    asked: str, said: str, language: Language, reason: str
) -> None:
    end = said_goodbye(turns(asked, said, BYE[language], BYE[language]), language)
    assert end is not None
    assert end.reason == reason
