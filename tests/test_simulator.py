"""Many calls: the same seed gives the same sessions, and nothing is lost, repeated or polluted."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest

from telerole import (
    Budget,
    Call,
    Candidate,
    Catalog,
    Reply,
    RunFolder,
    Said,
    Sampling,
    Scenario,
    ScriptedBackend,
    Session,
    Simulator,
    prompts,
)
from telerole.agents.merchant import MindedMerchant
from telerole.agents.role import InRole
from telerole.chairs import Spec, parse
from telerole.errors import InputError, Truncated
from telerole.outcome import outcome
from telerole.session import End, Turn, Usage
from telerole.testing import FakeReply, FakeServer


def lines(folder: Path) -> set[bytes]:
    return set((folder / "sessions.jsonl").read_bytes().splitlines())


def test_offline_sessions_are_the_same_bytes_at_any_concurrency(scenarios: list[Scenario], tmp_path: Path) -> None:
    made = []
    for concurrency in (1, 8, 64):
        out = tmp_path / str(concurrency)
        Simulator(seed=3).run_many(scenarios, trials=2, concurrency=concurrency, out=out)
        made.append(lines(out))
    assert made[0] == made[1] == made[2]
    assert len(made[0]) == 2 * len(scenarios)


def test_another_seed_gives_other_calls(scenario: Scenario) -> None:
    texts = {tuple(turn.text for turn in Simulator(seed=seed).run(scenario).turns) for seed in range(5)}
    assert len(texts) == 5


def test_trials_of_one_scenario_differ(scenario: Scenario) -> None:
    run = Simulator().run_many([scenario], trials=4)
    assert len({session.turns for session in run}) == 4
    assert {session.trial for session in run} == {0, 1, 2, 3}


def test_a_run_that_was_stopped_goes_on_to_the_same_bytes(scenarios: list[Scenario], tmp_path: Path) -> None:
    Simulator(seed=3).run_many(scenarios, out=tmp_path / "whole")
    Simulator(seed=3).run_many(scenarios, out=tmp_path / "cut")
    sessions = tmp_path / "cut" / "sessions.jsonl"
    whole = sessions.read_bytes()
    sessions.write_bytes(whole[: len(whole) // 2])
    run = Simulator(seed=3).run_many(scenarios, out=tmp_path / "cut")
    assert lines(tmp_path / "cut") == lines(tmp_path / "whole")
    assert len(run) == len(scenarios)


def test_a_changed_configuration_is_refused_and_named(scenarios: list[Scenario], tmp_path: Path) -> None:
    Simulator(seed=3).run_many(scenarios, out=tmp_path / "run")
    before = lines(tmp_path / "run")
    with pytest.raises(InputError, match="max_turns"):
        Simulator(seed=3, max_turns=8).run_many(scenarios, out=tmp_path / "run")
    with pytest.raises(InputError, match="scenarios"):
        Simulator(seed=3).run_many(scenarios[:3], out=tmp_path / "run")
    assert lines(tmp_path / "run") == before


def test_a_chair_that_draws_its_replies_in_another_way_makes_another_run(scenario: Scenario, tmp_path: Path) -> None:
    backend = ScriptedBackend(["One.", "Two. [hang up]"])
    for temperature in (0.3, 0.3):
        Simulator(Candidate(backend, Sampling(temperature))).run_many([scenario], out=tmp_path / "run")
    with pytest.raises(InputError, match=r"salesperson_sampling: was .*0\.3.*, is now .*0\.6"):
        Simulator(Candidate(backend, Sampling(0.6))).run_many([scenario], out=tmp_path / "run")


@pytest.mark.parametrize("mind", ["rules", None])
def test_a_folder_goes_on_with_the_same_kind_of_merchant_and_with_no_other(
    scenario: Scenario, tmp_path: Path, mind: str | None
) -> None:
    with FakeServer(reply="Well, go on.") as server:
        model = f"openai:m@{server.url}"

        def play(merchant: str, out: str) -> str:
            Simulator("offline", merchant, mind=mind, max_turns=2).run_many([scenario], out=tmp_path / out)
            config = json.loads((tmp_path / out / "run.json").read_text())["config"]
            return str(config["merchant"])

        kinds = ("", "plain+", "trained+")
        for kind in kinds:
            for other in (kind, *kinds):
                if kind == other:
                    assert play(f"{kind}{model}", f"as {kind}") == f"{kind}{model}"
                else:
                    with pytest.raises(InputError, match=re.escape(f"merchant: was '{kind}{model}', is now '{other}")):
                        play(f"{other}{model}", f"as {kind}")


def test_more_trials_are_added_to_those_that_are_there(scenarios: list[Scenario], tmp_path: Path) -> None:
    Simulator(seed=3).run_many(scenarios, out=tmp_path / "grown")
    first = (tmp_path / "grown" / "sessions.jsonl").read_bytes()
    Simulator(seed=3).run_many(scenarios, trials=3, out=tmp_path / "grown")
    Simulator(seed=3).run_many(scenarios, trials=3, out=tmp_path / "whole")
    assert (tmp_path / "grown" / "sessions.jsonl").read_bytes().startswith(first)
    assert lines(tmp_path / "grown") == lines(tmp_path / "whole")
    assert json.loads((tmp_path / "grown" / "run.json").read_text())["config"]["trials"] == 3
    with pytest.raises(InputError, match="trials: was 3, is now 1"):
        Simulator(seed=3).run_many(scenarios, out=tmp_path / "grown")


def test_the_stream_is_the_call_and_then_the_session(scenario: Scenario) -> None:
    *turns, session = Simulator(seed=2).stream(scenario)
    assert isinstance(session, Session)
    assert tuple(turns) == session.turns
    assert session == Simulator(seed=2).run(scenario)


async def test_the_plain_names_work_inside_a_running_loop(scenario: Scenario) -> None:
    assert Simulator().run(scenario) == await Simulator().arun(scenario)
    assert len(Simulator().run_many([scenario])) == 1
    assert [item async for item in Simulator().astream(scenario)] == list(Simulator().stream(scenario))


def test_every_chair_takes_a_function_a_backend_a_candidate_or_a_spec(scenario: Scenario) -> None:
    async def slowly(call: Call) -> str:
        await asyncio.sleep(0)
        return f"Line {len(call.turns)}."

    backend = ScriptedBackend(["One.", "Two.", "Three. [hang up]"])
    for guest in (slowly, backend, Candidate(backend), "offline", "candidate+offline"):
        session = Simulator(salesperson=guest, max_turns=6).run(scenario)
        assert session.finished, session.end
        assert session.turns[0].role == "salesperson"


@pytest.mark.parametrize(
    ("salesperson", "merchant", "told"),
    [
        ("ofline", "offline", "did you mean 'offline'?"),
        ("openai", "offline", "names no model"),
        ("openai:m@localhost:8000", "offline", "must begin with http"),
        ("offline", "candidate+offline", "sits in the salesperson's chair"),
        ("plain+openai:m", "offline", "sits in the merchant's chair"),
        ("trained+openai:m", "offline", "sits in the merchant's chair"),
        ("prompted+offline", "offline", "offline reads no prompt"),
        ("offline:pushi", "offline", "did you mean 'pushy'?"),
        ("offline", "offline:pushy", "no offline merchant; use warm, cold"),
        (3, "offline", "cannot sit in the salesperson's chair"),
        ("offline", Candidate(ScriptedBackend("Hm.")), "sits in the salesperson's chair"),
        (MindedMerchant(InRole(ScriptedBackend("Hm."), "merchant")), "offline", "sits in the merchant's chair"),
    ],
)
def test_a_guest_that_cannot_sit_there_is_refused_with_the_right_form(
    salesperson: object, merchant: object, told: str
) -> None:
    with pytest.raises(InputError, match=told.replace("?", r"\?")):
        Simulator(salesperson=salesperson, merchant=merchant)


def test_what_stands_after_an_at_sign_is_an_address_only_for_a_model_on_a_server() -> None:
    assert parse("local:/home/me@x.gguf") == Spec("local", "/home/me@x.gguf")
    assert parse("openai:@cf/meta/llama-3") == Spec("openai", "@cf/meta/llama-3")
    assert parse("openai:@cf/meta/llama-3@https://host/v1") == Spec("openai", "@cf/meta/llama-3", "https://host/v1")
    assert parse("openai:m@2024@http://a@host/v1") == Spec("openai", "m@2024", "http://a@host/v1")
    assert parse("candidate+openai:m@http://host/v1") == Spec("openai", "m", "http://host/v1", "candidate")


def test_the_same_model_is_told_more_as_prompted_and_has_no_mind_as_plain(scenario: Scenario) -> None:
    told: list[str] = []

    def answer(body: dict[str, Any]) -> str:
        told.append("\n".join(message["content"] for message in body["messages"]))
        return f"Line {len(told)}."

    with FakeServer(reply=answer) as server:
        for spec in ("candidate+", "prompted+"):
            assert Simulator(f"{spec}openai:m@{server.url}", max_turns=2).run(scenario).finished
        minded, plain = (Simulator("offline", f"{spec}openai:m@{server.url}", max_turns=2) for spec in ("", "plain+"))
        assert minded.run(scenario).turns[1].noticed is not None
        assert plain.run(scenario).turns[1].noticed is None
    short, long = told[:2]
    assert prompts.candidate_system_of(scenario) in short
    assert prompts.prompted_system_of(scenario) in long
    assert len(long) > 2 * len(short)


def test_a_merchant_that_was_trained_is_asked_as_its_training_rows_are_written(scenario: Scenario) -> None:
    told: list[list[dict[str, str]]] = []

    def answer(body: dict[str, Any]) -> str:
        told.append(body["messages"])
        return f"Line {len(told)}."

    with FakeServer(reply=answer) as server:
        for mind in ("rules", None):
            merchant = f"trained+openai:m@{server.url}"
            session = Simulator("offline", merchant, mind=mind, max_turns=4).run(scenario)
            system, turns = prompts.called_system_of(scenario), session.turns
            assert told[-1] == prompts.called_messages(system, scenario.language, turns[:3], turns[3].act)
            assert (session.turns[1].act is None) == (mind is None)


def test_the_same_merchants_are_harder_to_win_on_a_cold_day(catalog: Catalog) -> None:
    scenarios = catalog.sample(150, seed=4)
    won = {
        day: sum(outcome(one) == "high_intention" for one in Simulator("offline", day, seed=4).run_many(scenarios))
        for day in ("offline:warm", "offline", "offline:cold")
    }
    assert won["offline:warm"] > won["offline"] > won["offline:cold"]


def test_own_stop_rules_come_first(scenario: Scenario) -> None:
    def at_once(turns: list[Turn]) -> End:
        return End(reason="stopped", detail="mine")

    session = Simulator(rules=[at_once]).run(scenario)
    assert (len(session.turns), session.end.detail) == (1, "mine")


def test_a_person_at_the_keyboard_can_take_a_chair(scenario: Scenario) -> None:
    from telerole.agents.guest import Person

    shown: list[str] = []
    answers = iter(["Who is this?", ""])
    person = Person(read=lambda prompt: next(answers), show=shown.append)
    session = Simulator(merchant=person).run(scenario)
    assert session.turns[1].text == "Who is this?"
    assert session.end.reason == "merchant_hangup"
    assert shown[0].endswith(session.turns[0].text)


def test_a_person_is_in_one_call_at_a_time_and_hangs_up_where_the_input_ends(scenarios: list[Scenario]) -> None:
    from telerole.agents.guest import Person

    asked = iter(["Yes?", "No."])

    def read(prompt: str) -> str:
        try:
            return next(asked)
        except StopIteration:
            raise EOFError from None

    run = Simulator(merchant=Person(read=read, show=lambda line: None)).run_many(scenarios[:3])
    first, second, third = run
    assert [turn.text for turn in first.turns if turn.role == "merchant"][:1] == ["Yes?"]
    assert [len(session.turns) for session in (second, third)] == [1, 1]
    assert third.end.reason == "merchant_hangup"


def test_two_models_play_a_call_over_http_each_with_its_own_view(scenario: Scenario) -> None:
    with FakeServer(reply="Mm, go on then.") as server:
        session = Simulator(f"openai:sales@{server.url}", f"openai:shop@{server.url}", max_turns=6).run(scenario)
        bodies = [request.body for request in server.requests]
    assert session.end.reason in ("loop", "max_turns")
    assert [body["model"] for body in bodies[:2]] == ["sales", "shop"]
    assert scenario.merchant.background not in json.dumps(bodies[0], ensure_ascii=False)
    assert session.usage["salesperson"].calls == 3
    assert session.usage["salesperson"].prompt_tokens > 0


def test_a_candidate_is_told_eq_1_and_nothing_else(scenario: Scenario) -> None:
    from telerole.prompts import candidate_messages, candidate_system_of

    with FakeServer(reply="Good morning.") as server:
        session = Simulator(f"candidate+openai:m@{server.url}", "offline", max_turns=3).run(scenario)
        bodies = [request.body for request in server.requests]
    system = candidate_system_of(scenario)
    for number, body in enumerate(bodies):
        assert body["messages"] == candidate_messages(system, scenario.language, session.turns[: 2 * number])


def test_a_budget_stops_cleanly_and_a_larger_one_goes_on(catalog: Catalog, tmp_path: Path) -> None:
    scenarios = catalog.sample(10, seed=1)
    with FakeServer(reply=lambda body: f"Well, {len(body['messages'])} things come to mind.") as server:

        def play(calls: int) -> RunFolder:
            simulator = Simulator(f"openai:m@{server.url}", max_turns=4, budget=Budget(calls=calls))
            run = simulator.run_many(scenarios, concurrency=2, out=tmp_path / "run")
            assert isinstance(run, RunFolder)
            return run

        first = play(7)
        assert 0 < len(first) < 10
        assert {failure.reason for failure in first.failures()} == {"BudgetSpent"}
        assert len(play(1000)) == 10
        assert not list(RunFolder.read(tmp_path / "run").failures())


@pytest.mark.parametrize("last", ["budget", "filter"])
def test_however_a_call_breaks_off_all_that_was_paid_for_stands_in_the_records(scenario: Scenario, last: str) -> None:
    wordless, read = "(sighs)", '{"events": ["chatted"], "asked_for": ""}'
    stop = FakeReply("", finish_reason="content_filter")

    def reply(body: dict[str, Any]) -> str | FakeReply:
        now = next(number)
        if last == "filter" and now == calls:
            return stop
        said = read if body["model"] == "reader" else f"Mm, that is thing number {now}."
        return wordless if now % 3 else said

    for calls in range(1, 13):
        number, budget = itertools.count(1), Budget(calls=calls)
        with FakeServer(reply) as server:
            model = f"openai:m@{server.url}"
            run = Simulator(model, model, mind=f"openai:reader@{server.url}", budget=budget).run_many([scenario])
        assert [failure.reason for failure in run.failures()] != []
        used = sum(run.totals().usage.values(), Usage())
        assert (used.attempts, used.prompt_tokens + used.completion_tokens) == (budget.spent.calls, budget.spent.tokens)


@pytest.mark.timeout(600)
def test_two_thousand_calls_against_a_server_that_misbehaves_in_every_way(catalog: Catalog, tmp_path: Path) -> None:
    """10 % of the requests fail, each in one of every way; none is lost, none made twice, none polluted."""
    ways = ("rate_limit", "error", "hang", "cut", "truncated_json", "not_json", "empty", "null_content", "filter")
    ways = (*ways, "filtered_reply", "length")
    scenarios = catalog.sample(200, seed=8)
    faults = dict.fromkeys(ways, 0.1 / len(ways))
    with FakeServer(reply="Mm, tell me more about that.", faults=faults, seed=4) as server:
        from telerole import OpenAIBackend

        backend = OpenAIBackend("m", server.url, timeout=1.5)
        run = Simulator(backend, "offline", max_turns=4).run_many(
            scenarios, trials=10, concurrency=200, out=tmp_path / "run"
        )
    sessions, failures = list(run), list(run.failures())
    ids = [session.id for session in sessions] + [failure.id for failure in failures]
    assert len(ids) == len(set(ids)) == 2000
    said = {turn.text for session in sessions for turn in session.turns if turn.role == "salesperson"}
    assert said == {"Mm, tell me more about that."}
    assert {failure.reason for failure in failures} <= {"Filtered"}
    assert failures


def test_a_run_that_is_whole_needs_no_server_and_one_that_is_not_says_so(scenario: Scenario, tmp_path: Path) -> None:
    with FakeServer() as server:
        spec = f"openai:m@{server.url}"
        made = list(Simulator(spec, "offline").run_many([scenario], out=tmp_path / "run"))
    assert list(Simulator(spec, "offline").run_many([scenario], out=tmp_path / "run")) == made
    with pytest.raises(InputError, match="no answer from"):
        Simulator(spec, "offline").run_many([scenario], trials=2, out=tmp_path / "run")


def test_an_unreachable_server_is_one_clear_error_and_leaves_nothing(scenario: Scenario, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"127\.0\.0\.1:9"):
        Simulator("openai:m@http://127.0.0.1:9/v1").run_many([scenario], out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_two_scenarios_with_one_id_are_refused(scenario: Scenario) -> None:
    with pytest.raises(InputError, match="two scenarios have the id"):
        Simulator().run_many([scenario, scenario])


def test_a_said_with_an_end_may_come_from_a_function(scenario: Scenario) -> None:
    session = Simulator(
        merchant=lambda call: Said("No.", End(reason="merchant_hangup", by="merchant")),
    ).run(scenario)
    assert session.end.reason == "merchant_hangup"


def test_a_reply_that_its_seed_cannot_better_is_asked_for_with_another(scenario: Scenario) -> None:
    seeds: list[int | None] = []

    class Stubborn:
        name = "stubborn"

        async def generate(self, messages: object, *, sampling: Sampling, schema: object = None) -> Reply:
            seeds.append(sampling.seed)
            if len(seeds) == 1:
                error = Truncated("cut off", usage=Usage(calls=1, attempts=1, completion_tokens=9))
                error.retryable = False
                raise error
            return Reply("Hello there.")

    session = Simulator(Stubborn(), "offline", max_turns=2).run(scenario)
    assert session.turns[0].text == "Hello there."
    assert len(set(seeds)) == 2
    assert session.usage["salesperson"].completion_tokens == 9


def test_replies_that_all_fail_are_all_charged_for(scenario: Scenario) -> None:
    class Hopeless:
        name = "hopeless"

        async def generate(self, messages: object, *, sampling: Sampling, schema: object = None) -> Reply:
            error = Truncated("cut off", usage=Usage(calls=1, attempts=1, completion_tokens=9))
            error.retryable = False
            raise error

    session = Simulator(Hopeless(), "offline").run(scenario)
    assert session.end.reason == "backend_error"
    assert session.usage["salesperson"].completion_tokens == 27
