"""Structured logs: JSON lines on stderr for machines, readable lines when a person watches."""

import logging
import sys
from collections.abc import Callable
from typing import Any

import orjson
import structlog


def configure_logs(level: str) -> None:
    """Once per process, before anything is logged. Libraries' own records come out in the same form."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    human = sys.stderr.isatty()
    renderer: structlog.typing.Processor = (
        # Without the local variables: one of them is the catalogue, which takes minutes to print.
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if human
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    if not human:
        shared.append(structlog.processors.format_exc_info)
    if human:
        own: list[structlog.typing.Processor] = [*shared, renderer]
        factory: Callable[..., Any] = structlog.PrintLoggerFactory(sys.stderr)
    else:  # past the logging of the standard library, which costs a request more than its reading does
        own = [*shared, structlog.processors.JSONRenderer(serializer=_as_json)]
        factory = structlog.BytesLoggerFactory(sys.stderr.buffer)
    structlog.configure(
        processors=own,
        logger_factory=factory,
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = name != "uvicorn.access"  # the hub logs each request itself
    logging.getLogger("alembic").setLevel("WARNING")


def _as_json(event: dict[str, Any], **_: Any) -> bytes:
    return orjson.dumps(event, default=str)
