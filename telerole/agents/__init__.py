"""Who sits in the chairs."""
