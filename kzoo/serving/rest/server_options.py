"""Where a server listens and what it takes; known to the command line without importing TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass

HOST, PORT = "127.0.0.1", 8501
"""This machine alone, and the port of TensorFlow Serving's REST API."""


@dataclass(frozen=True)
class ServerOptions:
    """Where a server listens, and what it takes.

    Args:
        host: address; ``"0.0.0.0"`` is reached from other machines. There is no password: put a proxy before it.
        port: 0 for any that is free.
        name: of the model in addresses; "" for the folder's name.
        most_bytes: of a request.
        most_requests: that are answered at the same time; others get status 503.
        most_examples: of a batch that is joined of several requests.
    """

    host: str = HOST
    port: int = PORT
    name: str = ""
    most_bytes: int = 16_000_000
    most_requests: int = 64
    most_examples: int = 64
