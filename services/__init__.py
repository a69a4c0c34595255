"""Hold the rules: credits, the paid chat, billing, accounts and usage."""
