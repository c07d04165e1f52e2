"""The facade over a Temporal cluster: the same run, hosted by a workflow."""
