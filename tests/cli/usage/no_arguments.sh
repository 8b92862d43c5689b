# Without a command the overview goes to standard error.
aidetect
