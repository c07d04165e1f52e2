"""What a command works on: contracts, overlays and sagas, from where its arguments name them."""
