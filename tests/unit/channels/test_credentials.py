"""Where credentials will come from."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio

import orchestrator
from orchestrator.channels.grpc import credentials
from orchestrator.channels.grpc.channel import GrpcChannel

if TYPE_CHECKING:
    import pytest

LIBRARY = Path(orchestrator.__file__).parent
OPENS = {"insecure_channel", "secure_channel"}


def test_every_channel_of_the_orchestrator_is_opened_in_one_place() -> None:
    # The shop is an application: its demo stands where its customers do.
    opened_in = {
        file.relative_to(LIBRARY).as_posix()
        for file in LIBRARY.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in OPENS
    }

    assert {file for file in opened_in if not file.startswith("shop/")} == {"channels/grpc/credentials.py"}


async def test_what_answers_for_an_address_secures_its_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, opened = grpc.local_channel_credentials(), []
    secure_channel = grpc.aio.secure_channel

    def noted(target: str, credentials: grpc.ChannelCredentials, **rest: Any) -> grpc.aio.Channel:  # noqa: ANN401 - gRPC's
        opened.append((target, credentials))
        return secure_channel(target, credentials, **rest)

    monkeypatch.setattr(credentials, "credentials_for", {"payment:1": ours, "inventory:1": None}.__getitem__)
    monkeypatch.setattr(grpc.aio, "secure_channel", noted)
    channels = [GrpcChannel("payment:1"), GrpcChannel("inventory:1")]

    assert opened == [("payment:1", ours)]
    for channel in channels:
        await channel.close()
