"""JSON schemas of what is written by hand in YAML, so that editors complete and check it.

``python -m telerole.schemas`` writes them anew where they are kept: beside the personas and strategies.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from telerole import persona
from telerole.catalog import bundled_folder
from telerole.persona import Persona
from telerole.profile import ProfileTemplate
from telerole.records import Record
from telerole.strategy import Strategy

PLACES: dict[type[Record], str] = {
    Persona: "personas/persona.schema.json",
    Strategy: "strategies/strategy.schema.json",
    ProfileTemplate: "strategies/profile_templates/template.schema.json",
}
WORDS = re.compile(r"^(\w+) = Literal\[\n(.*?)^\]", re.M | re.S)
WORD = re.compile(r'^ +"(\w+)",(?:  # (.*))?$', re.M)


def schema(kind: type[Record]) -> dict[str, Any]:
    """The JSON schema of a kind: closed objects, every allowed word with what it means, every field described."""
    made: dict[str, Any] = _told(kind.model_json_schema())
    for title, part in {kind.__name__: made, **made.get("$defs", {})}.items():
        for name, field in part["properties"].items():
            field.pop("title", None)
            field["description"] = _descriptions()[title][name]
    return {"$schema": "http://json-schema.org/draft-07/schema#", **made}


def text_of(kind: type[Record]) -> str:
    """The schema as its file holds it."""
    return json.dumps(schema(kind), ensure_ascii=False, indent=2) + "\n"


def path_of(kind: type[Record]) -> Path:
    """Where the schema of a kind lies on this machine."""
    return bundled_folder("personas").parent / PLACES[kind]


def write() -> list[Path]:
    """Write every schema anew; gives the files that changed."""
    changed = []
    for kind in PLACES:
        path, text = path_of(kind), text_of(kind)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    return changed


def _told(part: Any) -> Any:
    """The schema with what each word means, and with named fields where an object's names are words."""
    if isinstance(part, list):
        return [_told(item) for item in part]
    if not isinstance(part, dict):
        return part
    told = {name: _told(value) for name, value in part.items()}
    names = told.get("propertyNames", {}).get("enum")
    if names:
        notes, value = _notes(names), told["additionalProperties"]
        told["properties"] = {name: value | ({"description": notes[name]} if notes[name] else {}) for name in names}
        told["additionalProperties"] = False
        del told["propertyNames"]
    if "enum" in told and any(_notes(told["enum"]).values()):
        told["enumDescriptions"] = list(_notes(told["enum"]).values())
    return told


def _notes(words: list[str]) -> dict[str, str]:
    """What each word means, as the comments beside the words say."""
    for known in _words().values():
        if list(known) == words:
            return known
    return dict.fromkeys(words, "")


@cache
def _words() -> dict[str, dict[str, str]]:
    source = inspect.getsource(persona)
    return {name: dict(WORD.findall(body)) for name, body in WORDS.findall(source)}


@cache
def _descriptions() -> dict[str, dict[str, str]]:
    told: dict[str, dict[str, str]] = yaml.safe_load((files("telerole") / "schemas.yaml").read_text(encoding="utf-8"))
    return told


if __name__ == "__main__":
    sys.stdout.writelines(f"wrote {path}\n" for path in write())
