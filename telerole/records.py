"""The base of every record, and reading records from YAML, JSON and JSONL files with exact errors."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from telerole.errors import FileError, InputError, nearest

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
YAML = (".yaml", ".yml")


Text = Annotated[str, Field(min_length=1)]
"""A text with something in it."""


class Record(BaseModel):
    """A value that flows through telerole: frozen, and strict about its fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


R = TypeVar("R", bound=Record)
Prepare = Callable[[dict[str, Any]], dict[str, Any]]

_BRACED = re.compile(r"(?::\s|-\s|[\[,])\s*(?P<slot>\{\{\s*[\w.]+\s*\}\}|\{\s*[\w.]+\s*\})")
_KEY = re.compile(r"\s*(?:-\s+)?([\w-]+)\s*:\s*$")
SLOT = re.compile(r"\{([a-z_]+)\}")


def slots(text: str) -> set[str]:
    """The names in braces in a line such as ``"Hello, {merchant_name}"``."""
    return set(SLOT.findall(text))


def fill(text: str, values: Mapping[str, str]) -> str:
    """`text` with each ``{slot}`` replaced once by its value; a slot without a value is a `KeyError`."""
    return SLOT.sub(lambda match: values[match.group(1)], text)


def load(path: Path | str, kind: type[R], prepare: Prepare | None = None) -> list[R]:
    """Every record of type `kind` in a ``.yaml``, ``.yml``, ``.json`` or ``.jsonl`` file.

    YAML and JSON files hold one record or a list; JSONL one a line. `prepare` may complete the raw
    mapping before it is checked (names looked up in a catalog). Raises `FileError` with every fault in
    the file at once, each with its line or field.
    """
    found, faults = load_each(path, kind, prepare)
    if faults:
        raise FileError(path, faults)
    return found


def load_each(path: Path | str, kind: type[R], prepare: Prepare | None = None) -> tuple[list[R], list[str]]:
    """The records of a file that are right, and the faults of the others, each with its line or field.

    Raises `FileError` only for a file that cannot be read at all.
    """
    path = Path(path)
    found: list[R] = []
    faults: list[str] = []
    for place, raw in raw_records(path):
        if isinstance(raw, InputError):
            faults.append(f"{place}{raw}")
            continue
        if not isinstance(raw, dict):
            faults.append(f"{place}expected a mapping for {kind.__name__}, found {type(raw).__name__}")
            continue
        try:
            found.append(kind.model_validate(prepare(raw) if prepare else raw))
        except ValidationError as error:
            faults.extend(place + fault for fault in explain(error, kind))
        except InputError as error:
            faults.append(f"{place}{error}")
    if not faults and not found:
        faults.append(f"the file is empty; expected at least one {kind.__name__}")
    return found, faults


