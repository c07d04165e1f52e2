"""Who reaches a server and whom it believes: TLS, logins, trusted callers; exchanged while the server runs."""
