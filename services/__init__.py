"""The participants of the shop: plain gRPC servers on one chassis."""
