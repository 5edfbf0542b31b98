"""Masks on logits: in place, on whatever device the logits are."""
