"""What a user sees while many calls are made: done, time left, failures, and what was spent."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Protocol, Self

LINE_EVERY = 10.0  # seconds between lines where no bar can be drawn


class Progress(Protocol):
    """Hears of each piece of work as it ends."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None: ...

    def ended(self, finished: bool, spent: str) -> None:
        """A piece of work ended, finished or not; `spent` is the run's cost so far, as text."""


class Silent:
    """Shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        return None

    def ended(self, finished: bool, spent: str) -> None:
        """Nothing to show."""


class Bar:
    """A bar on a terminal or in a notebook; elsewhere a line to standard error every ten seconds and at the end."""

    def __init__(self, total: int, done: int = 0, what: str = "calls") -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self.total, self.done, self.failed, self.what = total, done, 0, what
        self._resumed, self._started, self._told = done, time.monotonic(), time.monotonic()
        console = Console(stderr=True)
        self._drawn = console.is_terminal or console.is_jupyter
        columns = (
            TextColumn(what),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
        )
        self._bar = RichProgress(*columns, console=console, disable=not self._drawn)
        self._task = self._bar.add_task(what, total=total, completed=done, note="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bar.stop()
        if not self._drawn:
            self._tell()

    def ended(self, finished: bool, spent: str) -> None:
        """Count the piece of work and show where the run stands."""
        self.done += finished
        self.failed += not finished
        self._note = "  ".join([f"{self.failed} failed"] * bool(self.failed) + [spent] * bool(spent))
        self._bar.update(self._task, completed=self.done + self.failed, note=self._note)
        if not self._drawn and time.monotonic() - self._told >= LINE_EVERY:
            self._tell()

    _note = ""

    def _tell(self) -> None:
        self._told = time.monotonic()
        elapsed = self._told - self._started
        made = self.done + self.failed - self._resumed
        left = (self.total - self.done - self.failed) * elapsed / made if made else 0.0
        print(
            f"{self.done}/{self.total} {self.what}, {elapsed:.0f} s, {left:.0f} s left  {self._note}".rstrip(),
            file=sys.stderr,
        )
