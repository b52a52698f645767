"""What every program of the project shares: arguments, endings without tracebacks, names of results."""
