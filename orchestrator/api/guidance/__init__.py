"""What a person should know of a saga, in plain words, and what they can do about it."""
