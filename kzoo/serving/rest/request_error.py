"""`RequestError`: what a client is told of a request that cannot be answered."""

from __future__ import annotations


class RequestError(Exception):
    """A request that cannot be answered.

    Args:
        message: for the client, in ``{"error": message}``.
        status: of HTTP.
    """

    def __init__(self, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.message, self.status = message, status
