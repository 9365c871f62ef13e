"""The run folder: nothing lost, nothing repeated, nothing half written, and every refusal says what to do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import telerole
from telerole import RunFolder, Scenario, Session
from telerole.errors import FileError, InputError
from telerole.persona import Persona
from telerole.profile import Profile, ProfileField, ProfileTemplate
from telerole.runs import MemoryRun, Run
from telerole.script import Script, ScriptLine
from telerole.session import End, EndReason, Turn, Usage, speaker_at
from telerole.strategy import Step, Strategy
from tests.full_disk import files_limited

CONFIG = {"salesperson": "scripted", "merchant": "scripted", "seed": 7}


def call(
    number: int = 0, reason: EndReason = "goal_reached", detail: str = "", lines: int = 3, said: str = "您好 – hello"
) -> Session:
    return Session(
        id=f"en-{number}.0",
        scenario_id=f"en-{number}",
        language="en",
        seed=number,
        turns=tuple(Turn(role=speaker_at(index), text=f"{said} {number}.{index}") for index in range(lines)),
        end=End(reason=reason, by="merchant", detail=detail),
        usage={"salesperson": Usage(calls=2, attempts=3, prompt_tokens=10, completion_tokens=5)},
    )


def failed(number: int = 0, detail: str = "TimedOut: no answer in 60 s") -> Session:
    return call(number, "backend_error", detail)


def scenario(id: str) -> Scenario:
    template = ProfileTemplate(id="t", language="en", title="Shop", fields={"name": ProfileField(label="Name")})
    step = Step(id="one", goal="Greet.", done_when="They answer.", say=("Hello.",))
    talk = {"language": "en", "background": "Works.", "temperament": "Calm.", "manner": ("Short.",)}
    return Scenario(
        id=id,
        language="en",
        script=Script(
            id="s",
            language="en",
            lines=(ScriptLine(speaker="salesperson", text="Hi."), ScriptLine(speaker="merchant", text="Yes?")),
        ),
        profile=Profile(id="p", template=template, values={"name": "Kiln & Co"}),
        strategy=Strategy(
            id="s",
            language="en",
            title="Meet",
            goal="A meeting.",
            closes_with="meeting",
            rapport=("Be kind.",),
            flow=(step, step.model_copy(update={"id": "two"})),
        ),
        salesperson=Persona.model_validate(
            {"id": "a", "role": "salesperson", "name": "Ann", "company": "Acme", **talk}
        ),
        merchant=Persona.model_validate({"id": "b", "role": "merchant", "name": "Bob", **talk}),
    )


def begin(path: Path, *sessions: Session, config: dict[str, Any] = CONFIG) -> Path:
    with RunFolder.open(path, config) as folder:
        for session in sessions:
            folder.append(session)
    return path


def ids(folder: Run) -> list[str]:
    return [session.id for session in folder]


def kept(path: Path) -> bytes:
    return (path / "sessions.jsonl").read_bytes()


def test_a_session_is_read_back_as_it_was_appended(tmp_path: Path) -> None:
    sessions = [call(0, said="line\u2028separator\x85 and 中文"), call(1, "merchant_hangup")]
    begin(tmp_path / "run", *sessions)
    folder = RunFolder.read(tmp_path / "run")
    assert list(folder) == list(folder.sessions()) == sessions
    assert folder.session("en-1.0") == sessions[1]
    assert folder.config == CONFIG
    assert len(folder) == 2


def test_a_session_is_on_file_before_the_run_ends(tmp_path: Path) -> None:
    with RunFolder.open(tmp_path / "run", CONFIG) as folder:
        folder.append(call())
        assert list(RunFolder.read(tmp_path / "run")) == [call()]


def test_a_line_holds_the_fields_that_users_rely_on(tmp_path: Path) -> None:
    line = json.loads(kept(begin(tmp_path / "run", call(4))))
    assert (line["id"], line["scenario_id"], line["seed"]) == ("en-4.0", "en-4", 4)
    assert line["turns"][1]["role"] == "merchant"
    assert line["turns"][1]["text"] == "您好 – hello 4.1"
    assert (line["end"]["reason"], line["end"]["by"]) == ("goal_reached", "merchant")
    assert line["usage"]["salesperson"]["prompt_tokens"] == 10


def test_identical_runs_are_identical_bytes(tmp_path: Path) -> None:
    files = [
        {file.name: file.read_bytes() for file in begin(tmp_path / name, call(0), failed(1)).iterdir()}
        for name in ("one", "two")
    ]
    assert files[0] == files[1]


def test_a_finished_session_is_never_written_twice(tmp_path: Path) -> None:
    begin(tmp_path / "run", call(0), call(0))
    assert ids(RunFolder.read(begin(tmp_path / "run", call(0), call(1)))) == ["en-0.0", "en-1.0"]


def test_going_on_knows_what_is_done(tmp_path: Path) -> None:
    begin(tmp_path / "run", call(0), call(1), failed(2))
    with RunFolder.open(tmp_path / "run", CONFIG) as folder:
        assert folder.done == {"en-0.0", "en-1.0"}


def test_a_failure_keeps_what_is_needed_to_understand_it(tmp_path: Path) -> None:
    with RunFolder.open(tmp_path / "run", CONFIG) as folder:
        folder.append(failed(3, "BadReply: not JSON: at 1"), raw=" <html>\ud83d ")
        [failure] = folder.failures()
    assert (failure.id, failure.scenario_id, failure.seed, failure.stage) == ("en-3.0", "en-3", 3, "simulate")
    assert (failure.reason, failure.message, failure.by) == ("BadReply", "not JSON: at 1", "merchant")
    assert (failure.raw, failure.attempts, failure.turns) == (" <html>? ", 3, call(3).turns)
    assert not kept(tmp_path / "run")


@pytest.mark.parametrize("in_memory", [True, False])
def test_only_the_latest_failure_of_what_is_still_unfinished_counts(tmp_path: Path, in_memory: bool) -> None:
    run = MemoryRun() if in_memory else RunFolder.open(tmp_path / "run", CONFIG)
    for session in (failed(0), failed(1), call(0), failed(1, "ServerFault: 500"), call(2, "budget", "10 calls")):
        run.append(session)
    assert [(failure.id, failure.reason) for failure in run.failures()] == [
        ("en-1.0", "ServerFault"),
        ("en-2.0", "BudgetSpent"),
    ]
    assert ids(run) == ["en-0.0"]
    if isinstance(run, RunFolder):
        run.close()


@pytest.mark.parametrize("in_memory", [True, False])
def test_totals_are_summed_from_records_and_survive_a_resume(tmp_path: Path, in_memory: bool) -> None:
    sessions = [call(0), call(1, "merchant_hangup", lines=2), failed(2), failed(3)]
    run: Run = MemoryRun()
    for session in sessions if in_memory else ():
        run.append(session)
    if not in_memory:
        begin(tmp_path / "run", *sessions[:3])
        run = RunFolder.read(begin(tmp_path / "run", *sessions[3:]))
    totals = run.totals()
    assert (totals.sessions, totals.turns) == (2, 5)
    assert totals.ends == {"goal_reached": 1, "merchant_hangup": 1}
    assert totals.failures == {"TimedOut": 2}
    assert totals.usage["salesperson"] == Usage(calls=8, attempts=12, prompt_tokens=40, completion_tokens=20)


def test_what_a_failed_try_cost_stays_in_the_ledger_when_a_later_one_succeeds(tmp_path: Path) -> None:
    totals = RunFolder.read(begin(tmp_path / "run", failed(0), call(0))).totals()
    assert not totals.failures
    assert totals.usage["salesperson"].attempts == 6


def test_run_json_says_what_was_run_and_with_which_versions(tmp_path: Path) -> None:
    about = json.loads((begin(tmp_path / "run") / "run.json").read_text())
    assert about["config"] == CONFIG
    assert about["versions"]["telerole"] == telerole.__version__


def test_a_changed_configuration_is_refused_with_every_difference(tmp_path: Path) -> None:
    begin(tmp_path / "run", call())
    before = {file.name: file.read_bytes() for file in (tmp_path / "run").iterdir()}
    with pytest.raises(InputError) as caught:
        RunFolder.open(tmp_path / "run", {"salesperson": "scripted", "merchant": "human", "seed": 7, "trials": 2})
    message = str(caught.value)
    assert "merchant: was 'scripted', is now 'human'" in message
    assert "trials: was not set, is now 2" in message
    assert "salesperson" not in message
    assert "--out" in message
    assert {file.name: file.read_bytes() for file in (tmp_path / "run").iterdir()} == before


def test_a_configuration_is_the_same_whatever_its_containers(tmp_path: Path) -> None:
    for stop in (["a", "b"], ("a", "b"), ["a", "b"]):
        begin(tmp_path / "run", config={"stop": stop})


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("…")
    with pytest.raises(InputError, match="is no run folder, yet not empty"):
        RunFolder.open(tmp_path, CONFIG)
    assert os.listdir(tmp_path) == ["thesis.tex"]


def test_a_run_that_died_before_it_began_can_be_begun(tmp_path: Path) -> None:
    (tmp_path / ".lock").touch()
    (tmp_path / ".run.json").write_text('{"config": {')
    assert ids(RunFolder.read(begin(tmp_path, call(0)))) == ["en-0.0"]


@pytest.mark.parametrize("under", ["", "deep/er"])
def test_a_place_that_is_no_folder_is_refused(tmp_path: Path, under: str) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="file"):
        RunFolder.open(tmp_path / "file" / under, CONFIG)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="permissions do not bind root")
def test_a_folder_without_write_permission_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="cannot be written: Permission denied"):
        RunFolder.open(tmp_path / "run", CONFIG)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on a file's size")
def test_a_full_disk_is_told_where_the_scenarios_cannot_be_written(tmp_path: Path) -> None:
    with RunFolder.open(tmp_path / "run", CONFIG) as folder:
        with files_limited(100), pytest.raises(FileError, match=r"scenarios.jsonl: cannot be written: File too large"):
            folder.write_scenarios([scenario("a")])
        folder.write_scenarios([scenario("a")])
    assert not (tmp_path / "run" / ".scenarios.jsonl").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on a file's size")
def test_a_full_disk_is_told_and_leaves_no_part_of_a_session(tmp_path: Path) -> None:
    with RunFolder.open(tmp_path / "run", CONFIG) as folder:
        folder.append(call(0))
        before = kept(tmp_path / "run")
        with (
            files_limited(len(before) + 100),
            pytest.raises(FileError, match=r"cannot be written: .*; finished sessions are kept"),
        ):
            folder.append(call(1))
        assert kept(tmp_path / "run") == before
        folder.append(call(1))
        assert ids(folder) == ["en-0.0", "en-1.0"]


@pytest.mark.skipif(sys.platform == "win32", reason="locks need fcntl")
def test_a_second_run_on_the_same_folder_is_refused_while_the_first_lives(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "run")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env()
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"open\n"
        with pytest.raises(InputError, match="another run writes here"):
            RunFolder.open(tmp_path / "run", {})
        assert list(RunFolder.read(tmp_path / "run")) == []
        first.kill()
    RunFolder.open(tmp_path / "run", {}).close()


def test_a_closed_folder_can_be_read_and_opened_again_but_not_written(tmp_path: Path) -> None:
    folder = RunFolder.open(tmp_path / "run", CONFIG)
    folder.append(call(0))
    folder.close()
    folder.close()
    assert ids(folder) == ["en-0.0"]
    for write in (lambda: folder.append(call(1)), lambda: folder.write_scenarios([])):
        with pytest.raises(InputError, match="open for reading only"):
            write()
    RunFolder.open(tmp_path / "run", CONFIG).close()


def test_a_refused_folder_stays_free_for_the_next_run(tmp_path: Path) -> None:
    begin(tmp_path / "run", call())
    (tmp_path / "run" / "sessions.jsonl").write_bytes(b"[]\n")
    with pytest.raises(FileError):
        RunFolder.open(tmp_path / "run", CONFIG)
    (tmp_path / "run" / "sessions.jsonl").write_bytes(b"")
    RunFolder.open(tmp_path / "run", CONFIG).close()


def test_where_there_is_no_run_reading_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no run\.json"):
        RunFolder.read(tmp_path)
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(FileError, match="holds no run's configuration"):
        RunFolder.read(tmp_path)


def test_an_unknown_session_is_an_error_with_the_nearest_id(tmp_path: Path) -> None:
    folder = RunFolder.read(begin(tmp_path / "run", call(12)))
    with pytest.raises(InputError, match=r"no finished session 'en-21\.0' \(did you mean 'en-12\.0'\?\)"):
        folder.session("en-21.0")


@pytest.mark.parametrize("line", [b"{not json}\n", b"\n", b"[1]\n"])
def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path, line: bytes) -> None:
    path = begin(tmp_path / "run", call(0))
    (path / "sessions.jsonl").write_bytes(kept(path) + line + kept(path))
    with pytest.raises(FileError, match=r"sessions\.jsonl: line 2: is no session"):
        RunFolder.open(path, CONFIG)


def test_a_session_of_the_wrong_form_is_named_with_its_field(tmp_path: Path) -> None:
    path = begin(tmp_path / "run", call(0))
    (path / "sessions.jsonl").write_bytes(kept(path).replace(b'"seed":0', b'"sede":0'))
    with pytest.raises(FileError, match="line 1: sede: unknown field"):
        list(RunFolder.read(path))


HOLDER = """
import sys
from telerole import RunFolder

