"""Which sagas a replica takes over: those that nobody advances, and those whose time has come."""
