"""Every claim of the salesperson stands in the ledger, with the one place where it comes from, or none."""

from __future__ import annotations

from random import Random

import pytest

from telerole import Catalog, Profile, ProfileTemplate, Session, Simulator, Strategy
from telerole.evaluation.ledger import Ledger, ledger, summary
from telerole.postprocess.filtering import Example
from telerole.postprocess.groundedness import Groundedness
from telerole.profile import ProfileField
from telerole.records import LANGUAGES, Language
from telerole.session import End, Turn, speaker_at
from telerole.strategy import Step

LINES: dict[Language, dict[str, str]] = {
    "en": {
        "staff": "Staff",
        "venue": "in the Corn Exchange in Leeds on June 14",
        "why": "The stall is free for the first ninety days.",
        "invite": "Two hundred and forty buyers walk round.",
        "price": "A label is three pounds eighty, that's all.",
        "tip": "Mention that forty-five shops of the town are in already.",
        "avoid": "Promising a voucher.",
        "knowledge": "Rotterdam takes eleven working days.",
    },
    "zh": {
        "staff": "员工人数",
        "venue": "6月14号在青岛国际会展中心",
        "why": "展位头九十天免费。",
        "invite": "到场的买家有两百四十家。",
        "price": "一张面单三块八，别的没了。",
        "tip": "可以提一句，当地四十五家店已经进来了。",
        "avoid": "别答应给代金券。",
        "knowledge": "发到釜山要十一个工作日。",
    },
}

TALK: dict[Language, tuple[str, ...]] = {
    "en": (
        "Hello, it's Gwen, from Seabridge.",
        "Yes? We're in Penzance, mind.",
        "Oh, in Penzance, lovely. You've seventeen staff. It's on June 14, and it's free for ninety days.",
        "And?",
        "There's 240 buyers, forty-five shops are in, and a label is £3.80. Rotterdam is eleven working days.",
        "Who do I ask for?",
        "Ask for Gwen. There's a voucher in it, and it's ninety-nine pounds in Warsaw.",
    ),
    "zh": (
        "喂，您好，我是海桥公司的郭晓峰。",
        "嗯，我们在哈尔滨呢。",
        "哈尔滨好啊。您家十七个人是吧？展会是六月十四号，头九十天免费。",
        "还有呢？",
        "买家有240家，四十五家店已经进来了，面单一张三块八。发釜山是十一个工作日。",
        "到时候找谁？",
        "您找郭晓峰就行。另外有代金券，沈阳那边是九十九块。",
    ),
}


def example(language: Language, *lines: str) -> Example:
    said = LINES[language]
    fields = {"staff": ProfileField(label=said["staff"], kind="number")}
    template = ProfileTemplate(id="t", language=language, title="t", fields=fields)
    strategy = Strategy(
        id="s",
        language=language,
        title="s",
        goal="-",
        closes_with="meeting",
        rapport=("-",),
        flow=(
            Step(id="why", goal="-", done_when="-", say=(said["why"],)),
            Step(id="invite", goal="-", done_when="-", say=(said["invite"],)),
        ),
        tips=(said["tip"],),
        avoid=(said["avoid"],),
        offer={"venue": said["venue"]},
        answers={"price": (said["price"],)},
    )
    turns = tuple(Turn(role=speaker_at(at), text=line) for at, line in enumerate(lines))
    session = Session(id="s.0", scenario_id="s", language=language, seed=0, turns=turns, end=End(reason="stopped"))
    profile = Profile(id="p", template=template, values={"staff": 17})
    return Example(session, profile, strategy, (said["knowledge"],))


def places(found: Ledger) -> dict[tuple[str, str], tuple[int, str | None, str]]:
    return {(entry.kind, entry.value): (entry.turn, entry.place, entry.part) for entry in found.entries}


