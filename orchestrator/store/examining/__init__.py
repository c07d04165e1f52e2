"""What ``orchestrator doctor`` finds in a store; the same for every store."""
