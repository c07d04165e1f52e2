"""What the engine needs of the world; one short file each."""
