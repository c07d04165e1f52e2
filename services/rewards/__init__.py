"""The points of members."""
