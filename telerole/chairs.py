"""Who may sit in a chair, and how a SPEC such as ``candidate+openai:gpt-4.1`` becomes a speaker."""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast, get_args

from telerole.agents.director import directed
from telerole.agents.guest import Function, Person
from telerole.agents.merchant import MindedMerchant, Reader
from telerole.agents.offline import DAYS, OfflineMerchant, OfflineSalesperson
from telerole.agents.probes import PROBES
from telerole.agents.reader import ByModel
from telerole.agents.role import Candidate, InRole, Prompted, called
from telerole.backends.base import Backend, Sampling, close, rest
from telerole.backends.budget import Budget
from telerole.backends.cassette import Cassette
from telerole.backends.gate import Gate
from telerole.backends.limits import Limited
from telerole.conversation import StopRule
from telerole.errors import InputError, nearest
from telerole.folder import config_of, is_begun
from telerole.persona import Role
from telerole.speaker import Speaker
from telerole.trained import RECORD

LOCAL_TOKENS = 160  # of one line; nobody says more in one breath
RULES = "rules"
KINDS = ("offline", "local", "openai", "human")
FORMS = (
    "offline, local, local:FILE.gguf, local:DIR, openai:MODEL, openai:MODEL@BASE_URL, human, or candidate+, prompted+, "
    "plain+ or trained+ and one of them"
)
ABLE = "openai:MODEL, openai:MODEL@BASE_URL, local:FILE.gguf or local:DIR"
UNTOLD = ("offline", "human")
MODELS = "openai:MODEL, openai:MODEL@BASE_URL, local, local:FILE.gguf or local:DIR"

Chair = Any
"""A SPEC, a `Backend`, a `Speaker` such as `Candidate`, a function of the `Call`, or AgentChat's agents."""


Told = Literal["candidate", "prompted", "plain", "trained"]
TOLD: Mapping[Told, type[Candidate]] = {"candidate": Candidate, "prompted": Prompted}
MERCHANTS: tuple[Told, ...] = ("plain", "trained")
TUNED: Mapping[str, Role] = {"candidate": "salesperson", "trained": "merchant"}  # prompted as training rows are


@dataclass(frozen=True, slots=True)
class Spec:
    """A SPEC in its parts. `told` is how its model is prompted where that is not in role: the word before the plus.

    A ``candidate`` sells under Eq. 1, and so does one that is ``prompted``, with the expert's long prompt; ``plain`` is
    a merchant without a mind, and one that was ``trained`` to be called is prompted as its training rows were.
    """

    kind: str
    model: str = ""
    base_url: str | None = None
    told: Told | None = None


def parse(spec: str) -> Spec:
    """The parts of a SPEC; an `InputError` names the nearest right form."""
    told = next((word for word in get_args(Told) if spec.startswith(f"{word}+")), None)
    rest = spec.removeprefix(f"{told}+")
    kind, _, model = rest.partition(":")
    if kind not in KINDS:
        raise InputError(f"unknown backend {spec!r}{nearest(kind, KINDS)}; use {FORMS}")
    model, base_url = _split(model) if kind == "openai" else (model, "")
    if kind == "openai" and not model:
        raise InputError(f"{spec!r} names no model; write openai:MODEL or openai:MODEL@BASE_URL")
    if kind == "human" and rest != kind:
        raise InputError(f"{spec!r}: {kind} takes nothing after it; use {FORMS}")
    if told and kind in UNTOLD and (told, kind) != ("candidate", "offline"):
        raise InputError(f"{spec!r}: {kind} reads no prompt; leave out {told}+")
    if base_url and not base_url.startswith(("http://", "https://")):
        raise InputError(f"{spec!r}: the address must begin with http:// or https://, not {base_url!r}")
    return Spec(kind, model, base_url or None, told)


