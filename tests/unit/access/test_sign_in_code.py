"""The code of a sign-in link."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.access.authentication import Authentication
from orchestrator.access.local_token import LocalToken
from orchestrator.access.sign_in_code import LIFE_SECONDS, refuse_code, sign_in_code, sign_in_link
from orchestrator.errors import NotAuthenticated

if TYPE_CHECKING:
    from pathlib import Path

TOKEN, SECOND = "saga_of-ada", 1_000_000_000
NOW = 1_795_671_604 * SECOND


def test_a_code_stands_for_its_token_until_it_expires() -> None:
    code = sign_in_code(TOKEN, NOW)
    refuse_code(code, TOKEN, NOW)
    refuse_code(code, TOKEN, NOW + (LIFE_SECONDS - 1) * SECOND)
    with pytest.raises(NotAuthenticated, match="expired"):
        refuse_code(code, TOKEN, NOW + LIFE_SECONDS * SECOND)


def test_a_code_stands_for_no_other_token() -> None:
    with pytest.raises(NotAuthenticated, match="not one of this orchestrator"):
        refuse_code(sign_in_code(TOKEN, NOW), "saga_of-grace", NOW)


@pytest.mark.parametrize("changed", ["", ".", "no code", "9" * 5000 + ".0", "\N{SUPERSCRIPT TWO}.0", "-1.ff"])
def test_what_is_no_code_is_refused(changed: str) -> None:
    with pytest.raises(NotAuthenticated):
        refuse_code(changed, TOKEN, NOW)


def test_a_code_whose_end_was_put_off_is_refused() -> None:
    expires_at, _, signature = sign_in_code(TOKEN, NOW).partition(".")
    with pytest.raises(NotAuthenticated, match="not one of this orchestrator"):
        refuse_code(f"{int(expires_at) + 1}.{signature}", TOKEN, NOW)


def test_a_link_does_not_hold_the_token() -> None:
    link = sign_in_link("127.0.0.1:50180", TOKEN, NOW, page="/sagas?status=suspended")
    assert link.startswith("http://127.0.0.1:50180/sign-in?code=")
    assert link.endswith("&next=%2Fsagas%3Fstatus%3Dsuspended")
    assert TOKEN not in link


def test_the_local_operator_is_known_by_a_code_and_nobody_else_is(tmp_path: Path) -> None:
    local = LocalToken(tmp_path, "ada")
    token = (tmp_path / "token").read_text().strip()
    assert Authentication(local=local).token_of(sign_in_code(token, NOW), NOW) == token
    with pytest.raises(NotAuthenticated, match="sign in with your token"):
        Authentication().token_of(sign_in_code(token, NOW), NOW)
