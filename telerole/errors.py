"""Everything telerole raises on purpose, on one page.

    TeleroleError
    ├── InputError            something the user gave is wrong: a file, a name, an option, a key
    │   └── FileError         ... with the file, the line and the field
    ├── BackendError          a model call failed; `retryable` says whether asking again can help
    │   ├── RateLimited       429, with the server's `retry_after` where it sent one
    │   ├── ServerFault       5xx
    │   ├── Unreachable       no connection, or the connection was cut
    │   ├── TimedOut          no answer in time
    │   ├── BadReply          200, but not a chat completion, or not what the schema asks
    │   ├── EmptyReply        an answer without a word to say
    │   ├── OutOfRole         a line that speaks for the other side or leaks its thoughts, at every attempt
    │   ├── Unfit             every answer failed a check of what it says, such as a prefix that gives the answer away
    │   ├── Truncated         cut off by the token limit
    │   ├── Filtered          stopped by the server's content filter
    │   ├── Rejected          any other 4xx: wrong key, unknown model, prompt too long
    │   └── ReplayMiss        a cassette does not hold this request
    └── BudgetSpent           the run's budget is used up; finished sessions are kept

`InputError` is the command line's exit code 2. A `BackendError` ends one session, never a run.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from telerole.session import Usage


class TeleroleError(Exception):
    """Base of every error telerole raises on purpose."""


class InputError(TeleroleError):
    """Something the user gave is wrong; the message says what, where, and what to do."""


class FileError(InputError):
    """One or more faults in one file, each with its line or field; all of them at once.

    `faults` are lines such as ``line 3: lines[0].speaker: …``; the message puts the path before each.
    """

    def __init__(self, path: Path | str, faults: Iterable[str]) -> None:
        self.path = Path(path)
        self.faults = list(faults)
        super().__init__("\n".join(f"{path}: {fault}" for fault in self.faults))


class BackendError(TeleroleError):
    """A model call that brought no usable reply.

    `raw` is what came back, as far as it is known; `usage` what it cost all the same, where the server said so.
    """

    retryable = False

    def __init__(
        self, message: str, *, raw: str | None = None, retry_after: float | None = None, usage: Usage | None = None
    ) -> None:
        super().__init__(message)
        self.raw = raw
        self.retry_after = retry_after
        self.usage = usage

    @property
    def kind(self) -> str:
        """The class's name, as records store it."""
        return type(self).__name__


class RateLimited(BackendError):
    """The server asked to slow down (429)."""

    retryable = True


class ServerFault(BackendError):
    """The server failed (5xx)."""

    retryable = True


class Unreachable(BackendError):
    """No connection, or it was cut before the answer was whole."""

    retryable = True


class TimedOut(BackendError):
    """No answer in time."""

    retryable = True


class BadReply(BackendError):
    """An answer that is not a chat completion, or not what the schema asks for."""

    retryable = True


class EmptyReply(BackendError):
    """An answer without a word to say."""

    retryable = True


class OutOfRole(BackendError):
    """Every answer spoke for the other side, or leaked the model's thoughts."""


class Unfit(BackendError):
    """Every answer had the right shape and failed a check of what it says."""


class Truncated(BackendError):
    """The answer was cut off by the token limit (finish_reason "length")."""

    retryable = True


class Filtered(BackendError):
    """The server's content filter stopped the request or the answer."""


class Rejected(BackendError):
    """The server refused the request for good: a wrong key, an unknown model, a prompt too long."""


class ReplayMiss(BackendError):
    """The cassette being replayed holds no answer to this request."""


class BudgetSpent(TeleroleError):
    """The budget in calls, tokens or money is used up; `usage` is what was paid for and came to nothing by that."""

    def __init__(self, message: str, *, usage: Usage | None = None) -> None:
        super().__init__(message)
        self.usage = usage


def nearest(word: str, known: Iterable[str]) -> str:
    """``" (did you mean 'x'?)"`` for the known word nearest to `word`, or ``""`` when none is near."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""
