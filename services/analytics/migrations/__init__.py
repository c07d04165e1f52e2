"""The numbered changes of the schema of analytics."""
