// The module's owner replaces this file.
