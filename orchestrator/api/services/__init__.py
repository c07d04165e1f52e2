"""The servicers: one file for each service that every orchestrator answers."""
