"""Overlays: what contracts that are not ours to edit do not say, said from outside."""
