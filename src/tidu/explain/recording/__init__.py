"""What a program did, written down while it ran or read off its graph."""
