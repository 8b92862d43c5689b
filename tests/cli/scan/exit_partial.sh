# A failure outweighs a finding.
make_model ai m && make_photo texture-jpeg a.jpg && make_photo cut-jpeg b.jpg
aidetect scan -m m a.jpg b.jpg >/dev/null 2>&1
