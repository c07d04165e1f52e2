"""The relay: from the outbox to the sinks, as CloudEvents."""