folder = RunFolder.open(sys.argv[1], {})
print("open", flush=True)
input()
"""

WHOLE = b"".join(call(number).model_dump_json().encode() + b"\n" for number in range(3))


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, len(WHOLE)), file=st.sampled_from(["sessions.jsonl", "failures.jsonl"]))
def test_wherever_a_file_is_cut_every_earlier_line_survives_and_no_part_of_one(
    tmp_path: Path, cut: int, file: str
) -> None:
    path = begin(tmp_path / "run")
    (path / file).write_bytes(WHOLE[:cut])
    RunFolder.open(path, CONFIG).close()
    whole = WHOLE[: cut + 1].count(b"\n")  # a line that lacks only its end is whole
    assert (path / file).read_bytes() == b"".join(WHOLE.splitlines(keepends=True)[:whole])


def test_a_tail_of_zeros_after_a_power_cut_is_cut_off(tmp_path: Path) -> None:
    path = begin(tmp_path / "run", call(0))
    whole = kept(path)
    (path / "sessions.jsonl").write_bytes(whole + b"\0" * 4096)
    assert kept(begin(path)) == whole


def test_reading_leaves_out_a_line_that_is_just_being_written(tmp_path: Path) -> None:
    path = begin(tmp_path / "run", call(0))
    torn = kept(path) + call(1).model_dump_json().encode()
    (path / "sessions.jsonl").write_bytes(torn)
    assert ids(RunFolder.read(path)) == ["en-0.0"]
    assert kept(path) == torn


def test_scenarios_are_written_once_and_read_back(tmp_path: Path) -> None:
    planned = [scenario("a"), scenario("b")]
    for _ in range(2):
        with RunFolder.open(tmp_path / "run", CONFIG) as folder:
            folder.write_scenarios(iter(planned))
    assert list(RunFolder.read(tmp_path / "run").scenarios()) == planned
    assert set(os.listdir(tmp_path / "run")) == {
        ".lock",
        "run.json",
        "scenarios.jsonl",
        "sessions.jsonl",
        "failures.jsonl",
    }


@pytest.mark.parametrize("now", [["a", "c"], ["a"], ["a", "b", "c"], []])
def test_other_scenarios_than_the_run_was_begun_with_are_refused(tmp_path: Path, now: list[str]) -> None:
    with RunFolder.open(tmp_path / "run", CONFIG) as folder:
        folder.write_scenarios(map(scenario, ["a", "b"]))
        with pytest.raises(InputError, match="the run was begun with other scenarios"):
            folder.write_scenarios(map(scenario, now))


def test_scenarios_that_could_not_all_be_made_leave_no_file(tmp_path: Path) -> None:
    def broken() -> Any:
        yield scenario("a")
        raise RuntimeError

    with RunFolder.open(tmp_path / "run", CONFIG) as folder, pytest.raises(RuntimeError):
        folder.write_scenarios(broken())
    assert not (tmp_path / "run" / "scenarios.jsonl").exists()


WRITER = """
import sys
from telerole import RunFolder
from telerole.session import End, Session, Turn

