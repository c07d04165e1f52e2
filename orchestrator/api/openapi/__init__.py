"""What is answered over HTTP, described for programs: OpenAPI 3.1, made from the contracts."""
