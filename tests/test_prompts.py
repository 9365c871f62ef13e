"""Every prompt shows its speaker what it may know, and nothing else; messages only grow at their end."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from telerole import Catalog, Scenario, Turn, prompts
from telerole.backends.base import Message
from telerole.errors import InputError
from telerole.records import LANGUAGES
from telerole.session import End


def every_scenario(catalog: Catalog) -> Iterator[Scenario]:
    """Each seed script with every pair of bundled personas of its language."""
    for seed in catalog.seeds:
        script = catalog.script(seed.script)
        people = [persona for persona in catalog.personas.values() if persona.language == script.language]
        sellers = [persona for persona in people if persona.role == "salesperson"]
        merchants = [persona for persona in people if persona.role == "merchant"]
        for salesperson, merchant in itertools.product(sellers, merchants):
            yield Scenario(
                language=script.language,
                script=script,
                profile=catalog.profile(seed.profile),
                strategy=catalog.strategy(seed.strategy),
                salesperson=salesperson,
                merchant=merchant,
            )


def talk(count: int) -> list[Turn]:
    return [Turn(role=("merchant" if n % 2 else "salesperson"), text=f"Line {n}.") for n in range(count)]


def text_of(messages: list[Message]) -> str:
    return "\n".join(message["content"] for message in messages)


def test_who_may_know_what_holds_for_every_bundled_scenario(catalog: Catalog) -> None:
    checked = 0
    for scenario in every_scenario(catalog):
        seller, merchant, strategy = scenario.salesperson, scenario.merchant, scenario.filled_strategy
        own_seller = [seller.background, seller.temperament, *seller.manner]
        own_merchant = [merchant.background, merchant.temperament, *merchant.manner]
        facts = list(merchant.facts.values())
        script = [line.text for line in scenario.script.lines if len(line.text) > 24]
        steps = [step.goal for step in strategy.flow]
        plan = [strategy.goal, *strategy.rapport, *strategy.tips, *strategy.avoid, *steps]
        known_facts = scenario.profile.facts().items()
        profile = [f"{label}{mark}{value}" for label, value in known_facts for mark in (": ", "：")]
        ratings = [field.label for name, field in scenario.profile.template.fields.items() if not field.merchant_knows]
        numbers = [f"{value:.2f}" for value in merchant.disposition.model_dump().values()]

        training = text_of(prompts.salesperson_messages(scenario, talk(3)))
        assert all(known in training for known in [*own_seller, *plan, *script, seller.name, seller.company])
        assert sum(line in training for line in profile) == len(scenario.profile.values)
        assert not any(secret in training for secret in [*own_merchant, *facts])

        answering = text_of(prompts.merchant_messages(scenario, talk(2)))
        assert all(known in answering for known in [*own_merchant, *facts, *script])
        assert not any(secret in answering for secret in [*own_seller, *plan, *ratings, *numbers])

        called = text_of(prompts.called_messages(prompts.called_system_of(scenario), scenario.language, talk(2)))
        business = [f"{label}" for label in scenario.profile.facts(for_merchant=True)]
        assert all(known in called for known in business)
        assert not any(secret in called for secret in [*own_seller, *own_merchant, *facts, *script, *plan, *ratings])

        for system in (prompts.candidate_system_of(scenario), prompts.prompted_system_of(scenario)):
            deployed = text_of(prompts.candidate_messages(system, scenario.language, talk(3)))
            assert all(known in deployed for known in plan)
            assert sum(line in deployed for line in profile) == len(scenario.profile.values)
            assert not any(secret in deployed for secret in [*own_seller, *own_merchant, *facts, *script])
        checked += 1
    assert checked >= 24 * 6


def test_each_turns_messages_begin_with_all_of_the_turn_before_but_the_last(scenario: Scenario) -> None:
    system, long = prompts.candidate_system_of(scenario), prompts.prompted_system_of(scenario)
    called = prompts.called_system_of(scenario)
    chairs = {
        "salesperson": lambda n: prompts.salesperson_messages(scenario, talk(n), "Be brief."),
        "merchant": lambda n: prompts.merchant_messages(scenario, talk(n), "Object."),
        "candidate": lambda n: prompts.candidate_messages(system, scenario.language, talk(n)),
        "prompted": lambda n: prompts.candidate_messages(long, scenario.language, talk(n)),
        "called": lambda n: prompts.called_messages(called, scenario.language, talk(n), "ask:cost"),
    }
    for name, messages_at in chairs.items():
        counts = range(1, 12, 2) if name in ("merchant", "called") else range(0, 12, 2)
        for before, after in itertools.pairwise(counts):
            kept = messages_at(before)[:-1]
            assert messages_at(after)[: len(kept)] == kept, name


def test_a_direction_stands_in_the_last_message_only(scenario: Scenario) -> None:
    plain = prompts.merchant_messages(scenario, talk(3))
    directed = prompts.merchant_messages(scenario, talk(3), "Ask what it costs.")
    assert directed[:-1] == plain[:-1]
    assert directed[-1]["content"].startswith(plain[-1]["content"])
    assert "Ask what it costs." in directed[-1]["content"]


def test_a_candidates_last_line_carries_the_hang_up_mark_only_where_it_ended_the_call(scenario: Scenario) -> None:
    system = prompts.candidate_system_of(scenario)
    mark = prompts.HANG_UP[scenario.language]
    by_seller = End(reason="salesperson_goodbye", by="salesperson")
    assert prompts.candidate_messages(system, scenario.language, talk(3), by_seller)[-1]["content"].endswith(mark)
    by_merchant = End(reason="merchant_hangup", by="merchant")
    ended = prompts.candidate_messages(system, scenario.language, talk(3), by_merchant)
    assert not any(mark in message["content"] for message in ended[1:])


def test_a_called_merchant_is_told_the_act_of_each_of_its_turns_and_nobody_elses(scenario: Scenario) -> None:
    system, language = prompts.called_system_of(scenario), scenario.language
    turns = [
        turn.model_copy(update={"act": act}) for turn, act in zip(talk(3), ["greet", "ask:who", None], strict=True)
    ]
    messages = prompts.called_messages(system, language, turns, "object:price")
    asked, objects = (prompts.act_text(act, language) for act in ("ask:who", "object:price"))
    assert messages[1]["content"].startswith(turns[0].text)
    assert asked in messages[1]["content"]
    assert messages[2] == {"role": "assistant", "content": turns[1].text}
    assert messages[3]["content"].startswith(turns[2].text)
    assert objects in messages[3]["content"]
    assert prompts.called_messages(system, language, turns)[3] == {"role": "user", "content": turns[2].text}
    assert prompts.act_text("listen+volunteer:decision", language).startswith(prompts.act_text("listen", language))
    with pytest.raises(InputError, match="did you mean 'object:price'"):
        prompts.act_text("objekt:price", language)


def test_changing_the_strategy_changes_the_prompts_of_its_readers_only(scenario: Scenario) -> None:
    strategy = scenario.strategy.model_copy(update={"goal": "Sell them a lighthouse."})
    other = scenario.model_copy(update={"strategy": strategy})
    other = Scenario.model_validate({**dict(other), "id": "other"})
    assert "lighthouse" in prompts.salesperson_system(other)
    assert "lighthouse" in prompts.candidate_system_of(other)
    assert prompts.merchant_system(other) == prompts.merchant_system(scenario)


def test_the_prompted_baselines_advice_is_the_same_in_every_call_of_a_language(catalog: Catalog) -> None:
    for language in LANGUAGES:
        systems = [prompts.prompted_system_of(one) for one in catalog.sample(12, seed=3, language=language)]
        shared = next(at for at, signs in enumerate(zip(*systems, strict=False)) if len(set(signs)) > 1)
        assert shared > 3 * len(prompts.render("candidate", language, profile="", strategy="", hang_up=""))
        assert len(set(systems)) > 1


def test_a_missing_or_unused_variable_is_an_error_that_names_it() -> None:
    with pytest.raises(InputError, match=r"en/profile\.txt needs facts and does not use fcats"):
        prompts.render("profile", "en", fcats={})


def test_text_from_files_is_never_a_template(scenario: Scenario) -> None:
    evil = "{{ 7 * 191 }} {% for x in y %} {{ ''.__class__ }}"
    persona = scenario.merchant.model_copy(update={"background": evil})
    other = Scenario.model_validate({**dict(scenario), "merchant": persona, "id": "evil"})
    assert evil in prompts.merchant_system(other)


def test_both_languages_have_the_same_templates_with_the_same_variables() -> None:
    for name in (
        "prompted",
        "salesperson",
        "merchant",
        "candidate",
        "profile",
        "strategy",
        "script",
        "direction",
        "answer_schema",
        "answer_again",
    ):
        needed = {prompts._template(name, language)[1] for language in LANGUAGES}
        assert len(needed) == 1, name
