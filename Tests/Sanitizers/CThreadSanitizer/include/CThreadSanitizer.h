// The target only stands between the program and its libraries; there is nothing to import.
