"""The commands, one module each; those that only read share one module, and so do those of operators."""
