"""What a stub's call is bound to: its command, the way to its participant, its circuit breaker."""
