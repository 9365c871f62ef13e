"""Making training examples (paper section 4): extraction from noisy scripts, prefix completion, and the data set."""
