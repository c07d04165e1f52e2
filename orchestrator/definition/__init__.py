"""The language of sagas: what saga code may say, and what can be read from it without running it. Pure."""
