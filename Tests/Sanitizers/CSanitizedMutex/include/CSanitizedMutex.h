// The target only replaces two functions; there is nothing to import.
