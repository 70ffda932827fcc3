"""Chores that keep the course in order: execute, refresh, publish, time. Readers need none of it."""
