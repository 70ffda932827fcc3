"""Figures: how each notebook draws what it measured, one module per notebook."""
