"""What a call came to, read from the merchant's side only."""

from __future__ import annotations

from collections import Counter
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telerole import Catalog, Session, Simulator
from telerole.outcome import OUTCOMES, heard_after, outcome, resistance, seconds, suspected_ai
from telerole.persona import Role
from telerole.prompts import HANG_UP
from telerole.records import LANGUAGES, Language
from telerole.session import End, EndReason, Turn, speaker_at

# A line of each kind that no corpus holds, as a model might put it.
GREETING = {"en": "Hello, is that the shop?", "zh": "您好，请问是店里吗？"}
PITCH = {"en": "Two hundred buyers come to the hall in May.", "zh": "五月份现场来两百家买家。"}
PROPOSAL = {
    "en": "Could we meet at our stand on the twelfth, would that suit you?",
    "zh": "那咱们十二号在展位上见个面，您方便吗？",
}
CALLBACK = {"en": "Can I call you again on Monday, then?", "zh": "我礼拜一再打给您，您看行吗？"}
CLAIM = {"en": "Great, so that's agreed. I've put you down.", "zh": "太好了，那就说定了，我给您登记了。"}
BYE = {"en": "Okay, thanks, bye.", "zh": "好的，再见。"}
HM = {"en": "Mm, right.", "zh": "嗯，你说。"}
YES = {"en": "Yeah, alright, let's do that.", "zh": "行，可以，那到时候见。"}
NO = {"en": "No thanks, we're not interested.", "zh": "不用了，我不需要。"}
INTERESTED = {"en": "Oh, that's interesting. Tell me more.", "zh": "这个倒不错，你详细说说。"}
BUSY = {"en": "Look, I'm really busy, I've got people waiting.", "zh": "我现在忙着呢，没空。"}
TOO_DEAR = {"en": "That's far too expensive for us.", "zh": "太贵了，我们利润薄。"}
TRUSTS_NOTHING = {"en": "That sounds like a scam to me.", "zh": "我看你们就是骗子。"}
NO_STAFF = {"en": "We haven't got the staff for more.", "zh": "我这人手不够，忙不过来。"}
ROBOT = {"en": "Hang on, am I talking to a robot?", "zh": "等一下，你是机器人吧？"}
SEND_IT = {"en": "Oh, marvellous, I'll have a proper look one day.", "zh": "哎呀挺好挺好，辛苦辛苦。"}


def call(
    *lines: str | tuple[str, str], language: Language = "en", reason: EndReason = "max_turns", by: Role | None = None
) -> Session:
    """A session of the lines said in turn, each with its act where it is a pair."""
    said = [line if isinstance(line, tuple) else (line, None) for line in lines]
    turns = tuple(Turn(role=speaker_at(n), text=text, act=act) for n, (text, act) in enumerate(said))
    end = End(reason=reason, by=by)
    return Session(id="s.0", scenario_id="s", language=language, seed=1, turns=turns, end=end)


def acted(*acts: str, reason: EndReason = "max_turns", by: Role | None = None) -> Session:
    """A session in which the merchant does these acts, in words that say nothing."""
    lines = [line for act in acts for line in ("Well.", ("Mm.", act))]
    return call(*lines, reason=reason, by=by)


def without_acts(session: Session) -> Session:
    """The session as a model's would be: only its words are left."""
    turns = tuple(turn.model_copy(update={"act": None, "noticed": None}) for turn in session.turns)
    return session.model_copy(update={"turns": turns})


@pytest.fixture(scope="module")
def offline(catalog: Catalog) -> list[Session]:
    return list(Simulator(seed=21).run_many(catalog.sample(400, seed=21)))


