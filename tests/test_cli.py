"""The command line: the forms that scripts rely on, and one clear line with exit code 2 for what is wrong."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from telerole import RunFolder
from telerole.testing import FakeServer

KEY = "sk-secret-0123456789abcdef"


def telerole(*arguments: object, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from telerole.cli import main; main()", *map(str, arguments)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
    env = {**kept, "COLUMNS": "160", **environment}
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=env, timeout=120, check=False)


def records(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "sessions.jsonl").read_text(encoding="utf-8").splitlines()]


def test_simulate_writes_the_records_that_scripts_rely_on(tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = telerole("simulate", "--sample", 4, "--seed", 1, "--trials", 2, "--out", out, "--backend", "offline")
    assert done.returncode == 0, done.stderr
    assert str(out) in done.stdout
    sessions = records(out)
    assert len(sessions) == 8
    for session in sessions:
        assert {"id", "scenario_id", "seed", "turns", "end", "usage"} <= session.keys()
        assert {"role", "text"} <= session["turns"][0].keys()  # type: ignore[index]
        assert {"reason", "by"} <= session["end"].keys()  # type: ignore[attr-defined]


def test_the_language_and_both_chairs_can_be_chosen(tmp_path: Path) -> None:
    with FakeServer(reply="嗯，您说。") as server:
        spec = f"candidate+openai:m@{server.url}"
        done = telerole(
            "simulate", "--sample", 2, "--language", "zh", "--salesperson", spec, "--merchant", "offline",
            "--concurrency", 2, "--max-turns", 4, "--out", tmp_path / "run",
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert {session["language"] for session in records(tmp_path / "run")} == {"zh"}


def test_show_prints_the_table_and_one_call(tmp_path: Path) -> None:
    telerole("simulate", "--sample", 3, "--out", tmp_path / "run")
    session = records(tmp_path / "run")[0]
    assert str(session["id"]) in telerole("show", tmp_path / "run").stdout
    shown = telerole("show", tmp_path / "run", session["id"]).stdout
    assert session["end"]["reason"] in shown  # type: ignore[index]
    missing = telerole("show", tmp_path / "run", "nothing")
    assert missing.returncode == 2
    assert "nothing" in missing.stderr


def test_list_check_and_doctor_work(tmp_path: Path) -> None:
    assert "zh" in telerole("list").stdout
    good = tmp_path / "persona.yaml"
    good.write_text(
        "id: a\nrole: merchant\nlanguage: en\nname: A\nbackground: b\ntemperament: c\nmanner: [d]\n", encoding="utf-8"
    )
    assert "1 Persona" in telerole("check", tmp_path).stdout
    assert telerole("doctor").returncode == 0


def test_demo_makes_forty_training_calls_and_twenty_with_a_candidate(tmp_path: Path) -> None:
    done = telerole("demo", "--out", tmp_path / "demo")
    assert done.returncode == 0, done.stderr
    assert len(records(tmp_path / "demo" / "training")) == 40
    candidate = records(tmp_path / "demo" / "candidate")
    assert len(candidate) == 20
    assert {session["provenance"]["salesperson"] for session in candidate} == {"candidate+offline"}  # type: ignore[index]
    assert str(tmp_path / "demo") in done.stdout.replace("\n", "")
    assert "商家" in done.stdout
    assert "Merchant:" in done.stdout


RUN = ["simulate", "--sample", "1", "--out", "run"]
PERSONA = "id: a\nrole: merchant\nlanguage: en\nname: A\nbackground: b\ntemprament: c\nmanner: [d]\n"
ONE_SPEAKER = '{"id":"s","language":"en","lines":[{"speaker":"merchant","text":"a"},{"speaker":"merchant","text":"b"}]}'


@pytest.mark.parametrize(
    ("arguments", "files", "told"),
    [
        (["check", "p.yaml"], {"p.yaml": PERSONA}, "p.yaml: temprament: unknown field (did you mean 'temperament'?)"),
        (["check", "s.jsonl"], {"s.jsonl": ONE_SPEAKER}, "s.jsonl: line 1: lines: no line is the salesperson's"),
        (["check", "empty.yaml"], {"empty.yaml": ""}, "empty.yaml"),
        (["check", "nowhere"], {}, "no such file"),
        (["simulate", "--out", "run"], {}, "--sample N or --scenarios FILE"),
        (["simulate", "--sample", "1", "--out", "file/run"], {"file": "x"}, "file/run"),
        ([*RUN, "--backend", "ofline"], {}, "did you mean 'offline'?"),
        ([*RUN, "--backend", "openai:m"], {}, "OPENAI_API_KEY"),
        (
            ["simulate", "--sample", "1", "--out", "run", "--backend", "openai:m@http://127.0.0.1:9/v1"],
            {},
            "127.0.0.1:9",
        ),
        ([*RUN, "--backend", "local:no.gguf"], {}, "no.gguf"),
        (["simulate", "--scenarios", "none.jsonl", "--out", "run"], {}, "none.jsonl: cannot be read"),
        ([*RUN, "--replay", "none.jsonl"], {}, "none.jsonl"),
        (["show", "nothing"], {}, "nothing"),
    ],
)
def test_bad_input_is_one_clear_line_exit_code_2_and_nothing_written(
    tmp_path: Path, arguments: list[str], files: dict[str, str], told: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = telerole(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert told in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == set(files)


def test_an_api_key_never_appears_anywhere(tmp_path: Path) -> None:
    with FakeServer(reply="Hm.", faults=["unauthorized"]) as server:
        done = telerole(
            "simulate", "--sample", 2, "--max-turns", 4, "--out", tmp_path / "run", "--record", tmp_path / "tape.jsonl",
            "--backend", f"openai:m@{server.url}", OPENAI_API_KEY=KEY,
        )  # fmt: skip
    written = "".join(path.read_text(encoding="utf-8") for path in tmp_path.rglob("*") if path.is_file())
    assert KEY not in written + done.stdout + done.stderr


def test_a_recorded_run_replays_without_a_network_to_the_same_bytes(tmp_path: Path) -> None:
    common = ["simulate", "--sample", 4, "--max-turns", 6]
    with FakeServer(reply=lambda body: f"Hm, number {len(body['messages'])} from {body['model']}.") as server:
        spec = f"openai:m@{server.url}"
        first = telerole(*common, "--backend", spec, "--out", tmp_path / "a", "--record", tmp_path / "tape.jsonl")
    assert first.returncode == 0, first.stderr
    for name, concurrency in (("b", 1), ("c", 64)):
        again = telerole(
            *common, "--backend", spec, "--out", tmp_path / name, "--replay", tmp_path / "tape.jsonl",
            "--concurrency", concurrency,
        )  # fmt: skip
        assert again.returncode == 0, again.stderr
        assert set(map(str, records(tmp_path / name))) == set(map(str, records(tmp_path / "a")))


def test_kill_9_loses_nothing_that_was_finished_and_repeats_nothing(tmp_path: Path) -> None:
    arguments = ["simulate", "--sample", 200, "--seed", 4, "--concurrency", 8, "--trials", 5]
    whole = telerole(*arguments, "--out", tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    out = tmp_path / "cut"
    command = [sys.executable, "-c", "from telerole.cli import main; main()", *map(str, arguments), "--out", str(out)]
    sessions = out / "sessions.jsonl"
    killed_at = []
    for share in (0.1, 0.4, 0.7):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            size = (tmp_path / "whole" / "sessions.jsonl").stat().st_size
            while process.poll() is None and (not sessions.exists() or sessions.stat().st_size < share * size):
                pass
            process.send_signal(signal.SIGKILL)
        killed_at.append(len(sessions.read_bytes().splitlines()))
    assert 0 < killed_at[0] < killed_at[-1] < 1000, "the kills came in the middle of the run"
    assert telerole(*arguments, "--out", out).returncode == 0
    ids = [session["id"] for session in records(out)]
    assert len(ids) == len(set(ids)) == 1000
    assert set(sessions.read_bytes().splitlines()) == set(
        (tmp_path / "whole" / "sessions.jsonl").read_bytes().splitlines()
    )


def test_ctrl_c_says_how_to_go_on_and_keeps_what_was_finished(tmp_path: Path) -> None:
    arguments = ["simulate", "--sample", "500", "--trials", "20", "--out", str(tmp_path / "run")]
    # A shell starts what it runs in the background deaf to Ctrl-C; a terminal does not.
    hearing = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    command = [sys.executable, "-c", f"{hearing}; from telerole.cli import main; main()", *arguments]
    sessions = tmp_path / "run" / "sessions.jsonl"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and (not sessions.exists() or sessions.stat().st_size == 0):
            pass
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on" in told
    assert "Traceback" not in told
    assert 0 < len(records(tmp_path / "run")) < 10000


@contextmanager
def at_a_terminal(*arguments: object) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The command with a person at its keyboard who was just asked for a line, and the keyboard."""
    import pty

    hearing = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    command = [sys.executable, "-c", f"{hearing}; from telerole.cli import main; main()", *map(str, arguments)]
    keyboard, terminal = pty.openpty()
    with subprocess.Popen(command, stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            shown = b""
            while b"you (merchant)" not in shown and process.poll() is None:
                shown += os.read(process.stdout.fileno(), 1000)
            yield process, keyboard
        finally:
            process.kill()
            os.close(keyboard)
            os.close(terminal)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a terminal of its own")
def test_ctrl_c_ends_a_call_with_a_person_at_once(tmp_path: Path) -> None:
    with at_a_terminal("simulate", "--sample", 1, "--merchant", "human", "--out", tmp_path / "run") as (process, _):
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
    assert process.returncode == 130
    assert told.decode().strip().endswith("the same command goes on")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a terminal of its own")
def test_a_person_at_a_terminal_types_lines_and_hangs_up_with_an_empty_one(tmp_path: Path) -> None:
    with at_a_terminal("simulate", "--sample", 1, "--merchant", "human", "--out", tmp_path / "run") as (process, keys):
        os.write(keys, "Wer ist da, über uns?\n\n".encode())
        process.communicate(timeout=30)
    assert process.returncode == 0
    (session,) = RunFolder.read(tmp_path / "run").sessions()
    assert session.turns[1].text == "Wer ist da, über uns?"
    assert (len(session.turns), session.end.by) == (3, "merchant")


def test_a_spent_budget_says_how_much_is_left_to_do(tmp_path: Path) -> None:
    with FakeServer(reply=lambda body: f"Well, {len(body['messages'])} things come to mind.") as server:
        done = telerole(
            "simulate", "--sample", 9, "--max-turns", 4, "--concurrency", 1, "--max-calls", 8,
            "--salesperson", f"openai:m@{server.url}", "--out", tmp_path / "run",
        )  # fmt: skip
        assert server.count <= 8 + 1, "eight calls, and one to see that the server is there"
    assert done.returncode == 0, done.stderr
    assert "BudgetSpent" in done.stdout
    assert f"Not begun: {9 - len(records(tmp_path / 'run')) - 1} calls" in done.stdout


def test_a_name_or_a_path_in_brackets_is_shown_as_it_is(tmp_path: Path) -> None:
    out = tmp_path / "run [a]"
    assert "run [a]" in telerole("simulate", "--sample", "1", "--out", str(out)).stdout.replace("\n", "")
    record = (out / "sessions.jsonl").read_text(encoding="utf-8")
    (out / "sessions.jsonl").write_text(re.sub(r'"id":"[^"]*"', '"id":"shop [/x]"', record, count=1), encoding="utf-8")
    assert "shop [/x]" in telerole("show", str(out)).stdout


def test_a_terminal_without_chinese_shows_marks_in_its_place() -> None:
    shown = telerole("list", PYTHONIOENCODING="ascii")
    assert shown.returncode == 0, shown.stderr
    assert "?" in shown.stdout
