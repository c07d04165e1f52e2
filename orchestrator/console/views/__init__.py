"""What pages show, gathered from the facade; a template needs to know nothing else."""
