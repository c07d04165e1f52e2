"""The workflow that hosts a run of ours: what stands behind the ports of the run, and what goes into the history."""
