"""Files that outlive a crash: journals of records, one a line; files that are there whole or not at all; a lock."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

import orjson
from pydantic import ValidationError

from telerole.errors import FileError, InputError
from telerole.records import R, Record, explain

SYNC_EVERY = 1.0  # seconds of work that a power cut may cost


class Journal:
    """A file of records, one a line, that is only added to; what a crash left of its last line is repaired first.

    `kept` is what stays on file when a later record cannot be written, for the error. No file is held open.
    Raises `OSError` where the file cannot be had.
    """

    def __init__(self, path: Path, kept: str) -> None:
        self._path, self._kept = path, kept
        FileIO(path, "a").close()
        _mend(path)
        self._synced = time.monotonic()

    def add(self, record: Record) -> None:
        """Write the record at once, and whole or not at all."""
        with self._opened() as file:
            _write(file, line(record))
            if time.monotonic() - self._synced >= SYNC_EVERY:
                os.fsync(file.fileno())
                self._synced = time.monotonic()

    def sync(self) -> None:
        """Bring everything to disk."""
        with self._opened() as file:
            os.fsync(file.fileno())

    @contextmanager
    def _opened(self) -> Iterator[FileIO]:
        try:
            with FileIO(self._path, "a") as file:
                yield file
        except OSError as error:
            raise FileError(self._path, [f"cannot be written: {error.strerror}; {self._kept} are kept"]) from None


def line(record: Record) -> bytes:
    """The record as a line of JSON."""
    return record.model_dump_json().encode() + b"\n"


def lines(path: Path, *, growing: bool = True) -> Iterator[tuple[int, bytes]]:
    """The whole lines of a file with their numbers from 1.

    In a `growing` file a last line without its end is just being written, and left out; else it counts if it is JSON.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.endswith(b"\n") or (not growing and _whole(line)):
                    yield number, line
    except OSError as error:
        raise FileError(path, [f"cannot be read: {error.strerror}"]) from None


def parse(path: Path, number: int, line: bytes, kind: type[R]) -> R:
    """The record on line `number` of the file at `path`, or a `FileError` with its faults."""
    try:
        return kind.model_validate_json(line)
    except ValidationError as error:
        raise FileError(path, [f"line {number}: {fault}" for fault in explain(error, kind)]) from None


def replace(path: Path, lines: Iterable[bytes]) -> None:
    """Write the file so that it is there whole or not at all."""
    unfinished = path.with_name(f".{path.name}")
    try:
        with unfinished.open("wb") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def writing(path: Path, advice: str = "name another place") -> Iterator[None]:
    """What cannot be written at or under `path` meanwhile is a `FileError`, with what to do about it."""
    try:
        yield
    except OSError as error:
        raise FileError(path, [f"cannot be written: {error.strerror or error}; {advice}"]) from None


def lock(path: Path) -> FileIO:
    """Keep other processes out of the file's folder until the file is closed or the process ends."""
    file = FileIO(path, "a")
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise InputError(f"{path.parent}: another run writes here; let it end, or name another folder") from None
    except (ImportError, OSError):
        pass  # Windows and some network file systems have no such locks; the run is worth more than the guard
    return file


def _mend(path: Path) -> None:
    """Complete a last line that lacks only its end, and cut off one that is not whole."""
    with path.open("r+b") as file:
        last = next(iter(deque(file, maxlen=1)), b"\n")
        if last.endswith(b"\n"):
            return
        if _whole(last):
            file.write(b"\n")
        else:
            file.truncate(file.tell() - len(last))


def _whole(line: bytes) -> bool:
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True


def _write(file: FileIO, data: bytes) -> None:
    rest, start = memoryview(data), file.tell()
    try:
        while rest:
            rest = rest[file.write(rest) :]
    except OSError:
        file.truncate(start)
        raise
