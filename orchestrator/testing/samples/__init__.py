"""Valid messages that nobody writes by hand: replies of mocks, requests of the conformance kit. Pure."""

from orchestrator.testing.samples.sampler import Sampler
from orchestrator.testing.samples.validation import violations

__all__ = ["Sampler", "violations"]
