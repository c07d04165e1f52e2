"""What the wheel holds besides code: the .proto files that contracts import, for protoc and for other languages."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import google.type
import grpc_tools
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from hatchling.builders.wheel import WheelBuilder
from protovalidate._gen.buf.validate import validate_pb

from orchestrator.contract.image import same_contract

ROOT = Path(__file__).parents[3]

CONTRACT = """
syntax = "proto3";
package ferry.v1;
import "buf/validate/validate.proto";
import "saga/v1/contract.proto";
service FerryService {
  rpc Book(Booking) returns (Booking) { option (saga.v1.command) = {effect: EFFECT_PIVOT}; }
}
message Booking { string order_id = 1 [(buf.validate.field).string.uuid = true]; }
"""


@pytest.fixture(scope="module")
def site_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the wheel was unpacked."""
    built, unpacked = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("site")
    for wheel in WheelBuilder(str(ROOT)).build(directory=str(built), versions=["standard"]):
        zipfile.ZipFile(wheel).extractall(unpacked)
    return unpacked


def compile_with(site_packages: Path, folder: Path, name: str) -> descriptor_pb2.FileDescriptorSet:
    image = folder / "image.binpb"
    others = next(iter(google.type.__path__)).removesuffix("google/type"), Path(grpc_tools.__file__).parent / "_proto"
    roots = [f"-I{root}" for root in (folder, site_packages, *others)]
    command = [sys.executable, "-m", "grpc_tools.protoc", *roots, "--include_imports", f"--descriptor_set_out={image}"]
    subprocess.run([*command, name], check=True)
    return descriptor_pb2.FileDescriptorSet.FromString(image.read_bytes())


def test_protoc_finds_the_imports_of_a_contract_in_site_packages(site_packages: Path, tmp_path: Path) -> None:
    (tmp_path / "ferry.proto").write_text(CONTRACT)

    compiled = compile_with(site_packages, tmp_path, "ferry.proto")

    assert {"saga/v1/contract.proto", "buf/validate/validate.proto"} < {file.name for file in compiled.file}


def test_the_copy_of_validate_proto_says_what_the_installed_protovalidate_says(
    site_packages: Path, tmp_path: Path
) -> None:
    ours = compile_with(site_packages, tmp_path, "buf/validate/validate.proto")
    theirs = descriptor_pb2.FileDescriptorProto.FromString(validate_pb.desc().proto.to_binary())
    theirs.options.CopyFrom(ours.file[-1].options)  # what a language is told is no part of the rules

    described = []
    for last in (ours.file[-1], theirs):
        pool = descriptor_pool.DescriptorPool()
        for file in (*ours.file[:-1], last):
            pool.Add(file)  # type: ignore[no-untyped-call]
        described.append(pool.FindFileByName(last.name))

    assert same_contract(*described)


@pytest.mark.parametrize("name", ["contract", "saga", "saga_service"])
def test_our_contracts_say_where_their_code_goes_in_other_languages(
    site_packages: Path, tmp_path: Path, name: str
) -> None:
    options = compile_with(site_packages, tmp_path, f"saga/v1/{name}.proto").file[-1].options

    assert options.go_package == "saga-orchestrator/saga/v1;sagav1"
    assert (options.java_package, options.java_multiple_files) == ("saga.v1", True)
    assert (options.csharp_namespace, options.ruby_package, options.php_namespace) == (
        "Saga.V1",
        "Saga::V1",
        "Saga\\V1",
    )
