"""The shop's sagas, one file each. ``orchestrator serve --sagas orchestrator.sagas`` serves every one declared here."""
