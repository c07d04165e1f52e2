"""The API of the shop is tested as that of any saga is."""

from tests.integration.api.conftest import _an_order, api

__all__ = ["_an_order", "api"]
