"""The language of sagas: what saga code may say besides calling stubs. Pure."""
