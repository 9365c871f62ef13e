"""Files are read strictly, and what is wrong is told with its place and the nearest right name."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from telerole.checking import check
from telerole.errors import FileError, InputError
from telerole.persona import Persona
from telerole.records import fill, load, slots
from telerole.runs import RunFolder
from telerole.scenario import Scenario
from telerole.script import Script
from telerole.session import Triplet
from telerole.simulator import Simulator
from telerole.strategy import Strategy
from telerole.studio import personas_in

GOOD = """\
id: busy-owner
role: merchant
language: en
name: Sam
background: Runs a small workshop.
temperament: Short of time.
manner: [Answers in two words.]
"""


def write(tmp_path: Path, name: str, text: str) -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def faults(path: Path, kind: type) -> str:
    with pytest.raises(FileError) as caught:
        load(path, kind)
    return str(caught.value)


def test_a_persona_file_loads(tmp_path: Path) -> None:
    assert load(write(tmp_path, "p.yaml", GOOD), Persona)[0].name == "Sam"


def test_an_unknown_field_names_the_nearest_right_one(tmp_path: Path) -> None:
    path = write(tmp_path, "p.yaml", GOOD.replace("temperament", "temprament"))
    message = faults(path, Persona)
    assert "temprament: unknown field (did you mean 'temperament'?)" in message
    assert str(path) in message


def test_an_unknown_field_inside_a_record_names_the_nearest_right_one(tmp_path: Path) -> None:
    message = faults(write(tmp_path, "p.yaml", GOOD + "disposition: {patiance: 0.5}\n"), Persona)
    assert "disposition.patiance: unknown field (did you mean 'patience'?)" in message


def test_a_wrong_choice_names_the_nearest_right_one(tmp_path: Path) -> None:
    message = faults(write(tmp_path, "p.yaml", GOOD.replace("merchant", "merchnt")), Persona)
    assert "role:" in message
    assert "did you mean 'merchant'?" in message


def test_all_faults_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    lines = ['{"id": "a", "language": "en", "lines": []}', '{"id": "b", "language": "xx", "lines": "no"}']
    message = faults(write(tmp_path, "s.jsonl", "\n".join(lines)), Script)
    assert "line 1: lines:" in message
    assert "line 2: language:" in message
    assert "line 2: lines:" in message


def test_a_script_with_one_speaker_is_refused_with_the_reason(tmp_path: Path) -> None:
    line = '{"speaker": "merchant", "text": "hello"}'
    path = write(tmp_path, "s.json", f'{{"id": "a", "language": "en", "lines": [{line}, {line}]}}')
    assert "no line is the salesperson's" in faults(path, Script)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("s.jsonl", "", "is empty"),
        ("s.yaml", "", "is empty"),
        ("s.json", "", "is empty"),
        ("s.jsonl", '{"id": 1}\n{"id": ', "line 2: column"),
        ("s.yaml", "a: [1, 2", "line 1"),
        ("s.yaml", "- 3", "expected a mapping"),
        ("s.csv", "a,b", "use .yaml, .json or .jsonl"),
    ],
)
def test_a_file_that_cannot_be_read_says_where_and_why(tmp_path: Path, name: str, text: str, told: str) -> None:
    assert told in faults(write(tmp_path, name, text), Script)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- speaker: merchant\n  text: {{shop}}\n", "line 2, column 10: text: "),
        ("- speaker: merchant\n  text: {{shop}}, hello\n", "line 2, column 17: text: "),
        ("- {speaker: merchant, text: {{shop}}}\n", "line 1, column 30: text: "),
        ("manner:\n  - {{shop}}\n", "line 2, column 6: manner: "),
        ("tips: [short, {{shop}}]\n", "line 1, column 16: tips: "),
    ],
)
def test_a_slot_without_quotes_is_told_with_its_line_and_field(tmp_path: Path, text: str, told: str) -> None:
    message = faults(write(tmp_path, "s.yaml", text), Script)
    assert f'{told}a text that begins with a brace must stand in quotes, as "{{{{shop}}}} …"' in message


def test_a_mapping_where_a_text_belongs_is_told_to_be_quoted(tmp_path: Path) -> None:
    message = faults(write(tmp_path, "p.yaml", GOOD.replace("Short of time.", "{shop}")), Persona)
    assert "temperament: Input should be a valid string; put a text that begins with a brace in quotes" in message


def test_a_list_for_a_name_is_no_yaml_that_is_read(tmp_path: Path) -> None:
    assert "line 1, column 1: not YAML: a mapping or a list" in faults(write(tmp_path, "s.yaml", "[a, b]: 3\n"), Script)


def test_a_missing_file_and_a_folder_are_told_apart_from_bad_content(tmp_path: Path) -> None:
    assert "cannot be read: No such file" in faults(tmp_path / "nothing.yaml", Script)
    folder = tmp_path / "folder.yaml"
    folder.mkdir()
    assert "cannot be read: Is a directory" in faults(folder, Script)


def test_a_file_that_is_not_utf8_says_so(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_bytes("名字".encode("gbk"))
    assert "is not UTF-8" in faults(path, Script)


def test_slots_are_filled_once_and_never_as_a_template() -> None:
    assert slots("Hi {merchant_name}, {shop}") == {"merchant_name", "shop"}
    assert fill("Hi {shop}", {"shop": "{merchant_name} {{ 7 * 7 }} %s"}) == "Hi {merchant_name} {{ 7 * 7 }} %s"


def test_a_line_separator_inside_a_string_does_not_end_a_jsonl_line(tmp_path: Path) -> None:
    line = '{"speaker": "%s", "text": "a\u2028b"}'
    text = f'{{"id": "a", "language": "en", "lines": [{line % "merchant"}, {line % "salesperson"}]}}'
    assert load(write(tmp_path, "s.jsonl", text), Script)[0].lines[0].text == "a\u2028b"


STRATEGY = {
    "id": "s",
    "language": "en",
    "title": "t",
    "goal": "g",
    "closes_with": "signup",
    "rapport": ["r"],
    "flow": [
        {"id": "a", "goal": "g", "done_when": "d", "say": ["Hello."]},
        {"id": "b", "goal": "g", "done_when": "d", "say": ["Bye, {fee}."]},
    ],
}


def test_an_offer_may_name_those_before_it() -> None:
    strategy = Strategy.model_validate(STRATEGY | {"offer": {"date": "June", "fee": "no fee until {date}"}})
    assert strategy.filled({}).flow[1].say == ("Bye, no fee until June.",)


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"offer": {"fee": "no fee until {date}", "date": "June"}}, "fee speaks of date, which has to stand before it"),
        ({"goal": "Call {Merchant_Name}."}, r"'{Merchant_Name}' in 'Call {Merchant_Name}.' is no slot"),
        ({"tips": ["About {product 2}."]}, "is no slot"),
        ({"tips": ["About {product."]}, "is no slot"),
    ],
)
def test_what_could_not_be_filled_is_a_fault_of_the_strategy(
    tmp_path: Path, scenarios: list[Scenario], changed: dict[str, object], fault: str
) -> None:
    strategy = Strategy.model_validate(STRATEGY | {"offer": {"fee": "no fee"}} | changed)
    with pytest.raises(ValidationError, match=f"strategy 's': .*{fault}"):
        Scenario.model_validate(dict(scenarios[0]) | {"strategy": strategy})
    file = tmp_path / "strategy.json"
    file.write_text(strategy.model_dump_json())
    with pytest.raises(InputError, match=f"strategy.json: s: .*{fault}"):
        check(file)


def test_braces_in_a_profile_are_text_in_the_strategy_that_is_kept_with_a_session(
    tmp_path: Path, scenarios: list[Scenario]
) -> None:
    profile = scenarios[0].profile
    odd = profile.model_copy(update={"values": profile.values | {"product": "{Odd} {lamp} }{"}})
    Simulator().run_many([Scenario.model_validate(dict(scenarios[0]) | {"profile": odd, "id": ""})], out=tmp_path)
    (triplet,) = RunFolder.read(tmp_path).triplets()
    assert "{Odd} {lamp} }{" in triplet.strategy.model_dump_json()
    file = tmp_path / "triplets.jsonl"
    file.write_text(triplet.model_dump_json() + "\n", encoding="utf-8")
    assert load(file, Triplet) == [triplet]


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("p.yaml", "name: 2024-02-30", "not YAML: day"),
        ("p.json", "[" * 100_000, "nested too deeply"),
        ("p.jsonl", "[" * 100_000, "line 1: not JSON that can be read: nested too deeply"),
    ],
)
def test_what_no_parser_can_read_is_a_fault_of_the_file(tmp_path: Path, name: str, text: str, fault: str) -> None:
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(FileError, match=fault):
        load(file, Persona)


@pytest.mark.parametrize("name", ["p.yaml", "p.yml", "P.YAML"])
def test_a_file_in_a_folder_is_found_by_its_ending_in_small_and_capital_letters(tmp_path: Path, name: str) -> None:
    file = write(tmp_path, name, GOOD)
    assert check(tmp_path) == {file: "1 Persona"}
    assert personas_in(tmp_path) == load(file, Persona)


def test_a_folder_with_a_files_name_is_searched_and_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "people.yaml"
    folder.mkdir()
    file = write(folder, "p.yaml", GOOD)
    assert check(tmp_path) == {file: "1 Persona"}
    assert personas_in(tmp_path) == load(file, Persona)


def test_a_check_names_the_first_line_that_is_broken_and_those_after_it(tmp_path: Path) -> None:
    file = tmp_path / "scripts.jsonl"
    good = '{"id": "a", "language": "en", "lines": [{"speaker": "salesperson", "text": "Hello."}]}'
    file.write_text(f"not json\n{good}\nneither\n")
    with pytest.raises(InputError, match=r"line 1: column 1: not JSON(.|\n)*line 3: column 1: not JSON"):
        check(file)
    file.write_text("not json\n")
    with pytest.raises(InputError, match="line 1: column 1: not JSON"):
        check(file)
