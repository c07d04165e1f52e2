"""Makes valid messages from contracts: replies of mocks, requests of the conformance kit. Pure."""

from orchestrator.contract.constraints import violations
from orchestrator.testing.samples.sampler import Sampler

__all__ = ["Sampler", "violations"]
