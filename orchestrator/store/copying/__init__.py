"""From one journal to another: a running business that moves, and the history of another engine."""
