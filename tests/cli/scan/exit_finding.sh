make_model ai m && make_photo texture-jpeg a.jpg
aidetect scan -m m a.jpg >/dev/null 2>&1
