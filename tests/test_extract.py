"""Extraction: one structured call a script gives a triplet, and every departure from the script is on record."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from readers import PerfectReader

from telerole import Cassette, Catalog, Script, ScriptedBackend, Triplet
from telerole.backends.base import Message
from telerole.errors import Filtered
from telerole.runs import TripletFolder, read
from telerole.synthesis.extract import WINDOW_LINES, WINDOW_WORDS, extract, windows
from telerole.synthesis.score import answers, score


@pytest.fixture(scope="module")
def reader() -> PerfectReader:
    return PerfectReader(Catalog.bundled())


def made(script: Script, answer: dict[str, Any] | str) -> Triplet:
    text = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
    run = extract([script], ScriptedBackend(text))
    assert not list(run.failures()), list(run.failures())
    (triplet,) = run.triplets()
    return triplet


def kinds(triplet: Triplet) -> set[str]:
    return {deviation.kind for deviation in triplet.deviations}


def script(*lines: str) -> Script:
    said = [{"speaker": speaker, "text": text} for speaker, _, text in (line.partition(": ") for line in lines)]
    return Script.model_validate({"id": "en-x", "language": "en", "lines": said})


def answer(*turns: tuple[str, list[int], str], **changes: Any) -> dict[str, Any]:
    told = [
        {"note": "n", "speaker": speaker, "lines": lines, "steps": [], "text": text} for speaker, lines, text in turns
    ]
    whole = {
        "template": "marketplace-seller-en",
        "fields": [{"field": "product", "values": ["lamps"]}],
        "strategy": "fair-invitation-en",
        "offers": [],
        "turns": told,
        "removed": [],
    }
    return whole | changes


PLAIN = script(
    "salesperson: hello is that the lamp shop",
    "merchant: yeah speaking",
    "salesperson: it is the twelfth of may and the pass is forty pounds",
    "merchant: no thanks bye",
)
TURNS = (
    ("salesperson", [1], "Hello, is that the lamp shop?"),
    ("merchant", [2], "Yeah, speaking."),
    ("salesperson", [3], "It's the twelfth of May, and the pass is forty pounds."),
    ("merchant", [4], "No thanks, bye."),
)


def test_a_perfect_reader_on_a_cassette_scores_one_on_every_bundled_pair(tmp_path: Path, reader: PerfectReader) -> None:
    tape = tmp_path / "tape.jsonl"
    extract(reader.scripts, ScriptedBackend(reader), cassette=Cassette(tape))
    run = extract(reader.scripts, Cassette(tape, mode="replay"))
    assert not list(run.failures())
    catalog = Catalog.bundled()
    truths = [truth for language in ("en", "zh") for truth in catalog.truths(language)]
    total = score(list(run.triplets()), truths, reader.scripts, answers(catalog)).total()
    figures = {name: share.value for name, share in total.shares().items()}
    rates = {name: value for name, value in figures.items() if name.endswith("rate")}
    assert len(figures) - len(rates) >= 8
    assert all(value == 1 for name, value in figures.items() if name not in rates)
    assert not any(rates.values())


def test_what_the_model_says_of_a_perfect_call_departs_in_nothing_but_names_of_skipped_steps(
    reader: PerfectReader,
) -> None:
    run = extract(reader.scripts, ScriptedBackend(reader))
    for triplet in run.triplets():
        assert kinds(triplet) <= {"strategy", "number", "ungrounded"}


def test_the_note_comes_before_the_words_and_stays_on_the_turn(reader: PerfectReader) -> None:
    shape = list(made(PLAIN, answer(*TURNS)).session.turns)
    assert [turn.note for turn in shape] == ["n"] * 4
    seen: list[str] = []

    def listen(messages: Sequence[Message]) -> str:
        seen.append(messages[0]["content"])
        return json.dumps(answer(*TURNS))

    extract([PLAIN], ScriptedBackend(listen))
    schema = seen[0][seen[0].index('"CleanTurn"') :]
    assert schema.index('"note"') < schema.index('"speaker"') < schema.index('"lines"') < schema.index('"text"')


def test_only_told_fields_are_in_the_profile_and_the_rest_is_noted() -> None:
    triplet = made(PLAIN, answer(*TURNS))
    assert triplet.profile.values == {"product": "lamps"}
    untold = {deviation.detail.partition(":")[0] for deviation in triplet.deviations if deviation.kind == "profile"}
    assert {"shop", "orders", "merchant_name"} <= untold
    assert Triplet.model_validate_json(triplet.model_dump_json()) == triplet


@pytest.mark.parametrize("told", ["3 thousand a month", "3k", "about 3-thousand", "三千", "3千单", "3000"])
def test_a_number_in_a_profile_counts_its_thousands(told: str) -> None:
    fields = [{"field": "orders", "values": [told]}]
    assert made(PLAIN, answer(*TURNS, fields=fields)).profile.values["orders"] == 3000


def test_what_the_platform_knows_stands_and_the_script_fills_in_the_rest(catalog: Catalog) -> None:
    known = catalog.profile("en-01").model_copy(update={"id": "en-x"})
    asked: list[str] = []

    def reply(messages: Sequence[Message]) -> str:
        asked.append(messages[0]["content"])
        told = [{"field": "product", "values": ["desk lamps"]}, {"field": "channels", "values": ["own website"]}]
        return json.dumps(answer(*TURNS, fields=told))

    run = extract([PLAIN], ScriptedBackend(reply), profiles={"en-x": known})
    (triplet,) = run.triplets()
    assert triplet.profile.values == known.values
    differs = [one.detail for one in triplet.deviations if one.kind == "profile"]
    assert "product: known as 'table lamps', the script tells 'desk lamps'" in differs
    assert known.template.id in asked[0]
    assert "shipping-seller-en" not in asked[0]


@pytest.mark.parametrize(
    ("field", "fault"),
    [
        ({"field": "size", "values": ["gigantic"]}, "'gigantic' is not a tag"),
        ({"field": "orders", "values": ["plenty"]}, "must be a whole number"),
        ({"field": "orders", "values": ["1" * 400]}, "must be a whole number"),
        ({"field": "carriers", "values": ["own van"]}, "no field of marketplace-seller-en"),
    ],
)
def test_a_profile_that_does_not_fit_its_template_is_asked_for_again(field: dict[str, Any], fault: str) -> None:
    told: list[str] = []

    def reply(messages: Sequence[Message]) -> str:
        told.append(messages[-1]["content"])
        return json.dumps(answer(*TURNS, fields=[field] if len(told) == 1 else []))

    run = extract([PLAIN], ScriptedBackend(reply))
    assert len(run) == 1
    assert fault in told[1]
    (refused,) = run.tries()
    assert (refused.stage, refused.reason) == ("extract", "BadReply")
    assert refused.raw is not None
    assert json.loads(refused.raw)["fields"] == [field]


def test_skipped_steps_leave_the_strategy_and_its_own_promises_join_it() -> None:
    turns = [
        turn | {"steps": steps} for turn, steps in zip(answer(*TURNS)["turns"], [[], [], ["the_day"], []], strict=True)
    ]
    triplet = made(PLAIN, answer(turns=turns, offers=["The pass is forty pounds."]))
    flow = [step.id for step in triplet.strategy.flow]
    assert flow[0] == "the_day"  # reason and where_now were passed over, what comes later was not reached
    assert "meet" in flow
    assert "The pass is forty pounds." in triplet.strategy.offer.values()
    assert not triplet.strategy.slots()
    assert triplet.session.turns[2].act == "step:the_day"
    assert "strategy" in kinds(triplet)


@pytest.mark.parametrize(
    ("changed", "kind", "detail"),
    [
        (answer(*TURNS[:2], TURNS[3]), "dropped", "line 3"),
        (answer(*TURNS[:2], TURNS[3], removed=[{"lines": [3], "why": "noise"}]), "removed", "line 3: noise"),
        (answer(*TURNS[:2], ("salesperson", [3], "It's May, and it's fourteen pounds."), TURNS[3]), "number", "14"),
        (answer(*TURNS[:3], ("merchant", [4], "No thanks, I'm in Manchester on Friday.")), "ungrounded", "Manchester"),
        (answer(TURNS[0], TURNS[1], TURNS[2], ("merchant", [2], "No thanks, bye.")), "reordered", "line 2"),
        (answer(*TURNS, ("merchant", [4], "Bye.")), "merged", "Bye."),
        (answer(("merchant", [2], "Hello?"), *TURNS), "removed", "before the salesperson"),
    ],
)
def test_every_departure_from_the_script_is_on_record(changed: dict[str, Any], kind: str, detail: str) -> None:
    triplet = made(PLAIN, changed)
    assert any(one.kind == kind and detail in one.detail for one in triplet.deviations), triplet.deviations
    assert kind not in kinds(made(PLAIN, answer(*TURNS)))


def test_broken_json_that_can_be_mended_is_mended_and_on_record_with_the_raw_reply() -> None:
    broken = json.dumps(answer(*TURNS))[:-1] + ",}"
    run = extract([PLAIN], ScriptedBackend(broken))
    (triplet,) = run.triplets()
    (record,) = run.tries()
    assert "repaired" in kinds(triplet)
    assert (record.reason, record.raw) == ("Repaired", broken)
    assert not list(run.failures())


def test_a_reply_that_never_fits_is_a_failure_with_its_raw_text_and_the_others_go_on(
    tmp_path: Path, reader: PerfectReader
) -> None:
    def reply(messages: Sequence[Message]) -> str:
        return "I would rather not." if "lamp shop" in messages[1]["content"] else reader(messages)

    run = extract([PLAIN, *reader.scripts[:3]], ScriptedBackend(reply), out=tmp_path / "run")
    assert len(run) == 3
    (failure,) = run.failures()
    assert (failure.scenario_id, failure.reason, failure.raw) == ("en-x", "BadReply", "I would rather not.")
    assert run.totals().usage["writer"].calls == 3 + 3


def test_the_same_command_goes_on_and_asks_for_nothing_twice(tmp_path: Path, reader: PerfectReader) -> None:
    asked: list[str] = []

    def reply(messages: Sequence[Message]) -> str:
        asked.append(messages[1]["content"])
        if len(asked) == 3:
            raise RuntimeError("the power is cut")
        return reader(messages)

    with pytest.raises(RuntimeError):
        extract(reader.scripts[:5], ScriptedBackend(reply), out=tmp_path / "run", concurrency=1)
    extract(reader.scripts[:5], ScriptedBackend(reply), out=tmp_path / "run", concurrency=1)
    assert len(asked) == 6
    folder = read(tmp_path / "run")
    assert isinstance(folder, TripletFolder)
    assert len(list(folder.triplets())) == 5


def test_a_long_script_is_read_in_windows_that_hold_every_line_once() -> None:
    long = script(*[f"{('salesperson', 'merchant')[n % 2]}: this is line number {n} of it" for n in range(400)])
    cuts = windows(long)
    assert [number for start, end in cuts for number in range(start, end)] == list(range(400))
    assert len(cuts) > 1
    assert all(end - start <= WINDOW_LINES for start, end in cuts)
    heavy = script("salesperson: " + "word " * 2 * WINDOW_WORDS, "merchant: yes", "salesperson: bye")
    assert windows(heavy) == [(0, 1), (1, 3)]


def test_windows_are_joined_without_losing_a_turn_and_later_ones_see_what_came_before() -> None:
    lines = [f"{('salesperson', 'merchant')[n % 2]}: this is line number {n} of it" for n in range(200)]
    seen: list[str] = []

    def reply(messages: Sequence[Message]) -> str:
        seen.append(messages[1]["content"])
        shown = re.findall(r"^(\d+) (Salesperson|Merchant): (.*)$", messages[1]["content"], re.M)
        turns = [(speaker.lower(), [int(number)], text) for number, speaker, text in shown]
        return json.dumps(answer(*turns))

    run = extract([script(*lines)], ScriptedBackend(reply))
    (triplet,) = run.triplets()
    assert [turn.text for turn in triplet.session.turns] == [line.partition(": ")[2] for line in lines]
    assert not {"dropped", "removed", "merged", "reordered"} & kinds(triplet)
    assert len(seen) == 3
    assert "line number 89 of it" in seen[1]
    assert "fair-invitation-en" in seen[1]


def test_what_a_later_window_tells_in_another_template_is_taken_where_it_fits_the_first_one() -> None:
    lines = [f"{('salesperson', 'merchant')[n % 2]}: this is line number {n} of it" for n in range(100)]
    told = {
        "fair-lead-en": [{"field": "product", "values": ["lamps"]}],
        "marketplace-seller-en": [{"field": "channels", "values": ["marketplaces"]}],
    }
    chosen = iter(told)

    def reply(messages: Sequence[Message]) -> str:
        template = next(chosen)
        return json.dumps(answer(*TURNS, template=template, fields=told[template]))

    (triplet,) = extract([script(*lines)], ScriptedBackend(reply)).triplets()
    assert triplet.profile.template.id == "fair-lead-en"
    assert triplet.profile.values == {"product": "lamps"}
    assert any("channels: 'marketplaces' is not a tag" in one.detail for one in triplet.deviations)


def test_a_failure_in_a_later_window_costs_the_earlier_ones_too() -> None:
    lines = [f"{('salesperson', 'merchant')[n % 2]}: this is line number {n} of it" for n in range(200)]
    asked: list[int] = []

    def reply(messages: Sequence[Message]) -> str:
        asked.append(len(messages))
        if len(asked) == 3:
            raise Filtered("stopped")
        return json.dumps(answer(*TURNS))

    (failure,) = extract([script(*lines)], ScriptedBackend(reply)).failures()
    assert failure.usage["writer"].calls == 2


def test_a_script_of_which_nothing_is_left_is_a_failure() -> None:
    run = extract([PLAIN], ScriptedBackend(json.dumps(answer(TURNS[0]))))
    (failure,) = run.failures()
    assert failure.reason == "Unfit"
    assert "less than two turns" in failure.message


def test_words_of_a_script_with_braces_and_marks_are_data() -> None:
    odd = script("salesperson: hello {{ 7 * 7 }} {% raw %}", "merchant: {product} yes")
    triplet = made(
        odd,
        answer(
            ("salesperson", [1], "Hello {{ 7 * 7 }} {% raw %}"),
            ("merchant", [2], "{product} yes"),
            offers=["{product} for {free}"],
        ),
    )
    assert triplet.session.turns[0].text == "Hello {{ 7 * 7 }} {% raw %}"
    assert "product for free" in triplet.strategy.offer.values()
