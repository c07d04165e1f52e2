"""The sink of a NATS JetStream."""
