"""The doctor's findings: what is there, what is missing, and what to do."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest

import telerole
from telerole import catalog, doctor
from telerole.backends import local
from telerole.doctor import Finding, examine
from telerole.testing import FakeServer

KEY = "sk-do-not-tell-anyone"


def found(name: str, reach: str | None = None) -> Finding:
    return next(finding for finding in examine(reach) if finding.name == name)


@pytest.fixture
def asks_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Make the installed telerole ask for the packages named."""

    def pretend(*needs: str) -> None:
        folder = tmp_path / "telerole-0.1.0.dist-info"
        folder.mkdir()
        lines = ["Metadata-Version: 2.4", "Name: telerole", "Version: 0.1.0", *(f"Requires-Dist: {n}" for n in needs)]
        (folder / "METADATA").write_text("\n".join(lines) + "\n")
        monkeypatch.syspath_prepend(tmp_path)

    return pretend


def test_it_names_python_and_where_telerole_is() -> None:
    assert found("Python").ok
    assert sys.executable in found("Python").detail
    assert str(Path(telerole.__file__).parent) in found("telerole").detail
    assert telerole.__version__ in found("telerole").detail


def test_a_dependency_within_its_bounds_is_fine(asks_for) -> None:
    asks_for("openai[aiohttp]<99,>=1", "pytest>=8; extra == 'test'")
    assert found("openai").ok
    assert "pytest" not in [finding.name for finding in examine()]


@pytest.mark.parametrize(
    ("need", "detail"),
    [
        ("pydantic<2,>=1", "but telerole needs <2,>=1"),
        ("pydantic>=999.1", "but telerole needs >=999.1"),
        ("no-such-package>=1", "is not installed"),
    ],
)
def test_a_dependency_that_is_missing_or_out_of_bounds_is_broken_and_has_its_command(
    asks_for, need: str, detail: str
) -> None:
    asks_for(need)
    finding = next(finding for finding in examine() if finding.name in need)
    assert finding.ok is False
    assert detail in finding.detail
    assert finding.fix == f'pip install "{need}"'


@pytest.mark.parametrize(
    ("version", "wanted", "fits"),
    [
        ("2.13", ">=2.13.0", True),
        ("2.13.0rc1", "<3,>=2.13", True),
        ("2.9.1", ">=2.13", False),
        ("3.0", "<3,>=2", False),
        ("2026.10.11549", ">=2026.10", True),
        ("1", "", True),
    ],
)
def test_versions_are_compared_by_number(version: str, wanted: str, fits: bool) -> None:
    assert doctor._satisfies(version, wanted) is fits


def test_autogen_is_found_without_being_imported() -> None:
    code = (
        "import sys; from telerole.doctor import examine; found = {f.name: f for f in examine()}\n"
        "heavy = {'autogen_core', 'autogen_agentchat', 'openai', 'xllamacpp', 'rich', 'typer'}\n"
        "print(found['AutoGen'].ok, heavy & sys.modules.keys())"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "True set()\n"


def test_the_bundled_library_is_counted() -> None:
    assert found("library").ok
    assert "personas" in found("library").detail


def test_a_broken_library_is_a_finding_and_not_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(catalog.Catalog, "bundled", broken)
    assert found("library") == Finding("library", False, "OSError: the disk is gone", "install telerole again")


def test_the_key_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://me:{KEY}@127.0.0.1:1/v1?key={KEY}")
    with FakeServer() as server:
        shown = [examine(reach) for reach in (f"http://me:{KEY}@127.0.0.1:1/v1?key={KEY}", server.url, KEY)]
    assert KEY not in repr(shown)
    assert found("OPENAI_API_KEY").ok
    assert found("OPENAI_BASE_URL").detail == "http://127.0.0.1:1/v1"


@pytest.mark.parametrize("key", [f"{KEY}\n", f"“{KEY}”"])
def test_a_key_that_cannot_be_sent_is_told_from_a_server_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with FakeServer() as server:
        shown = [found("OPENAI_API_KEY"), found(f"server {server.url}", server.url)]
    for finding in shown:
        assert finding.ok is False
        assert "cannot be sent" in finding.detail
        assert finding.fix
    assert KEY not in repr(shown)


def test_without_a_key_it_says_what_it_is_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert found("OPENAI_API_KEY").ok is None
    assert "openai:MODEL" in found("OPENAI_API_KEY").fix


def test_no_server_is_asked_unless_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setattr(doctor, "urlopen", None)
        examine()


def test_a_server_that_is_there_shows_its_models() -> None:
    with FakeServer() as server:
        assert found(f"server {server.url}", server.url) == Finding(f"server {server.url}", True, "has fake")


@pytest.mark.parametrize(("status", "ok"), [(401, False), (403, None)])
def test_a_key_that_is_wrong_is_told_from_one_that_may_not_list_models(status: int, ok: bool | None) -> None:
    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(status)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        url = f"http://127.0.0.1:{server.server_port}/v1"
        answering = Thread(target=server.handle_request)
        answering.start()
        finding = found(f"server {url}", url)
        answering.join()
    assert finding.ok is ok
    assert str(status) in finding.detail


def test_a_server_that_does_not_listen_is_broken() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        finding = found(f"server {url}", url)
    assert finding.ok is False
    assert "refused" in finding.detail
    assert finding.fix


def test_a_server_whose_name_takes_for_ever_to_look_up_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    found_out = Event()
    monkeypatch.setattr(doctor, "TIMEOUT", 0.05)
    monkeypatch.setattr(doctor, "urlopen", lambda *_, **__: found_out.wait(10))
    finding = found("server http://nowhere/v1", "http://nowhere/v1")
    found_out.set()
    assert (finding.ok, finding.detail) == (False, "gives no answer in 0.05 s")


def test_a_wrong_path_on_a_server_says_where_addresses_end() -> None:
    with FakeServer() as server:
        url = server.url.removesuffix("/v1")
        finding = found(f"server {url}", url)
    assert (finding.ok, finding.detail) == (False, "answers 404")
    assert "/v1" in finding.fix


@pytest.mark.parametrize("nonsense", ["localhost:8000", "file:///etc/passwd", "http://[", "http:///v1"])
def test_what_is_no_web_address_is_said_to_be_none(nonsense: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", nonsense)
    for finding in (found("server", nonsense), found("OPENAI_BASE_URL")):
        assert (finding.ok, finding.detail) == (False, "is no web address")
        assert "http://" in finding.fix


def test_a_missing_model_names_the_one_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "default_model", lambda: None)
    assert found("default model") == Finding("default model", None, "is not installed", "telerole install-model")


def test_an_installed_model_is_named_with_its_size(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "small.gguf").write_bytes(bytes(3_000_000))
    monkeypatch.setattr(local, "default_model", lambda: tmp_path / "small.gguf")
    assert found("default model") == Finding("default model", True, "small.gguf, 3 MB")


def test_the_working_folder_is_tried_out_and_left_as_it_was(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert found("this folder").ok
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/proc")
    assert found("this folder").ok is False


def test_the_cores_are_counted() -> None:
    assert int(found("CPU cores").detail) >= 1
