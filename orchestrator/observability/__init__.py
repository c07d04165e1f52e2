"""What others can see of a running orchestrator: its traces, its metrics and its logs."""

from orchestrator.observability.door import Door, ServerFiles
from orchestrator.observability.observer import open_observability
from orchestrator.observability.observing import ClosableObserver

__all__ = ["ClosableObserver", "Door", "ServerFiles", "open_observability"]
