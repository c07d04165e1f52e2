"""What is read from a saga's code without running it. Pure."""
