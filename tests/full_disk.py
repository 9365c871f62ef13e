"""A disk that is full: no file may have more bytes than a limit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


def limit_files(size: int | None) -> None:
    """From now on no file may have more bytes than this; None takes the limit away."""
    import resource  # Windows has none

    most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (most if size is None else size, most))


@contextmanager
def files_limited(size: int | None = None) -> Iterator[None]:
    """Within, no file may have more bytes than `size`, or than `limit_files` says there; afterwards there is room."""
    limit_files(size)
    try:
        yield
    finally:
        limit_files(None)
