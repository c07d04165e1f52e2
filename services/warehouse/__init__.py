"""The warehouse, where parcels are packed."""
