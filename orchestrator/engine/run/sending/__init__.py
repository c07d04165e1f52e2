"""How one command is delivered: its attempts, the backoff between them, over a queue, and in doubt."""
