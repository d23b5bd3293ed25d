"""Where somebody speaks, where speakers change and where two talk at once."""
