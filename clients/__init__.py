"""Talk to the outside world; the only importers of an outside SDK."""
