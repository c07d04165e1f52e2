"""Requests and replies as calls of HTTP with JSON, by the rules ``(google.api.http)`` of their contract.

It is pure: it knows neither a server nor a client of HTTP. ``rules`` tells where each field of a request stands.
"""

from orchestrator.participant.transcoding.bindings import Binding
from orchestrator.participant.transcoding.calls import HttpCall
from orchestrator.participant.transcoding.errors import FieldError, RuleError, UnfitMessageError, UnreadableError
from orchestrator.participant.transcoding.routes import Route, Routes
from orchestrator.participant.transcoding.rules import Rule, annotated, named

__all__ = [
    "Binding",
    "FieldError",
    "HttpCall",
    "Route",
    "Routes",
    "Rule",
    "RuleError",
    "UnfitMessageError",
    "UnreadableError",
    "annotated",
    "named",
]
