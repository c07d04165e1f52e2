"""What pages show, gathered from the facade: typed, decoded, masked, and free of HTML."""
