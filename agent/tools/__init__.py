"""Hold the agent's tools, a module or a package per family."""
