"""What the API shows: messages made from states and entries."""
