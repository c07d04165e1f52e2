"""Who did something, as the journal keeps it."""

from __future__ import annotations

from typing import NamedTuple


class Actor(NamedTuple):
    """A person or a program that acts from outside.

    Attributes:
        name: as the authority knows it.
        authority: how the name is known, such as ``token file`` or ``jwt https://login.example.com``; or empty.
        peer: where the call came from, as gRPC says it, such as ``ipv4:10.0.0.7:40312``; or empty.
    """

    name: str
    authority: str = ""
    peer: str = ""
