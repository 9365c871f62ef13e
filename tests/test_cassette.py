"""The cassette: what was recorded is replayed to the byte, and nothing else is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pytest

from telerole import Cassette, Reply, RunFolder, Sampling, Scenario, ScriptedBackend, Simulator
from telerole.backends.base import Backend, Message
from telerole.errors import BackendError, EmptyReply, FileError, InputError, ReplayMiss, ServerFault, Truncated
from telerole.session import Usage


class Counting:
    """A backend that numbers its replies, so no two are the same."""

    def __init__(self, name: str = "toy") -> None:
        self.name, self.calls = name, 0

    async def generate(self, messages: Sequence[Message], *, sampling: Any = None, schema: Any = None) -> Reply:
        self.calls += 1
        number = self.calls
        await asyncio.sleep(0)
        return Reply(f" reply {number}\n ", Usage(calls=1, attempts=2, prompt_tokens=number), "stop", "toy-1")

    async def aclose(self) -> None:
        self.name = "closed"


def talk(*contents: str) -> list[Message]:
    """A request: the system prompt, then user and assistant by turns."""
    roles: list[Literal["system", "user", "assistant"]] = ["system", *(["user", "assistant"] * len(contents))]
    return [{"role": role, "content": text} for role, text in zip(roles, contents, strict=False)]


ASKED = talk("You sell.", "Hello?")


async def test_a_replay_gives_the_recorded_reply_with_its_usage_and_asks_nobody(tmp_path: Path) -> None:
    recorded = await Cassette(tmp_path / "tape.jsonl", Counting()).generate(ASKED, sampling=Sampling(seed=1))
    silent = Counting()
    tape = Cassette(tmp_path / "tape.jsonl", silent, "replay")
    assert await tape.generate(ASKED, sampling=Sampling(seed=1)) == recorded
    assert recorded == Reply(" reply 1\n ", Usage(calls=1, attempts=2, prompt_tokens=1), "stop", "toy-1")
    assert silent.calls == 0


async def test_a_replay_needs_no_backend_and_has_the_recorded_one_s_name(tmp_path: Path) -> None:
    await Cassette(tmp_path / "tape.jsonl", Counting("openai:m")).generate(ASKED)
    tape = Cassette(tmp_path / "tape.jsonl", mode="replay")
    assert tape.name == "openai:m"
    assert (await tape.generate(ASKED)).text == " reply 1\n "


@pytest.mark.parametrize(
    ("messages", "sampling", "schema"),
    [
        (talk("You sell.", "Hello"), Sampling(seed=1), None),
        (talk("You sell.", "Hello?", "Yes?"), Sampling(seed=1), None),
        (ASKED, Sampling(seed=2), None),
        (ASKED, Sampling(seed=1, temperature=0.0), None),
        (ASKED, Sampling(seed=1, stop=("\n",)), None),
        (ASKED, Sampling(seed=1), {"type": "object"}),
    ],
)
async def test_any_difference_in_the_request_is_another_request(
    tmp_path: Path, messages: list[Message], sampling: Sampling, schema: dict[str, Any] | None
) -> None:
    tape = Cassette(tmp_path / "tape.jsonl", Counting())
    first = await tape.generate(ASKED, sampling=Sampling(seed=1))
    assert (await tape.generate(messages, sampling=sampling, schema=schema)).text != first.text
    replay = Cassette(tmp_path / "tape.jsonl", mode="replay")
    assert (await replay.generate(messages, sampling=sampling, schema=schema)).text == " reply 2\n "


async def test_a_recording_that_was_interrupted_goes_on_without_asking_twice(tmp_path: Path) -> None:
    await Cassette(tmp_path / "tape.jsonl", Counting()).generate(ASKED)
    backend = Counting()
    tape = Cassette(tmp_path / "tape.jsonl", backend)
    assert (await tape.generate(ASKED)).text == " reply 1\n "
    assert backend.calls == 0
    await tape.generate(talk("Another."))
    assert len((tmp_path / "tape.jsonl").read_text().splitlines()) == 3


async def test_a_reply_is_on_file_as_soon_as_it_is_given(tmp_path: Path) -> None:
    await Cassette(tmp_path / "tape.jsonl", Counting()).generate(ASKED)
    assert json.loads((tmp_path / "tape.jsonl").read_text().splitlines()[1])["reply"]["text"] == " reply 1\n "


async def test_of_replies_to_one_request_asked_twice_at_once_both_get_the_one_on_file(tmp_path: Path) -> None:
    tape = Cassette(tmp_path / "tape.jsonl", Counting())
    replies = await asyncio.gather(*(tape.generate(ASKED) for _ in range(5)))
    assert set(replies) == {await Cassette(tmp_path / "tape.jsonl", mode="replay").generate(ASKED)}
    assert len((tmp_path / "tape.jsonl").read_text().splitlines()) == 2


async def test_a_failed_call_is_passed_on_and_not_recorded(tmp_path: Path) -> None:
    def fails(messages: Sequence[Message]) -> str:
        raise ServerFault("500")

    tape = Cassette(tmp_path / "tape.jsonl", ScriptedBackend(fails))
    with pytest.raises(ServerFault):
        await tape.generate(ASKED)
    assert len((tmp_path / "tape.jsonl").read_text().splitlines()) == 1


def final(error: BackendError) -> BackendError:
    """As the local backend raises it where a seed was given."""
    error.retryable = False
    return error


@pytest.mark.parametrize(
    "made",
    [
        Truncated("cut off", raw=" Well,\n", usage=Usage(calls=1, attempts=1, completion_tokens=9)),
        Truncated("cut off in the middle of a character", raw="half \ud83d"),
        EmptyReply("no words"),
    ],
)
async def test_an_answer_cut_off_or_empty_that_would_be_so_again_is_replayed_as_the_same_error(
    tmp_path: Path, made: BackendError
) -> None:
    def fails(messages: Sequence[Message]) -> str:
        raise final(made)

    asked: list[tuple[Backend | None, Literal["record", "replay"]]] = [
        (ScriptedBackend(fails, "toy"), "record"),
        (Counting("toy"), "record"),
        (None, "replay"),
    ]
    for backend, mode in asked:
        with pytest.raises(type(made)) as caught:
            await Cassette(tmp_path / "tape.jsonl", backend, mode).generate(ASKED)
        assert (str(caught.value), caught.value.usage) == (str(made), made.usage)
        assert caught.value.raw == (made.raw and made.raw.replace("\ud83d", "?"))
        assert not caught.value.retryable
    assert len((tmp_path / "tape.jsonl").read_text().splitlines()) == 2


async def test_a_cut_off_answer_that_may_be_whole_another_time_is_not_recorded(tmp_path: Path) -> None:
    def fails(messages: Sequence[Message]) -> str:
        raise Truncated("cut off")

    with pytest.raises(Truncated):
        await Cassette(tmp_path / "tape.jsonl", ScriptedBackend(fails)).generate(ASKED)
    assert len((tmp_path / "tape.jsonl").read_text().splitlines()) == 1


def test_a_call_whose_reply_was_cut_off_and_asked_for_again_is_replayed_to_the_byte(
    scenario: Scenario, tmp_path: Path
) -> None:
    class Cut(Counting):
        """Cuts off every second reply, as a small local model may."""

        async def generate(self, messages: Sequence[Message], *, sampling: Any = None, schema: Any = None) -> Reply:
            reply = await super().generate(messages, sampling=sampling, schema=schema)
            if self.calls % 2:
                raise final(Truncated("cut off", raw=reply.text, usage=reply.usage))
            return reply

    cut = Cut()
    played = Simulator(cut, max_turns=6, cassette=Cassette(tmp_path / "tape.jsonl")).run(scenario)
    tape = Cassette(tmp_path / "tape.jsonl", mode="replay")
    assert Simulator(Cut(), max_turns=6, cassette=tape).run(scenario) == played
    assert played.finished
    assert cut.calls > 2


async def test_one_cassette_holds_several_backends_apart(tmp_path: Path) -> None:
    tape = Cassette(tmp_path / "tape.jsonl")
    for name in ("a", "b"):
        await tape.of(ScriptedBackend(f"I am {name}.", name)).generate(ASKED)
    replay = Cassette(tmp_path / "tape.jsonl", mode="replay")
    assert replay.backends == ["a", "b"]
    assert [(await replay.of(name).generate(ASKED)).text for name in ("a", "b")] == ["I am a.", "I am b."]
    with pytest.raises(InputError, match="holds replies of a, b; name the one you mean"):
        await replay.generate(ASKED)


async def test_a_taped_backend_keeps_its_name_and_is_closed_with_the_tape(tmp_path: Path) -> None:
    one, other = Counting("one"), Counting("other")
    tape = Cassette(tmp_path / "tape.jsonl", one)
    taped: Any = tape.of(other)
    assert (tape.name, taped.name) == ("one", "other")
    await tape.aclose()
    await taped.aclose()
    assert (one.name, other.name) == ("closed", "closed")


LONG = talk("You sell.", "Hello?", "Good day.", "Who is it?")


@pytest.mark.parametrize(
    ("asked", "sampling", "told"),
    [
        (
            talk("You buy.", "Hello?"),
            Sampling(seed=1),
            "message 0 (system) differs from every recorded one: 'You buy.'",
        ),
        (talk("You sell.", "Hello?", "Good day.", "What?"), Sampling(seed=1), "'What?'; recorded was 'Who is it?'"),
        (talk("You sell."), Sampling(seed=1), "all its 1 messages are on file, but only with more messages after them"),
        (LONG, Sampling(seed=2), "sampling.seed is 2, recorded was 1"),
        (LONG, Sampling(seed=1, temperature=0.5), "sampling.temperature is 0.5, recorded was None"),
        (LONG, Sampling(seed=1, max_tokens=512.0), "sampling.max_tokens is 512.0, recorded was 512"),  # type: ignore[arg-type]  # the mistake
    ],
)
async def test_a_miss_says_what_sets_the_request_apart_from_the_nearest_recorded_one(
    tmp_path: Path, asked: list[Message], sampling: Sampling, told: str
) -> None:
    tape = Cassette(tmp_path / "tape.jsonl", Counting())
    for messages in (talk("Elsewhere."), LONG):
        await tape.generate(messages, sampling=Sampling(seed=1))
    backend = Counting()
    with pytest.raises(ReplayMiss) as caught:
        await Cassette(tmp_path / "tape.jsonl", backend, "replay").generate(asked, sampling=sampling)
    assert told in str(caught.value)
    assert "tape.jsonl" in str(caught.value)
    assert (backend.calls, caught.value.retryable) == (0, False)


async def test_a_miss_may_be_the_schema_or_the_backend(tmp_path: Path) -> None:
    await Cassette(tmp_path / "tape.jsonl", Counting("openai:a")).generate(ASKED)
    replay = Cassette(tmp_path / "tape.jsonl", mode="replay")
    with pytest.raises(ReplayMiss, match="its schema differs"):
        await replay.generate(ASKED, schema={"type": "object"})
    with pytest.raises(ReplayMiss, match=r"no reply of 'openai:b' .* it holds replies of openai:a"):
        await replay.of("openai:b").generate(ASKED)


async def test_the_first_line_says_whose_words_the_replies_are(tmp_path: Path) -> None:
    Cassette(tmp_path / "deep" / "tape.jsonl", provenance="answers written by a person standing in for a model")
    replay = Cassette(tmp_path / "deep" / "tape.jsonl", mode="replay")
    assert replay.header.provenance == "answers written by a person standing in for a model"
    assert json.loads((tmp_path / "deep" / "tape.jsonl").read_text()) == replay.header.model_dump()


async def test_the_file_tells_what_was_asked_last_but_holds_no_prompt(tmp_path: Path) -> None:
    await Cassette(tmp_path / "tape.jsonl", Counting()).generate(ASKED)
    written = (tmp_path / "tape.jsonl").read_text()
    assert '"last":"Hello?"' in written
    assert "You sell." not in written


async def test_wherever_a_recording_was_cut_off_the_whole_replies_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "tape.jsonl"
    tape = Cassette(path, Counting())
    requests = [talk("One."), talk("Two.")]
    replies = [await tape.generate(messages) for messages in requests]
    header, *lines = path.read_bytes().splitlines(keepends=True)
    for cut in range(len(header), path.stat().st_size):
        path.write_bytes(b"".join([header, *lines])[:cut])
        held = b"".join(lines)[: cut - len(header) + 1].count(b"\n")  # a line that lacks only its end is whole
        replay = Cassette(path, mode="replay").of("toy")
        for number, messages in enumerate(requests):
            if number < held:
                assert await replay.generate(messages) == replies[number]
            else:
                with pytest.raises(ReplayMiss):
                    await replay.generate(messages)
        Cassette(path)
        assert path.read_bytes() == b"".join([header, *lines[:held]])


@pytest.mark.parametrize("text", ["# notes\n\nmine", '{"id": 1}\n', '{"telerole_cassette": 2}\n', "half a line"])
@pytest.mark.parametrize("mode", ["record", "replay"])
def test_a_file_that_is_no_cassette_is_refused_and_left_alone(tmp_path: Path, text: str, mode: Any) -> None:
    (tmp_path / "notes.md").write_text(text)
    with pytest.raises(FileError, match="line 1: is not the first line of a cassette"):
        Cassette(tmp_path / "notes.md", mode=mode)
    assert (tmp_path / "notes.md").read_text() == text


async def test_a_damaged_line_is_named_with_its_field(tmp_path: Path) -> None:
    path = tmp_path / "tape.jsonl"
    await Cassette(path, Counting()).generate(ASKED)
    path.write_text(path.read_text().replace('"last"', '"lost"'))
    with pytest.raises(FileError, match=r"tape\.jsonl: line 2: request\.lost: unknown field \(did you mean 'last'"):
        Cassette(path, mode="replay")


def test_a_cassette_that_cannot_be_had_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot be read: No such file"):
        Cassette(tmp_path / "none.jsonl", mode="replay")
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match="cannot be written"):
        Cassette(tmp_path / "file" / "tape.jsonl")
    with pytest.raises(InputError, match=r"did you mean 'replay'\?"):
        Cassette(tmp_path / "tape.jsonl", mode="repaly")  # type: ignore[arg-type]  # the mistake
    with pytest.raises(InputError, match="give the backend itself"):
        Cassette(tmp_path / "tape.jsonl").of("openai:m")


@pytest.mark.parametrize("concurrency", [1, 16])
def test_recorded_and_replayed_sessions_are_the_same_bytes(
    scenarios: list[Scenario], tmp_path: Path, concurrency: int
) -> None:
    def play(backend: Backend, mode: Any, concurrency: int) -> set[bytes]:
        out = tmp_path / mode
        cassette = Cassette(tmp_path / "tape.jsonl", mode=mode)
        simulator = Simulator(backend, backend, seed=5, max_turns=6, cassette=cassette)
        assert not list(simulator.run_many(scenarios, trials=2, concurrency=concurrency, out=out).failures())
        assert RunFolder.read(out).totals().usage["merchant"].calls
        return set((out / "sessions.jsonl").read_bytes().splitlines())

    backend = Counting()
    recorded = play(backend, "record", 8)
    asked = backend.calls
    assert play(backend, "replay", concurrency) == recorded
    assert backend.calls == asked > 0
