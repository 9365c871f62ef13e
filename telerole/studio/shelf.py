"""Finding personas: a file, a folder of them, or a name in the library."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from telerole.catalog import Catalog
from telerole.errors import FileError, InputError
from telerole.persona import Persona
from telerole.records import YAML, load, read_text, yaml_files
from telerole.studio.writing import written

ENDINGS = (*YAML, ".json", ".jsonl")


@dataclass(frozen=True, slots=True)
class Found:
    """A persona, its YAML as it is written, and the user's file that it can be written back to, where there is one."""

    persona: Persona
    text: str
    path: Path | None


def find(name: str) -> Found:
    """The persona of a file, or the bundled one of that id."""
    path = Path(name)
    if path.suffix.lower() not in ENDINGS and not path.is_file():
        persona = Catalog.bundled().persona(name)
        return Found(persona, written(persona), None)
    personas = load(path, Persona)
    if len(personas) > 1:
        raise FileError(path, [f"holds {len(personas)} personas; give each a file of its own"])
    if path.suffix.lower() in YAML:
        return Found(personas[0], read_text(path), path)
    return Found(personas[0], written(personas[0]), None)


def personas_in(path: Path | str) -> list[Persona]:
    """The personas of a file, or of a folder's YAML files at any depth; an `InputError` where there are none."""
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    files = [path] if path.is_file() else yaml_files(path)
    found = [persona for file in files for persona in load(file, Persona)]
    if not found:
        raise InputError(f"{path}: holds no persona ({', '.join(YAML)})")
    return found
