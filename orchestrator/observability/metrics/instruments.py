"""What is measured: one table, from which all metrics are made, and with which the page about them is compared.

A metric is per process: add up what several replicas say. Only what is read from the journal, which they share, each of
them says alike; of that, take the largest. No attribute tells sagas apart: there would be as many series as sagas.
"""

from __future__ import annotations

import enum
from typing import Final, NamedTuple

from orchestrator.observability import names


class Kind(enum.Enum):
    """How its values belong together."""

    COUNTER = "counter"
    """It only grows."""
    GAUGE = "gauge"
    """As it is when it is asked for."""
    HISTOGRAM = "histogram"
    """How many values there were, within which bounds, and their sum."""


_QUICK: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds that a call takes, or a commit, or the way from an instant to what follows it."""
_LONG: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0, 3600.0, 86_400.0, 604_800.0)
"""Seconds that a saga takes: it may wait for days."""
_GROUP: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1000.0)
"""Writes that share a commit."""


class Instrument(NamedTuple):
    """One metric.

    Attributes:
        name: as OpenTelemetry has it.
        kind: how its values belong together.
        unit: by UCUM; what stands in braces is a word for 1.
        about: what it tells, in a sentence.
        attributes: the names of its attributes.
        bounds: of a histogram, the upper bounds of its buckets but for the last, which has none.
        shared: it is read from the journal, so that every replica says the same.
    """

    name: str
    kind: Kind
    unit: str
    about: str
    attributes: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()
    shared: bool = False


_DEFINITION: Final = (names.SAGA_DEFINITION,)
_BY_STATUS: Final = (names.SAGA_DEFINITION, names.SAGA_STATUS)
_BY_REASON: Final = (names.SAGA_DEFINITION, names.SAGA_REASON)
_OF_CALL: Final = (
    names.RPC_SYSTEM,
    names.RPC_METHOD,
    names.RPC_STATUS,
    names.ERROR_TYPE,
    names.SERVER_ADDRESS,
    names.SERVER_PORT,
    names.SAGA_OUTCOME,
)
_PARTICIPANT: Final = (names.PARTICIPANT,)
_SINK: Final = (names.SINK,)

INSTRUMENTS: Final = (
    Instrument(names.SAGAS_STARTED, Kind.COUNTER, "{saga}", "Sagas that were started.", _DEFINITION),
    Instrument(names.SAGAS_ENDED, Kind.COUNTER, "{saga}", "Sagas that have ended.", _BY_STATUS),
    Instrument(
        names.SAGA_DURATION, Kind.HISTOGRAM, "s", "From the start of a saga to its end.", _BY_STATUS, bounds=_LONG
    ),
    Instrument(names.SAGAS_SUSPENDED, Kind.COUNTER, "{saga}", "Sagas that were suspended.", _BY_REASON),
    Instrument(names.SAGAS_ROLLED_BACK, Kind.COUNTER, "{saga}", "Rollbacks that began.", _BY_REASON),
    Instrument(
        names.COMMAND_DURATION,
        Kind.HISTOGRAM,
        "s",
        "Each attempt of a command or of a compensation.",
        _OF_CALL,
        bounds=_QUICK,
    ),
    Instrument(names.COMMAND_RETRIES, Kind.COUNTER, "{attempt}", "Attempts after the first.", (names.RPC_METHOD,)),
    Instrument(
        names.COMPENSATIONS,
        Kind.COUNTER,
        "{compensation}",
        "Compensations that were answered.",
        (names.RPC_METHOD, names.SAGA_OUTCOME),
    ),
    Instrument(
        names.CLAIMS, Kind.COUNTER, "{claim}", "Claims of this process.", (names.SAGA_DEFINITION, names.CLAIM_REASON)
    ),
    Instrument(names.CLAIMS_LOST, Kind.COUNTER, "{claim}", "Claims that another replica took over."),
    Instrument(
        names.TIMER_LAG, Kind.HISTOGRAM, "s", "From the time of a timer to its end.", _DEFINITION, bounds=_QUICK
    ),
    Instrument(
        names.SIGNAL_LAG,
        Kind.HISTOGRAM,
        "s",
        "From a signal, or the wait for it where that began later, to the end of the wait.",
        _DEFINITION,
        bounds=_QUICK,
    ),
    Instrument(
        names.COMMIT_DURATION,
        Kind.HISTOGRAM,
        "s",
        "From the beginning of a group commit until the next one may begin.",
        bounds=_QUICK,
    ),
    Instrument(names.COMMIT_SIZE, Kind.HISTOGRAM, "{write}", "Writes that shared a group commit.", bounds=_GROUP),
    Instrument(names.SAGAS_LIVE, Kind.GAUGE, "{saga}", "Sagas that this process advances.", _DEFINITION),
    Instrument(
        names.SAGAS_OPEN, Kind.GAUGE, "{saga}", "Sagas in the journal that have not ended.", _BY_STATUS, shared=True
    ),
    Instrument(names.SAGAS_OLDEST, Kind.GAUGE, "s", "How old the oldest of them is.", _BY_STATUS, shared=True),
    Instrument(names.SAGAS_QUEUED, Kind.GAUGE, "{saga}", "Those of them that are queued.", _DEFINITION, shared=True),
    Instrument(
        names.SAGAS_UNCLAIMED, Kind.GAUGE, "{saga}", "Those that no replica advances.", _DEFINITION, shared=True
    ),
    Instrument(names.EVENTS_BEHIND, Kind.GAUGE, "{event}", "Events that a sink is yet to be told.", _SINK, shared=True),
    Instrument(names.EVENTS_LAG, Kind.GAUGE, "s", "How long ago the oldest of them happened.", _SINK, shared=True),
    Instrument(
        names.EVENTS_FAILING,
        Kind.GAUGE,
        "s",
        "For how long a sink has taken nothing; 0 where it does.",
        _SINK,
        shared=True,
    ),
    Instrument(
        names.EVENTS_BLOCKED,
        Kind.GAUGE,
        "{saga}",
        "Sagas whose events wait for one that a sink has not taken.",
        _SINK,
        shared=True,
    ),
    Instrument(names.EVENTS_DEAD, Kind.GAUGE, "{event}", "Events that were given up for a sink.", _SINK, shared=True),
    Instrument(names.SAGAS_RECOVERING, Kind.GAUGE, "{saga}", "Sagas that this process has yet to recover."),
    Instrument(
        names.CIRCUIT_OPEN, Kind.GAUGE, "1", "1 where this process believes the participant down.", _PARTICIPANT
    ),
    Instrument(names.CIRCUIT_OPEN_DURATION, Kind.GAUGE, "s", "For how long it has; 0 where not.", _PARTICIPANT),
    Instrument(names.CALLS_IN_FLIGHT, Kind.GAUGE, "{call}", "Calls in flight to the participant.", _PARTICIPANT),
    Instrument(names.CALLS_WAITING, Kind.GAUGE, "{call}", "Calls that wait to be admitted.", _PARTICIPANT),
)
"""In the order of the page about them."""

BY_NAME: Final = {instrument.name: instrument for instrument in INSTRUMENTS}
"""The same, by name."""