def call(number):
    turn = Turn(role="salesperson", text=f"{number} " + "word " * 4000)
    end = End(reason="max_turns")
    return Session(id=f"en-{number}.0", scenario_id="en", language="en", seed=number, turns=(turn,), end=end)

with RunFolder.open(sys.argv[1], {}) as folder:
    for number in range(int(sys.argv[2])):
        if f"en-{number}.0" not in folder.done:
            folder.append(call(number))
            print(number, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs kill -9")
@pytest.mark.parametrize("after", [1, 30, 173])
def test_a_run_killed_while_it_writes_goes_on_with_nothing_lost_and_nothing_repeated(
    tmp_path: Path, after: int
) -> None:
    path, many, few = tmp_path / "run", 1_000_000, 300
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen([*command, str(many)], stdout=subprocess.PIPE, env=env()) as writer:
        assert writer.stdout is not None
        told = [int(writer.stdout.readline()) for _ in range(after)]
        writer.kill()
        told += [int(line) for line in writer.stdout]
    assert writer.returncode == -signal.SIGKILL, "it must have been in the middle"
    assert 0 < len(told) < many
    total = max(few, len(told) + 5)
    subprocess.run([*command, str(total)], check=True, env=env(), stdout=subprocess.DEVNULL)
    seeds = [session.seed for session in RunFolder.read(path)]
    assert seeds == list(range(total))


def env() -> dict[str, str]:
    """The environment of a process that finds the telerole under test."""
    return {**os.environ, "PYTHONPATH": str(Path(telerole.__file__).parents[1])}


def test_a_run_in_memory_keeps_finished_sessions_once() -> None:
    run = MemoryRun()
    for session in (call(0), call(0), failed(1), call(1)):
        run.append(session)
    assert ids(run) == ["en-0.0", "en-1.0"]
    assert run.done == {"en-0.0", "en-1.0"}
    assert not list(run.failures())