def _split(model: str) -> tuple[str, str]:
    """The name and the address; both may hold an @ of their own, as in ``@cf/meta/llama-3``."""
    found = re.search(r"@https?://", model)
    at = found.start() if found else model.rfind("@")
    return (model, "") if found is None and at < 1 else (model[:at], model[at + 1 :])


@dataclass(slots=True)
class Chairs:
    """Seats guests for one run: chairs on the same endpoint share its gate, and all share the budget."""

    sampling: Sampling = field(default_factory=Sampling)
    mind: str | Backend | None = RULES
    director: bool = True
    budget: Budget | None = None
    cassette: Cassette | None = None
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    opened: list[Backend] = field(default_factory=list)
    used: list[Backend] = field(default_factory=list)
    running: int = 0
    gates: dict[object, Gate] = field(default_factory=dict)

    def seat(self, guest: Chair, role: Role) -> Speaker:
        """The speaker that `guest` makes in the chair of `role`."""
        if isinstance(guest, str):
            return self._from_spec(guest, role)
        if hasattr(guest, "speak"):
            _check_chair(guest, role)
            return self._limited(guest)
        if hasattr(guest, "generate"):
            return self._in_role(self._shared(guest), role, self.sampling)
        if (theirs := _from_autogen(guest, self, role)) is not None:
            return theirs
        if callable(guest):
            return Function(guest)
        raise InputError(
            f"{type(guest).__name__} cannot sit in the {role}'s chair; give a SPEC ({FORMS}), a Backend, a Candidate, "
            "a function of the Call, or an AgentChat agent"
        )

    def backend(self, guest: str | Backend) -> Backend:
        """The backend that a SPEC names, or the one given, behind its endpoint's gate; it sits in no chair."""
        if not isinstance(guest, str):
            return self._shared(guest)
        spec = parse(guest)
        if spec.kind not in ("local", "openai") or spec.told:
            raise InputError(f"{guest!r} is no model; use {MODELS}")
        return self._shared(self._open_model(spec))

    def weights(self, out: Path | str) -> dict[str, dict[str, str]]:
        """What the configuration of a run in that folder says of files: one model's name may stand for others tomorrow.

        ``weights`` holds the digest of each model in this process by its name. Where no file is there, or a cassette
        answers, it is the one that the run was begun with: a call that needs the file says that it is gone.
        """
        before = config_of(Path(out)).get("weights", {}) if is_begun(Path(out)) else {}
        found = {} if self._replaying else {one.name: getattr(one, "weights", None) for one in self.used}
        # A backend of one's own may call something else its weights.
        weights = before | {name: digest for name, digest in found.items() if isinstance(digest, str)}
        return {"weights": weights} if weights else {}

    def sampling_for(self, guest: str | Backend) -> Sampling:
        """How the lines of the model that a SPEC names, or of the one given, are drawn."""
        if not isinstance(guest, str) or parse(guest).kind != "local":
            return self.sampling
        # A small model does not know when to stop: what it says ends with its first line.
        return replace(self.sampling, stop=self.sampling.stop or ("\n",), max_tokens=LOCAL_TOKENS)

    async def reach(self) -> None:
        """Ask each backend that can tell whether its endpoint is there; raises `BackendError` where it is not."""
        if self._replaying:
            return
        for backend in self.used:
            if (reach := getattr(backend, "reach", None)) is not None:
                await reach()

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """While calls are made; after the last of them connections are dropped, so that none is left behind."""
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1
            for backend in self.used if not self.running else ():
                await rest(backend)

    def open_to(self, calls: int) -> None:
        """Let so many calls at once through from the start; an endpoint that says 429 is still given fewer."""
        for gate in self.gates.values():
            gate.widen(calls)

    async def close(self) -> None:
        """Close what was opened here."""
        for backend in self.opened:
            await close(backend)

    @property
    def _replaying(self) -> bool:
        return self.cassette is not None and self.cassette.mode == "replay"

    def _from_spec(self, text: str, role: Role) -> Speaker:
        spec = parse(text)
        if spec.told and (spec.told in MERCHANTS) != (role == "merchant"):
            theirs = "merchant" if spec.told in MERCHANTS else "salesperson"
            raise InputError(f"{text!r}: {spec.told}+ sits in the {theirs}'s chair, not in the {role}'s")
        if spec.kind == "offline":
            return self._offline(spec, role)
        if spec.kind == "human":
            return Person()
        model = self._open_model(spec)
        _check_side(spec.told, model)
        shared, sampling = self._shared(model), self.sampling_for(text)
        if spec.told == "plain":
            return InRole(shared, role, sampling, told=spec.told)
        if spec.told == "trained":
            return self._merchant(InRole(shared, role, sampling, called), trained=True)
        return TOLD[spec.told](shared, sampling) if spec.told else self._in_role(shared, role, sampling)

    def _offline(self, spec: Spec, role: Role) -> Speaker:
        known: Mapping[str, object] = PROBES if role == "salesperson" else DAYS
        if spec.model and spec.model not in known:
            raise InputError(
                f"offline:{spec.model}: no offline {role}{nearest(spec.model, known)}; use {', '.join(known)}"
            )
        if role == "salesperson":
            seller = PROBES[spec.model] if spec.model else OfflineSalesperson()
            return replace(seller, candidate=spec.told == "candidate")
        if self.mind != RULES:
            raise InputError("an offline merchant is its mind, read by rules; a merchant without one needs a model")
        return OfflineMerchant(spec.model)

    def _open_model(self, spec: Spec) -> Backend:
        if spec.kind == "local":
            from telerole.backends.local import LocalBackend

            return self._open(lambda: LocalBackend(spec.model or None).beside(self.opened))
        from telerole.backends.openai import OpenAIBackend

        key = "none" if self._replaying else None  # a replay asks nobody
        return self._open(lambda: OpenAIBackend(spec.model, spec.base_url, key))

    def _in_role(self, backend: Backend, role: Role, sampling: Sampling) -> Speaker:
        """A model in role: the merchant with a mind, the salesperson directed, each unless that is switched off."""
        if role == "salesperson":
            return InRole(backend, role, sampling, directed if self.director else None)
        return self._merchant(InRole(backend, role, sampling))

    def _merchant(self, voice: InRole, *, trained: bool = False) -> Speaker:
        if self.mind is None:
            return replace(voice, told="trained") if trained else voice
        return MindedMerchant(voice, self._reader(self.mind), trained)

    def _reader(self, mind: str | Backend) -> Reader | None:
        if mind == RULES:
            return None
        known = mind.partition(":")[0] in ("local", "openai") if isinstance(mind, str) else hasattr(mind, "generate")
        if not known:
            near = nearest(mind, (RULES, "local", "openai")) if isinstance(mind, str) else ""
            raise InputError(f"mind: {mind!r} cannot read{near}; use rules, a model ({MODELS}), a Backend, or None")
        return ByModel(self.backend(mind))

    def _open(self, make: Callable[[], Backend]) -> Backend:
        """One backend object a model, however many chairs it fills."""
        backend = make()
        for opened in self.opened:
            if opened.name == backend.name:
                return opened
        self.opened.append(backend)
        return backend

    def _shared(self, backend: Backend) -> Backend:
        """The backend behind its endpoint's gate, the run's budget, and the cassette."""
        if isinstance(backend, Limited):
            return backend
        if backend not in self.used:
            self.used.append(backend)
        endpoint = getattr(backend, "endpoint", None) or id(backend)
        if endpoint not in self.gates:
            self.gates[endpoint] = Gate(rpm=self.requests_per_minute, tpm=self.tokens_per_minute)
        limited = Limited(backend, self.gates[endpoint], budget=self.budget)
        # The cassette stands outside: what it replays costs no slot and no budget, and had its retries already.
        return self.cassette.of(limited) if self.cassette is not None else limited

    def _limited(self, speaker: Speaker) -> Speaker:
        if isinstance(speaker, InRole):
            _check_side(speaker.told, speaker.backend)
            shared = self._shared(speaker.backend)
            if isinstance(speaker, Candidate):
                return type(speaker)(shared, speaker.sampling)
            return replace(speaker, backend=shared)
        if isinstance(speaker, MindedMerchant):
            voice, reader = speaker.voice, speaker.reader
            _check_side("trained" if speaker.trained else voice.told, voice.backend)
            reader = ByModel(self._shared(reader.backend)) if isinstance(reader, ByModel) else reader
            return replace(speaker, voice=replace(voice, backend=self._shared(voice.backend)), reader=reader)
        return speaker


