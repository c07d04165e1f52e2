"""What this process is, as traces and metrics say it."""

from __future__ import annotations

from importlib.metadata import version

from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, OTELResourceDetector, Resource

from orchestrator.observability import names


def resource_of_process() -> Resource:
    """The service and its version, unless the environment says other ones."""
    # An attribute given to Resource.create wins over the environment, but the operator's choice should win.
    named = OTELResourceDetector().detect().attributes
    ours = {SERVICE_NAME: names.SERVICE, SERVICE_VERSION: version(names.DISTRIBUTION)}
    return Resource.create({name: value for name, value in ours.items() if name not in named})
