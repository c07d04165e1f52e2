"""Contracts written in a test, compiled as they are into a pool of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.cli.loading.protoc import describe
from orchestrator.contract.image import load_image

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.descriptor import FileDescriptor

_HEADER = """
syntax = "proto3";
package ferry.v1;
import "buf/validate/validate.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/timestamp.proto";
import "google/type/money.proto";
import "saga/v1/contract.proto";
"""


@pytest.fixture(scope="module")
def compile_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], FileDescriptor]:
    """Compile the text of a .proto file without its first lines."""

    def compile_text(text: str) -> FileDescriptor:
        folder = tmp_path_factory.mktemp("protos")
        (folder / "ferry.proto").write_text(_HEADER + text)
        (file,) = load_image(describe(folder), {"ferry.proto"})
        return file

    return compile_text
