"""Whether a saga's code does the same in every replay."""
