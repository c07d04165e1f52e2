"""What a person should know of a saga, as the API shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from orchestrator.api.guidance.sentence import Instant
from orchestrator.api.views.timestamps import timestamp
from saga.v1 import access_pb2, guidance_pb2

if TYPE_CHECKING:
    from orchestrator.api.guidance.choice import Choice
    from orchestrator.api.guidance.guidance import Guidance
    from orchestrator.api.guidance.sentence import Sentence


def guidance_view(guidance: Guidance) -> guidance_pb2.Guidance:
    """Where a saga stands, what comes, and what can be done."""
    return guidance_pb2.Guidance(
        standing=_sentence(guidance.standing),
        waits=map(_sentence, guidance.waits),
        coming=map(_sentence, guidance.coming),
        advice=guidance.advice,
        choices=map(_choice, guidance.choices),
    )


def _sentence(sentence: Sentence) -> guidance_pb2.Sentence:
    return guidance_pb2.Sentence(
        parts=[
            guidance_pb2.SentencePart(instant=timestamp(part.at))
            if isinstance(part, Instant)
            else guidance_pb2.SentencePart(text=part)
            for part in sentence
        ]
    )


def _choice(choice: Choice) -> guidance_pb2.Choice:
    return guidance_pb2.Choice(
        name=choice.name,
        title=choice.title,
        consequence=choice.consequence,
        refusal=choice.refusal,
        helps=choice.helps,
        command=choice.command,
        key=choice.key,
        took_effect=choice.took_effect,
        signal=choice.signal,
        message_type=choice.message_type,
        needs_reply=choice.needs_reply,
        rpc=choice.rpc,
        role=cast("access_pb2.Role.ValueType", choice.role.value),
    )
