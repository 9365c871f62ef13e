"""What is installed, what is missing, and what to do about it: the data behind ``telerole doctor``."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import re
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from importlib import metadata
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import telerole

TIMEOUT = 3.0  # seconds a server has to be found and to list its models
SHOWN = 5  # models named
OLDEST = (3, 11)
ADDRESS = "begin it with http:// or https://"
NEW_KEY = "set it to the key alone, without what was copied with it"

_NEED = re.compile(
    r"(?P<name>[\w.-]+)(?:\[[^]]*])?\s*(?P<wanted>[^;]*?)\s*(?:;.*extra == ['\"](?P<extra>[\w-]+)['\"].*)?$"
)
_BOUND = re.compile(r"(>=|<)\s*(\d+(?:\.\d+)*)")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `ok` is False where something needed is broken, None where something optional is absent.

    `fix` is what to do about it, empty where nothing is.
    """

    name: str
    ok: bool | None
    detail: str
    fix: str = ""


def examine(reach: str | None = None) -> list[Finding]:
    """Look at everything telerole stands on; nothing is raised, and no secret is in what comes back.

    The network is touched only where `reach` names a base URL: it is asked for its models, and has three seconds.
    """
    findings = [_python(), _telerole(), *_dependencies(), _autogen(), _library(), _key(), _base_url()]
    if reach is not None:
        findings.append(_server(reach))
    return [*findings, *_extras(), _llama_cpp(), _default_model(), _cores(), _folder()]


def _python() -> Finding:
    oldest = ".".join(map(str, OLDEST))
    fix = "" if sys.version_info >= OLDEST else f"use Python {oldest} or newer"
    return Finding("Python", not fix, f"{platform.python_version()} at {sys.executable}", fix)


def _telerole() -> Finding:
    home = Path(telerole.__file__).parent
    if _installed("telerole") is None:
        return Finding("telerole", None, f"{telerole.__version__} at {home}, not installed", "pip install telerole")
    return Finding("telerole", True, f"{telerole.__version__} at {home}")


def _dependencies() -> Iterator[Finding]:
    """What the installed telerole asks for itself, package by package."""
    for name, wanted in _needs(extra=None).items():
        yield _package(name, wanted, f'pip install "{name}{wanted}"')


def _autogen() -> Finding:
    """Whether AgentChat can be imported, without importing it: that takes a second."""
    found = importlib.util.find_spec("autogen_agentchat") is not None
    detail = f"autogen-agentchat {_installed('autogen-agentchat') or 'of unknown version'}"
    clients = _installed("autogen-ext")
    detail += f", autogen-ext {clients}" if clients else ", without model clients of its own"
    if not found:
        return Finding("AutoGen", False, "cannot be imported", "pip install autogen-agentchat")
    return Finding(
        "AutoGen", True, detail, "" if clients else 'for AutoGen\'s own clients: pip install "telerole[autogen]"'
    )


def _library() -> Finding:
    from telerole.catalog import Catalog

    try:
        catalog = Catalog.bundled()
    except Exception as error:  # whatever is wrong with it is what the doctor is asked for
        return Finding("library", False, f"{type(error).__name__}: {error}", "install telerole again")
    held = (("personas", catalog.personas), ("strategies", catalog.strategies), ("scripts", catalog.scripts))
    return Finding("library", True, ", ".join(f"{len(them)} {what}" for what, them in held))


def _key() -> Finding:
    key = os.environ.get("OPENAI_API_KEY", "")
    if not key:
        return Finding("OPENAI_API_KEY", None, "is not set", "set it to use openai:MODEL; a local server needs none")
    if not (key.isascii() and key.isprintable()):
        return Finding("OPENAI_API_KEY", False, "cannot be sent: a line break or another character no key has", NEW_KEY)
    return Finding("OPENAI_API_KEY", True, "is set")


def _base_url() -> Finding:
    base_url = os.environ.get("OPENAI_BASE_URL")
    if not base_url:
        return Finding("OPENAI_BASE_URL", None, "is not set; openai:MODEL means OpenAI's own")
    if (shown := _public(base_url)) is None:
        return Finding("OPENAI_BASE_URL", False, "is no web address", ADDRESS)
    return Finding("OPENAI_BASE_URL", True, shown)


def _extras() -> Iterator[Finding]:
    """What draws charts and what fine-tunes; all else works without."""
    seen: set[str] = set()
    for extra in ("report", "train"):
        wanted = _needs(extra=extra)
        for name in sorted(wanted.keys() - seen):
            yield _package(name, wanted[name], f"pip install 'telerole[{extra}]'", optional=True)
        seen |= wanted.keys()


def _llama_cpp() -> Finding:
    wanted = _needs(extra="local").get("xllamacpp", "")
    return _package("xllamacpp", wanted, "telerole install-model", optional=True)


