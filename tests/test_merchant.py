"""A merchant played by a model: the mind decides, the model finds the words, the guard keeps it in its role."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telerole import (
    Budget,
    Call,
    Candidate,
    Catalog,
    Reply,
    RunFolder,
    Sampling,
    Scenario,
    ScriptedBackend,
    Session,
    Simulator,
)
from telerole.agents.deciding import LEAVES, decide
from telerole.agents.guard import INVERTED, LEAKED, out_of_role
from telerole.agents.merchant import MindedMerchant
from telerole.agents.mind import mind_after
from telerole.agents.reader import ByModel
from telerole.agents.role import InRole
from telerole.agents.state import about, named
from telerole.backends.base import Message
from telerole.channel import Channel
from telerole.errors import BackendError, InputError, Truncated
from telerole.lines import ACTS
from telerole.persona import Role
from telerole.prompts import HANG_UP, merchant_acts, merchant_messages, render
from telerole.records import LANGUAGES, Language, fill, slots
from telerole.session import Usage
from telerole.testing import FakeServer

SYLLABLES: dict[Language, list[str]] = {
    "en": ["mm", "right", "well", "okay", "so", "ah", "yeah", "look", "fine", "hang on", "then", "now", "one second"],
    "zh": ["嗯", "哦", "那个", "行", "好", "唉", "这样", "啊", "对", "是", "等下", "先", "看", "呢", "哎", "也", "就"],
}


class Told(NamedTuple):
    """One turn of the merchant: what the model was told, and the turn's act and events."""

    messages: list[Message]
    act: str
    noticed: tuple[str, ...]

    @property
    def text(self) -> str:
        return "\n".join(message["content"] for message in self.messages)


Played = list[tuple[Scenario, Session, list[Told]]]


def mumble(messages: Sequence[Message]) -> str:
    """Another handful of words for every request; the same request always gets the same ones."""
    number, words = crc32(repr(messages).encode()), SYLLABLES[language_of(messages)]
    return " ".join(words[(number >> 4 * place) % len(words)] for place in range(7))


def language_of(messages: Sequence[Message]) -> Language:
    return "en" if "You are a merchant" in messages[0]["content"] else "zh"


def note_in(messages: Sequence[Message]) -> str:
    return messages[-1]["content"].rpartition("\n\n")[2]


def play(scenario: Scenario, reply: Callable[[Sequence[Message]], str] = mumble, **options: Any) -> list[Told]:
    return told(scenario, reply, **options)[1]


def told(
    scenario: Scenario, reply: Callable[[Sequence[Message]], str] = mumble, **options: Any
) -> tuple[Session, list[Told]]:
    asked: list[list[Message]] = []

    def answer(messages: Sequence[Message]) -> str:
        asked.append([*messages])
        return reply(messages)

    session = Simulator(options.pop("salesperson", "offline"), ScriptedBackend(answer), seed=4, **options).run(scenario)
    turns = [turn for turn in session.turns if turn.role == "merchant"]
    return session, [Told(one, turn.act or "", turn.noticed or ()) for one, turn in zip(asked, turns, strict=False)]


