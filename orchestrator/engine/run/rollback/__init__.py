"""The way back: which compensations a rollback would send, and how they are sent."""
