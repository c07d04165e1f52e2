"""What others can see of a running orchestrator: its traces and its logs."""
