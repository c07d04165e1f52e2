from __future__ import annotations

import pytest

from services.chassis import Settings, load_settings
from services.chassis.settings import SettingsError, split_address
from shop.inventory.v1.inventory_pb2 import DESCRIPTOR

CONTRACT = DESCRIPTOR.services_by_name["InventoryService"]


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LISTEN", "DATABASE_URL", "DRAIN_SECONDS", "LOG_LEVEL"):
        monkeypatch.delenv(f"INVENTORY_{name}", raising=False)
    monkeypatch.delenv("STATE_DIR", raising=False)


def settings() -> Settings:
    return load_settings(Settings, name="inventory", contract=CONTRACT)


def test_the_contract_says_where_a_service_listens() -> None:
    assert settings().listen == "127.0.0.1:50103"


def test_the_database_is_a_file_of_the_state_folder() -> None:
    assert settings().database_url == "sqlite:///.state/inventory.db"


def test_the_state_folder_is_shared_by_all_services(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIR", "/var/lib/shop")
    assert settings().database_url == "sqlite:////var/lib/shop/inventory.db"


def test_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVENTORY_LISTEN", "[::1]:0")
    monkeypatch.setenv("INVENTORY_DRAIN_SECONDS", "0.5")
    assert (settings().listen, settings().drain_seconds) == ("[::1]:0", 0.5)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_postgresql_is_reached_through_psycopg(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", f"{scheme}://me:secret@db/stock")
    assert settings().database_url == "postgresql+psycopg://me:secret@db/stock"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("INVENTORY_LISTEN", "50103"),
        ("INVENTORY_LISTEN", "localhost:70000"),
        ("INVENTORY_LISTEN", ""),
        ("INVENTORY_DATABASE_URL", "stock.db"),
        ("INVENTORY_DATABASE_URL", "mysql://db/stock"),
        ("INVENTORY_DRAIN_SECONDS", "-1"),
        ("INVENTORY_DRAIN_SECONDS", "inf"),
        ("INVENTORY_DRAIN_SECONDS", "soon"),
        ("INVENTORY_LOG_LEVEL", "LOUD"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=f"^{variable}: "):
        settings()


def test_a_secret_in_a_bad_url_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", "mysql://me:secret@db/stock")
    with pytest.raises(SettingsError) as caught:
        settings()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "parts"),
    [("127.0.0.1:50103", ("127.0.0.1", 50103)), ("[::1]:0", ("::1", 0)), ("shop.local:1", ("shop.local", 1))],
)
def test_an_address_is_a_host_and_a_port(address: str, parts: tuple[str, int]) -> None:
    assert split_address(address) == parts
