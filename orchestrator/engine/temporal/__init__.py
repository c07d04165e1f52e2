"""The facade over a Temporal cluster: the same run of a saga, hosted by one generic workflow.

Nothing outside this folder imports ``temporalio``, and importing ``orchestrator`` does not need it.
"""
