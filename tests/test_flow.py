"""What flows is strict: profiles fit their template, scenarios fit together, sessions alternate."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from telerole import Catalog, Profile, ProfileTemplate, QAPair, Scenario, Session, Simulator, Triplet
from telerole.errors import FileError
from telerole.records import load
from telerole.session import End, Turn

TEMPLATE = ProfileTemplate.model_validate(
    {
        "id": "t",
        "language": "en",
        "title": "T",
        "fields": {
            "shop": {"label": "Shop"},
            "orders": {"label": "Orders", "kind": "number"},
            "export": {"label": "Export", "kind": "tag", "tags": ["never", "a little"]},
            "channels": {"label": "Channels", "kind": "tags", "tags": ["own website", "fairs"], "required": False},
            "grade": {"label": "Grade", "required": False, "merchant_knows": False},
        },
    }
)


def profile(**values: object) -> Profile:
    return Profile.model_validate({"id": "p", "template": TEMPLATE, "values": values})


def test_a_profile_states_its_facts_by_label_and_hides_the_platforms_own_from_the_merchant() -> None:
    one = profile(shop="Oak & Son", orders=12, export="never", grade="A")
    assert one.facts() == {"Shop": "Oak & Son", "Orders": "12", "Export": "never", "Grade": "A"}
    assert "Grade" not in one.facts(for_merchant=True)


def test_every_fault_of_a_profile_is_named_with_the_nearest_tag() -> None:
    with pytest.raises(ValidationError) as caught:
        profile(shp="x", orders="many", export="nevr")
    message = str(caught.value)
    for told in ("shp: unknown field (did you mean 'shop'?)", "orders: must be a whole", "'never'"):
        assert told in message
    assert "shop: is missing" not in message  # it is there, misspelt


def test_a_profile_states_no_list_without_a_tag() -> None:
    assert profile(shop="Oak & Son", orders=12, export="never", channels=["fairs"]).text("channels") == "fairs"
    with pytest.raises(ValidationError, match=r"values.channels: must be a list of tags, not \(\)"):
        profile(shop="Oak & Son", orders=12, export="never", channels=[])


@pytest.mark.parametrize(
    ("field", "written", "read"),
    [
        ("orders", "yes", "True"),
        ("orders", ".nan", "nan"),
        ("orders", "-.inf", "-inf"),
        ("orders", "1.5", "1.5"),
        ("export", "no", "False"),
        ("export", "[no]", "[False]"),
    ],
)
def test_a_bare_yes_counts_as_no_number_and_no_tag_and_is_told_in_one_line(
    tmp_path: Path, field: str, written: str, read: str
) -> None:
    values = {"shop": "Oak & Son", "orders": "12", "export": "never"} | {field: written}
    stated = "".join(f"\n  {name}: {value}" for name, value in values.items())
    path = tmp_path / "profile.yaml"
    path.write_text(f"id: p\ntemplate: {TEMPLATE.model_dump_json()}\nvalues:{stated}\n")
    with pytest.raises(FileError) as caught:
        load(path, Profile)
    (fault,) = caught.value.faults
    assert fault.startswith(f"values.{field}: must be text, a whole number or a list of texts, not {read}; YAML")


def test_a_scenario_refuses_a_strategy_that_speaks_of_what_the_profile_does_not_state(scenario: Scenario) -> None:
    step = scenario.strategy.flow[0].model_copy(update={"say": ("I saw your {horses}.",)})
    strategy = scenario.strategy.model_copy(update={"flow": (step, *scenario.strategy.flow[1:])})
    with pytest.raises(ValidationError, match="speaks of horses"):
        Scenario.model_validate({**dict(scenario), "strategy": strategy})


def test_a_scenario_refuses_two_languages_and_swapped_chairs(catalog: Catalog) -> None:
    en, zh = catalog.sample(1, language="en")[0], catalog.sample(1, language="zh")[0]
    with pytest.raises(ValidationError, match="merchant: is in 'zh'"):
        Scenario.model_validate({**dict(en), "merchant": zh.merchant})
    with pytest.raises(ValidationError, match="is a salesperson"):
        Scenario.model_validate({**dict(en), "merchant": en.salesperson})


def test_the_same_scenario_has_the_same_id_everywhere(scenario: Scenario) -> None:
    unnamed = Scenario.model_validate({**dict(scenario), "id": ""})
    again = Scenario.model_validate_json(unnamed.model_dump_json())
    assert again.id == unnamed.id
    assert again == unnamed


def test_a_session_alternates_from_the_salesperson() -> None:
    turns = [Turn(role="merchant", text="hello")]
    with pytest.raises(ValidationError, match="turns alternate from the salesperson"):
        Session(id="s.0", scenario_id="s", language="en", seed=1, turns=tuple(turns), end=End(reason="max_turns"))


def test_a_turn_is_never_empty() -> None:
    with pytest.raises(ValidationError):
        Turn(role="merchant", text="  ")


def test_a_triplet_and_a_qa_pair_survive_the_way_through_a_file(scenario: Scenario, tmp_path: Path) -> None:
    session = Simulator().run(scenario)
    triplet = Triplet(profile=scenario.profile, strategy=scenario.filled_strategy, session=session, method="simulation")
    pair = QAPair(id="fees", language="zh", topic="fees", question="要押金吗？", answer="不用，第一年免押金。")
    for record in (triplet, pair):
        path = tmp_path / "one.jsonl"
        path.write_text(record.model_dump_json() + "\n", encoding="utf-8")
        assert load(path, type(record)) == [record]
