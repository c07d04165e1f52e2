"""The numbered changes of the inventory's schema."""
