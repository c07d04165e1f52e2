"""What people and sagas do to sagas: acts and signals, here or at the replica that owns the saga."""
