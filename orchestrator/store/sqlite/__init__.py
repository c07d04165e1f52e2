"""The journal in one SQLite file: embedded, for one orchestrator process."""
