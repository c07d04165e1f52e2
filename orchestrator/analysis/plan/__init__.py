"""The plan of a saga: every command that its code may issue, in order."""
