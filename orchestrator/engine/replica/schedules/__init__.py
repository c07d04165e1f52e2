"""What a replica does for schedules: starts what is due."""
