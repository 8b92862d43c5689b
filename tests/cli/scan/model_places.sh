# --model, then $AIDETECT_MODEL, then the shipped model below the working folder.
make_photo texture-jpeg a.jpg
make_model real option && make_model ai environment && mkdir models && make_model ai models/aidetect-1.safetensors
aidetect scan -q a.jpg >/dev/null && echo 'folder was not used'
AIDETECT_MODEL=option aidetect scan -q a.jpg >/dev/null || echo 'environment was not used'
AIDETECT_MODEL=environment aidetect scan -q -m option a.jpg >/dev/null || echo 'option was not used'
