"""What is done with rules in flat arrays."""
