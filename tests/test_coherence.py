"""A call that does not hang together is rejected, with the reason and the words; one that does is kept."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telerole import Catalog, Session, Simulator
from telerole.outcome import heard_after
from telerole.postprocess.coherence import Coherence
from telerole.postprocess.filtering import Evidence, Example
from telerole.records import LANGUAGES, Language
from telerole.session import End, Turn, speaker_at

Said = list[str]
Plant = Callable[[Session, Random], Session | None]

MEETING = {"en": "Could you come by our stand on the twelfth, then?", "zh": "那您十二号来展位上看看，行吗？"}
AGREED = {"en": "Yeah, fine, I'll come.", "zh": "行，我去看看。"}
BYES = {"en": ("Right, thanks, bye.", "Bye now."), "zh": ("好嘞，那您忙，再见。", "嗯，再见。")}
MORE = {
    "en": "We also have a warehouse in Leeds that packs for you.",
    "zh": "另外我们在青湾还有个仓，能帮您打包发货。",
}
DEAF = {
    "en": [
        "How much is it, then?",
        "No, but how much would it cost me?",
        "Who is this, anyway?",
        "What is this about?",
    ],
    "zh": ["要多少钱啊？", "我问你要花多少钱？", "你到底是哪个公司的？", "这个是什么项目？"],
}
BESIDE = {"en": "The hall is lovely in spring, really.", "zh": "外头这天说变就变，哎。"}
COUNTS = {
    "en": [
        ("There's two people here.", "Our five staff can do it."),
        ("We've got 3 shops.", "I have two shops, you see."),
    ],
    "zh": [("我们就两个人。", "我店里总共五个人嘛。"), ("我们有三家店。", "我一共两家店。")],
}
SLOTS = {
    "en": ["{merchant_name}", "[Your Name]", "{{ product }}", "[company]", "<product name>"],
    "zh": ["{merchant_name}", "[姓名]", "{{ product }}", "【公司名称】", "XX公司"],
}
GARBLED = ["\ufffd\ufffd", "[UNK]", "<unk>", "<|endoftext|>"]
FOREIGN = {"en": "我这边先给您登记一下，您看行吗？", "zh": "Well, that is what I would like to know."}
STARTS = {
    "en": "Hello, good morning, this is Tom Adeyemi from Seabridge.",
    "zh": "您好，我是海桥国际站的小林，您现在方便吗？",
}
ANSWERS = {"en": "To answer your question, it takes a morning.", "zh": "您刚才问的那个问题，一个上午就够了。"}


def call(lines: Said, language: Language) -> Session:
    """A session of the lines said in turn."""
    turns = tuple(Turn(role=speaker_at(n), text=text) for n, text in enumerate(lines))
    return Session(id="s.0", scenario_id="s", language=language, seed=1, turns=turns, end=End(reason="stopped"))


def said(session: Session) -> Said:
    return [turn.text for turn in session.turns]


def put(session: Session, at: int, *lines: str, cut: int = 0) -> Session:
    """The session with these lines at turn `at`, in the place of `cut` turns."""
    old = said(session)
    return call([*old[:at], *lines, *old[at + cut :]], session.language)


def rejected(session: Session | None) -> str | None:
    assert session is not None
    reject = Coherence().judge(Example(session))
    return reject.reason if reject else None


def shown(session: Session) -> tuple[Evidence, ...]:
    reject = Coherence().judge(Example(session))
    assert reject is None or reject.evidence
    return reject.evidence if reject else ()


def middle(session: Session) -> int:
    return len(session.turns) // 4 * 2


def in_a_line(texts: list[str]) -> Plant:
    """One of the texts inside a line of the middle."""

    def plant(session: Session, random: Random) -> Session:
        at = random.randrange(2, len(session.turns))
        return put(session, at, f"{session.turns[at].text} {random.choice(texts)}", cut=1)

    return plant


def slot(session: Session, random: Random) -> Session | None:
    return in_a_line(SLOTS[session.language])(session, random)


def for_a_line(texts: list[str]) -> Plant:
    def plant(session: Session, random: Random) -> Session:
        return put(session, random.randrange(2, len(session.turns)), random.choice(texts), cut=1)

    return plant


def foreign(session: Session, random: Random) -> Session | None:
    return for_a_line([FOREIGN[session.language]])(session, random)


def cut_off(session: Session, random: Random) -> Session | None:
    """The longest line of one side stops anywhere in its second half."""
    at = max(range(len(session.turns)), key=lambda n: len(session.turns[n].text))
    text = session.turns[at].text
    short = text[: random.randrange(len(text) // 2, len(text) - 2)].rstrip(" .,!?，。！？、…")
    return put(session, at, short, cut=1)


def greets_again(session: Session, random: Random) -> Session | None:
    return put(session, max(4, middle(session)), STARTS[session.language], cut=1) if len(session.turns) > 5 else None


def asks_again(session: Session, random: Random) -> Session | None:
    """What was agreed to is proposed and agreed to again."""
    for n in range(0, len(session.turns) - 1, 2):
        if heard_after(session.turns, n + 1, session.language).act == "agree":
            text, yes = session.turns[n].text, session.turns[n + 1].text
            return put(session, n + 2, text, yes)
    return None


def deaf(session: Session, random: Random) -> Session | None:
    asked = random.sample(DEAF[session.language], 3)
    return put(session, middle(session), *(line for ask in asked for line in (BESIDE[session.language], ask)))


def contradicts(session: Session, random: Random) -> Session | None:
    one, other = random.choice(COUNTS[session.language])
    changed = put(session, 3, one, cut=1)
    return put(changed, 7, other, cut=1) if len(changed.turns) > 8 else None


def goes_on(session: Session, random: Random) -> Session | None:
    kept = call(said(session)[: middle(session)], session.language)
    language = session.language
    return put(kept, len(kept.turns), *BYES[language], MORE[language], AGREED[language])


HARD = {  # the share found, where it is not all of them
    "a line without its end": 0.5,
    "questions nobody hears": 0.75,
}
PLANTS: dict[str, tuple[Plant, str]] = {
    "an unfilled slot": (slot, "placeholder"),
    "a word for a line": (for_a_line(["N/A", "null", "TODO"]), "placeholder"),
    "broken characters": (in_a_line(GARBLED), "garbled text"),
    "silence": (for_a_line(["...", "……", "——"]), "empty turn"),
    "a line in another language": (foreign, "other language"),
    "a line without its end": (cut_off, "cut off"),
    "a second greeting": (greets_again, "greets again"),
    "the same proposal after a yes": (asks_again, "asked again after a yes"),
    "questions nobody hears": (deaf, "question not heard"),
    "two numbers for one thing": (contradicts, "contradiction"),
    "talk after the goodbyes": (goes_on, "goes on after goodbye"),
}


@pytest.fixture(scope="module")
def good(catalog: Catalog) -> list[Session]:
    """Clean calls: what was really said in the seed scripts, and offline ones, of eight turns or more."""
    truths = [call([turn.text for turn in one.turns], lang) for lang in LANGUAGES for one in catalog.truths(lang)]
    offline = Simulator(seed=5).run_many(catalog.sample(120, seed=5))
    return [one for one in (*truths, *offline) if len(one.turns) >= 8]


def planted(kind: str, sessions: list[Session], language: Language) -> list[Session]:
    plant = PLANTS[kind][0]
    own = (one for one in sessions if one.language == language)
    return [found for n, one in enumerate(own) if (found := plant(one, Random(n))) is not None]


@pytest.mark.parametrize("language", LANGUAGES)
def test_clean_calls_are_kept(good: list[Session], language: Language) -> None:
    kept = [rejected(one) is None for one in good if one.language == language]
    assert sum(kept) >= 0.98 * len(kept)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", PLANTS)
def test_a_planted_fault_is_found_and_named(good: list[Session], kind: str, language: Language) -> None:
    faulty = planted(kind, good, language)
    found = [rejected(one) == PLANTS[kind][1] for one in faulty]
    assert len(found) >= 10
    assert sum(found) >= HARD.get(kind, 0.98) * len(found)


def test_every_rejection_shows_its_words(good: list[Session]) -> None:
    for kind in PLANTS:
        for language in LANGUAGES:
            for one in planted(kind, good[:30] + good[-30:], language):
                for evidence in shown(one):
                    assert evidence.turn is not None
                    assert evidence.text.lower() in one.turns[evidence.turn].text.lower().replace("’", "'")


def test_a_call_of_three_turns_is_too_short_unless_that_is_allowed() -> None:
    short = call(["Hello, is that the shop?", "Yes?", "Sorry, wrong number."], "en")
    assert rejected(short) == "too short"
    assert Coherence(turns=3).judge(Example(short)) is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_answer_needs_a_question(language: Language) -> None:
    asked = {"en": "How long does it take?", "zh": "那要多久啊？"}[language]
    told = {"en": "Mm, right.", "zh": "嗯。"}[language]
    begin = [MORE[language], told, MORE[language]]
    assert rejected(call([*begin, told, ANSWERS[language], told], language)) == "answer to no question"
    assert rejected(call([*begin, asked, ANSWERS[language], told], language)) is None


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            {"en": "We've got two people.", "zh": "我们就两个人。"},
            {"en": "Our two staff, yes.", "zh": "对，我店里就两个人。"},
        ),
        (
            {"en": "I opened the shop in 2015.", "zh": "我们2015年成立的。"},
            {"en": "We started selling online in 2019.", "zh": "我们2019年开始做线上。"},
        ),
        (
            {"en": "We've been in business since 2015.", "zh": "厂2008年办的。"},
            {"en": "We've been trading online since 2019.", "zh": "店2015年开的。"},
        ),
        (
            {"en": "We had five people before.", "zh": "我们以前有五个人。"},
            {"en": "There's two people.", "zh": "我们就两个人。"},
        ),
        (
            {"en": "There's two people.", "zh": "我们就两个人。"},
            {"en": "If we had five people!", "zh": "要是我们有五个人就好了。"},
        ),
    ],
)
def test_a_number_that_changed_or_is_wished_for_is_no_contradiction(
    language: Language, one: dict[Language, str], other: dict[Language, str]
) -> None:
    told = call([MORE[language], one[language], MORE[language], other[language]], language)
    assert rejected(told) is None


def test_a_number_of_any_length_is_compared() -> None:
    long = f"We've got {'1' * 5000} shops."
    assert rejected(call([STARTS["en"], "Yes?", "Fine?", long, "All right.", "We've got two shops."], "en")) == (
        "contradiction"
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_two_years_in_which_one_shop_began_are_a_contradiction(language: Language) -> None:
    one = {"en": "I opened the shop in 2015.", "zh": "我2015年开的店。"}
    other = {"en": "I started up in 2018.", "zh": "我们2018年成立的。"}
    told = call([MORE[language], one[language], MORE[language], other[language]], language)
    assert rejected(told) == "contradiction"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_tail_of_goodbyes_is_left_to_the_rewriter(language: Language) -> None:
    lines = [MORE[language], AGREED[language], *BYES[language], *BYES[language]]
    assert rejected(call(lines, language)) is None


@given(
    lines=st.lists(st.text(min_size=1).filter(str.strip), min_size=4, max_size=12), language=st.sampled_from(LANGUAGES)
)
def test_no_text_breaks_the_filter(lines: Said, language: Language) -> None:
    Coherence().judge(Example(call(lines, language)))
