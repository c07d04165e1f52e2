"""What the wheel holds besides code: the .proto files that contracts import, for protoc and for other languages.

And what it does not hold, or ask for: what only the developers of this repository need.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import PathDistribution
from pathlib import Path

import google.type
import grpc_tools  # type: ignore[import-untyped]  # it ships no types
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from protovalidate._gen.buf.validate import validate_pb

from orchestrator.contract.image import same_contract
from tests.support.repository import ROOT
from tests.support.wheel import unpack_wheel

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
    unpacked = tmp_path_factory.mktemp("site")
    unpack_wheel(unpacked)
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
            pool.Add(file)
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


def test_the_wheel_asks_for_nothing_that_only_developers_need(site_packages: Path) -> None:
    [described] = site_packages.glob("*.dist-info")
    asked = PathDistribution(described).requires or []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    unasked = {name_of(each) for each in asked if "extra ==" not in each}

    assert unasked == {name_of(each) for each in project["dependencies"]}
    extras = {"generate", "nats", "participant", "postgres", "services", "temporal"}
    assert set(re.findall(r"extra == '(\w+)'", "\n".join(asked))) == extras


def name_of(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0]


def test_the_wheel_holds_neither_tests_nor_services_nor_the_demo_that_starts_them(site_packages: Path) -> None:
    held = {path.name for path in site_packages.iterdir() if not path.name.endswith(".dist-info")}

    assert held == {"orchestrator", "buf", "saga", "shop"}
    assert not (site_packages / "orchestrator" / "shop" / "demo").exists()


@pytest.mark.parametrize("package", ["orchestrator", "buf", "saga", "shop"])
def test_each_package_of_the_wheel_says_that_it_is_typed(site_packages: Path, package: str) -> None:
    assert (site_packages / package / "py.typed").exists()
