# A full disk is an error, not a silent loss.
make_model real m && make_photo texture-jpeg a.jpg
aidetect scan -q -m m a.jpg >/dev/full
