"""The persona studio: what it writes, what it finds, what it shows."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telerole import Catalog, InputError, Persona, ScriptedBackend, plots, prompts, studio
from telerole.agents.role import InRole
from telerole.backends import Message
from telerole.errors import BadReply, Unreachable
from telerole.persona import Disposition, Objection, Temper, Topic, Trade
from telerole.postprocess.results import Funnel, Stage
from telerole.prompts import render
from telerole.records import load
from telerole.studio.showing import hold
from telerole.testing import FakeServer

GOOD: dict[str, Any] = {
    "id": "three-phones-en",
    "role": "merchant",
    "language": "en",
    "name": "The one with three phones",
    "background": "Took the place over from an uncle and never sits down. The second phone is for the school.",
    "temperament": "Loud and kind. Forgets what was just said.",
    "manner": ['Answers two calls at once. "Not you, love. Yes you."', 'Counts aloud. "Four, five, go on, six."'],
    "temper": "hurried",
    "objections": ["capacity", "price"],
    "refusals": [
        "I've promised my evenings to the kids this year, so no.",
        "Last one of you cost me four hundred quid. Not again.",
        "My lease is up in June, ring whoever comes after me.",
    ],
    "facts": {
        "channels": "Bit of everything, mostly online.",
        "capacity": "I'm at the top end now, honest.",
        "team": "Me and whoever's off school.",
        "schedule": "Half six, when the van's been.",
    },
    "disposition": {"interest": 0.3, "patience": 0.3, "busyness": 0.9, "talkativeness": 0.5, "suspicion": 0.4},
}
ZH: dict[str, Any] = {
    "id": "三部手机",
    "role": "merchant",
    "language": "zh",
    "name": "三部手机的老板娘",
    "background": "店是从舅舅手里接过来的，一天到晚坐不下来，有部手机专门接学校老师的电话。",
    "temperament": "嗓门大，心肠软，转头就忘。",
    "manner": ["两头一起接：“不是说你，哎你讲你的。”", "边数边聊：“四个，五个，嗯你说。”"],
    "temper": "hurried",
    "objections": ["capacity", "price"],
    "refusals": [
        "晚上我答应陪娃写作业了，弄不了这个。",
        "上回你们那个收了我四百块，没下文。",
        "铺子六月份到期，你找下一家吧。",
    ],
    "facts": {
        "channels": "啥都有点，网上多些。",
        "capacity": "现在就顶格了，真的。",
        "team": "谁放假谁来帮我。",
        "schedule": "六点半吧，车走了以后。",
    },
    "disposition": {"interest": 0.3, "patience": 0.3, "busyness": 0.9, "talkativeness": 0.5, "suspicion": 0.4},
}


def persona(**changes: Any) -> Persona:
    return Persona.model_validate({**GOOD, **changes})


def kinds(one: Persona) -> set[tuple[str, str]]:
    return {(finding.kind, finding.field) for finding in studio.examine(one)}


def telerole(*arguments: object, typed: str = "", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from telerole.cli import main; main()", *map(str, arguments)]
    env = {**os.environ, "COLUMNS": "200", "OPENAI_API_KEY": "none"}
    return subprocess.run(
        command, input=typed, capture_output=True, text=True, cwd=cwd, env=env, timeout=120, check=False
    )


# Writing


texts = st.text(min_size=1).filter(lambda text: text.strip())
spoken = st.sampled_from(["Yeah, and?", "“嗯。”你说：多少钱？ # 不是注释", "No: 'never'.", "- a", "{x}", "yes", "0.5"])
personas = st.builds(
    Persona,
    id=st.just("a"),
    role=st.just("merchant"),
    language=st.sampled_from(["en", "zh"]),
    name=texts,
    background=texts | st.lists(spoken, min_size=9).map(" ".join),
    temperament=texts,
    manner=st.lists(texts | spoken, min_size=1).map(tuple),
    temper=st.none() | st.sampled_from(get_args(Temper)),
    trades=st.lists(st.sampled_from(get_args(Trade)), unique=True).map(tuple),
    objections=st.lists(st.sampled_from(get_args(Objection)), unique=True).map(tuple),
    refusals=st.lists(spoken).map(tuple),
    facts=st.dictionaries(st.sampled_from(get_args(Topic)), texts | spoken),
    disposition=st.builds(Disposition, interest=st.floats(0, 1)),
    reactions=st.dictionaries(st.sampled_from(["pressed", "asked"]), st.just({"trust": -0.25})),
)


@settings(max_examples=100, deadline=None)
@given(personas)
def test_a_persona_written_and_loaded_is_the_same(tmp_path_factory: pytest.TempPathFactory, one: Persona) -> None:
    path = tmp_path_factory.getbasetemp() / "p.yaml"
    studio.save(path, studio.written(one, studio.schema_line(path)), force=True)
    assert load(path, Persona) == [one]


@settings(max_examples=100, deadline=None)
@given(personas, personas)
def test_a_text_edited_to_another_persona_says_that_persona(
    tmp_path_factory: pytest.TempPathFactory, one: Persona, other: Persona
) -> None:
    path = tmp_path_factory.getbasetemp() / "q.yaml"
    path.write_text(studio.edited(studio.written(one), other), encoding="utf-8")
    assert load(path, Persona) == [other]


def test_editing_keeps_the_schema_line_comments_and_every_field_that_stays() -> None:
    text = (
        "# yaml-language-server: $schema=../persona.schema.json\n# mine\nid: a\nrole: merchant\nlanguage: en\n"
        'name: A   # short\nbackground: "b"\n\n# how she talks\ntemperament:   c\nmanner:\n  - d   # from a real call\n'
        "facts:\n  # where\n  channels: Online.\n  team: Just me. # ask again\n\n"
        "# the end\ndisposition: {interest: 0.2}\n"
    )
    old = Persona.model_validate(
        {"id": "a", "role": "merchant", "language": "en", "name": "A", "background": "b", "temperament": "c"}
        | {"manner": ["d"], "facts": {"channels": "Online.", "team": "Just me."}, "disposition": {"interest": 0.2}}
    )
    facts = {"channels": "In the shop.", "team": "Just me.", "season": "Spring."}
    new = old.model_copy(update={"temperament": "quiet", "temper": "dry", "facts": facts})
    after = studio.edited(text, new)
    wanted = text.replace("temperament:   c", "temperament: quiet").replace(
        "channels: Online.", "channels: In the shop."
    )
    wanted = wanted.replace("  # from a real call\n", "  # from a real call\ntemper: dry\n")
    wanted = wanted.replace("# ask again\n", "# ask again\n  season: Spring.\n")
    assert after == wanted
    assert studio.edited(text, old) == text
    assert studio.comments_lost(text, after) == []


def test_a_comment_that_an_edit_cannot_keep_is_named() -> None:
    text = studio.written(persona()).replace("  - Counts aloud.", "  # heard in May\n  - Counts aloud.")
    after = studio.edited(text, persona(manner=['Whispers. "Mm."']))
    assert studio.comments_lost(text, after) == ["# heard in May"]


def test_nothing_is_written_over_unless_asked(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    studio.save(path, "old")
    with pytest.raises(InputError, match="is there already"):
        studio.save(path, "new")
    assert path.read_text() == "old"
    studio.save(path, "new", force=True)
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path], "and no half file is left"


def test_the_schema_line_points_at_the_installed_schema(tmp_path: Path) -> None:
    line = studio.schema_line(tmp_path / "p.yaml")
    assert line.startswith("# yaml-language-server: $schema=file://")
    assert line.endswith("/personas/persona.schema.json")


# Examining


def test_the_library_has_neither_contradictions_nor_leaks_nor_two_alike(catalog: Catalog) -> None:
    told = [(one.id, str(f)) for one in catalog.personas.values() for f in studio.examine(one) if f.kind != "style"]
    assert told == []


def test_a_good_persona_has_no_findings() -> None:
    assert studio.examine(persona()) == []
    assert studio.examine(Persona.model_validate({**ZH, "id": "x-zh"})) == []


@pytest.mark.parametrize(
    ("changes", "kind", "field"),
    [
        ({"disposition": {"busyness": 0.2}}, "contradiction", "disposition.busyness"),
        ({"temper": "wary"}, "contradiction", "disposition.suspicion"),
        ({"fits": {"size": ["huge"]}}, "contradiction", "fits.size"),
        ({"fits": {"colour": ["red"]}}, "contradiction", "fits.colour"),
        (
            {"objections": ["decision"], "facts": {**GOOD["facts"], "decision": "Me. There's nobody else to ask."}},
            "contradiction",
            "objections",
        ),
        ({"facts": {**GOOD["facts"], "capacity": "Oh, there's plenty of room."}}, "contradiction", "objections"),
        ({"facts": {**GOOD["facts"], "schedule": "Any time, me."}}, "contradiction", "disposition.busyness"),
        ({"facts": {"team": "Just me.", "trouble": "Keeping my staff."}}, "contradiction", "facts.trouble"),
        ({"facts": {"channels": "Here and abroad.", "export": "No, never."}}, "contradiction", "facts.channels"),
        ({"background": "Starts with interest 0.3 and a bad leg."}, "leak", "background"),
        ({"temperament": "Gruff at first. In the end she agrees to a meeting."}, "leak", "temperament"),
        ({"background": "The merchant will hang up after a while."}, "leak", "background"),
        ({"temperament": "A persona for a role-play."}, "leak", "temperament"),
        ({"facts": {**GOOD["facts"], "schedule": "Write to me at a.b@shop.com."}}, "leak", "facts.schedule"),
        ({"facts": {**GOOD["facts"], "schedule": "Ring 0117 496 0123."}}, "leak", "facts.schedule"),
        ({"facts": {**GOOD["facts"], "trouble": "Nobody wants dog beds now."}}, "leak", "facts.trouble"),
        ({"background": "Has bought from Nina Marsh before."}, "leak", "background"),
        ({"manner": ["Impatient and curt.", "Rude."]}, "style", "manner[0]"),
        ({"facts": {**GOOD["facts"], "team": "Staff: 2 part-time."}}, "style", "facts.team"),
        ({"facts": {**GOOD["facts"], "team": "We are committed to high-quality service."}}, "style", "facts.team"),
        ({"facts": {**GOOD["facts"], "team": "well " * 40}}, "style", "facts.team"),
        ({"facts": {"team": "Just me."}}, "style", "facts"),
        ({"refusals": ["Not today."]}, "style", "refusals"),
        ({"refusals": ["No, I don't need it.", "Not for me, ta.", "I don't need it, no."]}, "style", "refusals[2]"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_field(changes: dict[str, Any], kind: str, field: str) -> None:
    assert (kind, field) in kinds(persona(**changes))


@pytest.mark.parametrize(
    ("changes", "kind", "field"),
    [
        ({"facts": {**ZH["facts"], "decision": "我定啊。"}, "objections": ["decision"]}, "contradiction", "objections"),
        ({"temperament": "嗓门大，最后会同意见面。"}, "leak", "temperament"),
        ({"background": "耐心值0.3，别惹他。"}, "leak", "background"),
        ({"background": "这是一个模拟商家的人设。"}, "leak", "background"),
        ({"facts": {**ZH["facts"], "trouble": "保温杯卖不动了。"}}, "leak", "facts.trouble"),
        ({"facts": {**ZH["facts"], "schedule": "打我手机13800001234。"}}, "leak", "facts.schedule"),
        ({"facts": {**ZH["facts"], "team": "团队：两人。"}}, "style", "facts.team"),
        ({"manner": ["脾气急", "说话冲"]}, "style", "manner[0]"),
    ],
)
def test_chinese_is_read_over_the_same_way(changes: dict[str, Any], kind: str, field: str) -> None:
    assert (kind, field) in kinds(Persona.model_validate({**ZH, "id": "x-zh", **changes}))


@pytest.mark.parametrize(
    "changes",
    [
        {"manner": ['Asks straight out. "Are you a robot, or is this an AI?"', 'Short. "Mm."']},
        {"objections": ["decision"], "facts": {**GOOD["facts"], "decision": "Me, but my wife has the last word."}},
        {"refusals": [*GOOD["refusals"][:2], "In the end I signed with the other lot, and I keep my word."]},
        {"facts": {**GOOD["facts"], "trouble": "I've no patience left for couriers, and 20% went back."}},
    ],
)
def test_what_people_really_say_is_not_taken_for_a_leak(changes: dict[str, Any]) -> None:
    assert not [finding for finding in studio.examine(persona(**changes)) if finding.grave]


def test_nearly_the_same_as_a_bundled_one_is_said_with_what_is_shared(catalog: Catalog) -> None:
    copied = catalog.persona("wary-owner-en").model_copy(update={"id": "mine-en", "background": "Owns a shop."})
    assert ("likeness", "id") in kinds(copied)
    near = studio.nearest(copied)
    assert near is not None
    assert near.persona.id == "wary-owner-en"
    assert {"temper", "disposition", "objections", "wording"} <= set(near.shared)


# Drafting


def writes(*answers: str) -> tuple[ScriptedBackend, list[Sequence[Message]]]:
    asked: list[Sequence[Message]] = []

    def answer(messages: Sequence[Message]) -> str:
        asked.append(messages)
        return answers[min(len(asked), len(answers)) - 1]

    return ScriptedBackend(answer), asked


def said(**changes: Any) -> str:
    return json.dumps({**GOOD, **changes}, ensure_ascii=False)


def test_a_sentence_becomes_a_persona_of_the_schema() -> None:
    backend, asked = writes(said())
    assert studio.draft("She runs the shop on three phones.", backend) == persona()
    assert len(asked) == 1
    assert asked[0][1] == {"role": "user", "content": "She runs the shop on three phones."}


def test_the_language_is_that_of_the_sentence_and_a_bad_id_is_made_anew() -> None:
    backend, asked = writes(json.dumps(ZH, ensure_ascii=False))
    made = studio.draft("三部手机不离手的老板娘", backend)
    assert (made.language, made.id) == ("zh", "hurried-merchant-zh")
    assert "你带过很多年电话销售" in asked[0][0]["content"]


@pytest.mark.parametrize(
    ("given", "made"),
    [("Three Phones!", "three-phones-en"), ("wary-owner", "wary-owner-2-en"), ("wary-owner-en", "wary-owner-2-en")],
)
def test_an_id_is_plain_ends_with_the_language_and_is_free(given: str, made: str) -> None:
    assert studio.draft("x", ScriptedBackend(said(id=given))).id == made


def test_the_other_language_or_role_is_asked_for_again() -> None:
    backend, asked = writes(said(language="zh"), said(role="salesperson"), said())
    assert studio.draft("x", backend) == persona()
    assert "'zh'" in asked[1][-1]["content"]


def test_what_is_found_goes_back_once_and_the_better_answer_is_taken() -> None:
    bad = said(objections=["decision"], facts={**GOOD["facts"], "decision": "Me. Nobody else."})
    backend, asked = writes(bad, said())
    assert studio.draft("x", backend) == persona()
    assert "objections: 'decision' (somebody else decides)" in asked[1][-1]["content"]
    backend, asked = writes(bad, said(temperament="A persona for a simulation.", id="x", refusals=[], facts={}))
    made = studio.draft("x", backend)
    assert len(asked) == 2
    assert made.facts["decision"] == "Me. Nobody else.", "one grave finding and nothing else is the better of the two"
    assert any(finding.grave for finding in studio.examine(made))


def test_a_second_answer_that_is_no_persona_does_not_cost_the_first() -> None:
    backend, _ = writes(said(temper="wary"), "sorry, no")
    assert studio.draft("x", backend).temper == "wary"


def test_no_persona_at_all_is_a_bad_reply() -> None:
    with pytest.raises(BadReply, match="no valid Persona in 3 answers"):
        studio.draft("x", ScriptedBackend("I would rather not."))


def test_a_salesperson_can_be_drafted() -> None:
    seller = {k: GOOD[k] for k in ("id", "language", "name", "background", "temperament", "manner")}
    backend, asked = writes(json.dumps({**seller, "role": "salesperson", "company": "Seabridge"}))
    assert studio.draft("Used to sell ice cream.", backend, role="salesperson").role == "salesperson"
    assert "Seabridge" in asked[0][0]["content"]
    assert "refusals: three to five" not in asked[0][0]["content"]


@pytest.mark.parametrize("spec", ["offline", "human", "local", "candidate+openai:m"])
def test_who_cannot_write_is_told_who_can(spec: str) -> None:
    with pytest.raises(InputError, match="openai:MODEL"):
        studio.draft("x", spec)


async def test_a_draft_can_be_awaited() -> None:
    one, other = await asyncio.gather(*(studio.adraft("x", ScriptedBackend(said())) for _ in range(2)))
    assert one == other == persona()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_brief_names_every_word_of_the_schema(language: Any) -> None:
    brief = render("studio/draft_persona", language, role="merchant", company="")
    for word in (*get_args(Temper), *get_args(Trade), *get_args(Objection), *get_args(Topic)):
        assert word in brief
    for field in Persona.model_fields.keys() - {"role", "language", "company"}:
        assert f"- {field}" in brief


def test_refining_keeps_id_role_and_language_and_shows_the_model_the_whole_persona() -> None:
    backend, asked = writes(said(id="another", temperament="Loud, kind, and tired."))
    changed = studio.refine(persona(), "make her tired", backend)
    assert changed == persona(temperament="Loud, kind, and tired.")
    assert studio.written(persona()).strip() in asked[0][1]["content"]
    assert "make her tired" in asked[0][1]["content"]


# Preview and interview


def test_a_preview_is_exactly_what_each_side_is_sent(catalog: Catalog) -> None:
    for one in catalog.personas.values():
        shown = studio.preview(one)
        scenario = shown.scenario
        assert getattr(scenario, one.role) == one
        assert shown.messages["salesperson"] == prompts.salesperson_messages(scenario, (), directed=True)
        candidate = prompts.candidate_system_of(scenario)
        assert shown.messages["candidate"] == prompts.candidate_messages(candidate, scenario.language, ())
        assert [message["role"] for message in shown.messages["merchant"]] == ["system", "user"]
        sides = {part: set(seen) for part, seen in shown.sees.items()}
        assert sides["the merchant's character"] == {"merchant"}
        assert sides["the salesperson's character"] == {"salesperson"}
        assert sides["the strategy"] == {"salesperson", "candidate"}
        assert "candidate" not in sides["the seed script"]
        assert "merchant" not in sides["what only the platform knows"]


def test_a_merchant_with_trades_gets_a_scenario_of_the_trade(catalog: Catalog) -> None:
    trades = {seed.script: seed.trade for seed in catalog.seeds}
    for trade in sorted({seed.trade for seed in catalog.seeds if catalog.script(seed.script).language == "en"}):
        assert trades[studio.scenario_for(persona(trades=[trade])).script.id] == trade


def plays(*said: str) -> InRole:
    """A merchant without a mind, who says these lines."""
    return InRole(ScriptedBackend(said), "merchant")


def lines(*texts: str) -> Callable[[str], str]:
    left = iter(texts)

    def read(_: str) -> str:
        try:
            return next(left)
        except StopIteration:
            raise EOFError from None

    return read


def test_an_interview_alternates_until_somebody_hangs_up() -> None:
    call = studio.Interview(persona(), plays("Yeah?", "Not now. [hang up]"))
    assert call.start() is None, "you are the salesperson: you speak first"
    assert call.say("Hello, is this a good moment?") == "Yeah?"
    assert call.end is None
    assert call.say("It's about the fair.") == "Not now."
    assert call.end is not None
    assert (call.end.reason, call.end.by) == ("merchant_hangup", "merchant")
    assert call.say("Hello?") is None
    assert [turn.role for turn in call.turns] == ["salesperson", "merchant"] * 2


def test_across_from_a_salesperson_you_are_the_merchant(catalog: Catalog) -> None:
    call = studio.Interview(catalog.persona("tom-adeyemi-en"), ScriptedBackend(["Hello, Mr. Hayes?", "Two minutes."]))
    assert call.start() == "Hello, Mr. Hayes?"
    assert call.start() is None
    assert call.say("Yeah?") == "Two minutes."
    call.hang_up()
    assert call.end is not None
    assert (call.end.reason, call.end.by) == ("merchant_hangup", "merchant")


def test_a_line_of_yours_before_start_answers_the_salespersons_first(catalog: Catalog) -> None:
    call = studio.Interview(catalog.persona("tom-adeyemi-en"), ScriptedBackend(["Hello, Mr. Hayes?", "Two minutes."]))
    assert call.say("Yeah?") == "Two minutes."
    assert [turn.text for turn in call.turns] == ["Hello, Mr. Hayes?", "Yeah?", "Two minutes."]


def test_a_phone_put_down_before_the_first_word_stays_down(catalog: Catalog) -> None:
    call = studio.Interview(catalog.persona("tom-adeyemi-en"), ScriptedBackend(["Hello, Mr. Hayes?"]))
    call.hang_up()
    assert call.start() is None
    assert call.say("Yeah?") is None
    assert call.turns == ()
    assert call.end is not None


def test_a_failed_answer_leaves_the_interview_as_it_was() -> None:
    answers = iter([Unreachable("no line"), "Yeah?"])

    def answer(_: Sequence[Message]) -> str:
        found = next(answers)
        if isinstance(found, Exception):
            raise found
        return found

    call = studio.Interview(persona(), InRole(ScriptedBackend(answer), "merchant"))
    call._speaker = InRole(ScriptedBackend(answer), "merchant")  # past the gate, which would try again
    with pytest.raises(Unreachable):
        call.say("Hello?")
    assert call.turns == ()
    assert call.say("Hello?") == "Yeah?"


def test_the_offline_persona_answers_the_same_way_on_the_same_day(catalog: Catalog) -> None:
    def talk(seed: int) -> list[str | None]:
        call = studio.Interview(catalog.persona("wary-owner-en"), seed=seed)
        return [call.say("Hello, Nina from Seabridge."), call.say("There's a fair in May, free for sellers.")]

    assert talk(1) == talk(1)


def test_the_merchants_mind_can_be_read_but_is_not_shown_to_a_model() -> None:
    asked: list[str] = []

    def answer(messages: Sequence[Message]) -> str:
        asked.append(str(messages))
        return "Hm."

    call = studio.Interview(persona(disposition={"busyness": 0.917}), ScriptedBackend(answer))
    call.say("Hello, a free pass for you.")
    assert call.mind().keys() == {"interest", "trust", "patience", "suspicion"}
    assert all(0 <= value <= 1 for value in call.mind().values())
    assert "0.917" not in asked[0]


def test_the_end_of_the_input_hangs_up_and_how_it_ended_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    call = studio.Interview(persona(), plays("Yeah?", "[bold]Go on.[/bold]"))
    hold(Console(), call, read=lines("Hello?", "It's free."), mind=True)
    told = capsys.readouterr().out
    assert "Merchant: Yeah?" in told
    assert "patience" in told
    assert "[salesperson_hangup by the salesperson, 4 turns]" in told


def test_you_cannot_play_both_sides() -> None:
    with pytest.raises(InputError, match="is you"):
        studio.Interview(persona(), "human")


# Coverage and charts


def test_coverage_counts_every_value_and_names_what_is_missing() -> None:
    found = studio.coverage([persona(), persona(temper="wary", objections=["trust", "price"])])
    assert found.counts["temper"]["hurried"] == found.counts["temper"]["wary"] == 1
    assert found.counts["objection"]["price"] == 2
    assert found.counts["busyness"] == {"low": 0, "middle": 0, "high": 2}
    assert "dry" in found.missing["temper"]
    assert found.missing["role"] == ("salesperson",)
    assert found.pairs["hurried", "capacity"] == 1
    assert set(found.rare()) == {
        ("hurried", "trust"), ("hurried", "price"), ("wary", "capacity"), ("wary", "price")
    }  # fmt: skip


def test_the_chart_is_saved_in_every_form_and_works_without_a_network(tmp_path: Path, catalog: Catalog) -> None:
    chart = plots.coverage_chart(studio.coverage(catalog.personas.values()))
    for ending, begins in ((".svg", b"<svg"), (".png", b"\x89PNG"), (".html", b"<!DOCTYPE html>"), (".json", b"{")):
        plots.save(chart, tmp_path / f"c{ending}")
        assert (tmp_path / f"c{ending}").read_bytes().startswith(begins)
    assert b"hurried" in (tmp_path / "c.svg").read_bytes()
    page = (tmp_path / "c.html").read_text(encoding="utf-8")
    assert "<script src" not in page
    with pytest.raises(InputError, match=r"not '.pgn' \(did you mean '.png'\?\)"):
        plots.save(chart, tmp_path / "c.pgn")


def test_no_name_in_a_chart_becomes_a_tag_of_its_page(tmp_path: Path) -> None:
    def page(name: str) -> str:
        stages = (Stage(filter=name, seen=2, rejected=1),)
        plots.save(plots.funnel_chart(Funnel(sessions=2, kept=1, stages=stages)), tmp_path / "c.html")
        return (tmp_path / "c.html").read_text(encoding="utf-8")

    def tags(page: str) -> list[str]:
        opened: list[str] = []
        reader = HTMLParser()
        reader.handle_starttag = lambda tag, _: opened.append(tag)  # type: ignore[method-assign]
        reader.feed(page)
        return opened

    name = "</script><script>alert(1)</script><!--<script>"
    assert tags(page(name)) == tags(page("roles"))
    (spec,) = re.findall(r"vegaEmbed\(\"#chart\", (.*), \{renderer", page(name))
    assert json.loads(spec)["data"]["values"][0]["filter"] == name


def test_chinese_in_a_chart_is_drawn_or_refused_but_never_an_empty_box(tmp_path: Path) -> None:
    import altair as alt

    chart = plots.styled(alt.Chart(alt.Data(values=[{"who": "商家", "n": 2}])).mark_bar().encode(x="n:Q", y="who:N"))
    plots.save(chart, tmp_path / "c.svg")
    assert "商家" in (tmp_path / "c.svg").read_text(encoding="utf-8")
    if plots._draws_chinese():
        plots.save(chart, tmp_path / "c.png")
    else:
        with pytest.raises(InputError, match="no font with Chinese"):
            plots.save(chart, tmp_path / "c.png")


def test_without_altair_a_chart_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "altair", None)
    with pytest.raises(InputError, match=r"telerole\[report\]"):
        plots.coverage_chart(studio.coverage([persona()]))


# The command line


def test_a_draft_is_written_whole_with_its_schema_line_and_never_over_another(tmp_path: Path) -> None:
    out = tmp_path / "new.yaml"
    with FakeServer(said(facts={"team": "Just me."})) as server:
        command = ("persona", "draft", "Three phones.", "--backend", f"openai:m@{server.url}", "--out", out)
        done = telerole(*command)
        assert done.returncode == 0, done.stderr
        assert "style: facts: cover 1 topics" in done.stdout
        again = telerole(*command)
    assert again.returncode == 2
    assert "is there already" in again.stderr
    assert out.read_text(encoding="utf-8").startswith("# yaml-language-server: $schema=file://")
    assert load(out, Persona)[0].id == "three-phones-en"


def test_a_failed_draft_writes_nothing(tmp_path: Path) -> None:
    done = telerole("persona", "draft", "x", "--backend", "offline", "--out", tmp_path / "p.yaml")
    assert (done.returncode, list(tmp_path.iterdir())) == (2, [])
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(("typed", "taken"), [("y\n", True), ("n\n", False), ("", False)])
def test_a_change_is_shown_and_only_written_when_taken(tmp_path: Path, typed: str, taken: bool) -> None:
    path = tmp_path / "p.yaml"
    before = "# my notes\n" + studio.written(persona())
    path.write_text(before, encoding="utf-8")
    with FakeServer(said(temperament="Loud and tired.")) as server:
        done = telerole(
            "persona", "refine", path, "--note", "tired", "--backend", f"openai:m@{server.url}", typed=typed
        )
    assert "-temperament: Loud and kind. Forgets what was just said." in done.stdout
    assert "+temperament: Loud and tired." in done.stdout
    wanted = before.replace("Loud and kind. Forgets what was just said.", "Loud and tired.") if taken else before
    assert path.read_text(encoding="utf-8") == wanted


def test_a_bundled_persona_is_never_written_over() -> None:
    done = telerole("persona", "refine", "wary-owner-en", "--note", "x", "--backend", "openai:m")
    assert done.returncode == 2
    assert "--out FILE" in done.stderr


def test_check_tells_grave_findings_by_its_exit_code(tmp_path: Path) -> None:
    good = telerole("persona", "check", "wary-owner-en", "wary-owner-zh")
    assert good.returncode == 0, good.stdout + good.stderr
    assert "nearest in the library" in good.stdout
    path = tmp_path / "p.yaml"
    path.write_text(studio.written(persona(temper="wary")), encoding="utf-8")
    bad = telerole("persona", "check", path)
    assert bad.returncode == 1
    assert "contradiction: disposition.suspicion: is 0.4" in bad.stdout
    assert telerole("persona", "check", "wary-ownr-en").returncode == 2


def test_preview_interview_and_coverage_work_from_a_terminal(tmp_path: Path) -> None:
    shown = telerole("persona", "preview", "wary-owner-zh")
    assert shown.returncode == 0, shown.stderr
    assert "── candidate" in shown.stdout
    talked = telerole("persona", "interview", "wary-owner-en", "--mind", typed="Hello?\n")
    assert talked.returncode == 0, talked.stderr
    assert "patience" in talked.stdout
    covered = telerole("persona", "coverage", "--plot", tmp_path / "c.svg")
    assert covered.returncode == 0, covered.stderr
    assert (tmp_path / "c.svg").is_file()
    assert telerole("persona", "coverage", tmp_path).returncode == 2


def test_a_persona_in_a_scenario_of_another_language_is_told(catalog: Catalog) -> None:
    persona, scenario = catalog.persona("wary-owner-en"), catalog.sample(1, language="zh")[0]
    for use in (
        lambda: studio.preview(persona, scenario=scenario),
        lambda: studio.Interview(persona, scenario=scenario),
    ):
        with pytest.raises(InputError, match=r"wary-owner-en: .*merchant: is in 'en', the scenario in 'zh'"):
            use()
