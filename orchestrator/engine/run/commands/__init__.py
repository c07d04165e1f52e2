"""What a saga's code issues besides its waits: commands, and the events that it publishes."""
