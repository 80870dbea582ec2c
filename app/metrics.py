"""Metrics for operators, scraped at `/metrics`. Labels have few values: routes by their template, never by their path."""

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter("ioc_http_requests", "Requests answered", ["method", "route", "status"])
SECONDS = Histogram("ioc_http_request_seconds", "Time to answer a request", ["method", "route"])
READINGS = Counter("ioc_readings", "Readings received, by what became of them", ["verdict"])
STALE_MARKS = Gauge("ioc_stale_marks", "Marks that wait for the roller")
STALE_SECONDS = Gauge("ioc_stale_seconds", "Age of the oldest mark that waits; 0 when none does")
