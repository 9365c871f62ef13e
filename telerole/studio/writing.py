"""A persona as readable YAML, written whole or into a file that has comments of its own."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from telerole import journal, schemas
from telerole.errors import InputError
from telerole.persona import Disposition, Persona

WIDTH = 118
FOLDED = 108  # a longer text of several sentences gets lines of its own
IN_ONE_LINE = ("trades", "objections")
COMMENT = re.compile(r"(?:^|(?<=\s))#.*", re.M)
MARK = "# yaml-language-server: $schema="


class _Row(list[Any]):
    """A list written in one line."""


class _Inline(dict[str, Any]):
    """A mapping written in one line."""


class _Dumper(yaml.SafeDumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    folds = len(text) > FOLDED and re.fullmatch(r"[^\s:#][^\n\r\t]*", text) and text.isprintable() and "  " not in text
    # Only spaces can be folded at, so Chinese stays in one line.
    style = ">" if folds and text.count(" ") > len(text) / 12 else None if text.isprintable() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(_Row, lambda dumper, row: dumper.represent_sequence("tag:yaml.org,2002:seq", row, True))
_Dumper.add_representer(_Inline, lambda dumper, row: dumper.represent_mapping("tag:yaml.org,2002:map", row, True))


def written(persona: Persona, line: str | None = None) -> str:
    """The persona as YAML: fields in the order of the schema, what has not been said left out.

    `line` is put first, such as `schema_line` gives it.
    """
    return (f"{line}\n" if line else "") + _dumped(_plain(persona))


def schema_line(path: Path | str) -> str:
    """The comment with which editors check and complete a persona at `path`."""
    schema, folder = schemas.path_of(Persona).resolve(), Path(path).resolve().parent
    if folder.is_relative_to(schema.parent):
        return MARK + Path(os.path.relpath(schema, folder)).as_posix()
    return MARK + schema.as_uri()


def edited(text: str, persona: Persona) -> str:
    """The YAML `text` of a persona with the fields that differ changed to `persona`'s; everything else stays as it is.

    A comment inside a field that changes is lost: see `comments_lost`.
    """
    old, new = yaml.safe_load(text), _plain(persona)
    if not isinstance(old, dict):
        return written(persona, _first_line(text))
    given = Persona.model_validate(old)
    told = _plain(given)
    kept = {name: value if told.get(name) != new.get(name) else old.get(name) for name, value in new.items()}
    kept = {name: value for name, value in kept.items() if value is not None}
    spare = {name: old[name] for name in old if name not in kept and name not in told}  # said, but nothing in it
    result = text
    for start, end, put in sorted(_edits(text, yaml.compose(text), old, {**kept, **spare}, 0), reverse=True):
        result = result[:start] + put + result[end:]
    return result if _says(result, persona) else written(persona, _first_line(text))


def comments_lost(before: str, after: str) -> list[str]:
    """The comments that stand in `before` and no longer in `after`."""
    return [comment for comment in COMMENT.findall(before) if comment not in after]


def must_be_free(path: Path, force: bool = False) -> None:
    """Raise an `InputError` where a file is there that may not be written over."""
    if path.exists() and not force:
        raise InputError(f"{path}: is there already; give another name, or --force to write over it")


def save(path: Path | str, text: str, *, force: bool = False) -> None:
    """Write the file whole or not at all; one that is there is kept, unless `force` is given."""
    path = Path(path)
    must_be_free(path, force)
    with journal.writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, half = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.chmod(half, path.stat().st_mode & 0o777 if path.exists() else 0o644)
        os.replace(half, path)


def _plain(persona: Persona) -> dict[str, Any]:
    plain = persona.model_dump(mode="json", exclude_defaults=True, exclude={"disposition"})
    if persona.role == "merchant" or persona.disposition != Disposition():
        plain["disposition"] = persona.disposition.model_dump()
    return {name: plain[name] for name in Persona.model_fields if name in plain}


def _dumped(plain: Mapping[str, Any]) -> str:
    rows: dict[str, Any] = {name: _Row(value) if name in IN_ONE_LINE else value for name, value in plain.items()}
    if reactions := rows.get("reactions"):
        rows["reactions"] = {event: _Inline(change) for event, change in reactions.items()}
    return yaml.dump(rows, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=WIDTH, default_flow_style=False)


def _edits(
    text: str, node: Any, old: Mapping[str, Any], new: Mapping[str, Any], indent: int
) -> Iterator[tuple[int, int, str]]:
    """Where `text` must change, and to what, for the mapping at `node` to hold `new`."""
    places = {key.value: (key, value) for key, value in node.value}
    at = node.start_mark.index - indent
    for name in dict.fromkeys([*Persona.model_fields, *places, *new]):
        if name in places:
            key, value = places[name]
            start, end = key.start_mark.index - indent, _end(text, value)
            if name not in new:
                yield start, _next_line(text, end), ""
            elif new[name] != old[name]:
                if isinstance(new[name], dict) and _is_block(value):
                    yield from _edits(text, value, old[name], new[name], value.start_mark.column)
                else:
                    yield start, end, _entry(name, new[name], indent).rstrip("\n")
            at = _next_line(text, end)
        elif name in new:
            yield at, at, ("" if text[:at].endswith("\n") or not at else "\n") + _entry(name, new[name], indent)


def _is_block(node: Any) -> bool:
    return isinstance(node, yaml.MappingNode) and not node.flow_style and bool(node.value)


def _entry(name: str, value: Any, indent: int) -> str:
    lines = _dumped({name: value}).splitlines(keepends=True)
    return "".join(" " * indent + line for line in lines)


def _end(text: str, node: Any) -> int:
    """Where a value ends: the parser reads on over blank lines and comments to the next key."""
    part = text[: node.end_mark.index]
    folded = isinstance(node, yaml.ScalarNode) and node.style in ("|", ">")
    beyond = r"\n(?:#[^\n]*|[ \t]*)\Z" if folded else r"\n[ \t]*(?:#[^\n]*)?\Z"  # indented, a # is text of its own
    while (cut := re.sub(beyond, "", part)) != part:
        part = cut
    return max(len(part), int(node.start_mark.index))


def _next_line(text: str, at: int) -> int:
    newline = text.find("\n", at)
    return len(text) if newline < 0 else newline + 1


def _says(text: str, persona: Persona) -> bool:
    try:
        return bool(Persona.model_validate(yaml.safe_load(text)) == persona)
    except (yaml.YAMLError, ValueError):
        return False


def _first_line(text: str) -> str | None:
    first = text.split("\n", 1)[0]
    return first if first.startswith(MARK) else None