def _check_chair(speaker: Speaker, role: Role) -> None:
    """Refuse a model that plays one role in the chair of the other."""
    if (voice := _voice(speaker)) is not None and voice.role != role:
        raise InputError(f"{speaker.name!r} sits in the {voice.role}'s chair, not in the {role}'s")


def _check_side(told: str | None, backend: Backend) -> None:
    """Refuse a model that learned one side's words under the prompt of those that learned the other's.

    Every other prompt is for any model, and tells it all that it needs in either chair.
    """
    learned = getattr(backend, "side", None)
    right = next((word for word, side in TUNED.items() if side == learned), told)
    if told in TUNED and right != told:
        raise InputError(
            f"'{told}+{backend.name}': was fine-tuned on the {learned}'s words, as its {RECORD} says; it sits in the "
            f"{learned}'s chair, as {right}+{backend.name}"
        )


def sampling_of(speaker: Speaker) -> Sampling | None:
    """How the replies of a model in that chair are drawn; None where no model of ours sits there."""
    voice = _voice(speaker)
    return None if voice is None else voice.sampling


def _voice(speaker: Speaker) -> InRole | None:
    """The model that words what the speaker says; None where it is no model of ours."""
    voice = speaker.voice if isinstance(speaker, MindedMerchant) else speaker
    return voice if isinstance(voice, InRole) else None


