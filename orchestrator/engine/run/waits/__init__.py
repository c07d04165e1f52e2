"""What a saga's code waits for besides its commands, and how a saga that only waits leaves the memory."""
