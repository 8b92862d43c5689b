aidetect --help
