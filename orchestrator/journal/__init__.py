"""The vocabulary of the truth: entries, the state to which they lead, outcomes, keys. Pure."""
