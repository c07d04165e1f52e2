"""The same orders orchestrated and danced, beside one another: ``make demo-choreography``."""
