"""What others can see of a running orchestrator: its traces and its logs."""

from orchestrator.observability.observer import ClosableObserver, open_observability

__all__ = ["ClosableObserver", "open_observability"]
