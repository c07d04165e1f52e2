"""What a replica does for schedules: starts what is due, and changes them when it is asked."""
