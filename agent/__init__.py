"""Hold the DevOps agent: its loop, its tools and its prompt."""