def _default_model() -> Finding:
    from telerole.backends.local import default_model

    if (path := default_model()) is None:
        return Finding("default model", None, "is not installed", "telerole install-model")
    return Finding("default model", True, f"{path.name}, {path.stat().st_size / 1e6:.0f} MB")


def _cores() -> Finding:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Finding("CPU cores", True, str(usable))


def _folder() -> Finding:
    here = Path.cwd()
    try:
        with tempfile.TemporaryFile(dir=here):
            return Finding("this folder", True, f"{here} can be written")
    except OSError as error:
        return Finding("this folder", False, f"{here}: {error.strerror}", "run telerole in a folder of yours")


def _server(base_url: str) -> Finding:
    """Whether an OpenAI-compatible server lists its models."""
    if (shown := _public(base_url)) is None:
        return Finding("server", False, "is no web address", ADDRESS)
    name = f"server {shown}"
    if _key().ok is False:
        return Finding(name, False, "was not asked, for OPENAI_API_KEY cannot be sent", NEW_KEY)
    try:
        models = _models(base_url)
    except OSError as error:
        if getattr(error, "code", None) == HTTPStatus.FORBIDDEN:
            return Finding(name, None, "lists no models for this key, which may chat all the same (403)")
        return Finding(name, False, *_trouble(error))
    except (ValueError, LookupError, TypeError, HTTPException):
        return Finding(name, False, "answers, but not with a list of models", "give the address up to and with /v1")
    more = f" and {len(models) - SHOWN} more" if len(models) > SHOWN else ""
    return Finding(name, True, f"has {', '.join(models[:SHOWN]) or 'no model'}{more}")


def _models(base_url: str) -> list[str]:
    """The names of a server's models, or a `TimeoutError`.

    Asked in a thread of its own: looking a name up knows no timeout, and reading has one for each piece of the answer.
    """
    answer = Future[list[str]]()

    def ask() -> None:
        try:
            answer.set_result(_listed(base_url))
        except Exception as error:
            answer.set_exception(error)

    Thread(target=ask, name="telerole-doctor", daemon=True).start()
    return answer.result(TIMEOUT)


def _listed(base_url: str) -> list[str]:
    request = Request(f"{base_url.rstrip('/')}/models")
    if key := os.environ.get("OPENAI_API_KEY"):
        request.add_unredirected_header("Authorization", f"Bearer {key}")
    with urlopen(request, timeout=TIMEOUT) as answer:
        return [str(model["id"]) for model in json.load(answer)["data"]]


def _trouble(error: OSError) -> tuple[str, str]:
    """What kept a server from answering, and what to do."""
    code = getattr(error, "code", None)
    if code == HTTPStatus.UNAUTHORIZED:
        return "refuses the key (401)", "set OPENAI_API_KEY to a key for this server"
    if code is not None:
        return f"answers {code}", "give the address up to and with /v1"
    reason = getattr(error, "reason", error)
    if isinstance(reason, TimeoutError):
        return f"gives no answer in {TIMEOUT:g} s", "is it the right address, and the server up?"
    return (
        f"cannot be reached: {getattr(reason, 'strerror', None) or reason}",
        "start the server, or correct the address",
    )


def _package(name: str, wanted: str, fix: str, *, optional: bool = False) -> Finding:
    version = _installed(name)
    if version is None:
        return Finding(name, None if optional else False, "is not installed", fix)
    if not _satisfies(version, wanted):
        return Finding(name, False, f"{version}, but telerole needs {wanted}", fix)
    return Finding(name, True, version)


def _needs(extra: str | None) -> dict[str, str]:
    """The packages telerole asks for, with the versions it accepts; nothing where telerole is not installed."""
    try:
        asked = metadata.requires("telerole") or []
    except metadata.PackageNotFoundError:
        return {}
    read = [found for line in asked if (found := _NEED.match(line))]
    return {found["name"]: found["wanted"] for found in read if found["extra"] == extra}


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _satisfies(version: str, wanted: str) -> bool:
    """Whether a version lies within the bounds ``>=`` and ``<``, the only ones telerole uses."""
    have = _numbers(version)
    return all(
        have >= _numbers(bound) if sign == ">=" else have < _numbers(bound) for sign, bound in _BOUND.findall(wanted)
    )


def _numbers(version: str) -> tuple[int, ...]:
    """``2.13.0rc1`` as 2, 13, so that 2.13 and 2.13.0 are the same."""
    leading = re.match(r"\d+(?:\.\d+)*", version)
    numbers = [int(part) for part in leading[0].split(".")] if leading else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _public(url: str) -> str | None:
    """A web address without what may be a credential: user, password and query; None for anything else."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
