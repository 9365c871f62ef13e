"""Evaluation: measures without a judge, judges and how far to trust them, statistics, people, real calls."""
