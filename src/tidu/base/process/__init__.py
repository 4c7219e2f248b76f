"""What the whole process is asked for once, before anything else is loaded."""
