"""The stock, and who has a claim on it."""
