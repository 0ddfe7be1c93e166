"""Metrics of the server, as Prometheus reads them."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_RUNNING = "kzoo_running_requests"

SIZES = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """Counts of one server, in a registry of its own.

    Attributes:
        requests: of predict, by HTTP status.
        seconds: that they took, of those that were answered.
        batches: examples that the model took at once.
        running: requests that are being answered.
        version: that is served.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("kzoo_requests", "Predict requests, by HTTP status.", ["code"], registry=self.registry)
        self.seconds = Histogram("kzoo_request_seconds", "Duration of answered requests.", registry=self.registry)
        self.batches = Histogram(
            "kzoo_batch_examples", "Examples that the model took at once.", buckets=SIZES, registry=self.registry
        )
        self.running = Gauge(_RUNNING, "Requests that are being answered.", registry=self.registry)
        self.version = Gauge("kzoo_model_version", "Version that is served.", registry=self.registry)

    def in_flight(self) -> int:
        """How many requests are being answered."""
        return int(self.registry.get_sample_value(_RUNNING) or 0)

    def text(self) -> bytes:
        """All of them, in Prometheus's text format."""
        return generate_latest(self.registry)
