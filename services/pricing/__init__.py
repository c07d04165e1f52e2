"""What an order costs: price list, quantity breaks, coupons, tax."""
