"""Contracts written in a test, compiled as they are into a pool of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.cli.loading.protoc import describe
from orchestrator.contract.image import load_image

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from google.protobuf.descriptor import ServiceDescriptor

_HEADER = """
syntax = "proto3";
package ferry.v1;
import "buf/validate/validate.proto";
import "google/api/annotations.proto";
import "saga/v1/contract.proto";
"""


@pytest.fixture
def compile_service(tmp_path: Path) -> Callable[..., ServiceDescriptor]:
    """Compile the text of a .proto file, without its first lines, that declares ``FerryService``."""

    def compile_text(text: str, syntax: str = "proto3") -> ServiceDescriptor:
        (tmp_path / "ferry.proto").write_text(_HEADER.replace("proto3", syntax) + text)
        (file,) = load_image(describe(tmp_path), {"ferry.proto"})
        return file.services_by_name["FerryService"]

    return compile_text
