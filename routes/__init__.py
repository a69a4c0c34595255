"""Read input, call one service, answer."""
