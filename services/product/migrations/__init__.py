"""The numbered changes of the product service's schema."""
