aidetect scann photo.jpg
