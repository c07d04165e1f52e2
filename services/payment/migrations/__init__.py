"""The numbered changes of the payment service's schema."""
