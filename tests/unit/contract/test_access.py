"""Who may call an rpc, as contracts say it, and the contracts that do not say it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.contract.access import Role, roles_of, states_access
from orchestrator.contract.rules.access import check_access
from saga.v1 import access_pb2

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.descriptor import ServiceDescriptor

BOOKING = 'import "saga/v1/access.proto"; message Booking {}'


def rpc(name: str, role: str = "") -> str:
    option = f"option (saga.v1.access).role = ROLE_{role};" if role else ""
    return f"rpc {name}(Booking) returns (stream Booking) {{ {option} }}"


def service(*rpcs: str) -> str:
    return f"{BOOKING} service FerryService {{ {' '.join(rpcs)} }}"


@pytest.mark.parametrize("role", Role, ids=str)
def test_a_role_is_read_from_a_contract_of_any_pool(
    compile_service: Callable[..., ServiceDescriptor], role: Role
) -> None:
    found = compile_service(service(rpc("Book", role.name)))

    assert roles_of(found.methods_by_name["Book"]) == (role,)
    assert states_access(found)
    assert check_access(found) == []


def test_an_rpc_may_need_a_second_role(compile_service: Callable[..., ServiceDescriptor]) -> None:
    option = "option (saga.v1.access) = { role: ROLE_OPERATOR also: ROLE_STARTER };"
    both = f"rpc Book(Booking) returns (Booking) {{ {option} }}"

    found = compile_service(service(both))

    assert roles_of(found.methods_by_name["Book"]) == (Role.OPERATOR, Role.STARTER)


@pytest.mark.parametrize("option", ["also: ROLE_STARTER", "role: ROLE_VIEWER also: 77"])
def test_an_rpc_whose_roles_cannot_all_be_told_is_for_nobody(
    compile_service: Callable[..., ServiceDescriptor], option: str
) -> None:
    book = f"rpc Book(Booking) returns (Booking) {{ option (saga.v1.access) = {{ {option} }}; }}"

    found = compile_service(service(book))

    assert roles_of(found.methods_by_name["Book"]) == ()
    assert len(check_access(found)) == 1


def test_every_role_of_the_contract_has_its_number_here() -> None:
    assert {role.name: role.value for role in Role} == {
        name.removeprefix("ROLE_"): number for name, number in access_pb2.Role.items() if number
    }


@pytest.mark.parametrize("silent", [rpc("Sail"), rpc("Sail", "UNSPECIFIED")], ids=["no option", "unspecified"])
def test_an_rpc_of_an_api_without_a_role_is_told_what_to_write(
    compile_service: Callable[..., ServiceDescriptor], silent: str
) -> None:
    found = compile_service(service(rpc("Book", "VIEWER"), silent))

    (violation,) = check_access(found)

    assert str(violation).startswith("ferry.proto: FerryService.Sail: [states-access]")
    assert "`option (saga.v1.access).role = ROLE_VIEWER;`" in violation.message
    assert '`import "saga/v1/access.proto";`' in violation.message


def test_a_service_that_says_of_no_rpc_who_may_call_it_belongs_to_no_api(
    compile_service: Callable[..., ServiceDescriptor],
) -> None:
    assert not states_access(compile_service(service(rpc("Sail"))))
