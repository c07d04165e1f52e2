"""The journal on PostgreSQL: for any number of replicas. What it was measured with is said in ``connecting``."""