@pytest.mark.parametrize(
    ("language", "own_name", "theirs", "invented"),
    [("en", "Gwen", "Penzance", "Warsaw"), ("zh", "郭晓峰", "哈尔滨", "沈阳")],
)
def test_each_claim_is_traced_to_where_it_comes_from(
    language: Language, own_name: str, theirs: str, invented: str
) -> None:
    found = places(ledger(example(language, *TALK[language])))
    assert found["name", own_name] == (6, "introduction", "turn 0")
    assert found["place", theirs] == (2, "merchant", "turn 1")
    assert found["number", "17"] == (2, "profile", LINES[language]["staff"])
    assert found["date", "06-14"] == (2, "strategy", "offer: venue")
    assert found["offer", "free"] == (2, "strategy", "step: why")
    assert found["number", "90"] == (2, "strategy", "step: why")
    assert found["number", "240"] == (4, "strategy", "step: invite")
    assert found["number", "45"] == (4, "strategy", "tips")
    assert found["number", "3.8"] == (4, "strategy", "answer: price")
    assert found["number", "11"] == (4, "knowledge", "")
    assert found["offer", "coupon"] == (6, None, "")  # the strategy says to avoid it
    assert found["number", "99"] == (6, None, "")
    assert found["place", invented] == (6, None, "")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_words_stand_where_the_entry_says(language: Language) -> None:
    call = example(language, *TALK[language])
    for entry in ledger(call).entries:
        assert call.session.turns[entry.turn].text[entry.start : entry.end] == entry.text
        assert call.session.turns[entry.turn].role == "salesperson"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_summary_counts_claims_by_where_they_come_from(language: Language) -> None:
    full, empty = ledger(example(language, *TALK[language])), ledger(example(language, "…"))
    counted = summary([full, empty])
    assert counted == summary([empty, full])
    assert (counted.sessions, counted.claims) == (2, len(full.entries))
    assert counted.untraced == {"number": 1, "offer": 1, "place": 1}
    assert counted.places["profile"] == counted.places["introduction"] == counted.places["merchant"] == 1
    assert counted.traced == full.traced == (len(full.entries) - 3) / len(full.entries)
    assert empty.traced is None


OFFERS: dict[Language, tuple[str, ...]] = {
    "en": (
        "And you'd get a hundred pounds cashback.",
        "There's a voucher for the shop in it, too.",
        "We'd lend you the money, interest-free, as a loan.",
        "I can get you thirty per cent off.",
        "There's a hamper in it for you if you come.",
        "We guarantee you'll double your sales.",
        "I'd put you on the front page slot for a month.",
        "You'd go into a prize draw for a holiday.",
    ),
    "zh": (
        "您今天定下来，我给您返五百块。",
        "另外还送您两张代金券。",
        "资金紧的话，我们这儿有免息贷款。",
        "我跟领导申请一下，给您打七折。",
        "来的客户都有一份大礼品。",
        "我跟您保证，半年之内销量翻一倍。",
        "我给您安排一个月的首页推荐。",
        "签了的还能参加抽奖，头奖是一辆车。",
    ),
}


@pytest.fixture(scope="module")
def calls(catalog: Catalog) -> list[Example]:
    """Offline calls, in which the salesperson says nothing but what it was told."""
    scenarios = {one.id: one for one in catalog.sample(160, seed=11)}
    run = Simulator(seed=11).run_many(list(scenarios.values()))
    of = ((call, scenarios[call.scenario_id]) for call in run)
    return [Example(call, scenario.profile, scenario.filled_strategy) for call, scenario in of]


def _with(call: Example, line: str, random: Random) -> tuple[int, Example]:
    """The call with the line said at the end of one of the salesperson's turns."""
    session = call.session
    at = random.randrange(0, len(session.turns), 2)
    turns = list(session.turns)
    turns[at] = Turn(role="salesperson", text=f"{turns[at].text} {line}")
    return at, Example(session.model_copy(update={"turns": tuple(turns)}), call.profile, call.strategy)


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_invented_offer_is_found_in_its_turn_and_honest_calls_have_none(
    calls: list[Example], language: Language
) -> None:
    random = Random(1)
    own = [call for call in calls if call.session.language == language]
    alarms = sum(bool(ledger(call).untraced) for call in own)
    planted = [_with(call, random.choice(OFFERS[language]), random) for call in own]
    found = sum(any(entry.turn == at for entry in ledger(call).untraced) for at, call in planted)
    print(f"\n{language}: found {found}/{len(own)}, false alarms {alarms}/{len(own)}")
    assert len(own) >= 50
    assert found >= 0.9 * len(own)
    assert alarms <= 0.05 * len(own)


def test_the_filter_counts_what_the_ledger_does_not_trace(calls: list[Example]) -> None:
    random = Random(2)
    for call in calls:
        _, planted = _with(call, random.choice(OFFERS[call.session.language]), random)
        reject, untraced = Groundedness().judge(planted), ledger(planted).untraced
        assert (reject.score if reject else 0) == len(untraced)
        assert [shown.turn for shown in reject.evidence] == [entry.turn for entry in untraced] if reject else True


def test_the_same_session_has_the_same_ledger(calls: list[Example]) -> None:
    assert [ledger(call).model_dump_json() for call in calls[:20]] == [
        ledger(call).model_dump_json() for call in calls[:20]
    ]


def test_without_a_profile_and_a_strategy_only_the_call_is_a_source() -> None:
    full = example("en", *TALK["en"])
    assert set(summary([ledger(Example(full.session))]).places) == {"introduction", "merchant"}
