"""The settings of the orchestrator process: the only reader of its environment. ``OTEL_*`` is the SDK's."""

from orchestrator.settings.declared import Settings
from orchestrator.settings.reading import read_settings, variables
from orchestrator.settings.written import PREFIX

__all__ = ["PREFIX", "Settings", "read_settings", "variables"]
