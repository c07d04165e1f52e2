"""Commands over NATS JetStream; :mod:`orchestrator.participant.queued` says what travels."""
