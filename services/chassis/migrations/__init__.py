"""Alembic's environment, the same for every service, and the chassis' own migrations."""
