"""Metrics for operators, scraped at `/metrics`. Labels have few values: routes by their template, never by their path."""

import os

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

REQUESTS = Counter("ioc_http_requests", "Requests answered", ["method", "route", "status"])
SECONDS = Histogram("ioc_http_request_seconds", "Time to answer a request", ["method", "route"])
READINGS = Counter("ioc_readings", "Readings received, by what became of them", ["verdict"])
STALE_MARKS = Gauge("ioc_stale_marks", "Marks that wait for the roller", multiprocess_mode="mostrecent")
STALE_SECONDS = Gauge(
    "ioc_stale_seconds", "Age of the oldest mark that waits; 0 when none does", multiprocess_mode="mostrecent"
)


def exposed() -> bytes:
    """What all processes of this server have counted."""
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
