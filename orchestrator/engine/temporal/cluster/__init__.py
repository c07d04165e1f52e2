"""The cluster itself: connecting with it, making its namespace ready, examining it."""
