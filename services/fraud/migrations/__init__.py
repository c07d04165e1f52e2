"""The numbered changes of the fraud service's schema."""
