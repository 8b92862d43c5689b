aidetect version
aidetect --version
