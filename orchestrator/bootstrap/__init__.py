"""The composition root: here, and nowhere else, adapters meet ports.

Three ways to have an engine, each from the same parts::

    opened            a replica in a process of one's own                    embedding
    serve             an engine with its doors, until it is told to stop     serving
                        on a journal of ours                                 replica
                        on a Temporal cluster                                temporal
                      what both engines need: participants, channels, served

What a user may import are the names that this package gives; the rest may change.
"""

from orchestrator.bootstrap.embedding import OpenedReplica, opened

__all__ = ["OpenedReplica", "opened"]
