aidetect scan --help
