"""How calls come over gRPC, and what stands beside the service there: health, reflection, and the plans of faults."""
