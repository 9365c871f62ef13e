"""The data set: disjoint scripts, three methods, cleaned and counted, and the same command goes on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from readers import PerfectReader
from test_complete import FINE, GOOD, prefix

from telerole import Catalog, InputError, ScriptedBackend, Triplet
from telerole.backends.base import Message
from telerole.journal import lines, parse
from telerole.reading import words
from telerole.runs import read
from telerole.synthesis.dataset import NO_MODEL, Shares, split, synthesize
from telerole.synthesis.table import PAPER, row

PARTS = ("extraction", "simulation", "held_out")
CLEAN = {"reason": "a good call", "verdict": "yes", "quotes": []}


def shares() -> st.SearchStrategy[Shares]:
    share = st.floats(0.01, 1)
    return st.builds(Shares, extraction=share, simulation=share, held_out=share)


@given(seed=st.integers(0, 2**32), wanted=shares())
def test_no_script_stands_in_two_sets_and_none_is_lost(seed: int, wanted: Shares) -> None:
    catalog = Catalog.bundled()
    parts = split(catalog, wanted, seed)
    scripts = [one.script for name in PARTS for one in getattr(parts, name)]
    assert sorted(scripts) == sorted(one.script for one in catalog.seeds)
    assert parts == split(catalog, wanted, seed)
    total = sum(getattr(wanted, name) for name in PARTS)
    for name in PARTS:
        expected = len(scripts) * getattr(wanted, name) / total
        assert abs(len(getattr(parts, name)) - expected) <= 2  # rounded in each language


def test_scripts_of_the_same_words_stay_together() -> None:
    library = Catalog.bundled()
    catalog = library.plus()
    first, second = library.seeds[0], library.seeds[1]
    catalog.scripts = library.scripts | {
        second.script: library.script(first.script).model_copy(update={"id": second.script})
    }
    for seed in range(30):
        parts = split(catalog, Shares(), seed)
        homes = {one.script: name for name in PARTS for one in getattr(parts, name)}
        assert homes[first.script] == homes[second.script]


class Model:
    """One that can do everything: it reads scripts, writes prefixes, checks and judges."""

    def __init__(self) -> None:
        self.reader = PerfectReader(Catalog.bundled())
        self.asked = 0

    def __call__(self, messages: Sequence[Message]) -> str:
        self.asked += 1
        shown = messages[0]["content"]
        if '"leads_naturally"' in shown:
            return json.dumps(FINE)
        if '"PrefixTurn"' in shown:
            return prefix(GOOD["zh" if "商家" in shown else "en"])
        if '"CleanTurn"' in shown:
            return self.reader(messages)
        return json.dumps(CLEAN)


@pytest.fixture
def catalog_of_truths() -> Catalog:
    """The bundled library with only the scripts whose truth is known."""
    library = Catalog.bundled().plus()
    known = {truth.script for language in ("en", "zh") for truth in library.truths(language)}
    library.seeds = [seed for seed in library.seeds if seed.script in known][::4]
    return library


def test_without_a_model_only_played_calls_are_made_and_the_table_says_why(tmp_path: Path) -> None:
    made = synthesize(tmp_path / "set", seed=3)
    assert set(made.funnels) == {"simulation"}
    by = {(one.method, one.language): one for one in made.table}
    assert len(by) == 6
    for language in ("en", "zh"):
        assert by["extraction", language].why_none == NO_MODEL
        assert by["completion", language].why_none == NO_MODEL
        assert by["simulation", language].valid > 0
    sets = json.loads((tmp_path / "set" / "split.json").read_text())
    with pytest.raises(InputError, match=r"is a data set; name one of its runs: .*simulation"):
        read(tmp_path / "set")
    used = {triplet.source for triplet in read(tmp_path / "set" / "simulation").triplets()}
    assert used == set(sets["simulation"])


def test_all_three_methods_come_together_and_table_1_counts_what_is_on_file(
    tmp_path: Path, catalog_of_truths: Catalog
) -> None:
    path = tmp_path / "set"
    made = synthesize(
        path, ScriptedBackend(Model()), salesperson="offline", merchant="offline", catalog=catalog_of_truths
    )
    every = [parse(path / "dataset.jsonl", n, one, Triplet) for n, one in lines(path / "dataset.jsonl")]
    assert {one.method for one in every} == {"extraction", "simulation", "completion"}
    for one in made.table:
        of_row = [t for t in every if (t.method, t.session.language) == (one.method, one.language)]
        assert one.valid == len(of_row)
        if of_row:
            said = [words(turn.text, t.session.language) for t in of_row for turn in t.session.turns]
            assert one.turns == pytest.approx(sum(len(t.session.turns) for t in of_row) / len(of_row))
            assert one.length == pytest.approx(sum(said) / len(said))
    sets = json.loads((path / "split.json").read_text())
    for method in ("extraction", "simulation"):
        assert {t.source for t in every if t.method == method} <= set(sets[method])


def test_the_same_command_goes_on_and_asks_nothing_twice(tmp_path: Path, catalog_of_truths: Catalog) -> None:
    model = Model()
    chairs = {"salesperson": "offline", "merchant": "offline", "catalog": catalog_of_truths}

    class Cut(Model):
        def __call__(self, messages: Sequence[Message]) -> str:
            if self.asked == 12:
                raise RuntimeError("the power is cut")
            return super().__call__(messages)

    with pytest.raises(RuntimeError):
        synthesize(tmp_path / "set", ScriptedBackend(Cut()), **chairs)  # type: ignore[arg-type]
    synthesize(tmp_path / "set", ScriptedBackend(model), **chairs)  # type: ignore[arg-type]
    whole = (tmp_path / "set" / "dataset.jsonl").read_bytes()
    needed = model.asked
    synthesize(tmp_path / "set", ScriptedBackend(model), **chairs)  # type: ignore[arg-type]
    assert model.asked == needed
    assert (tmp_path / "set" / "dataset.jsonl").read_bytes() == whole


def test_another_configuration_on_the_same_folder_is_refused_by_name(tmp_path: Path) -> None:
    synthesize(tmp_path / "set", seed=3, language="zh")
    with pytest.raises(InputError, match="seed: was 3, is now 4"):
        synthesize(tmp_path / "set", seed=4, language="zh")


def test_the_papers_rows_are_its_table_1() -> None:
    assert [(one.seeds, one.valid, one.turns, one.length) for one in PAPER] == [
        (1504, 813, 7.54, 30.26),
        (1710, 1061, 8.01, 37.01),
        (701, 701, 5.18, 41.44),
    ]
    retention = sum(one.valid for one in PAPER) / sum(one.seeds for one in PAPER)
    assert retention == pytest.approx(0.66, abs=0.005)  # the paper says 55 %


def test_a_row_without_a_valid_session_has_no_means() -> None:
    empty = row("extraction", "zh", 5, [])
    assert (empty.valid, empty.turns, empty.length) == (0, None, None)
