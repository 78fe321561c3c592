"""What one render may use, and the sentence it gets when it wants more: each names the limit and its setting."""

import re
from dataclasses import dataclass

GO_CRASH = re.compile(r"^(?:fatal error|runtime|panic|SIG[A-Z]+): ", re.MULTILINE)
"""How the Go runtime begins its last words."""
OUT_OF_MEMORY = ("out of memory", "cannot allocate", "can't allocate", "failed to create new OS thread", "MemoryError")
SIGXCPU = 24
"""The signal of a used up RLIMIT_CPU, on Linux."""


@dataclass(frozen=True, slots=True)
class RenderLimits:
    """The limits of one render."""

    memory_mb: int
    """Address space of the process (RLIMIT_AS); the Go runtime alone maps 1,700 of it."""
    timeout_s: float
    output_mb: int = 50
    """Rendered text, in MB of UTF-8."""
    helm_binary: str = ""
    """Absolute path of the `helm` to use; empty: the built-in one."""


def timeout_message(timeout_s: float) -> str:
    """For a render that ran too long."""
    return (
        f"the render took longer than its time limit of {timeout_s:g} s (PILOTHOUSE_RENDER_TIMEOUT_S):"
        " does a template loop without end?"
    )


def memory_message(limits: RenderLimits) -> str:
    """For a render that ran out of memory."""
    return (
        f"the render used more memory than its limit of {limits.memory_mb} MB (PILOTHOUSE_RENDER_MEMORY_MB):"
        " does a template build a huge text or list?"
    )


def output_message(size: int, limits: RenderLimits) -> str:
    """For a render whose result is too large. size: bytes."""
    return f"the render gives {size >> 20} MB of text, more than the output limit of {limits.output_mb} MB"


def crash_message(last_words: str, exit_code: int, limits: RenderLimits) -> str:
    """For a render whose process died. last_words: its stderr; exit_code: if negative, the signal that killed it."""
    if "stack exceeds" in last_words or "stack overflow" in last_words:
        return "the render hit the stack limit of 1 GB: does a template include itself, or a value contain itself?"
    if any(words in last_words for words in OUT_OF_MEMORY):
        return memory_message(limits)
    if exit_code == -SIGXCPU:
        return f"the render used more processor time than the limit of its {limits.timeout_s:g} s allows"
    how = f"signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"
    return f"the renderer died ({how}) while rendering this"
