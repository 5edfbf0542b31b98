"""What is done with automata in flat arrays."""
