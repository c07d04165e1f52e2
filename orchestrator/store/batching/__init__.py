"""What stores share that write for many sagas at once: one transaction for all that waits."""
