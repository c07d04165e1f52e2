"""The shop's sagas, one file each. ``orchestrator serve`` runs those named here."""

from orchestrator.sagas.place_order import place_order

__all__ = ["place_order"]
