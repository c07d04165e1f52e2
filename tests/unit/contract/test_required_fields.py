"""What proto2 requires of a message is a constraint like any other: it is told with the others."""

from __future__ import annotations

import pytest
from google.protobuf.descriptor_pb2 import UninterpretedOption

from orchestrator.api.calls.validation import refuse_invalid
from orchestrator.contract.constraints import missing_fields, violations
from orchestrator.errors import InvalidInput

NamePart = UninterpretedOption.NamePart
WHOLE = NamePart(name_part="deadline", is_extension=False)


def test_a_required_field_that_is_absent_is_a_violation_with_its_path_at_any_depth() -> None:
    option = UninterpretedOption(name=[WHOLE, NamePart(name_part="seconds"), NamePart()])

    assert violations(NamePart(name_part="seconds")) == (("is_extension", "must be given"),)
    assert missing_fields(option) == ("name[1].is_extension", "name[2].name_part", "name[2].is_extension")
    assert violations(UninterpretedOption(name=[WHOLE])) == ()


def test_an_input_without_a_required_field_is_bad_input() -> None:
    with pytest.raises(InvalidInput, match="name_part"):
        refuse_invalid(NamePart(is_extension=True))
