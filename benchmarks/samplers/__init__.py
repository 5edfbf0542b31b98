"""What samplers cost for texts with the model's own law, on the embedded model."""
