"""How a worker logs: one JSON object for each line on standard error. What is logged is the business of each file."""

import logging
import sys

import orjson
import structlog

STAMPS: tuple[structlog.typing.Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
)


def configure(level: str) -> None:
    """level: debug, info, warning or error. What libraries log has the same form and is shown from warning on."""
    render = structlog.processors.JSONRenderer(serializer=_json)
    structlog.configure(
        processors=[*STAMPS, render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    plain = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    foreign = logging.StreamHandler(sys.stderr)
    foreign.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=list(STAMPS), processors=[plain, render])
    )
    logging.basicConfig(handlers=[foreign], level=logging.WARNING, force=True)


def _json(event: object, **_: object) -> str:
    return orjson.dumps(event, default=str).decode()
