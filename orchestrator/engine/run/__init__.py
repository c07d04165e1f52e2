"""One saga: forward, backward, and stopped."""