def prattle(call: Call) -> str:
    """A salesperson that goes through its sample lines without end and never says goodbye."""
    steps = call.scenario.filled_strategy.flow
    return steps[len(call.turns) // 2 % len(steps)].say[0]


@pytest.fixture(scope="module")
def played(catalog: Catalog) -> Played:
    return [(one, *told(one)) for one in catalog.sample(60, seed=7)]


# ------------------------------------------------------------------------------------------- what it is told


def test_with_a_mind_the_system_prompt_shows_none_of_its_facts_and_without_one_all(catalog: Catalog) -> None:
    for persona in catalog.personas.values():
        if persona.role != "merchant":
            continue
        scenario = catalog.sample(1, persona=persona)[0]
        minded = merchant_messages(scenario, [], minded=True)[0]["content"]
        plain = merchant_messages(scenario, [])[0]["content"]
        assert persona.facts
        assert not any(fact in minded for fact in persona.facts.values()), persona.id
        assert all(fact in plain for fact in persona.facts.values()), persona.id


def test_without_a_mind_the_merchant_is_told_the_plain_prompt_byte_for_byte(scenario: Scenario) -> None:
    session, seen = told(scenario, mind=None, max_turns=8)
    assert len(seen) == 4
    for number, one in enumerate(seen):
        assert one.messages == merchant_messages(scenario, session.turns[: 2 * number + 1])
    assert {(turn.act, turn.noticed) for turn in session.turns[1::2]} == {(None, None)}


def test_no_fact_is_told_to_the_model_before_it_was_asked_for_or_volunteered(played: Played) -> None:
    asked = volunteered = 0
    for scenario, _, seen in played:
        for turn in seen:
            shown = {topic for topic, fact in scenario.merchant.facts.items() if fact in turn.text}
            released = {about(turn.act)} if named(turn.act) in ("answer", "volunteer") else set()
            assert shown == released, turn.act
            if named(turn.act) == "answer":
                assert f"asked:{about(turn.act)}" in turn.noticed
                assert scenario.merchant.facts[about(turn.act)] in note_in(turn.messages)  # type: ignore[index]
            asked += named(turn.act) == "answer"
            volunteered += named(turn.act) == "volunteer"
    assert asked > 30
    assert volunteered > 5


def test_the_note_stands_at_the_end_of_the_last_message_and_nowhere_else(played: Played) -> None:
    for scenario, session, seen in played:
        for number, turn in enumerate(seen):
            plain = merchant_messages(scenario, session.turns[: 2 * number + 1], minded=True)
            assert turn.messages[:-1] == plain[:-1]
            before, _, note = turn.messages[-1]["content"].rpartition("\n\n")
            assert before == plain[-1]["content"]
            assert (note[0], note[-1]) in {("(", ")"), ("（", "）")}


def test_the_next_turns_messages_begin_with_the_earlier_ones_without_their_note(played: Played) -> None:
    pairs = 0
    for _, _, seen in played:
        for before, after in pairwise(seen):
            *kept, last = before.messages
            assert after.messages[: len(kept)] == kept
            assert after.messages[len(kept)]["content"] == last["content"].rpartition("\n\n")[0]
            pairs += 1
    assert pairs > 200


def test_the_note_carries_the_act_a_length_and_real_lines(played: Played, catalog: Catalog) -> None:
    for scenario, _, seen in played:
        known = scenario.profile.slots()
        for turn in seen:
            note, acts = note_in(turn.messages), merchant_acts(scenario.language)
            assert (acts.get(turn.act) or acts[named(turn.act)]) in note
            assert re.search(r"About [1-9]\d* words?\." if scenario.language == "en" else r"大概[1-9]\d*个字。", note)
            if named(turn.act) in ("answer", "volunteer", "unsure"):
                continue  # the fact, or what was asked, says how it is put
            real = {
                fill(line.text, known)
                for line in catalog.lines(scenario.language)
                if (line.role, line.act, line.about) == ("merchant", named(turn.act), about(turn.act))
                and slots(line.text) <= known.keys()
            }
            samples = re.findall(r"[\"“]([^\"“”]+)[\"”]", note)
            assert samples, note
            assert set(samples) <= real | set(scenario.merchant.refusals), note


def test_the_state_of_mind_never_stands_in_a_prompt_as_a_number(played: Played) -> None:
    """The one number of a note's own is the length; feelings are fractions, and there is none."""
    for scenario, session, seen in played:
        for index, turn in enumerate(seen):
            note = note_in(turn.messages)
            for quoted in [*re.findall(r"[\"“][^\"“”]+[\"”]", note), *scenario.merchant.facts.values()]:
                note = note.replace(quoted, "")
            assert len(re.findall(r"\d+(?:\.\d+)?", note)) == 1
            mind = mind_after(scenario, session.turns[: 2 * index + 1], session.seed)
            for feeling in (mind.interest, mind.trust, mind.patience, mind.suspicion, mind.busyness):
                if 0 < feeling < 1:
                    assert f"{feeling:.2f}" not in turn.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_act_of_a_merchant_can_be_told_to_a_model(language: Language) -> None:
    acts = merchant_acts(language)
    missing = [
        (act, kind)
        for act, kinds in ACTS["merchant"].items()
        for kind in kinds or ("",)
        if f"{act}:{kind}" not in acts and act not in acts
    ]
    assert not missing
    assert {act.partition(":")[0] for act in acts} <= set(ACTS["merchant"])


# ------------------------------------------------------------------------------------------- who decides


def test_when_the_mind_leaves_the_call_ends_though_the_model_keeps_talking(played: Played) -> None:
    left = 0
    for _, session, seen in played:
        kinds = [named(turn.act) for turn in seen]
        assert not set(kinds[:-1]) & set(LEAVES)
        if kinds[-1] in LEAVES:
            left += 1
            assert session.turns[-1].role == "merchant"
            assert session.end.by == "merchant"
    assert left > 20


def test_a_merchant_that_said_goodbye_is_gone_two_lines_later_whatever_the_salesperson_says(catalog: Catalog) -> None:
    for scenario in catalog.sample(40, seed=9):
        session, seen = told(scenario, salesperson=prattle)
        assert session.end.by == "merchant", session.end
        acts = [named(turn.act) for turn in seen]
        settled = ("goodbye", "defer", "brush_off", "agree")
        wound_up = next((n for n, act in enumerate(acts) if act in settled), len(acts))
        assert len(acts) - wound_up <= 3, acts


def test_a_call_that_agreed_and_said_goodbye_reached_its_goal_though_the_salesperson_talks_on(catalog: Catalog) -> None:
    ends = []
    for scenario in catalog.sample(120, seed=9):
        session, seen = told(scenario, salesperson=prattle)
        if any(named(turn.act) == "agree" for turn in seen):
            ends.append(session.end.reason)
    assert len(ends) > 5
    assert set(ends) == {"goal_reached"}


def test_a_model_may_put_the_phone_down_without_a_word_only_when_the_mind_leaves(catalog: Catalog) -> None:
    scenario = next(
        one for one in catalog.sample(40, seed=7, language="en") if named(play(one)[-1].act) in ("hang_up", "no_time")
    )
    spoken, _ = told(scenario)

    def silently(messages: Sequence[Message]) -> str:
        return HANG_UP["en"] if "the phone is down" in messages[-1]["content"] else mumble(messages)

    silent, _ = told(scenario, silently)
    assert silent.turns == spoken.turns[:-1]
    assert (silent.end.reason, silent.end.by) == ("merchant_hangup", "merchant")


def test_a_models_hang_up_mark_does_not_end_a_call_in_which_the_mind_stays(catalog: Catalog) -> None:
    marked = 0
    for scenario in catalog.sample(12, seed=7):
        mark = HANG_UP[scenario.language]
        as_it_was = told(scenario)[0]
        session, seen = told(scenario, lambda messages, mark=mark: f"{mumble(messages)} {mark}")  # type: ignore[misc]
        assert [turn.text for turn in session.turns] == [turn.text for turn in as_it_was.turns]
        assert session.end == as_it_was.end
        for turn, one in zip(session.turns[1::2], seen, strict=True):
            if named(one.act) not in LEAVES:
                assert any("hang" in repair for repair in turn.repairs), "a mark that was not obeyed is on record"
                marked += 1
    assert marked > 30


def test_the_same_seed_and_words_give_the_same_sessions_at_any_concurrency(catalog: Catalog, tmp_path: Path) -> None:
    made = []
    for concurrency in (1, 16):
        out = tmp_path / str(concurrency)
        simulator = Simulator("offline", ScriptedBackend(mumble), seed=3, mind=reads("new_value", "listened"))
        simulator.run_many(catalog.sample(20, seed=2), concurrency=concurrency, out=out)
        made.append(set((out / "sessions.jsonl").read_bytes().splitlines()))
    assert made[0] == made[1]
    assert len(made[0]) == 20


def test_the_decisions_follow_from_the_record_alone(played: Played) -> None:
    """Whoever has a session can draw every decision of its merchant again."""
    for scenario, session, _ in played:
        for index in range(1, len(session.turns), 2):
            call = Call(scenario, session.turns[:index], session.seed)
            mind = mind_after(scenario, call.turns, call.seed, session.turns[index].noticed)
            assert decide(mind, scenario, call.random("act")).act == session.turns[index].act


@settings(max_examples=40, deadline=None)
@given(replies=st.lists(st.text(max_size=60), min_size=1, max_size=5), number=st.integers(0, 11))
def test_whatever_a_model_says_the_record_holds_only_what_can_be_said_in_the_role(
    replies: list[str], number: int
) -> None:
    scenario = Catalog.bundled().sample(12, seed=3)[number]
    backend = ScriptedBackend(lambda messages: replies[len(messages) // 2 % len(replies)] or "…")
    session = Simulator("offline", backend, seed=number).run(scenario)
    for turn in session.turns[1::2]:
        assert turn.text.strip()
        assert named(turn.act or "") in ACTS["merchant"]
        assert out_of_role(turn.text, "merchant", scenario) is None
    if not session.finished:
        assert session.end.detail.startswith(("EmptyReply", "OutOfRole"))


# ------------------------------------------------------------------------------------------- the guard


class Stubborn:
    """Answers with the texts (an error is raised) in turn, the last one for ever, and keeps the seeds it was given."""

    name = "stubborn"

    def __init__(self, *texts: str | BackendError) -> None:
        self.texts = texts
        self.seeds: list[int | None] = []

    async def generate(
        self, messages: Sequence[Message], *, sampling: Sampling = Sampling(), schema: Mapping[str, Any] | None = None
    ) -> Reply:
        self.seeds.append(sampling.seed)
        text = self.texts[min(len(self.seeds), len(self.texts)) - 1]
        if isinstance(text, BackendError):
            raise text
        return Reply(text, Usage(calls=1, attempts=1))


SLIPS: list[tuple[Language, Role, str, str]] = [
    ("en", "merchant", "Hello, I'm calling from {company} about your shop.", INVERTED),
    ("en", "merchant", "Hi there, this is {name} from {company}.", INVERTED),
    ("en", "merchant", "Hello! How can I help you today?", INVERTED),
    ("en", "merchant", "I should respond as the merchant here: mm, go on.", LEAKED),
    ("en", "merchant", "As an AI language model, I cannot pick up phones.", LEAKED),
    ("en", "salesperson", "Who's this? How did you get my number?", INVERTED),
    ("en", "salesperson", "Sorry, we're not interested.", INVERTED),
    ("en", "salesperson", "Thought: the merchant is wary, so be brief.", LEAKED),
    ("zh", "merchant", "您好，我是{company}的{name}，想跟您说个事。", INVERTED),
    ("zh", "merchant", "您好，请问有什么可以帮您？", INVERTED),
    ("zh", "merchant", "作为一个AI助手，我没有店铺。", LEAKED),
    ("zh", "merchant", "按照设定，我应该回应一声：嗯。", LEAKED),
    ("zh", "salesperson", "你谁啊？怎么有我电话？", INVERTED),
    ("zh", "salesperson", "我不需要，别再打来了。", INVERTED),
    ("zh", "salesperson", "（思考）作为语言模型，我先问好。", LEAKED),
]
GOOD: dict[Language, str] = {"en": "Mm, go on then.", "zh": "嗯，你说。"}


def slip(catalog: Catalog, language: Language, text: str) -> tuple[Scenario, str]:
    scenario = catalog.sample(1, seed=3, language=language)[0]
    return scenario, text.format(company=scenario.salesperson.company, name=scenario.salesperson.name)


def seated(role: Role, guest: object, **options: Any) -> Simulator:
    chairs: dict[str, Any] = {"salesperson": guest} if role == "salesperson" else {"merchant": guest}
    return Simulator(**chairs, seed=1, **options)


@pytest.mark.parametrize(("language", "role", "text", "fault"), SLIPS)
def test_a_line_out_of_role_is_asked_for_again_with_another_seed_and_that_is_recorded(
    catalog: Catalog, language: Language, role: Role, text: str, fault: str
) -> None:
    scenario, bad = slip(catalog, language, text)
    backend = Stubborn(bad, GOOD[language])
    session = seated(role, backend, max_turns=2).run(scenario)
    turn = next(turn for turn in session.turns if turn.role == role)
    assert (turn.text, turn.repairs) == (GOOD[language], (f"asked again: {fault}",))
    assert len(set(backend.seeds)) == len(backend.seeds) == 2
    assert session.usage[role].calls == 2


@pytest.mark.parametrize("reason", ["OutOfRole", "Truncated"])
@pytest.mark.parametrize("role", ["salesperson", "merchant"])
def test_a_reply_that_a_later_one_made_good_is_on_file_with_its_turn_and_is_no_failure(
    catalog: Catalog, tmp_path: Path, role: Role, reason: str
) -> None:
    scenario, bad = slip(catalog, "en", next(text for _, chair, text, _ in SLIPS if chair == role))

    def play(out: Path) -> dict[str, bytes]:
        cut_off = Truncated("cut off", raw=bad, usage=Usage(calls=1, attempts=1))
        cut_off.retryable = False
        backend = Stubborn(bad if reason == "OutOfRole" else cut_off, GOOD["en"])
        run = seated(role, backend, max_turns=2).run_many([scenario], out=out)
        (session,), (refused,) = run.sessions(), run.tries()
        assert (refused.id, refused.by, refused.reason, refused.raw) == (session.id, role, reason, bad)
        assert refused.turns == session.turns[: 0 if role == "salesperson" else 1]
        assert not [*run.failures()]
        assert not run.totals().failures
        assert run.totals().usage[role] == session.usage[role]
        assert session.usage[role].attempts == 2
        files = {file.name: file.read_bytes() for file in out.iterdir()}
        assert not [name for name, held in files.items() if bad.encode() in held and name != "failures.jsonl"]
        return files

    assert play(tmp_path / "one") == play(tmp_path / "two") == play(tmp_path / "one")


@pytest.mark.parametrize("role", ["salesperson", "merchant"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_three_lines_out_of_role_fail_the_session_with_the_raw_reply(
    catalog: Catalog, tmp_path: Path, language: Language, role: Role
) -> None:
    text = next(text for spoken, chair, text, _ in SLIPS if (spoken, chair) == (language, role))
    scenario, bad = slip(catalog, language, text)
    backend = Stubborn(bad)
    run = seated(role, backend).run_many([scenario], out=tmp_path / "run")
    assert len(run) == 0
    (failure,) = run.failures()
    assert (failure.reason, failure.by, failure.raw) == ("OutOfRole", role, bad)
    assert INVERTED in failure.message
    assert failure.usage[role].calls == len(backend.seeds) == len(set(backend.seeds)) == 3


@pytest.mark.parametrize(("language", "text"), [(one[0], one[2]) for one in SLIPS if one[1] == "salesperson"])
def test_a_candidate_is_not_guarded_what_it_says_is_what_is_tested(
    catalog: Catalog, language: Language, text: str
) -> None:
    scenario, bad = slip(catalog, language, text)
    backend = Stubborn(bad)
    session = Simulator(Candidate(backend), max_turns=2).run(scenario)
    assert bad.endswith(session.turns[0].text)  # a stage direction is cut from anybody's line
    assert not any(repair.startswith("asked again") for repair in session.turns[0].repairs)
    assert len(backend.seeds) == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_bundled_line_of_either_role_is_taken_for_a_slip(catalog: Catalog, language: Language) -> None:
    checked = 0
    truths = catalog.truths(language)
    people = [one for one in catalog.personas.values() if (one.language, one.role) == (language, "merchant")]
    for scenario in catalog.sample(40, seed=1, language=language):
        seller, strategy = scenario.salesperson, scenario.filled_strategy
        known = {**scenario.profile.slots(), **strategy.offer}
        known |= {"salesperson_name": seller.name, "company": seller.company}
        lines: list[tuple[Role, str]] = [
            (one.role, fill(one.text, known)) for one in catalog.lines(language) if slots(one.text) <= known.keys()
        ]
        lines += [(turn.role, turn.text) for truth in truths for turn in truth.turns]
        lines += [("salesperson", line) for step in strategy.flow for line in step.say]
        lines += [("salesperson", line) for said in strategy.answers.values() for line in said]
        lines += [("merchant", line) for one in people for line in (*one.facts.values(), *one.refusals)]
        assert [line for role, line in lines if out_of_role(line, role, scenario)] == []
        checked += len(lines)
    assert checked > 40 * 2000


NATURAL: list[tuple[Language, Role, str]] = [
    ("en", "merchant", "{company}? Never heard of them."),
    ("en", "merchant", "So you're calling from {company}, right."),
    ("en", "merchant", "Hang on, the customer is at the counter."),
    ("en", "merchant", "Let me write that down."),
    ("en", "merchant", "No. Thank you for calling, though."),
    ("en", "salesperson", "The customer has thirty days to send it back."),
    ("en", "salesperson", "My role here is to look after sellers like you."),
    ("en", "salesperson", "If you're not interested after that, no problem."),
    ("zh", "merchant", "哦，{company}的啊，知道。"),
    ("zh", "merchant", "我们公司是做灯的。"),
    ("zh", "merchant", "等下，我要回复客户一个消息。"),
    ("zh", "salesperson", "按照要求填个表就行。"),
    ("zh", "salesperson", "客户可能觉得这个价贵。"),
    ("zh", "salesperson", "您要是不感兴趣也没关系。"),
]


@pytest.mark.parametrize(("language", "role", "text"), NATURAL)
def test_what_people_do_say_on_the_phone_is_not_taken_for_a_slip(
    catalog: Catalog, language: Language, role: Role, text: str
) -> None:
    scenario, line = slip(catalog, language, text)
    assert out_of_role(line, role, scenario) is None


# ------------------------------------------------------------------------------------------- a model that reads


def reads(*events: str, asked_for: str = "") -> ScriptedBackend:
    return ScriptedBackend(json.dumps({"events": events, "asked_for": asked_for}), name="reader")


def test_the_readers_events_stand_on_the_turn_and_are_what_the_mind_is_folded_from(scenario: Scenario) -> None:
    reader = reads("boasted", "asked", asked_for="team")
    session = Simulator("offline", ScriptedBackend(mumble), seed=4, mind=reader).run(scenario)
    noticed = [turn.noticed for turn in session.turns[1::2]]
    assert set(noticed) == {("boasted", "asked:team")}
    mind = mind_after(scenario, session.turns, session.seed)
    assert mind.events[: len(noticed)] == noticed
    unread = [turn.model_copy(update={"noticed": None}) for turn in session.turns]
    assert mind_after(scenario, unread, session.seed).events[: len(noticed)] != noticed
    assert session.provenance["merchant"] == "scripted, read by reader"


def test_what_the_reader_says_was_asked_for_is_what_is_released(catalog: Catalog) -> None:
    released = 0
    for scenario in catalog.sample(12, seed=5):
        for turn in play(scenario, mind=reads("asked", asked_for="season")):
            if named(turn.act) == "answer":
                assert turn.act == "answer:season"
                assert scenario.merchant.facts["season"] in note_in(turn.messages)
                released += 1
    assert released > 5


def test_a_merchant_stays_longer_with_a_salesperson_whom_the_reader_hears_better_of(catalog: Catalog) -> None:
    scenarios = catalog.sample(30, seed=5)

    def length(*events: str) -> int:
        simulator = Simulator(prattle, ScriptedBackend(mumble), seed=2, mind=reads(*events))
        return sum(len(session.turns) for session in simulator.run_many(scenarios))

    assert length("pressed", "repeated") < length("answered", "chatted")


def test_what_reading_costs_is_counted_with_the_merchant_and_on_the_budget(scenario: Scenario) -> None:
    budget = Budget()
    session = Simulator("offline", ScriptedBackend(mumble), seed=4, mind=reads("listened"), budget=budget).run(scenario)
    lines = len(session.turns) // 2
    assert session.usage["merchant"].calls == 2 * lines == budget.spent.calls


def test_a_reader_given_with_the_merchant_is_on_the_budget_too(scenario: Scenario) -> None:
    budget = Budget()
    merchant = MindedMerchant(InRole(ScriptedBackend(mumble), "merchant"), ByModel(reads("listened")))
    session = Simulator("offline", merchant, budget=budget).run(scenario)
    assert budget.spent.calls == session.usage["merchant"].calls


def test_reading_is_paid_for_also_where_the_turn_then_fails(catalog: Catalog) -> None:
    scenario, bad = slip(catalog, "en", SLIPS[0][2])
    session = Simulator("offline", ScriptedBackend(bad), mind=reads("greeted")).run(scenario)
    assert session.end.detail.startswith("OutOfRole")
    assert session.usage["merchant"].calls == 1 + 3


def test_an_answer_out_of_shape_is_asked_for_again(scenario: Scenario) -> None:
    good = reads("chatted")

    async def answer(messages: Sequence[Message]) -> str:
        asked_again = any(message["role"] == "assistant" for message in messages)
        return (await good.generate([])).text if asked_again else '{"events": ["smiled"]}'

    simulator = Simulator("offline", ScriptedBackend(mumble), mind=ScriptedBackend(answer), max_turns=2)
    session = simulator.run(scenario)
    assert session.turns[1].noticed == ("chatted",)
    assert session.usage["merchant"].calls == 3


def test_an_answer_that_never_fits_fails_the_turn_with_the_raw_answer(scenario: Scenario, tmp_path: Path) -> None:
    reader = ScriptedBackend("I would say the salesperson was charming.", name="reader")
    run = Simulator("offline", ScriptedBackend(mumble), mind=reader).run_many([scenario], out=tmp_path / "run")
    assert len(run) == 0
    (failure,) = run.failures()
    assert (failure.reason, failure.by) == ("BadReply", "merchant")
    assert failure.raw == "I would say the salesperson was charming."
    assert failure.usage["merchant"].calls == 3


def test_the_reader_is_shown_the_call_and_nothing_of_the_merchants_mind(scenario: Scenario) -> None:
    asked: list[str] = []

    def answer(messages: Sequence[Message]) -> str:
        asked.append(messages[-1]["content"])
        return '{"events": ["new_value"], "asked_for": ""}'

    session = Simulator("offline", ScriptedBackend(mumble), mind=ScriptedBackend(answer), seed=4).run(scenario)
    assert len(asked) == len(session.turns) // 2
    for number, prompt in enumerate(asked):
        assert session.turns[2 * number].text in prompt
        for secret in (*scenario.merchant.facts.values(), scenario.merchant.background, scenario.strategy.goal):
            assert secret not in prompt
        assert not re.search(r"\d\.\d", prompt)


def test_a_reader_over_http_is_asked_with_a_schema(scenario: Scenario) -> None:
    with FakeServer(reply='{"events": ["greeted"], "asked_for": ""}') as server:
        mind = f"openai:ear@{server.url}"
        session = Simulator("offline", ScriptedBackend(mumble), mind=mind, max_turns=2).run(scenario)
        bodies = [request.body for request in server.requests]
    assert session.turns[1].noticed == ("greeted",)
    assert bodies[0]["response_format"]["json_schema"]["name"] == "LineReading"


# ------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("mind", "tells"),
    [
        ("offline", "openai:MODEL@BASE_URL"),
        ("human", "openai:MODEL@BASE_URL"),
        ("candidate+openai:m", "openai:MODEL@BASE_URL"),
        ("openai", "names no model"),
        ("openai:m@localhost", "must begin with http"),
        ("rule", "rules"),
        ("ofline", "rules"),
        (3, "mind"),
    ],
)
def test_a_mind_that_cannot_read_is_refused_with_the_right_form(mind: Any, tells: str) -> None:
    with pytest.raises(InputError, match=tells):
        Simulator("offline", ScriptedBackend("Mm."), mind=mind)


@pytest.mark.parametrize("mind", [None, reads("greeted")])
def test_an_offline_merchant_is_refused_another_mind_than_its_own(mind: ScriptedBackend | None) -> None:
    with pytest.raises(InputError, match="needs a model"):
        Simulator("offline", "offline", mind=mind)


@pytest.mark.parametrize(
    ("field", "option"),
    [
        ("mind", {"mind": None}),
        ("mind", {"mind": reads("greeted")}),
        ("director", {"director": False}),
        ("channel", {"channel": Channel(lost=0.1)}),
    ],
)
def test_a_run_folder_refuses_another_mind_director_or_channel_by_name(
    scenario: Scenario, tmp_path: Path, field: str, option: dict[str, Any]
) -> None:
    backend = ScriptedBackend(mumble)
    Simulator("offline", backend, max_turns=4).run_many([scenario], out=tmp_path / "run")
    before = (tmp_path / "run" / "sessions.jsonl").read_bytes()
    with pytest.raises(InputError, match=rf"{field}: was .*, is now"):
        Simulator("offline", backend, max_turns=4, **option).run_many([scenario], out=tmp_path / "run")
    assert (tmp_path / "run" / "sessions.jsonl").read_bytes() == before
    assert len(RunFolder.read(tmp_path / "run")) == 1


def test_the_note_is_rendered_with_what_it_needs_in_both_languages() -> None:
    for language in LANGUAGES:
        bare = render("merchant_turn", language, act="Act.", fact=None, length=1, examples=())
        full = render("merchant_turn", language, act="Act.", fact="A fact.", length=12, examples=("One.", "Two."))
        assert "A fact." not in bare
        assert all(told in full for told in ("Act.", "A fact.", "12", "One.", "Two."))
