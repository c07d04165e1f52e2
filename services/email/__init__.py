"""The letters to customers."""
