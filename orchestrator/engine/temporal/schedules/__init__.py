"""Schedules as schedules of Temporal: how they are kept, what an instant comes to, how expressions are translated."""
