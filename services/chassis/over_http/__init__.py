"""How calls come over HTTP: JSON by the annotations of the contract, refusals as problem details (RFC 9457)."""
