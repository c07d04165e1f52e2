"""What the cluster tells of sagas: one, by its workflow or its history; many, by search attributes."""