@pytest.mark.parametrize(
    ("acts", "reason", "expected"),
    [
        (("pick_up", "interested", "agree:meeting", "goodbye:agreed"), "goal_reached", "high_intention"),
        (("pick_up", "object:price", "agree:signup"), "max_turns", "high_intention"),
        (("pick_up", "goodbye:agreed"), "merchant_goodbye", "high_intention"),
        (("pick_up", "interested"), "max_turns", "interest"),
        (("pick_up", "ask:cost", "object:price"), "salesperson_goodbye", "interest"),
        (("pick_up", "interested", "defer", "goodbye:callback"), "callback_agreed", "callback"),
        (("pick_up", "brush_off", "goodbye:refused"), "merchant_goodbye", "perfunctory"),
        (("pick_up", "listen", "listen"), "max_turns", "perfunctory"),
        (("pick_up", "refuse", "goodbye:refused"), "merchant_goodbye", "refusal"),
        (("pick_up", "hang_up"), "merchant_hangup", "refusal"),
        (("pick_up", "object:price", "object:trust"), "salesperson_goodbye", "refusal"),
        (("no_time",), "merchant_hangup", "no_time"),
        (("pick_up", "busy"), "salesperson_goodbye", "no_time"),
        (("pick_up", "scold"), "merchant_hangup", "hostile"),
        (("pick_up", "scold", "listen", "goodbye:refused"), "merchant_goodbye", "hostile"),
    ],
)
def test_what_the_merchant_did_last_settles_the_outcome(
    acts: tuple[str, ...], reason: EndReason, expected: str
) -> None:
    by: Role | None = {"merchant": "merchant", "salesperson": "salesperson"}.get(reason.partition("_")[0])  # type: ignore[assignment]
    assert outcome(acted(*acts, reason=reason, by=by)) == expected


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("lines", "reason", "expected"),
    [
        ([GREETING, HM, PROPOSAL, YES, BYE, BYE], "goal_reached", "high_intention"),
        ([GREETING, HM, PITCH, INTERESTED], "max_turns", "interest"),
        ([GREETING, HM, CALLBACK, YES, BYE, BYE], "callback_agreed", "callback"),
        ([GREETING, HM, PITCH, SEND_IT, BYE, BYE], "salesperson_goodbye", "perfunctory"),
        ([GREETING, HM, PITCH, HM], "max_turns", "perfunctory"),
        ([GREETING, HM, PROPOSAL, NO, BYE, BYE], "salesperson_goodbye", "refusal"),
        ([GREETING, HM, PITCH, HM], "merchant_hangup", "refusal"),
        ([GREETING, HM, PITCH, BUSY], "merchant_hangup", "no_time"),
        ([GREETING, BUSY], "salesperson_goodbye", "no_time"),
    ],
)
def test_words_alone_tell_what_a_call_came_to(
    language: Language, lines: list[dict[Language, str]], reason: EndReason, expected: str
) -> None:
    by: Role = "merchant" if reason.startswith("merchant") else "salesperson"
    assert outcome(call(*(line[language] for line in lines), language=language, reason=reason, by=by)) == expected


@pytest.mark.parametrize(
    ("language", "scolding"),
    [("en", "You should be ashamed of yourself. Get lost, you pest!"), ("zh", "你有病吧？一天到晚打打打，滚！")],
)
def test_an_angry_merchant_is_hostile_by_words_alone(language: Language, scolding: str) -> None:
    angry = call(GREETING[language], scolding, language=language, reason="merchant_hangup", by="merchant")
    assert outcome(angry) == "hostile"


@given(
    claims=st.lists(
        st.sampled_from(["confirm:meeting", "goodbye:agreed", "step:close", "goodbye:callback"]), min_size=1, max_size=4
    ),
    did=st.sampled_from(["listen", "refuse", "brush_off", "no_time", "scold", "interested", "object:price"]),
    language=st.sampled_from(LANGUAGES),
)
def test_what_the_salesperson_claims_counts_nothing(claims: list[str], did: str, language: Language) -> None:
    silent = [line for _ in claims for line in (HM[language], (HM[language], did))]
    claimed = [line for act in claims for line in ((CLAIM[language], act), (HM[language], did))]
    claimed = [*claimed, (CLAIM[language], "goodbye:agreed")]
    assert outcome(call(*claimed, language=language)) == outcome(call(*silent, language=language))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_claimed_agreement_is_none_where_the_merchant_only_listened(language: Language) -> None:
    claimed = call(GREETING[language], HM[language], CLAIM[language], HM[language], BYE[language], language=language)
    assert outcome(claimed) == "perfunctory"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_later_refusal_undoes_an_agreement_and_a_later_agreement_a_refusal(language: Language) -> None:
    agreed, refused = (PROPOSAL[language], YES[language]), (PROPOSAL[language], NO[language])
    assert outcome(call(*agreed, *refused, language=language)) == "refusal"
    assert outcome(call(*refused, *agreed, language=language)) == "high_intention"
    assert outcome(acted("agree:meeting", "refuse")) == "refusal"
    assert outcome(acted("agree:meeting", "defer")) == "callback"
    assert outcome(acted("refuse", "agree:contact")) == "high_intention"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_yes_is_an_agreement_only_right_after_a_proposal(language: Language, catalog: Catalog) -> None:
    yeses = [line.text for line in catalog.lines(language) if (line.role, line.act) == ("merchant", "agree")]
    assert len(yeses) >= 12
    for yes in yeses:
        assert outcome(call(PROPOSAL[language], yes, language=language)) == "high_intention", yes
        assert outcome(call(PITCH[language], yes, language=language)) == "perfunctory", yes
        late = call(PROPOSAL[language], HM[language], PITCH[language], yes, language=language)
        assert outcome(late) == "perfunctory", yes


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_way_of_saying_no_or_of_leaving_is_heard_as_an_agreement(language: Language, catalog: Catalog) -> None:
    acts = ("refuse", "object", "defer", "busy", "brush_off", "no_time", "scold", "hang_up", "unsure", "pardon")
    said = [line.text for line in catalog.lines(language) if line.role == "merchant" and line.act in acts]
    said += [no for one in catalog.personas.values() if one.language == language for no in one.refusals]
    after = [call(PROPOSAL[language], text, language=language).turns for text in said]
    assert [turns[1].text for turns in after if heard_after(turns, 1, language).act == "agree"] == []


