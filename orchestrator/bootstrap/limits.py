"""How much a replica does at once, as its settings say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.bootstrap.served import refuse_unused, services_of
from orchestrator.engine.replica.capacity.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.bootstrap.served import Definition
    from orchestrator.settings import Settings


def limits_of(settings: Settings, definitions: Iterable[Definition]) -> Limits:
    """How much is done at once.

    Raises:
        SettingsError: a limit is set for what no saga uses.
    """
    definitions = list(definitions)
    names = {definition.name for definition in definitions}
    refuse_unused("RATES", settings.rates, services_of(definitions))
    refuse_unused("MOST_LIVE_BY_DEFINITION", settings.most_live_by_definition, names)
    refuse_unused("MOST_QUEUED_BY_DEFINITION", settings.most_queued_by_definition, names)
    refuse_unused("WEIGHTS", settings.weights, names)
    return Limits(
        in_flight=settings.most_in_flight,
        rates=settings.rates,
        live=settings.most_live_sagas,
        live_by_definition=settings.most_live_by_definition,
        queued=settings.most_queued_sagas,
        queued_by_definition=settings.most_queued_by_definition,
        weights=settings.weights,
    )
