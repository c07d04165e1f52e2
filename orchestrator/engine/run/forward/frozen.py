"""Code of a saga that does not yield: how the engine learns of it, and what is kept of it beside the journal."""

from __future__ import annotations


class CodeFrozen(BaseException):  # named for what happened
    """Raised into the code of a saga that keeps the event loop to itself.

    Not an ``Exception``, because the code's own ``except Exception`` must not get over it.
    """


ADVICE = "await a command in every loop, serve the mended code and resume; or cancel"
"""What an operator, and the author of the code, can do about it."""
