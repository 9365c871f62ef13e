"""The library: enough in it, found by name, sampled reproducibly, and written for this project."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from telerole import Catalog, Scenario
from telerole.errors import FileError, InputError
from telerole.records import LANGUAGES, Record


def put(path: Path, *records: Record) -> None:
    """A file of records; JSON is YAML too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(record.model_dump_json() for record in records), encoding="utf-8")


@pytest.fixture
def library(tmp_path: Path, catalog: Catalog) -> tuple[Path, Path, Path]:
    """The folders of a small library: one seed script of the bundled one, with its profile, strategy and people."""
    personas, strategies, data = (tmp_path / name for name in ("personas", "strategies", "data"))
    one = catalog.sample(1, seed=1, language="en")[0]
    put(personas / "salesperson.yml", one.salesperson)
    put(personas / "en" / "merchant.yaml", one.merchant)
    put(strategies / "plan.yml", one.strategy)
    put(strategies / "profile_templates" / "seller.yml", one.profile.template)
    put(data / "scripts.en.jsonl", one.script)
    put(data / "profiles.en.jsonl", one.profile)
    put(data / "seeds.en.jsonl", next(seed for seed in catalog.seeds if seed.script == one.script.id))
    return personas, strategies, data


def test_the_library_holds_what_a_first_run_needs(catalog: Catalog) -> None:
    people = Counter((persona.role, persona.language) for persona in catalog.personas.values())
    scripts = Counter(script.language for script in catalog.scripts.values())
    for language in LANGUAGES:
        assert people["merchant", language] >= 3
        assert people["salesperson", language] >= 2
        assert scripts[language] >= 12
        assert sum(strategy.language == language for strategy in catalog.strategies.values()) >= 2
        assert any(template.language == language for template in catalog.templates.values())


def test_every_seed_makes_a_scenario_and_every_script_is_a_seed(catalog: Catalog) -> None:
    assert {seed.script for seed in catalog.seeds} == set(catalog.scripts)
    for seed in catalog.seeds:
        strategy, profile = catalog.strategy(seed.strategy), catalog.profile(seed.profile)
        assert strategy.slots() <= set(profile.values), seed


def test_every_script_is_labelled_as_written_for_this_project(catalog: Catalog) -> None:
    assert {script.source for script in catalog.scripts.values()} == {"written for telerole"}


def test_scripts_are_noisy_as_a_recogniser_leaves_them(catalog: Catalog) -> None:
    for language in LANGUAGES:
        lines = [line for script in catalog.scripts.values() if script.language == language for line in script.lines]
        assert sum(line.speaker == "unknown" for line in lines) >= 8


def test_a_sample_is_reproducible_and_a_longer_one_begins_with_it(catalog: Catalog) -> None:
    first = catalog.sample(6, seed=1)
    assert [one.id for one in catalog.sample(12, seed=1)][:6] == [one.id for one in first]
    assert [one.id for one in catalog.sample(6, seed=2)] != [one.id for one in first]
    assert {one.language for one in first} == {"en", "zh"}
    assert {one.language for one in catalog.sample(4, language="zh")} == {"zh"}
    assert len({one.id for one in catalog.sample(500, seed=1)}) == 500


def test_a_library_of_your_own_has_yaml_and_yml_files_in_folders_named_by_paths_or_texts(
    catalog: Catalog, library: tuple[Path, Path, Path]
) -> None:
    one = catalog.sample(1, seed=1, language="en")[0]
    for folders in (library, map(str, library)):
        mine = Catalog(*folders)
        assert set(mine.personas) == {one.salesperson.id, one.merchant.id}
        assert (set(mine.strategies), set(mine.templates)) == ({one.strategy.id}, {one.profile.template.id})
        assert mine.sample(1, language="en")[0].digest == one.digest


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_folder_that_is_not_there_is_no_empty_library(library: tuple[Path, Path, Path], missing: int) -> None:
    library[missing].rename(library[missing].with_name("elsewhere"))
    with pytest.raises(InputError, match=f"{library[missing]}: no such folder"):
        Catalog(*library)


def test_a_seed_whose_strategy_speaks_of_what_its_profile_does_not_state_is_named(
    catalog: Catalog, library: tuple[Path, Path, Path]
) -> None:
    one = catalog.sample(1, seed=1, language="en")[0]
    step = one.strategy.flow[0].model_copy(update={"say": ("I saw your {horses}.",)})
    put(library[1] / "plan.yml", one.strategy.model_copy(update={"flow": (step, *one.strategy.flow[1:])}))
    with pytest.raises(InputError, match=f"seed of script '{one.script.id}': strategy .* speaks of horses"):
        Catalog(*library).sample(1, language="en")


@pytest.mark.parametrize(("file", "role"), [("salesperson.yml", "salesperson"), ("en/merchant.yaml", "merchant")])
def test_a_seed_for_which_nobody_is_there_is_named(library: tuple[Path, Path, Path], file: str, role: str) -> None:
    (library[0] / file).unlink()
    with pytest.raises(InputError, match=f"seed of script .*: the library holds no {role} in 'en' who suits it"):
        Catalog(*library).sample(1, language="en")


def test_an_unknown_name_is_refused_with_the_nearest(catalog: Catalog) -> None:
    name = next(iter(catalog.strategies))
    with pytest.raises(InputError, match=f"did you mean '{name}'"):
        catalog.strategy(name[:-1] + "x")
    with pytest.raises(InputError, match="at least 1 scenario"):
        catalog.sample(0)


def test_scenarios_of_a_file_may_name_their_parts(catalog: Catalog, tmp_path: Path) -> None:
    one = catalog.sample(1, language="en")[0]
    seed = next(seed for seed in catalog.seeds if seed.script == one.script.id)
    path = tmp_path / "scenarios.jsonl"
    path.write_text(
        f'{{"id": "mine", "script": "{seed.script}", "profile": "{seed.profile}", "strategy": "{seed.strategy}", '
        f'"salesperson": "{one.salesperson.id}", "merchant": "{one.merchant.id}"}}\n' + one.model_dump_json() + "\n"
    )
    named, whole = catalog.scenarios(path)
    assert named.digest == whole.digest == one.digest
    assert isinstance(whole, Scenario)
    path.write_text(path.read_text().replace(f'"merchant": "{one.merchant.id}"', '"merchant": "nobody"', 1))
    with pytest.raises(FileError, match=r"line 1: no merchant named 'nobody'"):
        catalog.scenarios(path)
