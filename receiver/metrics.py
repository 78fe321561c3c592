"""The receiver's Prometheus metrics. Labels come from closed sets only: nothing a stranger sends becomes a label."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """One registry for each app, so that two in one process (tests) don't share counts."""

    def __init__(self) -> None:
        """All at zero."""
        self.registry = CollectorRegistry()
        self.deliveries = Counter(
            "pilothouse_deliveries",
            "Deliveries by Git host and outcome (marked, ignored, remembered, unsigned, forged, ...)",
            ("host", "outcome"),
            registry=self.registry,
        )
        self.repeated = Counter(
            "pilothouse_deliveries_repeated",
            "Deliveries whose id came before: redelivered by the host, and marked again",
            ("host",),
            registry=self.registry,
        )
        self.mark_s = Histogram(
            "pilothouse_mark_seconds",
            "From the first byte of a delivery to its durable mark",
            buckets=BUCKETS_S,
            registry=self.registry,
        )
        self.remembered = Gauge(
            "pilothouse_remembered_marks",
            "Marks kept in memory until Valkey is back",
            registry=self.registry,
        )
        self.streams = Gauge(
            "pilothouse_streams",
            "Clients that follow Applications now",
            registry=self.registry,
        )
        self.requests = Counter(
            "pilothouse_http_requests",
            "Requests by route, method and status",
            ("route", "method", "status"),
            registry=self.registry,
        )

    def text(self) -> bytes:
        """All metrics in Prometheus' text format. Slow: run it in a thread."""
        return generate_latest(self.registry)
