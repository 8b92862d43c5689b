aidetect scan --fromat json photo.jpg
echo $? >&2
aidetect scan --modle x photo.jpg
