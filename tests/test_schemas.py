"""The JSON schemas: current, complete, and of one mind with the models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from telerole import InputError, schemas
from telerole.checking import check
from telerole.persona import Persona
from telerole.records import Record

KINDS = list(schemas.PLACES)
PERSONA = {
    "id": "a", "role": "merchant", "language": "en", "name": "A", "background": "b", "temperament": "c", "manner": ["d"]
}  # fmt: skip


def faults(raw: dict[str, Any]) -> list[str]:
    return [error.message for error in jsonschema.Draft7Validator(schemas.schema(Persona)).iter_errors(raw)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_stored_schema_is_the_models(kind: type[Record]) -> None:
    stored = schemas.path_of(kind).read_text(encoding="utf-8")
    assert stored == schemas.text_of(kind), "run: python -m telerole.schemas"


@pytest.mark.parametrize("kind", KINDS)
def test_every_object_is_closed_and_every_field_described(kind: type[Record]) -> None:
    schema = schemas.schema(kind)
    for part in (schema, *schema.get("$defs", {}).values()):
        assert part["additionalProperties"] is False
        for name, field in part["properties"].items():
            assert field["description"], f"{part['title']}.{name}"


@pytest.mark.parametrize("kind", KINDS)
def test_every_bundled_file_follows_its_schema(kind: type[Record]) -> None:
    validator = jsonschema.Draft7Validator(schemas.schema(kind))
    folder = schemas.path_of(kind).parent
    files = [one for one in folder.rglob("*.yaml") if kind is not schemas.Strategy or one.parent.name in ("en", "zh")]
    assert files
    for path in files:
        told = [error.message for error in validator.iter_errors(yaml.safe_load(path.read_text(encoding="utf-8")))]
        assert told == [], path


def test_a_wrong_word_and_a_misspelt_field_are_faults_for_the_editor_too() -> None:
    assert faults(PERSONA) == []
    assert faults({**PERSONA, "temper": "hurryed"})
    assert faults({**PERSONA, "temprament": "c"})
    assert faults({**PERSONA, "facts": {"chanels": "Online."}})
    assert faults({**PERSONA, "reactions": {"pressd": {"patience": -0.5}}})
    assert faults({**PERSONA, "reactions": {"pressed": {"patiense": -0.5}}})


def test_an_editor_is_told_what_each_word_means() -> None:
    fields = schemas.schema(Persona)["properties"]
    assert fields["facts"]["properties"]["channels"]["description"] == "where they sell now"
    temper = next(part for part in fields["temper"]["anyOf"] if "enum" in part)
    assert dict(zip(temper["enum"], temper["enumDescriptions"], strict=True))["wary"] == "has been had before"


def test_a_schema_file_is_not_taken_for_a_record(tmp_path: Path) -> None:
    (tmp_path / "persona.schema.json").write_text(schemas.text_of(Persona), encoding="utf-8")
    (tmp_path / "a.json").write_text(json.dumps(PERSONA), encoding="utf-8")
    assert list(check(tmp_path).values()) == ["1 Persona"]


def test_a_file_of_something_else_is_one_line_and_not_a_fault_for_every_field(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    tape.write_text('{"request": {}, "reply": {}}\n' * 50, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        check(tape)
    assert str(caught.value).startswith(f"{tape}: its first record is none of Persona, Strategy, ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("temper: hurryed", "(did you mean 'hurried'?)"),
        ("reactions: {pressd: {patience: -0.5}}", "(did you mean 'pressed'?)"),
        ("reactions: {pressed: {patiense: -0.5}}", "(did you mean 'patience'?)"),
        ("facts: {chanels: Online.}", "(did you mean 'channels'?)"),
        ("objections: [prise]", "(did you mean 'price'?)"),
    ],
)
def test_a_wrong_word_names_the_nearest_right_one(tmp_path: Path, line: str, told: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(yaml.safe_dump(PERSONA) + line + "\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        check(path)
    assert told in str(caught.value)
