"""How far a judge can be trusted: planted faults, labels by people, and rates put right with them."""
