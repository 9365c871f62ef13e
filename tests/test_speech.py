"""What a model wrote becomes what is said: nothing that nobody says on the phone, and every cut is named."""

from __future__ import annotations

import pytest

from telerole.agents.speech import spoken


@pytest.mark.parametrize(
    ("raw", "text", "hung_up"),
    [
        ("Hello, is this Mr. Hayes?", "Hello, is this Mr. Hayes?", False),
        ("Salesperson: Hello.", "Hello.", False),
        ("**Agent:** Hello.", "Hello.", False),
        ("销售：您好，王总。", "您好，王总。", False),
        ('"Hello there."', "Hello there.", False),
        ("“您好。”", "您好。", False),
        ("<think>He sounds busy.</think>Just a minute of your time.", "Just a minute of your time.", False),
        ("<think>I never close this", "", False),
        ("The template opened this.\n</think>\n\nJust a minute of your time.", "Just a minute of your time.", False),
        ("- Who is this?", "Who is this?", False),
        ("Hello. *smiles* How are you?", "Hello. How are you?", False),
        ("Hello.\nMerchant: Yes?\nSalesperson: Good.", "Hello.", False),
        ("您好。\n商家：哪位？", "您好。", False),
        ("Thanks, bye. [hang up]", "Thanks, bye.", True),
        ("好的，再见。[挂断]", "好的，再见。", True),
        ("再见【挂断电话】", "再见", True),
        ("[hang up]", "", True),
        ("We meet at 10:30, is that fine?", "We meet at 10:30, is that fine?", False),
        ('He said "no" twice.', 'He said "no" twice.', False),
        ("My agent: that is, my brother, decides.", "My agent: that is, my brother, decides.", False),
    ],
)
def test_only_the_words_are_left(raw: str, text: str, hung_up: bool) -> None:
    speech = spoken(raw, "salesperson")
    assert (speech.text, speech.hung_up) == (text, hung_up)
    assert bool(speech.repairs) == (raw != text and not hung_up)


def test_a_merchants_own_label_is_cut_and_the_salespersons_ends_the_line() -> None:
    assert spoken("Merchant: No.\nSalesperson: Why?", "merchant").text == "No."
    assert spoken("Salesperson: Why?", "merchant").text == ""


def test_what_was_cut_is_named() -> None:
    assert spoken("<think>x</think>Agent: Hi.", "salesperson").repairs == ("reasoning", "label")


def test_half_a_character_stops_nothing() -> None:
    assert spoken("Hello \ud83d there.", "salesperson").text == "Hello ? there."
