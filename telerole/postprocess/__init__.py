"""Post-processing (paper 4.4): independent filters that keep, rewrite or reject a session, each for a stated reason."""
