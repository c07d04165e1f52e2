"""How many examples a property is tried with, and who draws them.

``fixed``, the default: the same ones in every run, so that a test that was green is green again. ``random``: others
each time, and many, in ``make soak``; the seed repeats them, and so no examples of earlier runs are kept.

A shell lets its background jobs ignore SIGINT, and their children with them: here every process can be interrupted.
"""

from __future__ import annotations

import signal

from hypothesis import settings

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("fixed", derandomize=True, max_examples=100, deadline=None)
settings.register_profile("random", database=None, max_examples=1_000, deadline=None, print_blob=True)
settings.load_profile("fixed")