def read_text(path: Path | str) -> str:
    """The file as UTF-8 text, or a `FileError` that says why not."""
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise FileError(path, [f"cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError as error:
        raise FileError(path, [f"is not UTF-8 text (byte {error.start}); save it as UTF-8"]) from None


def yaml_files(folder: Path) -> list[Path]:
    """The YAML files of a folder at any depth, in the order of their paths."""
    return sorted(file for file in folder.rglob("*") if file.suffix.lower() in YAML and file.is_file())


def raw_records(path: Path) -> Iterator[tuple[str, Any]]:
    """Each record of a file before it is checked, with its place such as ``line 3: `` (empty where there is one)."""
    text = read_text(path)
    match path.suffix.lower():
        case ".jsonl":
            for number, line in enumerate(text.split("\n"), start=1):
                if line.strip():
                    yield f"line {number}: ", _json_line(line)
        case ".json":
            data = _json(path, text, 1) if text.strip() else []
            many = isinstance(data, list)
            yield from ((f"item {n}: " if many else "", item) for n, item in enumerate(data if many else [data], 1))
        case ".yaml" | ".yml":
            data = _yaml(path, text)
            many = isinstance(data, list)
            yield from ((f"item {n}: " if many else "", item) for n, item in enumerate(data if many else [data], 1))
        case other:
            raise FileError(path, [f"unknown file type {other!r}; use .yaml, .json or .jsonl"])


def _json_line(line: str) -> Any:
    """The line's value, or what is wrong with it: the lines after it are read all the same."""
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        return InputError(f"column {error.colno}: not JSON: {error.msg}")
    except RecursionError:
        return InputError("not JSON that can be read: nested too deeply")


def _json(path: Path, text: str, line: int) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise FileError(
            path, [f"line {line + error.lineno - 1}, column {error.colno}: not JSON: {error.msg}"]
        ) from None
    except RecursionError:
        raise FileError(path, ["not JSON that can be read: nested too deeply"]) from None


class _Strict(yaml.SafeLoader):
    """Safe YAML in which a key that stands twice in one mapping is a fault, not a silent loss of the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                told = "a mapping or a list cannot be a name"
                raise yaml.constructor.ConstructorError(None, None, told, key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} stands twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _yaml(path: Path, text: str) -> Any:
    try:
        data = yaml.load(text, _Strict)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        why = (_unquoted(text, mark.line) if mark else "") or f"not YAML: {error.problem or error.context}"
        raise FileError(path, [where + why]) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # a 30th of February is a ValueError
        raise FileError(path, [f"not YAML: {error}"]) from None
    return [] if data is None else data


def _unquoted(text: str, number: int) -> str:
    """What to do about a text on this line (from 0) that begins with a slot: YAML takes braces for a mapping."""
    lines = text.split("\n")
    if (slot := _BRACED.search(lines[number])) is None:
        return ""
    here = re.search(r"([\w-]+)\s*:[^:]*$", lines[number][: slot.start("slot")])
    above = (key for line in reversed(lines[:number]) if (key := _KEY.match(line)))
    key = here or next(above, None)
    field = f"{key[1]}: " if key else ""
    return f'{field}a text that begins with a brace must stand in quotes, as "{slot["slot"]} …"'


def explain(error: ValidationError, kind: type[BaseModel]) -> list[str]:
    """One line a fault: the field, what is wrong, and the nearest right name where there is one."""
    faults: list[dict[str, Any]] = [dict(fault) for fault in error.errors(include_url=False)]
    misspelt = {
        (*fault["loc"][:-1], near)
        for fault in faults
        if fault["type"] == "extra_forbidden"
        for near in difflib.get_close_matches(str(fault["loc"][-1]), _fields_at(kind, fault["loc"][:-1]), n=1)
    }
    # A field that is missing only because its name is misspelt is one fault, not two.
    # And a list is called too short where pydantic left out items with faults of their own, told already.
    told = [
        fault
        for fault in faults
        if (fault["type"] != "missing" or fault["loc"] not in misspelt)
        and (fault["type"] != "too_short" or not any(_inside(other["loc"], fault["loc"]) for other in faults))
    ]
    return [line for fault in told for line in _explain(fault, kind).splitlines()]


def _inside(place: Sequence[int | str], whole: Sequence[int | str]) -> bool:
    return len(place) > len(whole) and tuple(place[: len(whole)]) == tuple(whole)


def _explain(fault: dict[str, Any], kind: type[BaseModel]) -> str:
    location: tuple[int | str, ...] = tuple(part for part in fault["loc"] if part != "[key]")
    field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
    match fault["type"]:
        case "extra_forbidden":
            known = _fields_at(kind, location[:-1])
            hint = nearest(str(location[-1]), known) or (f"; known: {', '.join(known)}" if known else "")
            return f"{field}: unknown field{hint}"
        case "missing":
            return f"{field}: is missing"
        case "literal_error":
            hint = nearest(str(fault["input"]), re.findall(r"'([^']+)'", fault["msg"]))
            return f"{field}: {fault['msg'].removeprefix('Input ')}, not {fault['input']!r}{hint}"
        case "string_type" if isinstance(fault["input"], dict):
            return f"{field}: {fault['msg']}; put a text that begins with a brace in quotes"
        case "value_error":
            # A validator of ours tells several faults in as many lines.
            lines = fault["msg"].removeprefix("Value error, ").splitlines()
            return "\n".join(f"{field}: {line}" if field else line for line in lines)
        case _:
            return f"{field}: {fault['msg']}" if field else str(fault["msg"])


def _fields_at(kind: Any, location: Sequence[int | str]) -> list[str]:
    """The field names of the record that stands at `location` inside `kind`."""
    for part in location:
        if isinstance(part, int) or not _is_record(kind):
            continue
        if part not in kind.model_fields:
            continue  # a key of a mapping of records
        kind = _record_in(kind.model_fields[part].annotation)
    return list(kind.model_fields) if _is_record(kind) else []


def _is_record(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _record_in(annotation: Any) -> Any:
    if _is_record(annotation):
        return annotation
    return next((found for part in get_args(annotation) if (found := _record_in(part)) is not None), None)
