"""Hold the agent's tools, one file per family."""
