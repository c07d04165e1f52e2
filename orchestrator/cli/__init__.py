"""The command line: ``orchestrator --help``."""