def test_in_doubt_the_less_committed_outcome_holds() -> None:
    assert outcome(call()) == "perfunctory"
    assert outcome(acted("pick_up", "interested", reason="merchant_goodbye", by="merchant")) == "perfunctory"
    assert outcome(acted("pick_up", "object:price")) == "perfunctory"
    assert outcome(call(PROPOSAL["en"], "Fine, but I can't promise anything.")) == "perfunctory"
    assert outcome(call(PROPOSAL["zh"], "好，不过我不一定去得了。", language="zh")) == "perfunctory"


@pytest.mark.parametrize("language", LANGUAGES)
def test_whoever_asks_whether_this_is_a_machine_suspects_one(language: Language) -> None:
    assert suspected_ai(call(PITCH[language], ROBOT[language], language=language))
    assert suspected_ai(acted("pick_up", "ask:is_ai"))
    assert not suspected_ai(acted("pick_up", "ask:cost"))
    assert not suspected_ai(call(PITCH[language], HM[language], ROBOT[language], HM[language], language=language))


@pytest.mark.parametrize("language", LANGUAGES)
def test_resistance_is_the_share_of_the_merchants_turns_that_resist(language: Language) -> None:
    said = (PITCH, HM, PITCH, TOO_DEAR, PROPOSAL, NO, PITCH, INTERESTED)
    assert resistance(call(*(line[language] for line in said), language=language)) == 0.5
    assert resistance(acted("pick_up", "object:price", "elaborate:price", "busy", "scold")) == 0.8
    assert resistance(acted("pick_up", "interested", "agree:meeting", "goodbye:agreed")) == 0.0
    assert resistance(call(PITCH[language], language=language)) == 0.0


@given(language=st.sampled_from(LANGUAGES), lines=st.integers(1, 30), longer=st.integers(0, 29), more=st.integers(1, 9))
def test_a_call_takes_longer_with_every_word_and_every_turn(
    language: Language, lines: int, longer: int, more: int
) -> None:
    said = [PITCH[language]] * lines
    grown = [*said]
    grown[longer % lines] += PITCH[language] * more
    least = seconds(call(*said, language=language))
    assert seconds(call(*grown, language=language)) > least
    assert seconds(call(*said, "...", language=language)) > least
    assert seconds(call(language=language)) == 0.0


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_typical_offline_call_takes_between_50_and_130_seconds(language: Language, offline: list[Session]) -> None:
    took = [seconds(session) for session in offline if session.language == language and len(session.turns) >= 8]
    assert 50 < median(took) < 130
    assert max(took) < 300


@pytest.mark.parametrize("language", LANGUAGES)
def test_offline_calls_come_to_the_same_by_their_words_alone_in_about_four_of_five(
    language: Language, offline: list[Session]
) -> None:
    calls = [session for session in offline if session.language == language]
    pairs = Counter((outcome(session), outcome(without_acts(session))) for session in calls)
    same = sum(count for (by_acts, by_words), count in pairs.items() if by_acts == by_words)
    assert same >= 0.75 * len(calls), pairs  # what differs is "got to go, the van's here": heard as a refusal
    assert {pair for pair in pairs if "high_intention" in pair} == {("high_intention", "high_intention")}


def test_offline_calls_come_to_most_of_the_outcomes(offline: list[Session]) -> None:
    found = Counter(map(outcome, offline))
    assert found.keys() <= set(OUTCOMES)
    for name in ("high_intention", "callback", "perfunctory", "refusal", "no_time"):
        assert found[name] >= 0.03 * len(offline), found


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("last", [TRUSTS_NOTHING, None])
def test_whoever_walks_out_after_a_yes_has_taken_it_back(
    catalog: Catalog, language: Language, last: dict[Language, str] | None
) -> None:
    said = iter([HM[language], YES[language], f"{last[language] if last else ''} {HANG_UP[language]}".strip()])
    lines = iter([GREETING[language], PROPOSAL[language], CLAIM[language]])
    scenario = catalog.sample(1, seed=1, language=language)[0]
    session = Simulator(lambda call: next(lines), lambda call: next(said)).run(scenario)
    assert session.end.reason == "merchant_hangup"
    assert outcome(session) != "high_intention"


@pytest.mark.parametrize("language", LANGUAGES)
def test_whoever_objects_after_a_yes_and_says_goodbye_has_taken_it_back(language: Language) -> None:
    lines = [GREETING, HM, PROPOSAL, YES, CLAIM, TRUSTS_NOTHING, BYE, BYE]
    assert outcome(call(*(line[language] for line in lines), language=language)) != "high_intention"
