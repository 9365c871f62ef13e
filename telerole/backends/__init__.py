"""What answers messages. Nothing heavy is imported until it is used."""

from __future__ import annotations

from telerole.backends.base import Backend, Message, Reply, Sampling, close

__all__ = ["Backend", "Message", "Reply", "Sampling", "close"]
