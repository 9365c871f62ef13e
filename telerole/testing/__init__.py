"""A real OpenAI-compatible HTTP server on loopback, for tests without a network; it fails on request.

    with FakeServer(reply="Hello, this is Li.", faults={"rate_limit": 0.1}) as server:
        backend = OpenAIBackend("any", base_url=server.url)

``python -m telerole.testing --latency 0.05`` runs one in a process of its own and prints its address; what it has
served so far is at ``/stats``, outside ``/v1``.
"""

from telerole.testing.faults import FAULTS
from telerole.testing.replies import FakeReply
from telerole.testing.server import FakeServer, Received

__all__ = ["FAULTS", "FakeReply", "FakeServer", "Received"]
