"""What the contract of an API must say, so that nothing in it is open by mistake.

=================  ======================================================================================
rule               what it asks for
=================  ======================================================================================
``states-access``  each rpc of an API says who may call it
=================  ======================================================================================

Participants are not asked for it: who may send them commands is not the orchestrator's to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.contract.access import Role, roles_of
from orchestrator.contract.violation import Violation

if TYPE_CHECKING:
    from google.protobuf.descriptor import ServiceDescriptor


def check_access(service: ServiceDescriptor) -> list[Violation]:
    """Each rpc of an API's service that does not say who may call it."""
    roles = ", ".join(f"ROLE_{role.name}" for role in Role)
    return [
        Violation(
            service.file.name,
            0,
            f"{service.name}.{method.name}",
            "states-access",
            "it does not say who may call it, so nobody may; write `option (saga.v1.access).role = ROLE_VIEWER;` into "
            f'it, or another role ({roles}), and `import "saga/v1/access.proto";`',
        )
        for method in service.methods
        if not roles_of(method)
    ]