@asynccontextmanager
async def model_at_work(guest: str | Backend, task: str, chairs: Chairs | None = None) -> AsyncIterator[Backend]:
    """The model that a SPEC names, or the one given, behind its endpoint's gate; what was opened is closed afterwards.

    `task` says in an error what it was wanted for. Raises `InputError` for what is no model that can do it.
    """
    if isinstance(guest, str):
        spec = parse(guest)
        # The default local model has 135 million parameters: it would try for minutes and bring nothing.
        if spec.kind in UNTOLD or spec.told or (spec.kind == "local" and not spec.model):
            raise InputError(f"{guest!r} cannot {task}; give a model that can: {ABLE}")
    elif not hasattr(guest, "generate"):
        raise InputError(f"{type(guest).__name__} cannot {task}; give a model that can: {ABLE}, or a Backend")
    chairs = chairs or Chairs()
    try:
        model = chairs.backend(guest)
        async with chairs.at_work():
            yield model
    finally:
        await chairs.close()


def _from_autogen(guest: object, chairs: Chairs, role: Role) -> Speaker | None:
    """AutoGen's objects are known without importing it: who holds one has imported it already."""
    if not {"autogen_agentchat", "autogen_core"} & sys.modules.keys():
        return None
    from telerole import autogen

    if (backend := autogen.as_backend(guest)) is not None:
        return chairs._in_role(chairs._shared(backend), role, chairs.sampling)
    return autogen.as_speaker(guest)


def as_rule(rule: object) -> StopRule:
    """A stop rule: a function of the turns, or an AgentChat termination condition."""
    if {"autogen_agentchat", "autogen_core"} & sys.modules.keys():
        from telerole import autogen

        if (adapted := autogen.as_rule(rule)) is not None:
            return adapted
    if not callable(rule):
        raise InputError(
            f"{type(rule).__name__} is no stop rule; give a function of the turns that returns an End or True to "
            "stop the call, or None"
        )
    return cast(StopRule, rule)
