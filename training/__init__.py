"""How the embedded model is made: synthetic records, tokenizer, training. Not part of the package."""
