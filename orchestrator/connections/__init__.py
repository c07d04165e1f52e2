"""What several adapters need to reach something: certificates, tokens, and who is at the other end."""
