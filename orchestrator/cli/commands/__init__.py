"""The commands, one module each; what only looks, and what only operates, share one."""
