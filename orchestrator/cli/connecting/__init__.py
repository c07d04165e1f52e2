"""How a command reaches an orchestrator, and as whom."""
