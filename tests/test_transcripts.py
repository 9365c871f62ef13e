"""Scripts are read as users have them; what cannot be read is named, and the rest is read all the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from telerole import InputError
from telerole.transcripts import MOST_LINES, read_scripts, transcript

CALL = "Salesperson: hello is that the lamp shop\nMerchant: yeah speaking\n"


def record(id: str, lines: int = 2) -> str:
    said = [{"speaker": ("salesperson", "merchant")[n % 2], "text": f"line {n}"} for n in range(lines)]
    return json.dumps({"id": id, "language": "en", "lines": said})


@pytest.mark.parametrize(
    ("text", "speakers"),
    [
        (CALL, ["salesperson", "merchant"]),
        ("销售：喂，王总吗\n商家：哎，哪位\n？：放门口就行", ["salesperson", "merchant", "unknown"]),
        ("[00:01] Agent: hello there\n[00:03] Customer: yes?", ["salesperson", "merchant"]),
        (
            "Speaker 1: yes?\nSpeaker 2: hello, this is Nina from Seabridge, have you a minute",
            ["merchant", "salesperson"],
        ),
        ("说话人1：喂您好我是平台的小林想跟您说个事\n说话人2：嗯", ["salesperson", "merchant"]),
        ("A: hello, this is Nina from Seabridge\nB: mm", ["salesperson", "merchant"]),
        ("Sales Rep: hello\nShop Owner: yes", ["salesperson", "merchant"]),
        ("sales rep: hello\ncustomer: yes", ["salesperson", "merchant"]),
        ("Agent 1: hello\nCustomer 1: yes\nAgent 2: hi", ["salesperson", "merchant", "salesperson"]),
        ("[00:01] Agent (Tom): hello\n[00:03] Customer (Li): yes", ["salesperson", "merchant"]),
        ("Speaker (Tom): hello, this is Tom\nSpeaker (Li): yes", ["salesperson", "merchant"]),
        ("Customer: yes?\nTom Baker [00:31]: hello there", ["merchant", "salesperson"]),
        ("销售（小林）：喂\n商家 王总：哎", ["salesperson", "merchant"]),
    ],
)
def test_a_plain_transcript_names_its_speakers_in_many_ways(text: str, speakers: list[str]) -> None:
    assert [line.speaker for line in transcript(text, "one").lines] == speakers


def test_a_line_without_a_speaker_belongs_to_the_line_before() -> None:
    read = transcript("Sales: hello\n  is that the lamp shop\n\nCustomer: yes", "one")
    assert [line.text for line in read.lines] == ["hello is that the lamp shop", "yes"]


@pytest.mark.parametrize(
    "more",
    ["at 10:30: fine", "At 10:30: fine", "is 10:30: no", "10:30: fine", "下午 3:30：过来", "One thing: it costs five"],
)
def test_a_time_or_a_phrase_before_a_colon_is_no_speaker(more: str) -> None:
    read = transcript(f"Sales: shall we say\n{more}\nCustomer: yes", "one")
    assert [line.text for line in read.lines] == [f"shall we say {more}", "yes"]


def test_the_language_is_that_of_the_words() -> None:
    assert transcript("sales: 喂，王总吗，我是 Seabridge 的小林\ncustomer: 嗯", "one").language == "zh"
    assert transcript(CALL, "one").language == "en"


def test_a_folder_gives_what_can_be_read_and_names_every_fault(tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text(CALL, encoding="utf-8")
    (tmp_path / "two.jsonl").write_text(f"{record('a')}\n{record('a')}\n{{broken\n{record('b')}\n", encoding="utf-8")
    (tmp_path / "empty.txt").write_text("", encoding="utf-8")
    (tmp_path / "empty.jsonl").write_text("", encoding="utf-8")
    (tmp_path / "alone.txt").write_text("Salesperson: hello\nSalesperson: anybody there\n", encoding="utf-8")
    (tmp_path / "junk.txt").write_bytes(bytes(range(256)) * 40)
    (tmp_path / "gbk.txt").write_bytes("销售：喂\n商家：哎".encode("gbk"))
    (tmp_path / "call.wav").write_bytes(b"RIFF")
    (tmp_path / "day.jsonl").write_text(record("long", 10_000), encoding="utf-8")
    (tmp_path / "README.md").write_text("what this is", encoding="utf-8")
    found = read_scripts(tmp_path)
    assert {script.id for script in found.scripts} == {"good", "a", "b"}
    told = "\n".join(found.faults)
    for fault in (
        "two.jsonl: id: 'a' stands more than once",
        "two.jsonl: line 3: column 2: not JSON",
        "empty.txt: no line has a speaker and words",
        "empty.jsonl: the file is empty",
        "alone.txt: lines: no line is the merchant's",
        "junk.txt: is not UTF-8 text (byte 128)",
        "gbk.txt: is not UTF-8 text",
        "call.wav: unknown file type '.wav'",
        f"day.jsonl: script 'long' has 10,000 lines, a call at most {MOST_LINES:,}",
    ):
        assert fault in told
    assert len(found.faults) == 9


def test_a_path_with_nothing_at_it_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_scripts(tmp_path / "calls")
