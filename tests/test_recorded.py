"""Recorded extractions and completions, answered by a person from the prompts alone: what the prompts bring about."""

from __future__ import annotations

from pathlib import Path

import pytest

from telerole import Cassette, Catalog, QAPair, Script, Triplet
from telerole.evaluation.calibration import calibrate
from telerole.evaluation.judge import judge
from telerole.postprocess.chain import Chain
from telerole.postprocess.cleaning import clean
from telerole.postprocess.results import story
from telerole.postprocess.screens import CoherenceScreen, QualityScreen, SafetyScreen
from telerole.records import load
from telerole.runs import TripletFolder
from telerole.style import measure_calls
from telerole.synthesis.complete import complete
from telerole.synthesis.extract import extract
from telerole.synthesis.score import Scored, answers, score
from telerole.truth import Truth

RECORDED = Path(__file__).parents[1] / "examples" / "recorded"


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> TripletFolder:
    scripts = load(RECORDED / "scripts.jsonl", Script)
    run = extract(
        scripts, Cassette(RECORDED / "extraction.jsonl", mode="replay"), out=tmp_path_factory.mktemp("e") / "r"
    )
    assert isinstance(run, TripletFolder)
    return run


@pytest.fixture(scope="module")
def completed(tmp_path_factory: pytest.TempPathFactory) -> TripletFolder:
    pairs = load(RECORDED / "pairs.jsonl", QAPair)
    run = complete(
        pairs, Cassette(RECORDED / "completion.jsonl", mode="replay"), out=tmp_path_factory.mktemp("c") / "r"
    )
    assert isinstance(run, TripletFolder)
    return run


@pytest.fixture(scope="module")
def scored(extracted: TripletFolder) -> Scored:
    truths, scripts = load(RECORDED / "truths.jsonl", Truth), load(RECORDED / "scripts.jsonl", Script)
    return score(list(extracted.triplets()), truths, scripts, answers(Catalog.bundled()))


def test_the_recordings_say_that_a_person_stood_in_for_the_model() -> None:
    for name in ("extraction", "completion", "calibration"):
        assert "A person stood in" in Cassette(RECORDED / f"{name}.jsonl", mode="replay").header.provenance


def test_every_recorded_request_is_still_asked_in_the_same_words(
    extracted: TripletFolder, completed: TripletFolder
) -> None:
    for run in (extracted, completed):
        assert (len(run), list(run.failures())) == (12, [])


def test_a_figure_that_nothing_held_was_asked_for_again(completed: TripletFolder) -> None:
    (refused,) = completed.tries()
    assert (refused.id, refused.reason) == ("qa-en-02.0", "Unfit")
    assert "neither profile nor strategy holds: forty" in refused.message
    final = next(one for one in completed.triplets() if one.session.id == refused.id)
    assert not any("forty" in turn.text for turn in final.session.turns)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_careful_reader_gets_speakers_words_and_strategy_right_and_adds_nothing(
    scored: Scored, language: str
) -> None:
    figures = {name: share.value for name, share in scored.total(language).shares().items()}  # type: ignore[arg-type]
    for name in ("speaker accuracy", "content-word precision", "content-word recall"):
        assert figures[name] >= 0.98
    assert figures["turn-boundary F1"] >= 0.9
    assert figures["strategy-step F1"] >= 0.9
    assert figures["right strategy"] == 1
    assert figures["added-fact rate"] <= 0.01


def test_nothing_of_a_script_is_dropped_without_a_word(extracted: TripletFolder) -> None:
    kinds = {one.kind for triplet in extracted.triplets() for one in triplet.deviations}
    assert not kinds & {"dropped", "repaired", "reordered"}


def test_what_was_written_passes_the_filters_it_was_written_for(completed: TripletFolder) -> None:
    funnel = clean(completed.path)
    rejected = {stage.filter: stage.rejected for stage in funnel.stages if stage.rejected}
    assert not rejected


def test_recorded_merchants_talk_in_short_turns(extracted: TripletFolder, completed: TripletFolder) -> None:
    triplets: list[Triplet] = [*extracted.triplets(), *completed.triplets()]
    styles = measure_calls(triplet.session for triplet in triplets)
    for language in ("en", "zh"):
        merchant, seller = styles[language, "merchant"], styles[language, "salesperson"]  # type: ignore[index]
        assert merchant.stock_phrases <= 0.02
        assert merchant.length < seller.length


def test_screens_find_planted_faults_with_the_words_that_show_them_and_keep_good_calls(tmp_path: Path) -> None:
    with TripletFolder.open(tmp_path / "run", {}) as folder:
        for triplet in load(RECORDED / "screened.jsonl", Triplet):
            folder.append(triplet)
    screens = Chain.of([SafetyScreen(), CoherenceScreen(), QualityScreen()])
    funnel = clean(folder.path, chain=screens, backend=Cassette(RECORDED / "screens.jsonl", mode="replay"))
    assert funnel.unjudged == 0
    told = {id: story(folder.path, id).rejection for id in folder.done}
    planted = {id: rejection for id, rejection in told.items() if "fault" in id}
    assert len(planted) == 6
    for id, rejection in planted.items():
        assert rejection is not None
        turn = 4 if "coherence" in id else 2
        assert turn in {one.turn for one in rejection.verdict.evidence}
    good = {id: rejection for id, rejection in told.items() if "fault" not in id}
    lost = {id: rejection.verdict.reason for id, rejection in good.items() if rejection}
    assert set(lost) <= {"zh-28.0"}  # its salesperson does promise more than the strategy holds


def test_the_judge_finds_each_planted_fault_by_the_metric_it_belongs_to_and_leaves_good_talk_alone() -> None:
    sessions = load(RECORDED / "judged.jsonl", Triplet)
    judged = judge(sessions, Cassette(RECORDED / "verdicts.jsonl", mode="replay"), retest=0)
    assert judged.coverage() == 1
    bad = {(one.session, one.metric) for one in judged.decisions if one.verdict is False}
    for language in ("en", "zh"):
        assert (f"{language}-fault-1", "repetition") in bad  # the same question three times
        assert (f"{language}-fault-2", "conversationality") in bad  # a line out of a brochure
        assert (f"{language}-fault-2", "knowledge_grounding") in bad  # three years without fees, and a printer
        assert (f"{language}-fault-1", "knowledge_grounding") not in bad
    good = {metric for session, metric in bad if "fault" not in session}
    assert not good & {"repetition", "conversationality", "diversity"}


def test_the_judge_finds_every_fault_that_calibration_plants_and_its_strictness_with_good_calls_shows() -> None:
    good = load(RECORDED / "calibrated.jsonl", Triplet)
    found = calibrate(good, Cassette(RECORDED / "calibration.jsonl", mode="replay"), seed=5)
    assert [one.detected and (one.detected.value, one.detected.n) for one in found.detections] == [(1, 2)] * 6
    alarms = {one.metric: one.false_alarms.value for one in found.detections if one.false_alarms}
    # Calls as experts had them: one promises photographs, one leaves out a condition, one gives up at a soft no.
    assert {metric for metric, share in alarms.items() if share} == {"strategy_following", "knowledge_grounding"}
    assert not any(one.trusted for one in found.detections)  # two calls are too few to trust anybody
