"""Cleaning a run: kept, rejected and why, all on file; the order of the filters changes no verdict."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from telerole import Catalog, InputError, ScriptedBackend, Session, Simulator, Triplet
from telerole.backends.base import Backend, Message
from telerole.errors import BadReply, FileError
from telerole.journal import lines, parse
from telerole.plots import funnel_chart
from telerole.postprocess.chain import HOMES, Chain
from telerole.postprocess.cleaning import clean
from telerole.postprocess.filtering import Example, Heard, ModelFilter, Reject
from telerole.postprocess.results import Rejection, story
from telerole.runs import RunFolder, TripletFolder, read
from telerole.session import Deviation
from tests.full_disk import files_limited

MODEL_FREE = [name for name in HOMES if not name.endswith("_screen")]


@pytest.fixture(scope="module")
def sessions() -> list[Session]:
    """Offline calls, some of them spoilt in one way or two."""
    calls = list(Simulator(seed=5).run_many(Catalog.bundled().sample(40, seed=5)))
    spoilt = [call for call in calls if len(call.turns) > 8]
    said = {
        0: {2: "My number is 07700 900 123, or 138 1234 5678."},
        1: {4: "As an AI language model I cannot tell you that."},
        2: {4: "It is £4,999 in Kathmandu on the third of June, with a free car."},
        3: {4: "As an AI language model I say: {product}", 6: "It is £4,999 in Kathmandu, with a free car."},
        4: {4: "I promise a guaranteed profit, you cannot lose any money at all."},
    }
    english = [call for call in spoilt if call.language == "en"][: len(said)]
    for number, call in enumerate(english):
        turns = list(call.turns)
        for index, text in said[number].items():
            turns[index] = turns[index].model_copy(update={"text": text})
        calls[calls.index(call)] = call.model_copy(update={"turns": tuple(turns)})
    longest = max(spoilt, key=lambda call: len(call.turns) if call not in english else 0)
    return [*calls, longest.model_copy(update={"id": "twin.0"})]


@pytest.fixture
def run(sessions: list[Session], tmp_path: Path) -> Path:
    """The calls as a run of triplets."""
    scenarios = {one.id: one for one in Catalog.bundled().sample(40, seed=5)}
    with TripletFolder.open(tmp_path / "run", {"stage": "extract"}) as folder:
        for session in sessions:
            scenario = scenarios[session.scenario_id]
            triplet = Triplet(
                profile=scenario.profile,
                strategy=scenario.filled_strategy,
                session=session,
                method="simulation",
                source=scenario.script.id,
            )
            folder.append(triplet)
    return tmp_path / "run"


def chain(*names: str, tmp_path: Path) -> Chain:
    path = tmp_path / "filters.yaml"
    path.write_text("".join(f"- {name}\n" for name in names), encoding="utf-8")
    return Chain.read(path)


def kept(run: Path) -> list[str]:
    return [parse(run / "kept.jsonl", n, one, Triplet).session.id for n, one in lines(run / "kept.jsonl")]


def rejections(run: Path) -> dict[str, Rejection]:
    found = [parse(file, n, one, Rejection) for file in (run / "rejected").glob("*.jsonl") for n, one in lines(file)]
    return {one.id: one for one in found}


def test_every_session_is_kept_or_rejected_once_with_its_reason(run: Path, sessions: list[Session]) -> None:
    funnel = clean(run)
    gone = rejections(run)
    assert sorted([*kept(run), *gone]) == sorted(session.id for session in sessions)
    assert funnel.sessions == len(sessions)
    assert funnel.kept == len(kept(run))
    assert sum(stage.rejected for stage in funnel.stages) == len(gone)
    assert all(one.verdict.reason for one in gone.values())
    for before, after in itertools.pairwise(funnel.stages):
        assert after.seen == before.seen - before.rejected
    assert {"roles", "groundedness", "safety", "duplicates"} <= {one.filter for one in gone.values()}


def test_private_words_are_nowhere_in_what_a_cleaning_writes(run: Path) -> None:
    clean(run)
    for file in (run / "kept.jsonl", *(run / "rejected").iterdir(), *(run / "rewritten").iterdir()):
        assert "1234 5678" not in file.read_text(encoding="utf-8")
    assert "[PHONE_1]" in (run / "kept.jsonl").read_text(encoding="utf-8")


def test_what_an_extraction_noted_of_the_script_is_not_told_on(tmp_path: Path) -> None:
    (scenario,) = Catalog.bundled().sample(1, seed=3, language="en")
    noted = Deviation(kind="removed", detail="before the salesperson spoke: This is 07700 900123.")
    triplet = Triplet(
        profile=scenario.profile,
        strategy=scenario.filled_strategy,
        session=Simulator(seed=3).run(scenario),
        method="extraction",
        deviations=(noted,),
    )
    with TripletFolder.open(tmp_path / "run", {}) as folder:
        folder.append(triplet)
    clean(tmp_path / "run")
    written = [file.read_text() for file in (tmp_path / "run").rglob("*.jsonl") if file.name != "triplets.jsonl"]
    assert any(triplet.session.id in text for text in written)
    assert not any("07700" in text for text in written)


REDACTED: dict[str, tuple[str, ...]] = {
    "en": ("Can I ring you on [{}]?", "It's [{}], yeah.", "My number's [{}]."),
    "zh": ("那我记一下，[{}]对吧？", "对，[{}]，你记一下。", "我叫[{}]。"),
}
KINDS = {
    "en": ("PHONE_1", "ID_2", "CARD_1", "ACCOUNT_1", "EMAIL_3", "PLATE_1", "ADDRESS_1", "NAME_2", "WECHAT_1"),
    "zh": ("电话1", "证件2", "银行卡1", "账号1", "邮箱3", "车牌1", "地址1", "姓名2", "微信1"),
}


@pytest.mark.parametrize(
    ("language", "kind"), [(language, kind) for language, kinds in KINDS.items() for kind in kinds]
)
def test_a_redacted_call_is_not_rejected_for_its_placeholders(
    sessions: list[Session], language: str, kind: str
) -> None:
    usual = Chain.read()
    long = (one for one in sessions if one.language == language and len(one.turns) > 14)
    call = next(one for one in long if not any(judge.judge(Example(one)) for judge in usual.sessions))
    for rewriter in usual.rewriters:
        made = rewriter.rewrite(Example(call))
        call = made.example.session if made else call
    for at in (6, 7):
        for line in REDACTED[language]:
            turns = list(call.turns)
            turns[at] = turns[at].model_copy(update={"text": line.format(kind)})
            example = Example(call.model_copy(update={"turns": tuple(turns)}))
            assert [one.judge(example) for one in usual.sessions] == [None] * len(usual.sessions)
            assert [one.rewrite(example) for one in usual.rewriters] == [None] * len(usual.rewriters)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(MODEL_FREE))
def test_the_order_of_the_filters_changes_who_names_the_reason_never_who_is_rejected(
    order: list[str], run: Path, tmp_path: Path
) -> None:
    clean(run)
    usual, reasons = kept(run), rejections(run)
    clean(run, chain=chain(*order, tmp_path=tmp_path))
    assert kept(run) == usual
    for id, rejection in rejections(run).items():
        before = reasons[id]
        assert {rejection.filter, *rejection.also} == {before.filter, *before.also}


def test_cleaning_twice_writes_the_same_bytes_and_takes_away_what_is_no_more(run: Path, tmp_path: Path) -> None:
    def files() -> dict[str, bytes]:
        return {str(one.relative_to(run)): one.read_bytes() for one in sorted(run.rglob("*.json*"))}

    clean(run)
    first = files()
    clean(run)
    assert files() == first
    clean(run, chain=chain("safety", tmp_path=tmp_path))
    assert {one.name for one in (run / "rejected").iterdir()} == {"safety.jsonl"}
    assert not list((run / "rewritten").iterdir())


def test_a_kept_session_cleaned_again_stays_as_it_is(run: Path, tmp_path: Path) -> None:
    clean(run)
    with TripletFolder.open(tmp_path / "again", {}) as folder:
        for n, one in lines(run / "kept.jsonl"):
            folder.append(parse(run / "kept.jsonl", n, one, Triplet))
    funnel = clean(tmp_path / "again")
    assert (tmp_path / "again" / "kept.jsonl").read_bytes() == (run / "kept.jsonl").read_bytes()
    assert not any(stage.rewritten or stage.rejected for stage in funnel.stages)


def test_a_run_of_played_calls_is_cleaned_with_the_profile_and_strategy_of_its_scenarios(tmp_path: Path) -> None:
    Simulator(seed=2).run_many(Catalog.bundled().sample(6, seed=2), out=tmp_path / "run")
    clean(tmp_path / "run")
    scenarios = {one.id: one for one in RunFolder.read(tmp_path / "run").scenarios()}
    for n, one in lines(tmp_path / "run" / "kept.jsonl"):
        triplet = parse(tmp_path / "run" / "kept.jsonl", n, one, Triplet)
        scenario = scenarios[triplet.session.scenario_id]
        assert (triplet.source, triplet.method) == (scenario.script.id, "simulation")
        assert triplet.strategy.flow == scenario.filled_strategy.flow


def test_without_a_model_the_screens_are_left_out_and_said_so(run: Path) -> None:
    assert clean(run).left_out == ("safety_screen", "coherence_screen", "quality_screen")


class Doubts(ModelFilter):
    """Rejects what the model answers with no to; without an answer there is no verdict."""

    name = "doubts"

    async def ask(self, example: Example, backend: Backend, heard: Heard | None = None) -> Reject | None:
        said = await backend.generate([{"role": "user", "content": example.session.id}])
        if said.text == "?":
            raise BadReply("no verdict", raw=said.text)
        return Reject(reason="the model doubts it") if said.text == "no" else None


def test_a_missing_verdict_keeps_and_rejects_nothing_and_is_asked_for_again(run: Path, sessions: list[Session]) -> None:
    asked: list[str] = []
    silent = {sessions[0].id, sessions[7].id}

    def reply(messages: Sequence[Message]) -> str:
        id = messages[0]["content"]
        asked.append(id)
        return "?" if id in silent else "no" if id == sessions[1].id else "yes"

    screen = Chain.of([Doubts()])
    funnel = clean(run, chain=screen, backend=ScriptedBackend(reply))
    assert funnel.unjudged == 2
    assert set(rejections(run)) == {sessions[1].id}
    assert set(kept(run)) == {one.id for one in sessions} - silent - {sessions[1].id}
    assert (story(run, sessions[0].id).kept, story(run, sessions[0].id).rejection) == (False, None)
    missing = {one.id: one for one in read(run).tries()}
    assert set(missing) == silent
    assert {(one.stage, one.reason, one.raw) for one in missing.values()} == {("doubts", "BadReply", "?")}
    retried = silent.copy()
    silent.clear()
    asked.clear()
    assert clean(run, chain=screen, backend=ScriptedBackend(reply)).unjudged == 0
    assert set(asked) == retried  # nothing else was asked twice


def test_explain_says_what_was_changed_and_why_it_was_rejected(run: Path, sessions: list[Session]) -> None:
    clean(run)
    told = [story(run, session.id) for session in sessions]
    assert {one.id for one in told if one.kept} == set(kept(run))
    double = next(one for one in told if one.rejection and len(one.rejection.also) >= 1)
    assert double.rejection is not None
    assert double.rejection.verdict.evidence
    assert any(one.rewritten and one.rewritten[0].filter == "privacy" for one in told)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("- privcy\n", "filter 1: no filter named 'privcy' (did you mean 'privacy'?)"),
        ("- safety\n- duplicates: {treshold: 0.5}\n", "filter 2: duplicates.treshold: unknown field"),
        ("- duplicates: {threshold: high}\n", "filter 1: duplicates.threshold: "),
        ("- [safety]\n", "filter 1: expected a name"),
        ("safety: yes\n", "expected a list of filters"),
        ("- safety: [\n", "not YAML"),
        ("", "expected a list of filters"),
    ],
)
def test_a_wrong_filter_file_names_the_file_the_filter_and_the_setting(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "filters.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FileError) as told:
        Chain.read(path)
    assert f"{path}: {fault}" in str(told.value)


def test_a_filter_that_stands_twice_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'safety' stands twice"):
        chain("safety", "roles", "safety", tmp_path=tmp_path)


def test_every_bundled_filter_is_in_the_default_chain_under_its_own_name() -> None:
    assert sorted(one.name for one in Chain.read().filters) == sorted(HOMES)


def test_what_is_no_run_or_was_not_cleaned_is_said_so(tmp_path: Path, run: Path, sessions: list[Session]) -> None:
    with pytest.raises(InputError, match="is no run folder"):
        clean(tmp_path / "nothing")
    with pytest.raises(InputError, match="was not cleaned yet"):
        story(run, sessions[0].id)
    with pytest.raises(InputError, match="no finished session 'en-9999'"):
        story(run, "en-9999")


def test_a_failed_cleaning_leaves_the_earlier_files_alone(run: Path) -> None:
    clean(run)
    before = (run / "kept.jsonl").read_bytes()

    class Breaks(Doubts):
        async def ask(self, example: Example, backend: Backend, heard: Heard | None = None) -> Reject | None:
            raise RuntimeError("a fault of the filter's own")

    with pytest.raises(RuntimeError):
        clean(run, chain=Chain.of([Breaks()]), backend=ScriptedBackend("yes"))
    assert (run / "kept.jsonl").read_bytes() == before
    assert not (run / ".cleaning").exists()


def test_a_folder_that_cannot_be_written_is_told(run: Path) -> None:
    (run / ".lock").unlink(missing_ok=True)
    (run / ".lock").mkdir()  # permissions do not bind root
    with pytest.raises(FileError, match=r"run: cannot be written: .*; make room or get leave to write"):
        clean(run)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on a file's size")
def test_a_full_disk_is_told_and_leaves_nothing_of_a_cleaning(run: Path) -> None:
    before = sorted(path.name for path in run.iterdir())
    with files_limited(1000), pytest.raises(FileError, match="cannot be written: File too large"):
        clean(run)
    assert sorted(path.name for path in run.iterdir()) == before


def test_the_funnel_is_drawn_with_the_numbers_it_has(run: Path) -> None:
    funnel = clean(run)
    spec = json.dumps(funnel_chart(funnel).to_dict())
    assert f"{funnel.kept} of {funnel.sessions} sessions kept" in spec
    for stage in funnel.stages:
        assert f'"filter": "{stage.filter}", "sessions": {stage.rejected}, "what": "rejected"' in spec
