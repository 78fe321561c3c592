"""How the receiver logs: one JSON object a line on stderr, a sentence for people and fields for machines."""

import logging
import sys

import orjson
import structlog


def configure(level: str) -> None:
    """level: debug, info, warning or error. Texts of the libraries appear from warning on, in the same form."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(serializer=_text)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(serializer=_text),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    # It quotes requests that are no HTTP: anybody could fill the log, and a broken header may hold a token.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)


def _text(event: object, **_: object) -> str:
    return orjson.dumps(event, default=str).decode()
