"""The migrations of what every service has: the guard's table, and those of events."""
